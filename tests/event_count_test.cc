// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/event_count.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
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

using syncxx::event_count;

static_assert(sizeof(event_count) == 8);
static_assert(std::is_standard_layout_v<event_count>);
static_assert(std::is_nothrow_default_constructible_v<event_count>);
static_assert(std::is_trivially_destructible_v<event_count> == !kHooked);
static_assert(pinned<event_count>);
static_assert(noexcept(std::declval<event_count&>().notify_one()));

constinit event_count global;

// The epoch and the number of waiters, as the object keeps them.
struct words {
  std::atomic<std::uint32_t> epoch;
  std::atomic<std::uint32_t> waiters;
};
words& words_of(event_count& c) { return reinterpret_cast<words&>(c); }

TEST(EventCountTest, GlobalIsReadyBeforeMain) {
  global.notify_all();
  const auto key = global.prepare_wait();
  global.notify_one();
  global.wait(key);
  EXPECT_EQ(words_of(global).waiters.load(), 0u);
}

TEST(EventCountTest, WorksInZeroedMemory) {
  const auto c = make_zeroed<event_count>();
  std::atomic<bool> flag{false};
  auto waiting =
      run_in_background([&] { c->await([&] { return flag.load(); }); });
  waiting.await_sleep();
  flag.store(true);
  c->notify_one();
  EXPECT_TRUE(waiting.result());
}

TEST(EventCountTest, NotifyAfterPrepareEndsTheWait) {
  event_count c;
  const auto key = c.prepare_wait();
  c.notify_one();
  c.wait(key);
  const auto again = c.prepare_wait();
  c.notify_all();
  EXPECT_TRUE(c.wait_for(again, 0s));
}

// A notification before prepare_wait is none: the predicate tells.
TEST(EventCountTest, NotifyBeforePrepareDoesNot) {
  event_count c;
  c.notify_all();
  EXPECT_FALSE(c.wait_for(c.prepare_wait(), 1ms));
}

TEST(EventCountTest, NotifyOfNobodyChangesNothing) {
  event_count c;
  c.notify_one();
  c.notify_all();
  EXPECT_EQ(words_of(c).epoch.load(), 0u);
  c.cancel_wait(c.prepare_wait());
  c.notify_one();
  EXPECT_EQ(words_of(c).epoch.load(), 0u);
  EXPECT_EQ(words_of(c).waiters.load(), 0u);
}

TEST(EventCountTest, NotifyOneWakesOneOfTheSleepers) {
  event_count c;
  constexpr int kWaiters = 4;
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < kWaiters; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&] {
      c.wait(c.prepare_wait());
      return true;
    }));
    waiting.back()->await_sleep();
  }
  const auto finished = [&] {
    int n = 0;
    for (auto& one : waiting) n += one->finished() ? 1 : 0;
    return n;
  };
  for (int i = 1; i <= kWaiters; ++i) {
    c.notify_one();
    await([&] { return finished() >= i; });
    if (i == 1) std::this_thread::sleep_for(5ms);
    EXPECT_EQ(finished(), i);
  }
}

TEST(EventCountTest, NotifyAllWakesAll) {
  event_count c;
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&] {
      c.wait(c.prepare_wait());
      return true;
    }));
    waiting.back()->await_sleep();
  }
  c.notify_all();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

