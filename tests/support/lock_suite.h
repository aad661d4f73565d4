// SPDX-License-Identifier: Apache-2.0
//
// What every lock promises, as one typed suite: exclusion in each form that the
// lock has, waiters that sleep and are all served, the standard's guards and
// condition variables.
#ifndef SYNCXX_TESTS_SUPPORT_LOCK_SUITE_H_
#define SYNCXX_TESTS_SUPPORT_LOCK_SUITE_H_

#include <gtest/gtest.h>
#include <sync/condition_variable.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {

template <class M>
concept stoppable_lock = requires(M& m, std::stop_token stop) {
  { m.lock(stop) } -> std::same_as<bool>;
};

// The suite's parameter; a lock that is not so derives its own.
template <class M>
struct lock_kit {
  using lock_type = M;
  static constexpr bool kSleeps = true;         // its waiters do, in the kernel
  static constexpr bool kBounded = true;        // nobody is overtaken for ever
  static constexpr bool kZeroWhenFree = false;  // also after contention
  // Why it does not work here, or empty.
  static std::string_view why_not() { return {}; }
};

template <class Kit>
class LockSuite : public testing::Test {
 public:
  using M = typename Kit::lock_type;
  static_assert(mutex_type<M>);
  static_assert(timed_lockable<M>);

 protected:
  void SetUp() override {
    if (!Kit::why_not().empty()) GTEST_SKIP() << Kit::why_not();
  }

  static void expect_free(M& lock) {
    if (Kit::kZeroWhenFree) {
      const auto* const bytes =
          reinterpret_cast<const std::atomic<unsigned char>*>(&lock);
      for (std::size_t i = 0; i < sizeof lock; ++i) EXPECT_EQ(bytes[i], 0);
    }
    EXPECT_TRUE(try_from_another_thread(lock));
  }

  std::unique_ptr<background<bool>> waiter() {
    return std::make_unique<background<bool>>([this] {
      m.lock();
      m.unlock();
      return true;
    });
  }

  static inline constinit M global{};
  M m;
};
TYPED_TEST_SUITE_P(LockSuite);

TYPED_TEST_P(LockSuite, GlobalIsReadyBeforeMain) {
  const std::lock_guard lock(this->global);
  EXPECT_FALSE(try_from_another_thread(this->global));
}

TYPED_TEST_P(LockSuite, WorksInZeroedMemory) {
  const auto zeroed = make_zeroed<typename TypeParam::lock_type>();
  zeroed->lock();
  EXPECT_FALSE(try_from_another_thread(*zeroed));
  zeroed->unlock();
  expect_exclusion(*zeroed, 3, iterations(2000));
}

TYPED_TEST_P(LockSuite, TryLockTellsWhetherItIsFree) {
  EXPECT_TRUE(this->m.try_lock());
  EXPECT_FALSE(try_from_another_thread(this->m));
  this->m.unlock();
  this->expect_free(this->m);
}

