// SPDX-License-Identifier: Apache-2.0
//
// Model tests of shared_mutex: who excludes whom, what is seen, no lost wakeup,
// no deadlock, timeouts and stops of each kind, upgrades, destruction right
// after the last unlock.
//
// Bounds: two threads exhaustively, and a writer beside two readers that go
// (more threads: shared_mutex_random_model.cc). One spurious wake-up and one
// jump of the clock in what an operation depends on.
#include <gtest/gtest.h>

#include <chrono>

#include <sync/shared_mutex.h>

#include "tests/model/support/checks.h"
#include "tests/model/support/shared_pair.h"

namespace syncxx_test {
namespace {

constexpr std::chrono::milliseconds kAWhile{1};

// The writers' side, the side of the upgraders, and an upgrader that writes, as
// plain locks.
using writers = syncxx::shared_mutex;
using shared_writers = syncxx::interprocess::shared_mutex;

template <class M>
class upgraders {
 public:
  void lock() { m_.lock_upgrade(); }
  bool try_lock() { return m_.try_lock_upgrade(); }
  bool try_lock_for(std::chrono::milliseconds d) {
    return m_.try_lock_upgrade_for(d);
  }
  bool lock(const syncxx::stop_token& stop) { return m_.lock_upgrade(stop); }
  void unlock() { m_.unlock_upgrade(); }

 private:
  M m_;
};

template <class M>
class upgraded_writers {
 public:
  void lock() {
    m_.lock_upgrade();
    m_.unlock_upgrade_and_lock();
  }
  bool try_lock() { return m_.try_lock(); }
  void unlock() {
    m_.unlock_and_lock_upgrade();
    m_.unlock_upgrade();
  }

 private:
  M m_;
};

template <class Lock>
class SharedMutexAsALock : public ::testing::Test {};
using sides =
    ::testing::Types<writers, upgraders<writers>, upgraded_writers<writers>,
                     shared_writers, upgraders<shared_writers>,
                     upgraded_writers<shared_writers>>;
TYPED_TEST_SUITE(SharedMutexAsALock, sides);

TYPED_TEST(SharedMutexAsALock, TwoThreadsExcludeEachOther) {
  expect_ok(exclusion<TypeParam>(2, 1));
}
TYPED_TEST(SharedMutexAsALock, TryBesideLock) {
  expect_ok(try_beside_lock<TypeParam>);
}
TYPED_TEST(SharedMutexAsALock, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<TypeParam>);
}

template <class Lock>
class SharedMutexAsAWaitedLock : public ::testing::Test {};
using waited_sides =
    ::testing::Types<writers, upgraders<writers>, shared_writers,
                     upgraders<shared_writers>>;
TYPED_TEST_SUITE(SharedMutexAsAWaitedLock, waited_sides);

TYPED_TEST(SharedMutexAsAWaitedLock, LockBesideATimeout) {
  expect_ok(lock_beside_a_timeout<TypeParam>);
}
TYPED_TEST(SharedMutexAsAWaitedLock, AStopEndsTheWait) {
  expect_ok(lock_stopped<TypeParam>);
}
TYPED_TEST(SharedMutexAsAWaitedLock, UnlockBesideAStop) {
  expect_ok(lock_freed_and_stopped<TypeParam>);
}

template <class M>
class SharedMutexModel : public ::testing::Test {};
TYPED_TEST_SUITE(SharedMutexModel, shared_mutexes);

TYPED_TEST(SharedMutexModel, AReaderAndAWriter) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] { p.read(); });
      p.write();
    }
    p.expect_free(1);
  });
}

TYPED_TEST(SharedMutexModel, ReadersShare) {
  using shared_mutex = TypeParam;
  expect_ok([] {
    shared_mutex m;
    m.lock_shared();
    {
      model::thread other([&] {
        m.lock_shared();  // or it would wait for ever
        m.unlock_shared();
      });
      model::thread third([&] {
        model::require(m.try_lock_shared(), "readers share");
        m.unlock_shared();
      });
    }
    m.unlock_shared();
    expect_free(m);
  });
}

