// SPDX-License-Identifier: Apache-2.0
//
// Model tests of every exclusive lock: mutual exclusion, no lost wakeup, no
// deadlock, ordering, destruction right after unlock.
//
// Bounds: two threads with one turn each, two turns for mutex and byte_mutex,
// three threads for all but recursive_mutex; one spurious wake-up and one jump
// of the clock in what an operation depends on. Exhaustive, but for those named
// Random: 20 000 executions.
#include <gtest/gtest.h>

#include <chrono>

#include <sync/byte_mutex.h>
#include <sync/mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

// A semaphore used as a lock.
class semaphore_lock {
 public:
  void lock() { tokens_.acquire(); }
  bool try_lock() { return tokens_.try_acquire(); }
  bool try_lock_for(std::chrono::milliseconds d) {
    return tokens_.try_acquire_for(d);
  }
  bool lock(const syncxx::stop_token& stop) { return tokens_.acquire(stop); }
  void unlock() { tokens_.release(); }

 private:
  syncxx::binary_semaphore tokens_{1};
};

template <class Lock>
class LockModel : public ::testing::Test {};
using locks =
    ::testing::Types<syncxx::mutex, syncxx::recursive_mutex, syncxx::spinlock,
                     semaphore_lock, syncxx::byte_mutex>;
TYPED_TEST_SUITE(LockModel, locks);

TYPED_TEST(LockModel, TwoThreadsExcludeEachOther) {
  expect_ok(exclusion<TypeParam>(2, 1));
}

TYPED_TEST(LockModel, TryBesideLock) { expect_ok(try_beside_lock<TypeParam>); }

TYPED_TEST(LockModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<TypeParam>);
}

TYPED_TEST(LockModel, LockBesideATimeout) {
  expect_ok(lock_beside_a_timeout<TypeParam>);
}

template <class Lock>
class StoppableLockModel : public ::testing::Test {};
using stoppable_locks = ::testing::Types<syncxx::mutex, syncxx::recursive_mutex,
                                         semaphore_lock, syncxx::byte_mutex>;
TYPED_TEST_SUITE(StoppableLockModel, stoppable_locks);

TYPED_TEST(StoppableLockModel, AStopEndsTheWait) {
  expect_ok(lock_stopped<TypeParam>);
}

TYPED_TEST(StoppableLockModel, UnlockBesideAStop) {
  expect_ok(lock_freed_and_stopped<TypeParam>);
}

TEST(SpinlockModel, ThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<syncxx::spinlock>(3, 1));
}

TEST(MutexModel, ThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<syncxx::mutex>(3, 1));
}

TEST(SemaphoreModel, ThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<semaphore_lock>(3, 1));
}

TEST(MutexModel, TwoThreadsWithTwoTurnsEach) {
  expect_ok(exclusion<syncxx::mutex>(2, 2));
}

// The one that is woken finds that its time has passed, and may read a value
// from before it was woken: the other one must not be forgotten.
TEST(MutexModel, WokenWithoutTimeBesideAnother) {
  expect_ok([] {
    syncxx::mutex m;
    m.lock();
    {
      model::thread hasty([&] {
        if (m.try_lock_for(std::chrono::milliseconds(1))) m.unlock();
      });
      model::thread patient([&] {
        m.lock();
        m.unlock();
      });
      m.unlock();
    }
    expect_free(m);
  });
}

TEST(ByteMutexModel, ThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<syncxx::byte_mutex>(3, 1));
}

TEST(ByteMutexModel, TwoThreadsWithTwoTurnsEach) {
  expect_ok(exclusion<syncxx::byte_mutex>(2, 2));
}

// Three that come and go, one of them out of time.
template <class Lock>
void two_beside_a_timeout() {
  Lock lock;
  syncxx::cell<int> count(0);
  int mine = 0;
  const auto work = [&] {
    lock.lock();
    count = count + 1;
    lock.unlock();
  };
  {
    model::thread one(work), other(work);
    if (lock.try_lock_for(std::chrono::milliseconds(1))) {
      mine = 1;
      count = count + 1;
      lock.unlock();
    }
  }
  model::require(count == 2 + mine, "every turn counts");
  expect_free(lock);
}

TEST(ByteMutexModel, RandomTwoBesideATimeout) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  expect_ok(two_beside_a_timeout<syncxx::byte_mutex>, some);
}

// One that is woken, loses the lock to a thread that comes by, and gives up:
// the other one, asleep since before, is woken by that thread.
template <class Lock>
void giving_up_leaves_the_others() {
  Lock lock;
  syncxx::cell<int> count(0);
  lock.lock();
  model::thread hasty([&] {
    if (lock.try_lock_for(std::chrono::milliseconds(1))) lock.unlock();
  });
  model::thread patient([&] {
    lock.lock();
    count = count + 1;
    lock.unlock();
  });
  count = count + 1;
  lock.unlock();
  if (lock.try_lock()) lock.unlock();
}

TEST(ByteMutexModel, RandomGivingUpLeavesTheOthers) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 40'000;
  expect_ok(giving_up_leaves_the_others<syncxx::byte_mutex>, some);
}

// A lock that forgets to acquire: the harness can fail.
class broken_lock {
 public:
  void lock() {
    while (taken_.exchange(true, syncxx::memory_order_relaxed)) {
    }
  }
  void unlock() { taken_.store(false, syncxx::memory_order_release); }

 private:
  syncxx::atomic<bool> taken_{false};
};

TEST(BrokenLockModel, IsFound) {
  expect_verdict(model::verdict::data_race, exclusion<broken_lock>(2, 1));
}

}  // namespace
}  // namespace syncxx_test
