// SPDX-License-Identifier: Apache-2.0
//
// Model tests of robust_mutex and robust_pi_mutex: those of every lock, and
// threads that die before any of their atomic and futex operations: the others
// are told, and none waits for ever.
//
// Bounds: two threads with one turn each, or three; one death, one spurious
// wake-up and one jump of the clock in an execution. Exhaustive, but for the
// tests named Random...: those take 20 000 executions or more. A death between
// two plain writes to the list is not tried: tests/robust_kill_test.cc tries
// each instruction. What the kernel writes when a thread dies is a release.
#include <gtest/gtest.h>

#include <chrono>
#include <system_error>
#include <vector>

#include <sync/robust_mutex.h>

#include "src/model/mortal.h"
#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

template <class Lock>
class RobustMutexModel : public ::testing::Test {};
using locks = ::testing::Types<syncxx::robust_mutex, syncxx::robust_pi_mutex>;
TYPED_TEST_SUITE(RobustMutexModel, locks);

// What only one of them can do.
using syncxx::robust_mutex;
class StoppedRobustMutexModel : public ::testing::Test {};

model::options at_random() {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  return some;
}

TYPED_TEST(RobustMutexModel, TwoThreadsExcludeEachOther) {
  expect_ok(exclusion<TypeParam>(2, 1));
}
TYPED_TEST(RobustMutexModel, RandomTwoThreadsWithTwoTurnsEach) {
  expect_ok(exclusion<TypeParam>(2, 2), at_random());
}
TYPED_TEST(RobustMutexModel, TryBesideLock) {
  expect_ok(try_beside_lock<TypeParam>);
}
TYPED_TEST(RobustMutexModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<TypeParam>);
}
TYPED_TEST(RobustMutexModel, LockBesideATimeout) {
  expect_ok(lock_beside_a_timeout<TypeParam>);
}
TEST_F(StoppedRobustMutexModel, AStopEndsTheWait) {
  expect_ok(lock_stopped<robust_mutex>);
}
TEST_F(StoppedRobustMutexModel, UnlockBesideAStop) {
  expect_ok(lock_freed_and_stopped<robust_mutex>);
}
TYPED_TEST(RobustMutexModel, RandomThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<TypeParam>(3, 1), at_random());
}

// Two numbers that are equal, but while somebody changes them.
template <class Lock>
struct pair {
  Lock lock;
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

template <class Lock, int Others>
void one_of_them_dies() {
  pair<Lock> shared;
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

TYPED_TEST(RobustMutexModel, OneOfTwoDies) {
  expect_ok(one_of_them_dies<TypeParam, 1>);
}

TYPED_TEST(RobustMutexModel, RandomOneOfThreeDies) {
  expect_ok(one_of_them_dies<TypeParam, 2>, at_random());
}

// One that only tries, when the other may have died.
template <class Lock>
void try_after_a_death() {
  pair<Lock> shared;
  {
    model::thread mortal([&] {
      model::engine::be_mortal();
      shared.turn();
    });
    if (shared.lock.try_lock()) {
      if (shared.lock.owner_died()) {
        shared.b = shared.a.get();
        shared.lock.make_consistent();
      }
      model::require(shared.a == shared.b, "told");
      shared.lock.unlock();
    }
  }
  model::require(shared.lock.try_lock(), "a dead owner keeps nobody out");
  model::require(shared.lock.owner_died() || shared.a == shared.b, "told");
  if (shared.lock.owner_died()) shared.lock.make_consistent();
  shared.lock.unlock();
}
TYPED_TEST(RobustMutexModel, ATryBesideADeath) {
  expect_ok(try_after_a_death<TypeParam>);
}

// Nobody has repaired it: lost for all that come.
TYPED_TEST(RobustMutexModel, LostForAllThatWait) {
  const misuse_throws mode;
  expect_ok([] {
    TypeParam lock;
    syncxx::cell<int> sections(0);
    bool lost = false;
    const auto use = [&](bool& told) {
      try {
        lock.lock();
        const bool died = lock.owner_died();
        sections = sections + 1;
        lock.unlock();
        told = died;
      } catch (const std::system_error&) {
        told = true;
      }
    };
    bool mine = false;
    {
      model::thread mortal([&] {
        model::engine::be_mortal();
        lock.lock();
        static_cast<void>(lock.owner_died());
        sections = sections + 1;
        lock.unlock();
      });
      model::thread other([&] { use(lost); });
      mortal.join();
      use(mine);
    }
    // Whoever came after the first that was told is told, too.
    if (lost || mine) {
      bool last = false;
      use(last);
      model::require(last, "lost for good");
    }
  });
}

// A waiter that runs out of time beside an owner that may die.
TYPED_TEST(RobustMutexModel, RandomATimeoutBesideADeath) {
  expect_ok(
      [] {
        pair<TypeParam> shared;
        {
          model::thread mortal([&] {
            model::engine::be_mortal();
            shared.turn();
          });
          model::thread hasty([&] {
            if (!shared.lock.try_lock_for(std::chrono::milliseconds(1))) return;
            if (shared.lock.owner_died()) {
              shared.b = shared.a.get();
              shared.lock.make_consistent();
            }
            model::require(shared.a == shared.b, "told");
            shared.lock.unlock();
          });
          shared.turn();
        }
        shared.turn();
      },
      at_random());
}

// The one that a dying owner's unlock has woken may be out of time: it must not
// forget who sleeps beside it.
TYPED_TEST(RobustMutexModel, RandomOneDiesAndOneGivesUp) {
  model::options some = at_random();
  some.max_executions = 100'000;
  expect_ok(
      [] {
        TypeParam lock;
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
template <class Lock>
void nobody_repairs() {
  Lock lock;
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

TYPED_TEST(RobustMutexModel, DataThatNobodyRepairsIsFound) {
  expect_verdict(model::verdict::assertion_failed, nobody_repairs<TypeParam>);
}
TYPED_TEST(RobustMutexModel, RandomDataThatNobodyRepairsIsFound) {
  EXPECT_EQ(model::check(nobody_repairs<TypeParam>, at_random()).what,
            model::verdict::assertion_failed);
}

}  // namespace
}  // namespace syncxx_test
