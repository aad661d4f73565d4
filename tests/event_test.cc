// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/event.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/lockable_concepts.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::auto_reset_event;
using syncxx::event;

template <class E>
constexpr bool kWellFormed = sizeof(E) == 4 &&
                             pinned<E>&& std::is_standard_layout_v<
                                 E>&& std::is_trivially_destructible_v<E> ==
                                 !kHooked
                             && std::is_default_constructible_v<E> &&
                             !std::is_convertible_v<bool, E>;
static_assert(kWellFormed<event>);
static_assert(kWellFormed<auto_reset_event>);

constinit event global_event;
constinit event global_set_event(true);
constinit auto_reset_event global_auto_event(true);

using waiters = std::vector<std::unique_ptr<background<bool>>>;

template <class E>
waiters start_waiters(E& e, int n, std::atomic<int>* through = nullptr) {
  waiters all;
  for (int i = 0; i < n; ++i) {
    all.push_back(std::make_unique<background<bool>>([&e, through] {
      e.wait();
      if (through != nullptr) through->fetch_add(1);
      return true;
    }));
  }
  for (auto& one : all) one->await_sleep();
  return all;
}

TEST(EventTest, GlobalsAreReadyBeforeMain) {
  EXPECT_FALSE(global_event.is_set());
  EXPECT_TRUE(global_set_event.try_wait());
  EXPECT_TRUE(global_auto_event.try_wait());
  EXPECT_FALSE(global_auto_event.is_set());
}

TEST(EventTest, SetAndResetAreIdempotent) {
  event e;
  EXPECT_FALSE(e.is_set());
  EXPECT_FALSE(e.try_wait());
  e.reset();
  EXPECT_FALSE(e.is_set());
  e.set();
  e.set();
  EXPECT_TRUE(e.is_set());
  EXPECT_TRUE(e.try_wait());
  EXPECT_TRUE(e.try_wait()) << "a wait must not consume the event";
  e.wait();
  e.reset();
  EXPECT_FALSE(e.is_set());
  EXPECT_FALSE(e.try_wait());
}

