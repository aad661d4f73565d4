// SPDX-License-Identifier: Apache-2.0
//
// Model tests of pi_mutex and pi_condition_variable: exclusion, no lost
// hand-over or notification, no deadlock, time-outs, destruction.
//
// Bounds: two threads with one or two turns each, or three with one; one or two
// waiters with one wait each and one notifier; one spurious wake-up and one
// jump of the clock in what an operation depends on. Exhaustive, but for the
// tests named Random...: those take 20 000 executions.
// Left out (src/model/pi.cc): priorities (the kernel's queues are first in,
// first out), owners that die, cycles of several locks.
#include <gtest/gtest.h>

#include <mutex>

#include <sync/pi_mutex.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

using syncxx::pi_condition_variable;
using syncxx::pi_mutex;
using lock_type = std::unique_lock<pi_mutex>;

model::options at_random() {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  return some;
}

TEST(PiMutexModel, TwoThreadsExcludeEachOther) {
  expect_ok(exclusion<pi_mutex>(2, 1));
}
TEST(PiMutexModel, TwoThreadsWithTwoTurnsEach) {
  expect_ok(exclusion<pi_mutex>(2, 2));
}
TEST(PiMutexModel, ThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<pi_mutex>(3, 1));
}
TEST(PiMutexModel, TryBesideLock) { expect_ok(try_beside_lock<pi_mutex>); }
TEST(PiMutexModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<pi_mutex>);
}
TEST(PiMutexModel, LockBesideATimeout) {
  expect_ok(lock_beside_a_timeout<pi_mutex>);
}

TEST(PiMutexModel, MisuseThrows) {
  const misuse_throws mode;
  expect_ok([] {
    pi_mutex m;
    const auto throws = [](auto operation) {
      try {
        operation();
      } catch (const std::system_error&) {
        return true;
      }
      return false;
    };
    model::require(throws([&] { m.unlock(); }), "nobody's");
    m.lock();
    model::require(throws([&] { m.lock(); }), "its own");
    m.unlock();
  });
}

// A flag under a lock.
class flag_gate {
 public:
  static constexpr bool kConsumed = false;
  void open() {
    {
      const std::lock_guard own(lock_);
      set_ = 1;
    }
    changed_.notify_one();
  }
  void open_under_the_lock() {
    const std::lock_guard own(lock_);
    set_ = 1;
    changed_.notify_all();
  }
  void wait() {
    lock_type own(lock_);
    changed_.wait(own, [this] { return set_ == 1; });
  }
  bool try_wait() {
    const std::lock_guard own(lock_);
    return set_ == 1;
  }
  bool wait_for(std::chrono::milliseconds d) {
    lock_type own(lock_);
    return changed_.wait_for(own, d, [this] { return set_ == 1; });
  }

 private:
  pi_mutex lock_;
  pi_condition_variable changed_;
  syncxx::cell<int> set_{0};
};

TEST(PiConditionModel, HandsOver) { expect_ok(gate_hands_over<flag_gate>); }

TEST(PiConditionModel, NotifyUnderTheLock) {
  expect_ok([] {
    flag_gate gate;
    model::thread opener([&] { gate.open_under_the_lock(); });
    gate.wait();
  });
}

TEST(PiConditionModel, BesideATimeout) {
  expect_ok(gate_beside_a_timeout<flag_gate>);
}

// A notifier that has never had the lock, and a waiter that may not need it.
TEST(PiConditionModel, NotifyWithoutTheLock) {
  expect_ok([] {
    pi_mutex lock;
    pi_condition_variable changed;
    model::thread waiter([&] {
      lock_type own(lock);
      changed.wait_for(own, kAWhile);
    });
    changed.notify_one();
  });
}

// The destructor waits for those that are on their way out.
TEST(PiConditionModel, MayBeDestroyedAfterNotifyAll) {
  expect_ok([] {
    pi_mutex lock;
    auto* const changed = new pi_condition_variable;
    syncxx::cell<int> waiting(0);
    model::thread waiter([&] {
      lock_type own(lock);
      waiting = 1;
      changed->wait(own);
    });
    {
      const lock_type own(lock);
      model::assume(waiting == 1);
      changed->notify_all();
    }
    delete changed;
  });
}

// A waiter that says that its time is over has used up no notification.
TEST(PiConditionModel, RandomATimeoutTakesNoNotification) {
  expect_ok(
      [] {
        pi_mutex lock;
        pi_condition_variable changed;
        syncxx::cell<int> waiting(0);
        bool timed_out = false;
        model::thread hasty([&] {
          lock_type own(lock);
          waiting = waiting + 1;
          timed_out =
              changed.wait_for(own, kAWhile) == syncxx::cv_status::timeout;
        });
        model::thread patient([&] {
          lock_type own(lock);
          waiting = waiting + 1;
          changed.wait(own);
        });
        {
          const lock_type own(lock);
          model::assume(waiting == 2);
          changed.notify_one();
        }
        hasty.join();
        if (!timed_out) {  // it may have been the one
          const lock_type own(lock);
          changed.notify_one();
        }
      },
      at_random());
}

TEST(PiConditionModel, RandomTwoWaitersAndABroadcast) {
  expect_ok(
      [] {
        pi_mutex lock;
        pi_condition_variable changed;
        syncxx::cell<int> waiting(0);
        const auto wait = [&] {
          lock_type own(lock);
          waiting = waiting + 1;
          changed.wait(own);
        };
        model::thread one(wait), other(wait);
        const lock_type own(lock);
        model::assume(waiting == 2);
        changed.notify_all();
      },
      at_random());
}

// Notifiers without the lock, at once: each finds one.
TEST(PiConditionModel, RandomTwoNotifiersFindTwoWaiters) {
  expect_ok(
      [] {
        pi_mutex lock;
        pi_condition_variable changed;
        syncxx::cell<int> waiting(0);
        const auto wait = [&] {
          lock_type own(lock);
          waiting = waiting + 1;
          changed.wait(own);
        };
        model::thread one(wait), other(wait);
        {
          const lock_type own(lock);
          model::assume(waiting == 2);
        }
        model::thread notifier([&] { changed.notify_one(); });
        changed.notify_one();
      },
      at_random());
}

}  // namespace
}  // namespace syncxx_test
