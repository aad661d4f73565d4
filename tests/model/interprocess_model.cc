// SPDX-License-Identifier: Apache-2.0
//
// Model tests of what interprocess has of its own: the mutex that nobody
// claims, and the condition variable. The other types are the code that
// semaphore_model, event_model and latch_model explore.
//
// Bounds: one notifier and one or two waiters with one wait each; one spurious
// wake-up and one jump of the clock in what an operation depends on.
// Exhaustive, but for the tests named Random...: those take 20 000 executions.
// Left out: processes (the model has threads; who may see a wake is
// tests/interprocess_test.cc's business), and a condition variable that is
// destroyed while a notified waiter is on its way to sleep: in the model the
// kernel may not look at its word.
#include <gtest/gtest.h>

#include <mutex>

#include <sync/interprocess.h>

#include "src/model/mortal.h"
#include "tests/model/support/gates.h"
#include "tests/support/thread_safety_off.h"

namespace syncxx_test {
namespace {

namespace interprocess = syncxx::interprocess;

TEST(InterprocessMutexModel, ThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<interprocess::mutex>(3, 1));
}
TEST(InterprocessMutexModel, LockBesideATimeout) {
  expect_ok(lock_beside_a_timeout<interprocess::mutex>);
}
TEST(InterprocessMutexModel, UnlockBesideAStop) {
  expect_ok(lock_freed_and_stopped<interprocess::mutex>);
}
TEST(InterprocessMutexModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<interprocess::mutex>);
}

// --- shared_mutex (the rest: shared_mutex_model.cc) --------------------------

// A writer that dies on its way to sleep behind a reader: what it has left in
// the word keeps nobody out. (It dies before any of its operations, or gets the
// lock: those executions are left out.)
template <class Lock, class Other>
void writer_dies_behind_a_reader(Other other) {
  Lock lock;
  lock.lock_shared();
  {
    model::thread mortal([&] {
      model::engine::be_mortal();
      lock.lock();
      model::assume(false);
    });
    model::thread one([&] { other(lock); });
    lock.unlock_shared();
  }
  expect_free(lock);
}
constexpr auto reads = [](auto& lock) {
  lock.lock_shared();
  lock.unlock_shared();
};
constexpr auto writes = [](auto& lock) {
  lock.lock();
  lock.unlock();
};
constexpr auto upgrades = [](auto& lock) {
  lock.lock_upgrade();
  lock.unlock_upgrade_and_lock();
  lock.unlock();
};
using interprocess::shared_mutex;

TEST(InterprocessSharedMutexModel, AWriterDiesBehindAReaderBesideAReader) {
  expect_ok([] { writer_dies_behind_a_reader<shared_mutex>(reads); });
}
TEST(InterprocessSharedMutexModel, AWriterDiesBehindAReaderBesideAWriter) {
  expect_ok([] { writer_dies_behind_a_reader<shared_mutex>(writes); });
}
TEST(InterprocessSharedMutexModel, AWriterDiesBehindAReaderBesideAnUpgrader) {
  expect_ok([] { writer_dies_behind_a_reader<shared_mutex>(upgrades); });
}
// The harness can fail: the private one is not made for that.
TEST(InterprocessSharedMutexModel, ThePrivateOneStaysShut) {
  expect_verdict(model::verdict::assertion_failed, [] {
    writer_dies_behind_a_reader<syncxx::shared_mutex>(reads);
  });
}

// A reader that has stayed out for long comes in; the writer that it has stayed
// out for is woken all the same.
TEST(InterprocessSharedMutexModel, AReaderDoesNotStayOutForEver) {
  expect_ok([] {
    shared_mutex lock;
    lock.lock_shared();
    {
      model::thread writer([&] { writes(lock); });
      {
        model::thread reader([&] { reads(lock); });
      }
      lock.unlock_shared();
    }
    expect_free(lock);
  });
}

// The same where the writer sleeps before the reader comes.
TEST(InterprocessSharedMutexModel, AReaderWakesTheWriterThatItLeavesBehind) {
  expect_ok([] {
    shared_mutex lock;
    lock.lock_shared();
    {
      model::thread writer([&] { writes(lock); });
      {
        model::thread reader([&] {
          assume_asleep(lock);
          reads(lock);
        });
      }
      lock.unlock_shared();
    }
    expect_free(lock);
  });
}