TEST(EventTest, WorksInZeroedMemory) {
  const auto e = make_zeroed<event>();
  EXPECT_FALSE(e->is_set());
  auto waiting = start_waiters(*e, 2);
  e->set();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

TEST(EventTest, SetReleasesAll) {
  event e;
  auto waiting = start_waiters(e, 32);
  e.set();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_TRUE(e.is_set());
}

// The promise of event: a reset that follows at once hides the set from nobody
// who was waiting.
TEST(EventTest, ResetAtOnceHidesNoSet) {
  for (int round = 0; round < iterations(200); ++round) {
    event e;
    auto waiting = start_waiters(e, 4);
    e.set();
    e.reset();
    for (auto& one : waiting) EXPECT_TRUE(one->result());
    EXPECT_FALSE(e.is_set());
  }
}

TEST(EventTest, ResetAtOnceHidesNoSetFromTimedAndStoppableWaits) {
  std::stop_source source;
  for (int round = 0; round < iterations(100); ++round) {
    event e;
    background<bool> timed([&] { return e.wait_for(1h); });
    background<bool> stoppable([&] { return e.wait(source.get_token()); });
    background<bool> both([&] { return e.wait_for(1h, source.get_token()); });
    timed.await_sleep();
    stoppable.await_sleep();
    both.await_sleep();
    e.set();
    e.reset();
    EXPECT_TRUE(timed.result());
    EXPECT_TRUE(stoppable.result());
    EXPECT_TRUE(both.result());
  }
}

// Sets the event, and resets it, in the moment when a wait asks the clock for
// the second time: it is in the wait, but not asleep.
struct meddling_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<meddling_clock>;
  [[maybe_unused]] static constexpr bool is_steady = false;
  static time_point now() noexcept {
    if (++asked == 2) {
      target->set();
      target->reset();
    }
    return time_point(duration(asked < 10 ? 0 : 1'000'000'000));
  }
  static inline int asked = 0;
  static inline event* target = nullptr;
};

TEST(EventTest, PulseBetweenTwoSleepsOfOneWaitIsSeen) {
  event e;
  meddling_clock::asked = 0;
  meddling_clock::target = &e;
  const meddling_clock::time_point soon(20ms);
  EXPECT_TRUE(e.wait_until(soon));
  EXPECT_GE(meddling_clock::asked, 2);

  std::stop_source source;
  meddling_clock::asked = 0;
  EXPECT_TRUE(e.wait_until(soon, source.get_token()));
}

// set() and reset() in a tight loop: each waiter gets out at the next set().
// The sets are counted in the upper 30 bits.
TEST(EventTest, TheEpochWraps) {
  event e;
  const std::uint32_t last = ~0u << 2;
  std::memcpy(static_cast<void*>(&e), &last, sizeof last);
  for (std::uint32_t n = 0; n < 3; ++n) {
    background<bool> waiting([&] {
      e.wait();
      return true;
    });
    waiting.await_sleep();
    e.set();
    e.reset();
    EXPECT_TRUE(waiting.result());
    std::uint32_t now;
    std::memcpy(&now, static_cast<void*>(&e), sizeof now);
    EXPECT_EQ(now, n << 2);
    EXPECT_FALSE(e.wait_for(1ms));
  }
}

TEST(EventTest, WaitersGetOutOfAPulsingEvent) {
  event e;
  std::atomic<bool> done{false};
  std::thread pulsing([&] {
    while (!done.load()) {
      e.set();
      e.reset();
      if (!done.load()) std::this_thread::sleep_for(20us);
    }
  });
  std::vector<std::thread> crew;
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back([&] {
      for (int k = 0; k < iterations(1000); ++k) e.wait();
    });
  }
  for (std::thread& thread : crew) thread.join();
  done.store(true);
  pulsing.join();
}

TEST(EventTest, SetHandsWritesOverAlsoToLateComers) {
  for (int round = 0; round < iterations(1000); ++round) {
    event e;
    int data = 0;
    int again = 0;
    std::thread setter([&] {
      data = 1;
      e.set();
    });
    e.wait();
    EXPECT_EQ(data, 1);
    setter.join();
    std::thread second([&] {
      again = 2;
      e.set();  // already set: orders all the same
    });
    second.join();
    EXPECT_TRUE(e.try_wait());
    EXPECT_EQ(again, 2);
  }
}

TEST(EventTest, WaitsOnAConstEvent) {
  const event e(true);
  e.wait();
  EXPECT_TRUE(e.try_wait());
  EXPECT_TRUE(e.wait_for(1ms));
  EXPECT_TRUE(e.wait_until(std::chrono::system_clock::now()));
}

TEST(AutoResetEventTest, SetSaturatesAndOneWaitConsumesIt) {
  auto_reset_event e;
  EXPECT_FALSE(e.try_wait());
  e.set();
  e.set();
  e.set();
  EXPECT_TRUE(e.is_set());
  EXPECT_TRUE(e.try_wait());
  EXPECT_FALSE(e.is_set());
  EXPECT_FALSE(e.try_wait());
  e.set();
  e.reset();
  EXPECT_FALSE(e.try_wait());
  e.set();
  e.wait();
  EXPECT_FALSE(e.is_set());
}

TEST(AutoResetEventTest, WorksInZeroedMemory) {
  const auto e = make_zeroed<auto_reset_event>();
  EXPECT_FALSE(e->is_set());
  auto waiting = start_waiters(*e, 1);
  e->set();
  EXPECT_TRUE(waiting.front()->result());
  EXPECT_FALSE(e->is_set());
}

TEST(AutoResetEventTest, EachSetServesOneWaiter) {
  auto_reset_event e;
  std::atomic<int> through{0};
  auto waiting = start_waiters(e, 6, &through);
  for (int i = 1; i <= 6; ++i) {
    e.set();
    await([&] { return through.load() == i; });
    EXPECT_FALSE(e.is_set());
    int asleep = 0;
    for (auto& one : waiting) {
      one->await_sleep();  // asleep again, or finished
      asleep += one->finished() ? 0 : 1;
    }
    EXPECT_LE(asleep, 6 - i);
    EXPECT_EQ(through.load(), i) << "one set let two through";
  }
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

// Two threads that pass the turn to and fro: no set may be lost.
TEST(AutoResetEventTest, PingPongLosesNoSet) {
  auto_reset_event ping, pong;
  const int rounds = iterations(5000);
  int ball = 0;
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      ping.wait();
      ++ball;
      pong.set();
    }
  });
  for (int i = 0; i < rounds; ++i) {
    ++ball;
    ping.set();
    pong.wait();
    ASSERT_EQ(ball, 2 * (i + 1));
  }
  other.join();
}

// Sets that come while waiters come and go: at least one gets out for the last
// set, and never more than there were sets.
TEST(AutoResetEventTest, NoMoreWaitsThanSets) {
  auto_reset_event e;
  std::atomic<long> sets{0}, waits{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> setters, takers;
  for (int i = 0; i < 2; ++i) {
    setters.emplace_back([&] {
      for (int k = 0; k < iterations(20'000); ++k) {
        sets.fetch_add(1);
        e.set();
      }
    });
    takers.emplace_back([&] {
      while (!done.load())
        if (e.wait_for(50us)) waits.fetch_add(1);
    });
  }
  for (std::thread& thread : setters) thread.join();
  await([&] { return !e.is_set(); });  // the last set is taken
  done.store(true);
  for (std::thread& thread : takers) thread.join();
  EXPECT_GT(waits.load(), 0);
  EXPECT_LE(waits.load(), sets.load());
}

}  // namespace
}  // namespace syncxx_test
