// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/spinlock.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::spinlock;

static_assert(sizeof(spinlock) == 1);
static_assert(std::is_standard_layout_v<spinlock>);
static_assert(std::is_trivially_destructible_v<spinlock> == !kHooked);
static_assert(mutex_type<spinlock>);
static_assert(timed_lockable<spinlock>);

constinit spinlock global;

bool try_from_another_thread(spinlock& s) {
  bool locked = false;
  std::thread([&] {
    locked = s.try_lock();
    if (locked) s.unlock();
  }).join();
  return locked;
}

TEST(SpinlockTest, GlobalIsReadyBeforeMain) {
  std::lock_guard lock(global);
  EXPECT_FALSE(try_from_another_thread(global));
}

TEST(SpinlockTest, WorksInZeroedMemory) {
  const auto s = make_zeroed<spinlock>();
  s->lock();
  EXPECT_FALSE(try_from_another_thread(*s));
  s->unlock();
  EXPECT_TRUE(try_from_another_thread(*s));
}

TEST(SpinlockTest, ExcludesThreads) {
  for (const int threads : {2, 8}) {
    spinlock s;
    expect_exclusion(s, threads, iterations(40'000) / threads);
    EXPECT_TRUE(try_from_another_thread(s));
  }
}

TEST(SpinlockTest, TimedFormsExclude) {
  spinlock s;
  expect_exclusion(
      4, iterations(5000),
      [&] {
        while (!s.try_lock_for(10us)) {
        }
      },
      [&] { s.unlock(); });
}

// The owner is put to sleep: spinners must give their CPU away, not hang.
TEST(SpinlockTest, SurvivesASleepingOwner) {
  spinlock s;
  s.lock();
  std::vector<std::unique_ptr<background<bool>>> spinning;
  for (int i = 0; i < 8; ++i) {
    spinning.push_back(std::make_unique<background<bool>>([&] {
      s.lock();
      s.unlock();
      return true;
    }));
  }
  std::this_thread::sleep_for(20ms);
  for (auto& one : spinning) EXPECT_FALSE(one->finished());
  s.unlock();
  for (auto& one : spinning) EXPECT_TRUE(one->result());
}

TEST(SpinlockTest, NeighboursInOneWordAreIndependent) {
  spinlock s[4];
  s[1].lock();
  EXPECT_TRUE(try_from_another_thread(s[0]));
  EXPECT_FALSE(try_from_another_thread(s[1]));
  EXPECT_TRUE(try_from_another_thread(s[2]));
  s[0].lock();
  s[2].lock();
  s[1].unlock();
  EXPECT_FALSE(try_from_another_thread(s[0]));
  EXPECT_TRUE(try_from_another_thread(s[1]));
  EXPECT_FALSE(try_from_another_thread(s[2]));
  s[0].unlock();
  s[2].unlock();
}

TEST(SpinlockTest, WorksWithStdGuards) {
  spinlock a, b;
  {
    std::scoped_lock lock(a, b);
    EXPECT_FALSE(try_from_another_thread(a));
  }
  std::unique_lock lock(a, 1ms);
  EXPECT_TRUE(lock.owns_lock());
}

}  // namespace
}  // namespace syncxx_test
