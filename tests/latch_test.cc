// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/latch.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::latch;

static_assert(sizeof(latch) == 4);
static_assert(std::is_standard_layout_v<latch>);
static_assert(std::is_trivially_destructible_v<latch> == !kHooked);
static_assert(pinned<latch>);
static_assert(!std::is_default_constructible_v<latch>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, latch>);
static_assert(noexcept(latch::max()) && latch::max() >= (1 << 30) - 1);
static_assert(noexcept(std::declval<const latch&>().try_wait()));

constinit latch global(1);

TEST(LatchTest, GlobalIsReadyBeforeMain) {
  EXPECT_FALSE(global.try_wait());
  global.count_down();
  EXPECT_TRUE(global.try_wait());
}

TEST(LatchTest, OpensAtZero) {
  latch l(5);
  EXPECT_FALSE(l.try_wait());
  l.count_down(3);
  EXPECT_FALSE(l.try_wait());
  l.count_down(0);
  l.count_down();
  EXPECT_FALSE(l.try_wait());
  l.count_down();
  EXPECT_TRUE(l.try_wait());
  EXPECT_TRUE(l.try_wait()) << "an open latch stays open";
  l.wait();
  l.count_down(0);
  l.arrive_and_wait(0);
}

TEST(LatchTest, ZeroIsOpenFromTheStart) {
  const latch l(0);
  EXPECT_TRUE(l.try_wait());
  l.wait();
  EXPECT_TRUE(l.wait_for(0s));
}

TEST(LatchTest, ZeroedMemoryIsAnOpenLatch) {
  const auto l = make_zeroed<latch>();
  EXPECT_TRUE(l->try_wait());
  l->wait();
}

TEST(LatchTest, RefusesABadStart) {
  EXPECT_THROW(latch(-1), std::invalid_argument);
  EXPECT_THROW(latch(latch::max() + 1), std::invalid_argument);
  EXPECT_THROW(latch{std::numeric_limits<std::ptrdiff_t>::max()},
               std::invalid_argument);
  latch l(latch::max());
  l.count_down(latch::max());
  EXPECT_TRUE(l.try_wait());
}

TEST(LatchTest, CountingBelowZeroIsAnErrorAndChangesNothing) {
  latch l(2);
  expect_system_error(std::errc::invalid_argument, [&] { l.count_down(3); });
  expect_system_error(std::errc::invalid_argument, [&] { l.count_down(-1); });
  expect_system_error(std::errc::invalid_argument,
                      [&] { l.count_down(std::ptrdiff_t{1} << 40); });
  expect_system_error(std::errc::invalid_argument,
                      [&] { l.arrive_and_wait(3); });
  EXPECT_FALSE(l.try_wait());
  l.count_down(2);
  EXPECT_TRUE(l.try_wait());
  expect_system_error(std::errc::invalid_argument, [&] { l.count_down(); });
  EXPECT_TRUE(l.try_wait());
}

// Of two threads that count down the last one together, one is told. The latch
// opens all the same and stays open.
void count_below_zero_together(int rounds, bool with_waiter) {
  // Reporting each would take longer than the race.
  const misuse_mode quietly(syncxx::misuse_action::off);
  struct race {
    alignas(64) latch l{1};
    alignas(64) starting_line line{2};
    std::atomic<int> errors{0};
  };
  std::vector<race> races(static_cast<std::size_t>(rounds));
  const auto count_down = [&races](int head_start) {
    int round = 0;
    for (race& r : races) {
      r.line.ready_and_go();
      // Now the one is ahead, now the other.
      for (volatile int i = ++round % 32 * head_start; i > 0;) i = i - 1;
      try {
        r.l.count_down();
      } catch (const std::system_error& error) {
        if (error.code() == std::errc::invalid_argument) r.errors.fetch_add(1);
      }
    }
  };
  std::thread one(count_down, 0);
  std::thread other(count_down, 1);
  bool left_behind = false;
  for (race& r : races)
    if (with_waiter && !left_behind) left_behind = !r.l.wait_for(30s);
  one.join();
  other.join();
  EXPECT_FALSE(left_behind) << "the latch did not open for its waiter";
  long shut = 0;
  long wrong = 0;
  for (const race& r : races) {
    shut += r.l.try_wait() ? 0 : 1;
    wrong += r.errors.load() == 1 ? 0 : 1;
  }
  EXPECT_EQ(shut, 0) << "latches are not open";
  EXPECT_EQ(wrong, 0) << "races in which not exactly one thread was told";
}

TEST(LatchTest, CountingBelowZeroTogetherIsOnesError) {
  count_below_zero_together(iterations(10'000), false);
}
TEST(LatchTest, CountingBelowZeroTogetherLeavesNoWaiterBehind) {
  count_below_zero_together(iterations(3000), true);
}

TEST(LatchTest, LetsAllThroughAndHandsWritesOver) {
  for (int round = 0; round < iterations(200); ++round) {
    constexpr int kWorkers = 4;
    latch l(kWorkers);
    int data[kWorkers] = {};
    std::vector<std::thread> crew;
    for (int& mine : data) {
      crew.emplace_back([&l, &mine] {
        mine = 1;
        l.count_down();
      });
    }
    std::vector<std::unique_ptr<background<int>>> waiting;
    for (int i = 0; i < 2; ++i) {
      waiting.push_back(std::make_unique<background<int>>([&] {
        l.wait();
        int sum = 0;
        for (const int one : data) sum += one;
        return sum;
      }));
    }
    for (auto& one : waiting) EXPECT_EQ(one->result(), kWorkers);
    for (std::thread& thread : crew) thread.join();
  }
}

TEST(LatchTest, SleepersAreReleasedTogether) {
  latch l(3);
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 16; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&] {
      l.wait();
      return true;
    }));
  }
  for (auto& one : waiting) one->await_sleep();
  l.count_down();
  l.count_down();
  for (auto& one : waiting) {
    one->await_sleep();
    EXPECT_FALSE(one->finished());
  }
  l.count_down();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

TEST(LatchTest, ArriveAndWaitMeetsTheOthers) {
  for (int round = 0; round < iterations(500); ++round) {
    latch l(6);
    int data[3] = {};
    std::vector<std::unique_ptr<background<int>>> crew;
    for (int i = 0; i < 3; ++i) {
      crew.push_back(std::make_unique<background<int>>([&, i] {
        data[i] = 1;
        l.arrive_and_wait(i + 1);
        return data[0] + data[1] + data[2];
      }));
    }
    for (auto& one : crew) EXPECT_EQ(one->result(), 3);
  }
}

}  // namespace
}  // namespace syncxx_test