// An upgrader that becomes the writer where another writer waits for readers.
TEST(InterprocessSharedMutexModel, AnUpgraderAheadOfAWriter) {
  expect_ok([] {
    shared_mutex lock;
    lock.lock_shared();
    {
      model::thread writer([&] { writes(lock); });
      model::thread upgrader([&] {
        assume_asleep(lock);
        upgrades(lock);
      });
      assume_asleep(lock);
      lock.unlock_shared();
    }
    expect_free(lock);
  });
}

// Readers and a writer asleep for a writer: the readers need not be there.
TEST(InterprocessSharedMutexModel, AReaderDiesAheadOfAWriter) {
  expect_ok([] {
    shared_mutex lock;
    lock.lock();
    {
      model::thread mortal([&] {
        model::engine::be_mortal();
        // (In this form it is not counted before it may come in.)
        if (lock.try_lock_shared_for(kAWhile)) model::assume(false);
      });
      model::thread writer([&] { writes(lock); });
      lock.unlock();
    }
    expect_free(lock);
  });
}

// A flag under a mutex. In one page (waiters are moved), or not.
template <bool OnePage>
class flag_gate {
 public:
  static constexpr bool kConsumed = false;
  void open() {
    {
      const std::lock_guard own(s_.lock);
      set_ = 1;
    }
    s_.changed.notify_one();
  }
  void open_under_the_lock() {
    const std::lock_guard own(s_.lock);
    set_ = 1;
    s_.changed.notify_all();
  }
  void open_for_all() {
    {
      const std::lock_guard own(s_.lock);
      set_ = 1;
    }
    s_.changed.notify_all();
  }
  void wait() {
    std::unique_lock own(s_.lock);
    s_.changed.wait(own, [this] { return set_ == 1; });
  }
  bool try_wait() {
    const std::lock_guard own(s_.lock);
    return set_ == 1;
  }
  bool wait_for(std::chrono::milliseconds d) {
    std::unique_lock own(s_.lock);
    return s_.changed.wait_for(own, d, [this] { return set_ == 1; });
  }
  bool wait(const syncxx::stop_token& stop) {
    std::unique_lock own(s_.lock);
    return s_.changed.wait(own, stop, [this] { return set_ == 1; });
  }

 private:
  struct alignas(16) near {
    interprocess::mutex lock;
    interprocess::condition_variable changed;
  };
  struct far {
    interprocess::mutex lock;
    std::byte between[8192];
    interprocess::condition_variable changed;
  };
  std::conditional_t<OnePage, near, far> s_;
  syncxx::cell<int> set_{0};
};

template <class Gate>
class InterprocessConditionModel : public ::testing::Test {};
using gates = ::testing::Types<flag_gate<true>, flag_gate<false>>;
TYPED_TEST_SUITE(InterprocessConditionModel, gates);

TYPED_TEST(InterprocessConditionModel, HandsOver) {
  expect_ok(gate_hands_over<TypeParam>);
}

TYPED_TEST(InterprocessConditionModel, NotifyAllUnderTheLock) {
  expect_ok([] {
    TypeParam gate;
    model::thread opener([&] { gate.open_under_the_lock(); });
    gate.wait();
  });
}

TYPED_TEST(InterprocessConditionModel, NotifyAllAfterTheLock) {
  expect_ok([] {
    TypeParam gate;
    model::thread opener([&] { gate.open_for_all(); });
    gate.wait();
  });
}

TYPED_TEST(InterprocessConditionModel, BesideATimeout) {
  expect_ok(gate_beside_a_timeout<TypeParam>);
}

TYPED_TEST(InterprocessConditionModel, Stopped) {
  expect_ok(gate_stopped<TypeParam>);
}

TYPED_TEST(InterprocessConditionModel, NotifiedAndStopped) {
  expect_ok(gate_opened_and_stopped<TypeParam>);
}

model::options some() {
  model::options how;
  how.search = model::options::mode::random;
  how.max_executions = 20'000;
  return how;
}

template <class Gate, class Open>
void two_waiters(Open open) {
  Gate gate;
  model::thread one([&] { gate.wait(); }), other([&] { gate.wait(); });
  open(gate);
}

TYPED_TEST(InterprocessConditionModel, RandomTwoWaitersAndNotifyAll) {
  expect_ok([] { two_waiters<TypeParam>([](auto& g) { g.open_for_all(); }); },
            some());
}

TYPED_TEST(InterprocessConditionModel, RandomTwoWaitersNotifiedUnderTheLock) {
  expect_ok(
      [] { two_waiters<TypeParam>([](auto& g) { g.open_under_the_lock(); }); },
      some());
}

