// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>
#include <sync/condition_variable.h>
#include <sync/mutex.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <type_traits>
#include <vector>

#include "tests/support/condition_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::condition_variable;
using syncxx::mutex;
using lock_type = std::unique_lock<mutex>;

static_assert(sizeof(condition_variable) <= 8);
static_assert(pinned<condition_variable>);
static_assert(std::is_standard_layout_v<condition_variable>);
static_assert(std::is_nothrow_default_constructible_v<condition_variable>);
static_assert(std::is_trivially_destructible_v<condition_variable> == !kHooked);
static_assert(noexcept(std::declval<condition_variable&>().notify_one()));
static_assert(noexcept(std::declval<condition_variable&>().notify_all()));
static_assert(
    std::is_same_v<decltype(std::declval<condition_variable&>().wait_for(
                       std::declval<lock_type&>(), 1s)),
                   std::cv_status>);

using kits = testing::Types<condition_kit<condition_variable, mutex>>;
INSTANTIATE_TYPED_TEST_SUITE_P(WithMutex, ConditionSuite, kits);

constinit condition_variable global;
constinit mutex global_mutex;

// One thread waits for a flag on `c`, this one sets it.
void expect_works(condition_variable& c, mutex& m) {
  bool ready = false;
  background<bool> waiting([&] {
    lock_type lock(m);
    c.wait(lock, [&] { return ready; });
    return true;
  });
  waiting.await_sleep();
  {
    std::lock_guard lock(m);
    ready = true;
  }
  c.notify_one();
  EXPECT_TRUE(waiting.result());
}

TEST(ConditionVariableTest, GlobalIsReadyBeforeMain) {
  expect_works(global, global_mutex);
}

TEST(ConditionVariableTest, WorksInZeroedMemory) {
  const auto c = make_zeroed<condition_variable>();
  const auto m = make_zeroed<mutex>();
  expect_works(*c, *m);
}

TEST(ConditionVariableTest, AnotherMutexOnceNobodyWaits) {
  condition_variable c;
  for (int i = 0; i < 3; ++i) {
    mutex m;
    expect_works(c, m);
  }
}

TEST(ConditionVariableTest, WaitWithoutTheLockIsAnError) {
  condition_variable c;
  mutex m;
  lock_type empty;
  lock_type open(m, std::defer_lock);
  for (lock_type* lock : {&empty, &open}) {
    const auto code = std::errc::operation_not_permitted;
    expect_system_error(code, [&] { c.wait(*lock); });
    expect_system_error(code, [&] { c.wait_for(*lock, 1ms); });
    expect_system_error(code, [&] { c.wait(*lock, std::stop_token()); });
    expect_system_error(code, [&] {
      c.wait_until(*lock, std::chrono::steady_clock::now() + 1ms,
                   [] { return false; });
    });
    EXPECT_FALSE(lock->owns_lock());
  }
  expect_works(c, m);
}

// The waiters own nothing that notify_all or the end of the condition variable
// could take from them.
TEST(ConditionVariableTest, DestroyedWhileNotifiedWaitersStillWake) {
  for (int round = 0; round < iterations(60); ++round) {
    mutex m;
    auto c = std::make_unique<condition_variable>();
    condition_variable* const shared = c.get();
    std::vector<std::unique_ptr<background<bool>>> waiting;
    for (int i = 0; i < 4; ++i) {
      waiting.push_back(std::make_unique<background<bool>>([&m, shared] {
        lock_type lock(m);
        shared->wait(lock);
        return lock.owns_lock();
      }));
      waiting.back()->await_sleep();
    }
    {
      std::lock_guard lock(m);
      c->notify_all();
      c.reset();
    }
    for (auto& one : waiting) EXPECT_TRUE(one->result());
  }
}