TYPED_TEST_P(LockSuite, ExcludesThreads) {
  for (const int threads : {2, 4, 16}) {
    typename TypeParam::lock_type lock;
    expect_exclusion(lock, threads, iterations(80'000) / threads);
    this->expect_free(lock);
  }
}

TYPED_TEST_P(LockSuite, ExcludesThreadsOfAllForms) {
  auto& lock = this->m;
  std::stop_source source;
  std::atomic<unsigned> turn{0};
  const auto enter = [&] {
    using namespace std::chrono;
    const unsigned form = turn.fetch_add(1) % 6;
    if constexpr (stoppable_lock<typename TypeParam::lock_type>) {
      if (form == 3) {
        ASSERT_TRUE(lock.lock(source.get_token()));
        return;
      }
      if (form == 4) {
        while (!lock.try_lock_for(duration<double>(1e-4), source.get_token())) {
        }
        return;
      }
    }
    switch (form) {
      case 0:
        while (!lock.try_lock()) std::this_thread::yield();
        break;
      case 1:
        while (!lock.try_lock_for(20us)) {
        }
        break;
      case 2:
        while (!lock.try_lock_until(system_clock::now() + 50us)) {
        }
        break;
      default:
        lock.lock();
    }
  };
  expect_exclusion(6, iterations(5000), enter, [&] { lock.unlock(); });
  this->expect_free(lock);
}

TYPED_TEST_P(LockSuite, WaitersSleepAndAllAreServed) {
  this->m.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 16; ++i) waiting.push_back(this->waiter());
  if (TypeParam::kSleeps)
    for (auto& one : waiting) one->await_sleep();
  else
    std::this_thread::sleep_for(20ms);  // they must give their CPU away
  for (auto& one : waiting) EXPECT_FALSE(one->finished());
  this->m.unlock();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  this->expect_free(this->m);
}

// A timed wait that ends beside sleepers leaves them to the next unlock.
TYPED_TEST_P(LockSuite, OneThatGivesUpLeavesTheOthers) {
  this->m.lock();
  const auto patient = this->waiter();
  if (TypeParam::kSleeps) patient->await_sleep();
  background<bool> hasty([&] { return this->m.try_lock_for(1ms); });
  EXPECT_FALSE(hasty.result());
  EXPECT_FALSE(patient->finished());
  this->m.unlock();
  EXPECT_TRUE(patient->result());
}

TYPED_TEST_P(LockSuite, UniqueLockConstructsInEveryWay) {
  auto& lock = this->m;
  {
    std::unique_lock deferred(lock, std::defer_lock);
    EXPECT_FALSE(deferred.owns_lock());
    EXPECT_TRUE(deferred.try_lock_for(1ms));
  }
  {
    const std::unique_lock tried(lock, std::try_to_lock);
    EXPECT_TRUE(tried.owns_lock());
  }
  {
    lock.lock();
    const std::unique_lock adopted(lock, std::adopt_lock);
    EXPECT_FALSE(try_from_another_thread(lock));
  }
  {
    const std::unique_lock timed(lock, 1ms);
    EXPECT_TRUE(timed.owns_lock());
    std::thread([&] {
      const std::unique_lock late(lock, std::chrono::steady_clock::now() + 2ms);
      EXPECT_FALSE(late.owns_lock());
    }).join();
  }
  EXPECT_TRUE(try_from_another_thread(lock));
}

TYPED_TEST_P(LockSuite, ScopedLockAndStdLockTakeSeveralInAnyOrder) {
  auto& a = this->m;
  typename TypeParam::lock_type b;
  std::mutex c;  // mixed with another's lock
  long counter = 0;
  const int rounds = iterations(5000);
  std::thread one([&] {
    for (int i = 0; i < rounds; ++i) {
      const std::scoped_lock lock(a, b, c);
      ++counter;
    }
  });
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      std::lock(c, b, a);
      ++counter;
      a.unlock();
      b.unlock();
      c.unlock();
    }
  });
  one.join();
  other.join();
  EXPECT_EQ(counter, 2L * rounds);
  EXPECT_EQ(std::try_lock(a, b), -1);
  a.unlock();
  b.unlock();
}

TYPED_TEST_P(LockSuite, WorksWithConditionVariablesOfAnyLock) {
  const auto expect_works = [&](auto& c) {
    bool ready = false;
    background<bool> waiting([&] {
      std::unique_lock lock(this->m);
      c.wait(lock, [&] { return ready; });
      return true;
    });
    waiting.await_sleep();
    {
      const std::lock_guard lock(this->m);
      ready = true;
    }
    c.notify_all();
    EXPECT_TRUE(waiting.result());
  };
  std::condition_variable_any of_std;
  expect_works(of_std);
  syncxx::condition_variable_any ours;
  expect_works(ours);
}

