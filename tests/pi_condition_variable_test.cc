// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/condition_variable.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/condition_suite.h"
#include "tests/support/inversion.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/real_time.h"
#include "tests/support/signal_storm.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::pi_condition_variable;
using syncxx::pi_mutex;
using lock_type = std::unique_lock<pi_mutex>;

static_assert(sizeof(pi_condition_variable) == 16);
static_assert(pinned<pi_condition_variable>);
static_assert(std::is_standard_layout_v<pi_condition_variable>);
static_assert(std::is_nothrow_default_constructible_v<pi_condition_variable>);
static_assert(noexcept(std::declval<pi_condition_variable&>().notify_one()));
static_assert(noexcept(std::declval<pi_condition_variable&>().notify_all()));

using kit = condition_kit<pi_condition_variable, pi_mutex>;
static_assert(!kit::kStops);
INSTANTIATE_TYPED_TEST_SUITE_P(WithPiMutex, ConditionSuite,
                               testing::Types<kit>);

constinit pi_condition_variable global;
constinit pi_mutex global_mutex;

class PiConditionVariableTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = no_pi_futexes(); !why.empty()) GTEST_SKIP() << why;
  }
};

void expect_works(pi_condition_variable& c, pi_mutex& m) {
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

TEST_F(PiConditionVariableTest, GlobalIsReadyBeforeMain) {
  expect_works(global, global_mutex);
}

TEST_F(PiConditionVariableTest, WorksInZeroedMemory) {
  const auto c = make_zeroed<pi_condition_variable>();
  const auto m = make_zeroed<pi_mutex>();
  expect_works(*c, *m);
}

TEST_F(PiConditionVariableTest, AnotherMutexOnceNobodyWaits) {
  pi_condition_variable c;
  for (int i = 0; i < 3; ++i) {
    pi_mutex m;
    expect_works(c, m);
  }
}

TEST_F(PiConditionVariableTest, WrongWaitsAreErrors) {
  pi_condition_variable c;
  pi_mutex m, other;
  lock_type empty;
  lock_type open(m, std::defer_lock);
  for (lock_type* lock : {&empty, &open}) {
    const auto code = std::errc::operation_not_permitted;
    expect_system_error(code, [&] { c.wait(*lock); });
    expect_system_error(code, [&] { c.wait_for(*lock, 1ms); });
  }
  background<bool> waiting([&] {
    lock_type lock(m);
    c.wait(lock);
    return lock.owns_lock();
  });
  waiting.await_sleep();
  lock_type lock(other);
  expect_system_error(std::errc::invalid_argument, [&] { c.wait(lock); });
  EXPECT_TRUE(lock.owns_lock());
  EXPECT_FALSE(waiting.finished());
  c.notify_one();
  EXPECT_TRUE(waiting.result());
}

// One is notified; then others come, and all are. Each wakes by its priority
// among those that wait.
void expect_order_of_priorities(bool under_lock) {
  pi_condition_variable c;
  pi_mutex m;
  std::vector<int> order;  // under m
  std::vector<std::unique_ptr<background<bool>>> waiting;
  const auto add = [&](int priority) {
    waiting.push_back(std::make_unique<background<bool>>([&, priority] {
      if (!pin_to_first_cpu() || !set_fifo_priority(priority)) return false;
      lock_type lock(m);
      c.wait(lock);
      order.push_back(priority);
      return true;
    }));
    waiting.back()->await_sleep();
  };
  const auto signals = [&](int n) {
    for (int i = 0; i < n; ++i) {
      if (under_lock) {
        const lock_type lock(m);
        c.notify_one();
      } else {
        c.notify_one();
      }
    }
  };
  const auto woken = [&](std::size_t n) {
    await([&] {
      const lock_type lock(m);
      return order.size() >= n;
    });
  };
  for (const int priority : {10, 12, 14}) add(priority);
  signals(1);
  woken(1);
  for (const int priority : {20, 25, 30}) add(priority);
  signals(5);
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_EQ(order, (std::vector<int>{14, 30, 25, 20, 12, 10}));
}

TEST_F(PiConditionVariableTest, WakesByPriority) {
  if (const char* why = no_real_time()) GTEST_SKIP() << why;
  for (const bool under_lock : {false, true})
    expect_order_of_priorities(under_lock);
}

TEST_F(PiConditionVariableTest, BroadcastServesByPriority) {
  if (const char* why = no_real_time()) GTEST_SKIP() << why;
  pi_condition_variable c;
  pi_mutex m;
  std::vector<int> order;  // under m
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (const int priority : {12, 40, 3, 25}) {
    waiting.push_back(std::make_unique<background<bool>>([&, priority] {
      if (!pin_to_first_cpu() || !set_fifo_priority(priority)) return false;
      lock_type lock(m);
      c.wait(lock);
      order.push_back(priority);
      return true;
    }));
    waiting.back()->await_sleep();
  }
  {
    const lock_type lock(m);
    c.notify_all();
  }
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_EQ(order, (std::vector<int>{40, 25, 12, 3}));
}

TEST_F(PiConditionVariableTest, MovedWaiterSleepsUntilItOwnsTheMutex) {
  pi_condition_variable c;
  pi_mutex m;
  background<bool> waiting([&] {
    lock_type lock(m);
    c.wait(lock);
    return true;
  });
  waiting.await_sleep();
  const long sleeps = sleeps_so_far(waiting.tid());
  {
    const lock_type lock(m);
    c.notify_all();
    std::this_thread::sleep_for(20ms);
    EXPECT_FALSE(waiting.finished());
    EXPECT_EQ(sleeps_so_far(waiting.tid()), sleeps) << "woken to wait again";
  }
  EXPECT_TRUE(waiting.result());
}

TEST_F(PiConditionVariableTest, NotifiedWaiterLendsItsPriority) {
  if (const char* why = no_real_time()) GTEST_SKIP() << why;
  pi_condition_variable c;
  pi_mutex m;
  inversion::expect_bounded(
      notified_scene<pi_condition_variable, pi_mutex>{c, m});
  syncxx::condition_variable plain;
  syncxx::mutex plain_mutex;
  inversion::expect_inverted(
      notified_scene<syncxx::condition_variable, syncxx::mutex>{plain,
                                                                plain_mutex});
}

TEST_F(PiConditionVariableTest, SignalsAreNoNotifications) {
  pi_condition_variable c;
  pi_mutex m;
  bool ready = false;
  background<bool> waiting([&] {
    lock_type lock(m);
    c.wait(lock, [&] { return ready; });
    return lock.owns_lock();
  });
  background<bool> timed([&] {
    lock_type lock(m);
    const auto start = std::chrono::steady_clock::now();
    while (c.wait_for(lock, 50ms) == std::cv_status::no_timeout) {
    }
    return std::chrono::steady_clock::now() - start >= 50ms;
  });
  waiting.await_sleep();
  {
    const signal_storm storm({waiting.native(), timed.native()},
                             signal_storm::restart::yes);
    await([&] { return timed.finished(); });
    EXPECT_FALSE(waiting.finished());
    const lock_type lock(m);
    ready = true;
    c.notify_one();
    std::this_thread::sleep_for(5ms);  // signals reach it at the mutex
  }
  EXPECT_TRUE(waiting.result());
  EXPECT_TRUE(timed.result());
}

// The destructor waits for those who are on their way out.
TEST_F(PiConditionVariableTest, DestroyedRightAfterABroadcast) {
  for (int round = 0; round < iterations(300); ++round) {
    alignas(pi_condition_variable) unsigned char
        memory[sizeof(pi_condition_variable)];
    auto* const c = ::new (memory) pi_condition_variable;
    pi_mutex m;
    int inside = 0;  // under m
    std::vector<std::thread> crew;
    for (int i = 0; i < 4; ++i) {
      crew.emplace_back([&, i] {
        lock_type lock(m);
        ++inside;
        if (i % 2 == 0)
          c->wait(lock);
        else
          c->wait_for(lock, std::chrono::microseconds(50 * round % 700));
      });
    }
    await([&] {
      const lock_type lock(m);
      return inside == 4;
    });
    {
      const lock_type lock(m);
      c->notify_all();
    }
    c->~pi_condition_variable();
    std::memset(memory, 0x5a, sizeof memory);
    for (std::thread& thread : crew) thread.join();
    for (const unsigned char byte : memory) ASSERT_EQ(byte, 0x5a);
  }
}

TEST_F(PiConditionVariableTest, DestroyedByWhomTheyWaitForIsAnError) {
  if (kThreadSanitizer) GTEST_SKIP() << "forks with threads";
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not start this death test";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        pi_mutex m;
        auto* const c = new pi_condition_variable;
        background<bool> waiting([&] {
          lock_type lock(m);
          c->wait(lock);
          return true;
        });
        waiting.await_sleep();
        m.lock();
        c->notify_all();
        delete c;
      },
      "destruction of a pi_condition_variable");
}

// Past 2^32 notifications the count begins anew.
TEST_F(PiConditionVariableTest, SequenceWraps) {
  pi_condition_variable c;
  pi_mutex m;
  const std::uint32_t nearly = 0xffff'fffeu;
  std::memcpy(static_cast<void*>(&c), &nearly, sizeof nearly);
  for (int i = 0; i < 4; ++i) expect_works(c, m);
  std::uint32_t now;
  std::memcpy(&now, static_cast<void*>(&c), sizeof now);
  EXPECT_EQ(now, 2u);
}

}  // namespace
}  // namespace syncxx_test