TYPED_TEST(InterprocessConditionModel, RandomOneOfTwoHasADeadline) {
  expect_ok(
      [] {
        TypeParam gate;
        model::thread hasty([&] { gate.wait_for(kAWhile); });
        model::thread patient([&] { gate.wait(); });
        gate.open_for_all();
      },
      some());
}

// Two tokens, one notify_one each: neither is lost.
struct alignas(16) token_queue {
  interprocess::mutex lock;
  interprocess::condition_variable changed;
  syncxx::cell<int> tokens{0};

  void give() {
    {
      const std::lock_guard own(lock);
      tokens = tokens + 1;
    }
    changed.notify_one();
  }
  void take() {
    std::unique_lock own(lock);
    changed.wait(own, [this] { return tokens > 0; });
    tokens = tokens - 1;
  }
};

TEST(InterprocessConditionModel, RandomTwoWaitersAndTwoNotifyOne) {
  expect_ok(
      [] {
        token_queue q;
        model::thread one([&] { q.take(); }), other([&] { q.take(); });
        q.give();
        q.give();
      },
      some());
}

// One that gives up beside one that is notified: it takes nobody's place.
TEST(InterprocessConditionModel, RandomATimeoutTakesNoNotification) {
  expect_ok(
      [] {
        token_queue q;
        model::thread hasty([&] {
          std::unique_lock own(q.lock);
          if (q.changed.wait_for(own, kAWhile, [&] { return q.tokens > 0; }))
            q.changed.notify_one();
        });
        model::thread patient([&] { q.take(); });
        q.give();
      },
      some());
}

// Notifies without the mutex; the stage never goes back.
struct alignas(16) stages {
  interprocess::mutex lock;
  interprocess::condition_variable changed;
  syncxx::cell<int> stage{0};

  void go_to(int n) {
    {
      const std::lock_guard own(lock);
      if (stage < n) stage = n;
    }
    changed.notify_all();
  }
};

// A notifier that has changed what nobody waits for meets waiters that have
// come since, and cannot be moved: it sees that although it has not had the
// mutex since. (It has been a waiter that could, itself.)
TEST(InterprocessConditionModel, RandomNotifierSeesWhoCannotBeMoved) {
  model::options how = some();
  how.max_executions = 100'000;
  expect_ok(
      [] {
        stages s;
        const syncxx::stop_source never;
        const auto wait_for_three = [&] {
          std::unique_lock own(s.lock);
          s.changed.wait(own, never.get_token(), [&] { return s.stage == 3; });
        };
        model::thread one([&] {
          s.go_to(1);
          wait_for_three();
        });
        {
          std::unique_lock own(s.lock);
          s.changed.wait(own, [&] { return s.stage == 1; });
        }
        model::thread other(wait_for_three);
        s.go_to(2);
        s.go_to(3);
      },
      how);
}

// A notification that has yet to wake one with a deadline, while another finds
// one that came since and can be moved: the wake of that may be the first
// one's, who then answers for the other.
TEST(InterprocessConditionModel, RandomAWakeMeetsOneThatIsNotifiedAlready) {
  model::options how = some();
  how.max_executions = 100'000;
  expect_ok(
      [] {
        stages s;
        model::thread hasty([&] {
          std::unique_lock own(s.lock);
          s.changed.wait_for(own, kAWhile, [&] { return s.stage >= 1; });
        });
        model::thread first([&] { s.go_to(1); });
        model::thread patient([&] {
          std::unique_lock own(s.lock);
          s.changed.wait(own, [&] { return s.stage == 2; });
        });
        s.go_to(2);
      },
      how);
}

// Both asleep, then all are notified: one is woken and hands on to the other,
// which was moved to the mutex. Exhaustive.
TEST(InterprocessConditionModel, MovedWaitersAreHandedTheMutex) {
  expect_ok([] {
    struct alignas(16) shared {
      interprocess::mutex lock;
      interprocess::condition_variable changed;
      syncxx::cell<int> set{0};
    } s;
    const auto asleep = [&](int n) {
      model::assume(
          syncxx::detail::sys::futex_count(
              reinterpret_cast<syncxx::detail::futex_word*>(&s.changed), n,
              syncxx::futex_scope::process_shared) == n);
    };
    const auto wait = [&] {
      std::unique_lock own(s.lock);
      s.changed.wait(own, [&] { return s.set == 1; });
    };
    model::thread one(wait);
    model::thread other([&] {
      asleep(1);
      wait();
    });
    asleep(2);
    const std::lock_guard own(s.lock);
    s.set = 1;
    s.changed.notify_all();
  });
}

}  // namespace
}  // namespace syncxx_test