// A waiter that has lost the race for long is handed the lock: a thread that
// takes it again at once, for ever, cannot keep it.
TYPED_TEST_P(LockSuite, BargingIsBounded) {
  if (!TypeParam::kBounded) GTEST_SKIP() << "no such promise";
  auto& lock = this->m;
  std::atomic<bool> done{false};
  std::atomic<long> acquired{0};
  std::thread hog([&] {
    while (!done.load(std::memory_order_relaxed)) {
      lock.lock();
      const auto end = std::chrono::steady_clock::now() + 20us;
      while (std::chrono::steady_clock::now() < end) {
      }
      acquired.fetch_add(1, std::memory_order_relaxed);
      lock.unlock();
    }
  });
  await([&] { return acquired.load() > 0; });
  long most_overtakes = 0;
  std::chrono::steady_clock::duration longest{};
  for (int i = 0; i < iterations(100); ++i) {
    // The hog is at it again, awake, and has the lock most of the time.
    await([&, seen = acquired.load()] { return acquired.load() > seen + 10; });
    const long before = acquired.load();
    const auto start = std::chrono::steady_clock::now();
    if (!lock.try_lock_for(5s)) {
      ADD_FAILURE() << "starved for 5 s in round " << i;
      break;
    }
    longest = std::max(longest, std::chrono::steady_clock::now() - start);
    most_overtakes = std::max(most_overtakes, acquired.load() - before);
    lock.unlock();
  }
  done.store(true);
  hog.join();
  const auto longest_us =
      std::chrono::duration_cast<std::chrono::microseconds>(longest).count();
  std::printf("longest wait %lld us, most overtakes %ld\n",
              static_cast<long long>(longest_us), most_overtakes);
  this->RecordProperty("most_overtakes", static_cast<int>(most_overtakes));
  this->RecordProperty("longest_wait_us", static_cast<int>(longest_us));
}

// The one that is next may give up (time or stop), just when it is handed the
// lock; whoever is behind it must not be forgotten.
TYPED_TEST_P(LockSuite, ImpatientNextOwnersLoseNothing) {
  auto& lock = this->m;
  std::atomic<bool> done{false};
  std::atomic<long> turns{0};
  std::vector<std::thread> crew;
  for (int i = 0; i < 2; ++i) {
    crew.emplace_back([&] {  // hogs, so that waiters lose for long
      while (!done.load()) {
        lock.lock();
        const auto end = std::chrono::steady_clock::now() + 100us;
        while (std::chrono::steady_clock::now() < end) {
        }
        lock.unlock();
      }
    });
  }
  const auto timed = [&](int round) {
    return lock.try_lock_for(
        std::chrono::microseconds(900 + 100 * (round % 8)));
  };
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back([&, i] {
      for (int round = 0; !done.load(); ++round) {
        bool locked = true;
        if (i == 0) {
          locked = timed(round);
        } else if (i == 1) {
          if constexpr (stoppable_lock<typename TypeParam::lock_type>) {
            std::stop_source source;
            const std::jthread stopper([&source, round] {
              std::this_thread::sleep_for(
                  std::chrono::microseconds(900 + 150 * (round % 6)));
              source.request_stop();
            });
            locked = lock.lock(source.get_token());
          } else {
            locked = timed(round + 3);
          }
        } else {
          lock.lock();
        }
        if (!locked) continue;
        turns.fetch_add(1);
        lock.unlock();
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < end) short_pause();
  done.store(true);
  for (std::thread& thread : crew) thread.join();
  EXPECT_TRUE(!TypeParam::kBounded || turns.load() > 0);
  EXPECT_TRUE(try_from_another_thread(lock));
}

REGISTER_TYPED_TEST_SUITE_P(LockSuite, GlobalIsReadyBeforeMain,
                            WorksInZeroedMemory, TryLockTellsWhetherItIsFree,
                            ExcludesThreads, ExcludesThreadsOfAllForms,
                            WaitersSleepAndAllAreServed,
                            OneThatGivesUpLeavesTheOthers,
                            UniqueLockConstructsInEveryWay,
                            ScopedLockAndStdLockTakeSeveralInAnyOrder,
                            WorksWithConditionVariablesOfAnyLock,
                            BargingIsBounded, ImpatientNextOwnersLoseNothing);

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_LOCK_SUITE_H_