TYPED_TEST(SharedMutexModel, AReaderThatTries) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] {
        if (!p.m.try_lock_shared()) return;
        p.look();
        p.m.unlock_shared();
      });
      p.write();
    }
    p.expect_free(1);
  });
}

TYPED_TEST(SharedMutexModel, AnUpgraderBesideAReader) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] { p.read(); });
      p.upgrade();
    }
    p.expect_free(1);
  });
}

TYPED_TEST(SharedMutexModel, AnUpgraderThatTries) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    bool changed = false;
    {
      model::thread reader([&] { p.read(); });
      p.m.lock_upgrade();
      changed = p.m.try_unlock_upgrade_and_lock();
      if (changed) {
        p.change();
        p.m.unlock();
      } else {
        p.look();
        p.m.unlock_upgrade();
      }
    }
    p.expect_free(changed ? 1 : 0);
  });
}

TYPED_TEST(SharedMutexModel, AWriterThatGoesOnReading) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] { p.read(); });
      p.m.lock();
      p.change();
      p.m.unlock_and_lock_shared();
      model::require(p.one == 1, "nobody writes in between");
      p.m.unlock_shared();
    }
    p.expect_free(1);
  });
}

TYPED_TEST(SharedMutexModel, AWriterThatGoesOnReadingBesideAWriter) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread writer([&] { p.write(); });
      p.m.lock();
      p.change();
      const int mine = p.one;
      p.m.unlock_and_lock_shared();
      model::require(p.one == mine, "nobody writes in between");
      p.m.unlock_shared();
    }
    p.expect_free(2);
  });
}

TYPED_TEST(SharedMutexModel, AWriterThatGoesOnAsUpgrader) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] { p.read(); });
      p.m.lock();
      p.change();
      p.m.unlock_and_lock_upgrade();
      model::require(p.one == 1, "nobody writes in between");
      p.m.unlock_upgrade();
    }
    p.expect_free(1);
  });
}

TYPED_TEST(SharedMutexModel, AnUpgraderThatGoesOnReading) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread writer([&] { p.write(); });
      p.m.lock_upgrade();
      const int before = p.one;
      p.m.unlock_upgrade_and_lock_shared();
      model::require(p.one == before, "nobody writes in between");
      p.m.unlock_shared();
    }
    p.expect_free(1);
  });
}

// A reader frees the lock as soon as the other one has let it go, though that
// one is still on its way out of unlock_shared().
TYPED_TEST(SharedMutexModel, MayBeDestroyedAfterTheLastReader) {
  using shared_mutex = TypeParam;
  expect_ok([] {
    struct shared {
      shared_mutex m;
      syncxx::atomic<int> users{2};
    };
    auto* const s = new shared;
    const auto use = [s] {
      s->m.lock_shared();
      const bool last =
          s->users.fetch_sub(1, syncxx::memory_order_relaxed) == 1;
      s->m.unlock_shared();
      if (!last) return;
      s->m.lock();  // the other has let go
      s->m.unlock();
      delete s;
    };
    model::thread other(use);
    use();
  });
}

// --- Time-outs and stops -----------------------------------------------------

TYPED_TEST(SharedMutexModel, AReaderWithoutTime) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] {
        if (!p.m.try_lock_shared_for(kAWhile)) return;
        p.look();
        p.m.unlock_shared();
      });
      p.write();
    }
    p.expect_free(1);
  });
}

TYPED_TEST(SharedMutexModel, AWriterWithoutTimeBesideAReader) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    bool changed = false;
    {
      model::thread reader([&] { p.read(); });
      changed = p.m.try_lock_for(kAWhile);
      if (changed) {
        p.change();
        p.m.unlock();
      }
    }
    p.expect_free(changed ? 1 : 0);
  });
}