TEST(EventCountTest, TimedAndStoppableWaitsEnd) {
  event_count c;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(c.wait_for(c.prepare_wait(), 2ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
  EXPECT_FALSE(
      c.wait_until(c.prepare_wait(), std::chrono::system_clock::now() + 1ms));
  std::stop_source source;
  auto waiting = run_in_background(
      [&] { return c.wait(c.prepare_wait(), source.get_token()); });
  waiting.await_sleep();
  source.request_stop();
  EXPECT_FALSE(waiting.result());
  EXPECT_FALSE(c.wait_for(c.prepare_wait(), 1h, source.get_token()));
  const auto key = c.prepare_wait();
  c.notify_one();
  EXPECT_TRUE(c.wait(key, source.get_token()));  // it has happened even so
  EXPECT_EQ(words_of(c).waiters.load(), 0u);
}

TEST(EventCountTest, AwaitLooksOnceMoreAfterItsTime) {
  event_count c;
  int looks = 0;
  EXPECT_TRUE(c.await_for([&] { return ++looks == 3; }, 0s));
  EXPECT_FALSE(c.await_for([] { return false; }, 1ms));
  EXPECT_FALSE(c.await_until([] { return false; },
                             std::chrono::steady_clock::now() + 1ms));
  std::stop_source source;
  source.request_stop();
  EXPECT_FALSE(c.await([] { return false; }, source.get_token()));
  EXPECT_TRUE(c.await([] { return true; }, source.get_token()));
  EXPECT_EQ(words_of(c).waiters.load(), 0u);
}

TEST(EventCountTest, WhatThePredicateThrowsIsPassedOn) {
  event_count c;
  for (const int bad : {1, 2, 3}) {
    int looks = 0;
    const auto holds = [&]() -> bool {
      if (++looks == bad) throw std::runtime_error("a look");
      return false;
    };
    EXPECT_THROW(c.await_for(holds, 0s), std::runtime_error);
    EXPECT_EQ(words_of(c).waiters.load(), 0u);
  }
}

// The epoch goes round: only being another one counts.
TEST(EventCountTest, TheEpochWraps) {
  event_count c;
  words_of(c).epoch.store(0xffffffffu);
  auto asleep = run_in_background([&] { c.wait(c.prepare_wait()); });
  asleep.await_sleep();
  const auto key = c.prepare_wait();
  c.notify_one();
  EXPECT_EQ(words_of(c).epoch.load(), 0u);
  EXPECT_TRUE(asleep.result());
  EXPECT_TRUE(c.wait_for(key, 0s));
  EXPECT_FALSE(c.wait_for(c.prepare_wait(), 1ms));
}

TEST(EventCountTest, TooManyWaitersAreRefused) {
  event_count c;
  constexpr std::uint32_t kMost = 0x7fffffff;
  words_of(c).waiters.store(kMost - 1);
  const auto last = c.prepare_wait();
  expect_system_error(std::errc::resource_unavailable_try_again,
                      [&] { static_cast<void>(c.prepare_wait()); });
  EXPECT_EQ(words_of(c).waiters.load(), kMost);
  c.cancel_wait(last);
  words_of(c).waiters.store(0);
}

TEST(EventCountTest, EndingWhatHasNotBegunIsAnError) {
  event_count c;
  const auto key = c.prepare_wait();
  c.cancel_wait();
  const auto refused = std::errc::operation_not_permitted;
  expect_system_error(refused, [&] { c.cancel_wait(); });
  expect_system_error(refused, [&] { c.wait(key); });
  expect_system_error(refused, [&] { static_cast<void>(c.wait_for(key, 0s)); });
  expect_system_error(refused, [&] {
    static_cast<void>(c.wait_until(key, std::chrono::steady_clock::now()));
  });
  EXPECT_EQ(words_of(c).waiters.load(), 0u);
}

// Items are handed over without a lock: none is lost, nobody sleeps for ever.
TEST(EventCountTest, ProducersAndConsumers) {
  event_count c;
  std::atomic<int> items{0};
  const int rounds = iterations(20'000);
  constexpr int kSides = 2;
  std::atomic<long> taken{0};
  std::vector<std::thread> crew;
  for (int i = 0; i < kSides; ++i) {
    crew.emplace_back([&] {
      for (int n = 0; n < rounds; ++n) {
        items.fetch_add(1, std::memory_order_relaxed);
        c.notify_one();
      }
    });
    crew.emplace_back([&] {
      for (int n = 0; n < rounds; ++n) {
        c.await([&] {
          int now = items.load(std::memory_order_relaxed);
          while (now > 0 && !items.compare_exchange_weak(
                                now, now - 1, std::memory_order_relaxed)) {
          }
          return now > 0;
        });
        taken.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : crew) thread.join();
  EXPECT_EQ(taken.load(), long{kSides} * rounds);
  EXPECT_EQ(items.load(), 0);
  EXPECT_EQ(words_of(c).waiters.load(), 0u);
}

}  // namespace
}  // namespace syncxx_test
