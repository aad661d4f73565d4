// SPDX-License-Identifier: Apache-2.0
//
// What the locks promise that serve threads in the order in which they come, as
// one typed suite.
#ifndef SYNCXX_TESTS_SUPPORT_FAIR_LOCK_SUITE_H_
#define SYNCXX_TESTS_SUPPORT_FAIR_LOCK_SUITE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {

// The four or eight bytes that a lock begins with. They change when a thread
// comes to stand in line.
template <class Lock>
auto line_of(Lock& lock) {
  using word =
      std::conditional_t<sizeof(Lock) == 4, std::uint32_t, std::uint64_t>;
  return std::atomic_ref<word>(reinterpret_cast<word&>(lock)).load();
}

template <class Lock>
class FairLockSuite : public testing::Test {
 public:
  static_assert(mutex_type<Lock>);
};
TYPED_TEST_SUITE_P(FairLockSuite);

TYPED_TEST_P(FairLockSuite, ExcludesThreads) {
  for (const int threads : {2, 3, 8, 24}) {
    TypeParam lock;
    expect_exclusion(lock, threads, iterations(8000) / threads);
    EXPECT_TRUE(try_from_another_thread(lock));
  }
}

TYPED_TEST_P(FairLockSuite, TryLockExcludes) {
  TypeParam lock;
  expect_exclusion(
      4, iterations(2000),
      [&] {
        while (!lock.try_lock()) std::this_thread::yield();
      },
      [&] { lock.unlock(); });
}

TYPED_TEST_P(FairLockSuite, TryLockBesideLock) {
  TypeParam lock;
  std::atomic<unsigned> turn{0};
  expect_exclusion(
      4, iterations(2000),
      [&] {
        if (turn.fetch_add(1) % 2 == 0 || !lock.try_lock()) lock.lock();
      },
      [&] { lock.unlock(); });
}

TYPED_TEST_P(FairLockSuite, TryLockFailsWhileHeldOrWaitedFor) {
  TypeParam lock;
  lock.lock();
  EXPECT_FALSE(try_from_another_thread(lock));
  const auto before = line_of(lock);
  auto waiter = run_in_background([&] {
    lock.lock();
    lock.unlock();
  });
  await([&] { return line_of(lock) != before; });
  EXPECT_FALSE(try_from_another_thread(lock));
  lock.unlock();
  EXPECT_TRUE(waiter.result());
  EXPECT_TRUE(try_from_another_thread(lock));
}

// Each thread begins when the one before it stands in line.
TYPED_TEST_P(FairLockSuite, ServesInTheOrderOfArrival) {
  for (int round = 0; round < iterations(10); ++round) {
    constexpr int kThreads = 7;
    TypeParam lock;
    std::vector<int> served;
    std::vector<std::thread> threads;
    lock.lock();
    for (int i = 0; i < kThreads; ++i) {
      const auto before = line_of(lock);
      threads.emplace_back([&, i] {
        lock.lock();
        served.push_back(i);
        lock.unlock();
      });
      await([&] { return line_of(lock) != before; });
    }
    EXPECT_TRUE(served.empty());
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
  }
}

// An owner that lets go and comes again finds those before it that have waited.
TYPED_TEST_P(FairLockSuite, AnOwnerDoesNotOvertake) {
  TypeParam lock;
  for (int i = 0; i < iterations(100); ++i) {
    bool served = false;
    lock.lock();
    const auto before = line_of(lock);
    std::thread other([&] {
      lock.lock();
      served = true;
      lock.unlock();
    });
    await([&] { return line_of(lock) != before; });
    lock.unlock();
    lock.lock();
    EXPECT_TRUE(served);
    lock.unlock();
    other.join();
  }
}

// The owner is put to sleep: waiters must give their CPU away, not hang.
TYPED_TEST_P(FairLockSuite, SurvivesASleepingOwner) {
  TypeParam lock;
  lock.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&] {
      lock.lock();
      lock.unlock();
      return true;
    }));
  }
  std::this_thread::sleep_for(20ms);
  for (auto& one : waiting) EXPECT_FALSE(one->finished());
  lock.unlock();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

// Owners hold several locks at once and give them back in any order; others
// wait for each of them meanwhile.
TYPED_TEST_P(FairLockSuite, SeveralAtOnceInAnyOrder) {
  constexpr int kLocks = 3;
  TypeParam locks[kLocks];
  long guarded[kLocks] = {};
  std::vector<std::thread> threads;
  constexpr int kThreads = 4;
  const int rounds = iterations(600);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < rounds; ++i) {
        for (TypeParam& lock : locks) lock.lock();
        for (long& n : guarded) ++n;
        for (int k = 0; k < kLocks; ++k) locks[(k + i + t) % kLocks].unlock();
        locks[i % kLocks].lock();
        ++guarded[i % kLocks];
        locks[i % kLocks].unlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  long sum = 0;
  for (const long n : guarded) sum += n;
  EXPECT_EQ(sum, 4L * kThreads * rounds);
}

// Threads end as soon as they have had their turn, with others still in line.
TYPED_TEST_P(FairLockSuite, ThreadsEndWhileOthersWait) {
  TypeParam lock;
  int turns = 0;
  constexpr int kThreads = 6;
  const int rounds = iterations(60);
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::thread> threads;
    lock.lock();
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        lock.lock();
        ++turns;
        lock.unlock();
      });
    }
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(turns, kThreads * rounds);
}

TYPED_TEST_P(FairLockSuite, WorksWithStdGuards) {
  TypeParam a, b;
  {
    const std::scoped_lock lock(a, b);
    EXPECT_FALSE(try_from_another_thread(a));
    EXPECT_FALSE(try_from_another_thread(b));
  }
  std::unique_lock lock(a, std::try_to_lock);
  EXPECT_TRUE(lock.owns_lock());
  EXPECT_FALSE(try_from_another_thread(a));
}

REGISTER_TYPED_TEST_SUITE_P(FairLockSuite, ExcludesThreads, TryLockExcludes,
                            TryLockBesideLock, TryLockFailsWhileHeldOrWaitedFor,
                            ServesInTheOrderOfArrival, AnOwnerDoesNotOvertake,
                            SurvivesASleepingOwner, SeveralAtOnceInAnyOrder,
                            ThreadsEndWhileOthersWait, WorksWithStdGuards);

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_FAIR_LOCK_SUITE_H_
