// SPDX-License-Identifier: Apache-2.0
//
// Model tests of biased_shared_mutex: exclusion and no lost wakeup by way of
// the bias, the lock behind, and the way from one to the other; timeouts and
// stops while a writer waits for a visible reader; the lock's end.
//
// Bounds: two threads with one or two turns each, three with one; two slots a
// thread; one spurious wake-up and one jump of the clock in what an operation
// depends on. Exhaustive but where the name says Random.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>

#include <sync/biased_shared_mutex.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using namespace std::chrono_literals;
using lock_type = syncxx::biased_shared_mutex;

model::options random(std::uint64_t executions) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = executions;
  return some;
}

// A lock that is biased, as the test's first thread has made it.
class biased_lock : public lock_type {
 public:
  biased_lock() {
    lock_shared();
    unlock_shared();
  }
};

// One whose bias is fenced, after a write, or a light one again if the clock
// has jumped.
class fenced_lock : public lock_type {
 public:
  fenced_lock() {
    lock_shared();
    unlock_shared();
    lock();
    unlock();
    lock_shared();
    unlock_shared();
  }
};

template <class Lock>
void write(Lock& lock, syncxx::cell<int>& data) {
  lock.lock();
  data = data + 1;
  lock.unlock();
}
template <class Lock>
int read(Lock& lock, const syncxx::cell<int>& data) {
  lock.lock_shared();
  const int seen = data;
  lock.unlock_shared();
  return seen;
}

TEST(BiasedSharedMutexModel, AVisibleReaderBesideAWriter) {
  expect_ok([] {
    biased_lock lock;
    syncxx::cell<int> data(0);
    model::thread reader([&] { static_cast<void>(read(lock, data)); });
    write(lock, data);
    reader.join();
    model::require(read(lock, data) == 1, "written");
  });
}

TEST(BiasedSharedMutexModel, AReaderTwiceBesideAWriter) {
  expect_ok([] {
    biased_lock lock;
    syncxx::cell<int> data(0);
    model::thread reader([&] {
      const int before = read(lock, data);
      model::require(read(lock, data) >= before, "in order");
    });
    write(lock, data);
  });
}

TEST(BiasedSharedMutexModel, AFencedReaderBesideAWriter) {
  expect_ok([] {
    fenced_lock lock;
    syncxx::cell<int> data(0);
    model::thread reader([&] { static_cast<void>(read(lock, data)); });
    write(lock, data);
  });
}

// Of two locks that want one slot, the second takes the place of the first.
TEST(BiasedSharedMutexModel, AnotherLockInTheSlotBesideAWriter) {
  for (const std::size_t other : {std::size_t{1}, std::size_t{2}}) {
    expect_ok([other] {
      std::array<biased_lock, 3> locks;
      syncxx::cell<int> data(0);
      model::thread reader([&] {
        static_cast<void>(read(locks[0], data));
        locks[other].lock_shared();
        locks[other].unlock_shared();
      });
      write(locks[0], data);
    });
  }
}

