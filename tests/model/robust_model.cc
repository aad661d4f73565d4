// SPDX-License-Identifier: Apache-2.0
//
// Model tests of robust_mutex: those of every lock, and threads that die before
// any of their atomic and futex operations: the others are told, and none waits
// for ever.
//
// Bounds: two threads with one turn each, or three; one death, one spurious
// wake-up and one jump of the clock in an execution. Exhaustive, but for the
// tests named Random...: those take 20 000 executions or more. A death between
// two plain writes to the list is not tried: tests/robust_kill_test.cc tries
// each instruction. What the kernel writes when a thread dies is a release.
#include <gtest/gtest.h>

#include <chrono>

#include <sync/robust_mutex.h>

#include "src/model/mortal.h"
#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using syncxx::robust_mutex;

model::options at_random() {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  return some;
}

TEST(RobustMutexModel, TwoThreadsExcludeEachOther) {
  expect_ok(exclusion<robust_mutex>(2, 1));
}
TEST(RobustMutexModel, RandomTwoThreadsWithTwoTurnsEach) {
  expect_ok(exclusion<robust_mutex>(2, 2), at_random());
}
TEST(RobustMutexModel, TryBesideLock) {
  expect_ok(try_beside_lock<robust_mutex>);
}
TEST(RobustMutexModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<robust_mutex>);
}
TEST(RobustMutexModel, LockBesideATimeout) {
  expect_ok(lock_beside_a_timeout<robust_mutex>);
}
TEST(RobustMutexModel, AStopEndsTheWait) {
  expect_ok(lock_stopped<robust_mutex>);
}
TEST(RobustMutexModel, UnlockBesideAStop) {
  expect_ok(lock_freed_and_stopped<robust_mutex>);
}
TEST(RobustMutexModel, RandomThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<robust_mutex>(3, 1), at_random());
}

// Two numbers that are equal, but while somebody changes them.
struct pair {
  robust_mutex lock;
  syncxx::cell<int> a{0}, b{0};

  void turn() {
    lock.lock();
    if (lock.owner_died()) {
      b = a.get();
      lock.make_consistent();
    }
    model::require(a == b, "half changed, and nobody has said so");
    a = a + 1;
    b = b + 1;
    lock.unlock();
  }
};

template <int Others>
void one_of_them_dies() {
  pair shared;
  {
    model::thread mortal([&] {
      model::engine::be_mortal();
      shared.turn();
    });
    std::vector<model::thread> others;
    for (int i = 1; i < Others; ++i)
      others.emplace_back([&] { shared.turn(); });
    shared.turn();
  }
  shared.lock.lock();
  const bool died = shared.lock.owner_died();
  if (died) shared.lock.make_consistent();
  model::require(died || shared.a == shared.b, "told at the end");
  model::require(shared.a >= Others, "all others had their turns");
  shared.lock.unlock();
}

TEST(RobustMutexModel, OneOfTwoDies) { expect_ok(one_of_them_dies<1>); }

TEST(RobustMutexModel, RandomOneOfThreeDies) {
  expect_ok(one_of_them_dies<2>, at_random());
}

// The one that a dying owner's unlock has woken may be out of time: it must not
// forget who sleeps beside it.
TEST(RobustMutexModel, RandomOneDiesAndOneGivesUp) {
  model::options some = at_random();
  some.max_executions = 100'000;
  expect_ok(
      [] {
        robust_mutex lock;
        const auto turn = [&] {
          if (lock.owner_died()) lock.make_consistent();
          lock.unlock();
        };
        {
          model::thread mortal([&] {
            model::engine::be_mortal();
            lock.lock();
            turn();
          });
          model::thread hasty([&] {
            if (lock.try_lock_for(std::chrono::milliseconds(1))) turn();
          });
          lock.lock();
          turn();
        }
        lock.lock();
        turn();
      },
      some);
}

// The harness can fail: threads do die between two writes.
void nobody_repairs() {
  robust_mutex lock;
  syncxx::cell<int> a(0), b(0);
  {
    model::thread mortal([&] {
      model::engine::be_mortal();
      lock.lock();
      a = 1;
      static_cast<void>(lock.owner_died());
      b = 1;
      lock.unlock();
    });
  }
  lock.lock();
  if (lock.owner_died()) lock.make_consistent();
  model::require(a == b, "half changed");
  lock.unlock();
}

TEST(RobustMutexModel, DataThatNobodyRepairsIsFound) {
  expect_verdict(model::verdict::assertion_failed, nobody_repairs);
}
TEST(RobustMutexModel, RandomDataThatNobodyRepairsIsFound) {
  EXPECT_EQ(model::check(nobody_repairs, at_random()).what,
            model::verdict::assertion_failed);
}

}  // namespace
}  // namespace syncxx_test
