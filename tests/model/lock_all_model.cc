// SPDX-License-Identifier: Apache-2.0
//
// Model tests of lock_all and ordered_mutex: no deadlock in any order of the
// arguments, exclusion, nothing kept on failure; levels for each thread.
//
// Bounds: two locks and two threads; three of each in RandomThreeInACircle.
// lock_all goes on for as many rounds as the other thread disturbs it, so there
// is no end to the executions of two: those with up to three interruptions, and
// 20 000 where the name says Random; the rest exhaustive. The pauses between
// rounds are none in the model.
#include <gtest/gtest.h>

#include <chrono>
#include <system_error>

#include <sync/lock_all.h>
#include <sync/mutex.h>
#include <sync/ordered_mutex.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using syncxx::mutex;
using namespace std::chrono_literals;

model::options random_search() {
  model::options how;
  how.search = model::options::mode::random;
  how.max_executions = 20'000;
  return how;
}

struct two_locks {
  mutex a, b;
  syncxx::cell<int> count{0};  // guarded by both
};

// That the model can show a deadlock of these locks.
TEST(LockAllModel, OneAfterTheOtherInOppositeOrdersDeadlocks) {
  expect_verdict(model::verdict::deadlock, [] {
    two_locks t;
    model::thread other([&] {
      t.b.lock();
      t.a.lock();
      t.a.unlock();
      t.b.unlock();
    });
    t.a.lock();
    t.b.lock();
    t.b.unlock();
    t.a.unlock();
  });
}

void opposite_orders() {
  two_locks t;
  {
    model::thread other([&] {
      const syncxx::all_lock both(t.b, t.a);
      t.count = t.count + 1;
    });
    const syncxx::all_lock both(t.a, t.b);
    t.count = t.count + 1;
  }
  model::require(t.count == 2, "both count");
}
TEST(LockAllModel, RandomOppositeOrders) {
  expect_ok(opposite_orders, random_search());
}
TEST(LockAllModel, OppositeOrdersInterruptedThreeTimes) {
  model::options how;
  how.preemption_bound = 3;
  expect_ok(opposite_orders, how);
}

TEST(LockAllModel, ATryHoldsAllOrNothing) {
  expect_ok([] {
    two_locks t;
    model::thread other([&] {
      const int taken = syncxx::try_lock_all(t.b, t.a);
      if (taken < 0) {
        t.count = t.count + 1;
        syncxx::unlock_all(t.b, t.a);
      }
    });
    const syncxx::all_lock both(t.a, t.b);
    t.count = t.count + 1;
  });
}

TEST(LockAllModel, RandomThreeInACircle) {
  expect_ok(
      [] {
        mutex forks[3];
        const auto eat = [&](unsigned i) {
          const syncxx::all_lock both(forks[i], forks[(i + 1) % 3]);
        };
        model::thread first([&] { eat(0); });
        model::thread second([&] { eat(1); });
        eat(2);
      },
      random_search());
}

TEST(OrderedMutexModel, TheWrongOrderIsRefusedInEveryExecution) {
  expect_ok([] {
    syncxx::ordered_mutex<1> low;
    syncxx::ordered_mutex<2> high;
    model::thread other([&] {
      high.lock();
      bool refused = false;
      try {
        low.lock();
      } catch (const std::system_error&) {
        refused = true;
      }
      high.unlock();
      model::require(refused, "the wrong order is refused");
    });
    low.lock();
    high.lock();
    high.unlock();
    low.unlock();
  });
}

}  // namespace
}  // namespace syncxx_test