TYPED_TEST(SharedMutexModel, AWriterWithoutTimeLetsReadersIn) {
  using shared_pair = basic_shared_pair<TypeParam>;
  const misuse_throws unlooked;  // it holds the share itself
  expect_ok([] {
    shared_pair p;
    p.m.lock_shared();
    {
      model::thread reader([&] { p.read(); });
      model::require(!p.m.try_lock_for(kAWhile), "there is a reader");
    }
    p.m.unlock_shared();
    p.expect_free(0);
  });
}

TYPED_TEST(SharedMutexModel, AReaderStopped) {
  using shared_mutex = TypeParam;
  expect_ok([] {
    shared_mutex m;
    m.lock();
    {
      syncxx::stop_source source;
      model::thread reader([&] {
        model::require(!m.lock_shared(source.get_token()), "stopped");
      });
      source.request_stop();
    }
    m.unlock();
    expect_free(m);
  });
}

TYPED_TEST(SharedMutexModel, AWriterStoppedBesideAReader) {
  using shared_mutex = TypeParam;
  expect_ok([] {
    shared_mutex m;
    m.lock_shared();
    {
      syncxx::stop_source source;
      model::thread writer(
          [&] { model::require(!m.lock(source.get_token()), "stopped"); });
      source.request_stop();
    }
    m.unlock_shared();
    expect_free(m);
  });
}

TYPED_TEST(SharedMutexModel, AReaderFreedAndStopped) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    p.m.lock();
    {
      syncxx::stop_source source;
      model::thread reader([&] {
        if (!p.m.lock_shared(source.get_token())) return;
        p.look();
        p.m.unlock_shared();
      });
      p.change();
      p.m.unlock();
      source.request_stop();
    }
    p.expect_free(1);
  });
}

// --- Misuse -----------------------------------------------------------------

TYPED_TEST(SharedMutexModel, MisuseIsFound) {
  using shared_mutex = TypeParam;
  const auto is_misuse = [](void (*use)(shared_mutex&)) {
    expect_verdict(model::verdict::misuse, [use] {
      shared_mutex m;
      use(m);
    });
  };
  is_misuse([](shared_mutex& m) { m.unlock_shared(); });
  is_misuse([](shared_mutex& m) { m.unlock_upgrade_and_lock(); });
  is_misuse([](shared_mutex& m) {
    m.lock_shared();
    m.unlock();
  });
  is_misuse([](shared_mutex& m) {
    m.lock_upgrade();
    m.lock();
  });
  is_misuse([](shared_mutex& m) {
    m.lock_shared();
    model::thread([&] { m.unlock_shared(); });
  });
  is_misuse([](shared_mutex& m) { m.lock_shared(); });  // and gone
}

// --- Three threads -----------------------------------------------------------

// A writer waits for two readers; they go, and only one of them wakes it.
TYPED_TEST(SharedMutexModel, AWriterBehindTwoReaders) {
  using shared_pair = basic_shared_pair<TypeParam>;
  const misuse_throws unlooked;  // the threads get their shares from the first
  expect_ok([] {
    shared_pair p;
    p.m.lock_shared();
    p.m.lock_shared();
    {
      const auto leave = [&] {
        p.look();
        p.m.unlock_shared();
      };
      model::thread one(leave), other(leave);
      p.write();
    }
    p.expect_free(1);
  });
}

// A reader that comes too late counts itself for a moment.
TYPED_TEST(SharedMutexModel, AWriterBehindAReaderAndOneThatTries) {
  using shared_pair = basic_shared_pair<TypeParam>;
  const misuse_throws unlooked;  // the threads get their shares from the first
  expect_ok([] {
    shared_pair p;
    p.m.lock_shared();
    {
      model::thread one([&] {
        p.look();
        p.m.unlock_shared();
      });
      model::thread other([&] {
        if (!p.m.try_lock_shared()) return;
        p.look();
        p.m.unlock_shared();
      });
      p.write();
    }
    p.expect_free(1);
  });
}

}  // namespace
}  // namespace syncxx_test