// The bias comes back behind the first write: the second one revokes it again.
void reader_beside_two_writes() {
  biased_lock lock;
  syncxx::cell<int> data(0);
  model::thread reader([&] { static_cast<void>(read(lock, data)); });
  write(lock, data);
  write(lock, data);
  reader.join();
  model::require(read(lock, data) == 2, "written");
}
TEST(BiasedSharedMutexModel, RandomAReaderBesideTwoWrites) {
  expect_ok(reader_beside_two_writes, random(20'000));
}

TEST(BiasedSharedMutexModel, RandomAReaderBesideTwoWriters) {
  expect_ok(
      [] {
        biased_lock lock;
        syncxx::cell<int> data(0);
        {
          model::thread reader([&] { static_cast<void>(read(lock, data)); });
          model::thread writer([&] { write(lock, data); });
          write(lock, data);
        }
        model::require(read(lock, data) == 2, "written");
      },
      random(20'000));
}

TEST(BiasedSharedMutexModel, RandomTwoReadersBesideAWriter) {
  expect_ok(
      [] {
        biased_lock lock;
        syncxx::cell<int> data(0);
        model::thread reader([&] { static_cast<void>(read(lock, data)); });
        model::thread writer([&] { write(lock, data); });
        static_cast<void>(read(lock, data));
      },
      random(20'000));
}

// Nobody has turned the bias on.
TEST(BiasedSharedMutexModel, ReadersAndAWriterOfAFreshLock) {
  expect_ok([] {
    lock_type lock;
    syncxx::cell<int> data(0);
    model::thread reader([&] { static_cast<void>(read(lock, data)); });
    write(lock, data);
  });
}

TEST(BiasedSharedMutexModel, WritersExcludeEachOther) {
  expect_ok(exclusion<lock_type>(2, 1));
}

// Two readers inside at one time: neither waits for the other.
TEST(BiasedSharedMutexModel, ReadersShare) {
  expect_ok([] {
    biased_lock lock;
    syncxx::atomic<int> inside{0};
    const auto meet = [&] {
      lock.lock_shared();
      inside.fetch_add(1);
      while (inside.load() != 2) {
      }
      lock.unlock_shared();
    };
    model::thread other(meet);
    meet();
  });
}

// A writer that tries either is alone or leaves all as it is: the reader may
// still be there, and the next writer waits for it.
void try_beside_a_reader(bool write_then) {
  biased_lock lock;
  syncxx::cell<int> data(0);
  {
    model::thread reader([&] { static_cast<void>(read(lock, data)); });
    if (lock.try_lock()) {
      data = data + 1;
      lock.unlock();
    }
    if (write_then) write(lock, data);
  }
  model::require(lock.try_lock(), "free");
  lock.unlock();
}
TEST(BiasedSharedMutexModel, ATryBesideAReader) {
  expect_ok([] { try_beside_a_reader(false); });
}
TEST(BiasedSharedMutexModel, RandomATryAndAWriteBesideAReader) {
  expect_ok([] { try_beside_a_reader(true); }, random(20'000));
}

TEST(BiasedSharedMutexModel, ATimeoutBesideAReader) {
  expect_ok([] {
    biased_lock lock;
    syncxx::cell<int> data(0);
    {
      model::thread reader([&] { static_cast<void>(read(lock, data)); });
      if (lock.try_lock_for(1ms)) {
        data = data + 1;
        lock.unlock();
      }
    }
    model::require(lock.try_lock(), "free");
    lock.unlock();
  });
}

// A visible reader that stays: only the stop request ends the wait.
TEST(BiasedSharedMutexModel, AStopEndsAWritersWait) {
  expect_ok([] {
    biased_lock lock;
    lock.lock_shared();
    {
      syncxx::stop_source source;
      model::thread writer(
          [&] { model::require(!lock.lock(source.get_token()), "stopped"); });
      source.request_stop();
    }
    lock.unlock_shared();
    model::require(lock.try_lock(), "free");
    lock.unlock();
  });
}

TEST(BiasedSharedMutexModel, AStopEndsAReadersWait) {
  expect_ok([] {
    lock_type lock;
    lock.lock();
    {
      syncxx::stop_source source;
      model::thread reader([&] {
        model::require(!lock.lock_shared(source.get_token()), "stopped");
      });
      source.request_stop();
    }
    lock.unlock();
    model::require(lock.try_lock(), "free");
    lock.unlock();
  });
}

// Two locks, and one slot that both want first. (Their addresses are an
// object's size apart: see reader_record::place_of.)
TEST(BiasedSharedMutexModel, TwoLocksOfOneReaderBesideAWriterOfEach) {
  expect_ok(
      [] {
        biased_lock a, b;
        syncxx::cell<int> data(0), more(0);
        model::thread writer([&] { write(a, data); });
        model::thread other([&] { write(b, more); });
        a.lock_shared();
        b.lock_shared();
        static_cast<void>(data.get());
        static_cast<void>(more.get());
        a.unlock_shared();
        static_cast<void>(more.get());
        b.unlock_shared();
      },
      random(20'000));
}

// The last user frees the lock, be it the reader or the writer.
TEST(BiasedSharedMutexModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok([] {
    struct shared {
      biased_lock lock;
      syncxx::atomic<int> users{2};
    };
    shared* const s = new shared;
    const auto end = [s] {
      if (s->users.fetch_sub(1, syncxx::memory_order_acq_rel) == 1) delete s;
    };
    model::thread reader([&] {
      s->lock.lock_shared();
      s->lock.unlock_shared();
      end();
    });
    s->lock.lock();
    s->lock.unlock();
    end();
  });
}

// The writer frees the lock as soon as it has it, the reader being on its way
// out of unlock_shared().
TEST(BiasedSharedMutexModel, AWriterMayDestroyWhatAReaderHasLeft) {
  expect_ok([] {
    auto lock = std::make_unique<biased_lock>();
    syncxx::atomic<bool> reading{false};
    model::thread reader([&] {
      lock_type& mine = *lock;
      mine.lock_shared();
      reading.store(true, syncxx::memory_order_release);
      mine.unlock_shared();
    });
    while (!reading.load(syncxx::memory_order_acquire)) {
    }
    lock->lock();
    lock->unlock();
    lock.reset();
  });
}

// A record is handed on: the slots of a thread that has ended are another's.
TEST(BiasedSharedMutexModel, ThreadsThatComeAfterOneAnother) {
  expect_ok([] {
    biased_lock lock;
    syncxx::cell<int> data(0);
    model::thread writer([&] { write(lock, data); });
    for (int i = 0; i < 2; ++i)
      model::thread([&] { static_cast<void>(read(lock, data)); }).join();
  });
}

}  // namespace
}  // namespace syncxx_test