// Waiters that were moved to the mutex's queue and plain waiters of the mutex
// are served alike.
TEST(ConditionVariableTest, BroadcastMixesWithLockers) {
  mutex m;
  condition_variable c;
  const int rounds = iterations(300);
  int generation = 0;
  long turns = 0;
  std::atomic<bool> done{false};
  std::vector<std::thread> crew;
  for (int i = 0; i < 4; ++i) {
    crew.emplace_back([&] {
      lock_type lock(m);
      while (generation < rounds) {
        const int seen = generation;
        c.wait(lock, [&] { return generation != seen; });
      }
    });
  }
  for (int i = 0; i < 2; ++i) {
    crew.emplace_back([&] {
      do {
        std::lock_guard lock(m);
        ++turns;
      } while (!done.load());
    });
  }
  // All rounds may be over before a busy machine has let the lockers begin.
  await([&] {
    std::lock_guard lock(m);
    return turns > 0;
  });
  for (int i = 0; i < rounds; ++i) {
    {
      std::lock_guard lock(m);
      ++generation;
      c.notify_all();
    }
    if (i % 8 == 0) std::this_thread::sleep_for(100us);
  }
  for (std::size_t i = 0; i < 4; ++i) crew[i].join();
  done.store(true);
  for (std::size_t i = 4; i < crew.size(); ++i) crew[i].join();
  EXPECT_GT(turns, 0);
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

// Which of `waiters` that sleep in this order are woken by a notify_all under
// the lock: the one that may be stopped, and of the others the first few, until
// with the unlock's two come for each CPU, and eight at most.
std::vector<bool> woken_under_the_lock(std::size_t waiters,
                                       std::size_t stoppable) {
  cpu_set_t cpus;
  EXPECT_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
  const int count = CPU_COUNT(&cpus);
  int more = count > 1 ? std::min(2 * count, 8) - 1 : 0;
  std::vector<bool> woken(waiters);
  for (std::size_t i = 0; i < waiters; ++i) {
    woken[i] = i == stoppable || (more > 0 && i + 1 < waiters);
    if (woken[i]) --more;
  }
  return woken;
}

TEST(ConditionVariableTest, BroadcastUnderTheLockLeavesTheOthersAsleep) {
  constexpr std::size_t kWaiters = 9;
  for (const std::size_t stoppable : {0u, 1u, 4u, 8u}) {
    mutex m;
    condition_variable c;
    std::stop_source source;
    bool go = false;  // under m
    std::vector<std::unique_ptr<background<bool>>> waiting;
    for (std::size_t i = 0; i < kWaiters; ++i) {
      waiting.push_back(std::make_unique<background<bool>>([&, i] {
        lock_type lock(m);
        if (i == stoppable)
          return c.wait(lock, source.get_token(), [&] { return go; });
        c.wait(lock, [&] { return go; });
        return true;
      }));
      waiting.back()->await_sleep();  // so that they queue in this order
    }
    {
      lock_type lock(m);
      std::vector<long> before;
      for (auto& one : waiting) before.push_back(sleeps_so_far(one->tid()));
      const auto slept_again = [&](std::size_t i) {
        return sleeps_so_far(waiting[i]->tid()) != before[i];
      };
      const std::vector<bool> woken = woken_under_the_lock(kWaiters, stoppable);
      go = true;
      c.notify_all();
      for (std::size_t i = 0; i < kWaiters; ++i)
        if (woken[i]) await([&] { return slept_again(i); });
      std::this_thread::sleep_for(20ms);
      for (std::size_t i = 0; i < kWaiters; ++i)
        EXPECT_EQ(slept_again(i), woken[i]) << "waiter " << i;
    }
    for (auto& one : waiting) EXPECT_TRUE(one->result());
  }
}

// One waiter, under the lock: woken by the unlock, and not before.
TEST(ConditionVariableTest, NotifyOneUnderTheLockWakesNobody) {
  mutex m;
  condition_variable c;
  bool go = false;  // under m
  background<bool> waiting([&] {
    lock_type lock(m);
    c.wait(lock, [&] { return go; });
    return true;
  });
  waiting.await_sleep();
  {
    const lock_type lock(m);
    const long before = sleeps_so_far(waiting.tid());
    go = true;
    c.notify_one();
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(sleeps_so_far(waiting.tid()), before);
  }
  EXPECT_TRUE(waiting.result());
}

}  // namespace
}  // namespace syncxx_test
