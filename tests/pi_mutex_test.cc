// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sync/atomic.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/exclusion.h"
#include "tests/support/inversion.h"
#include "tests/support/lock_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/real_time.h"
#include "tests/support/seccomp_filter.h"
#include "tests/support/signal_storm.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::pi_mutex;

static_assert(sizeof(pi_mutex) == 4);
static_assert(std::is_standard_layout_v<pi_mutex>);
static_assert(std::is_nothrow_default_constructible_v<pi_mutex>);
static_assert(std::is_trivially_destructible_v<pi_mutex> == !kHooked);
static_assert(mutex_type<pi_mutex>);
static_assert(timed_lockable<pi_mutex>);

template <class M>
concept stoppable = requires(M& m, std::stop_token stop) {
  m.lock(stop);
};
static_assert(!stoppable<pi_mutex>);

struct kit : lock_kit<pi_mutex> {
  static constexpr bool kZeroWhenFree = true;
  static std::string_view why_not() { return no_pi_futexes(); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(PiMutex, LockSuite, kit);

std::uint32_t word_of(const pi_mutex& m) {
  const void* const word = &m;
  return static_cast<const syncxx::atomic<std::uint32_t>*>(word)->load();
}

class PiMutexTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = no_pi_futexes(); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(PiMutexTest, TheWordNamesTheOwner) {
  pi_mutex m;
  m.lock();
  EXPECT_EQ(word_of(m), static_cast<std::uint32_t>(this_tid()));
  m.unlock();
  EXPECT_EQ(word_of(m), 0u);
}

TEST_F(PiMutexTest, WaitersSleepAndAreServedInTheirOrder) {
  pi_mutex m;
  std::vector<int> order;  // under m
  m.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&, i] {
      m.lock();
      order.push_back(i);
      m.unlock();
      return true;
    }));
    waiting.back()->await_sleep();
  }
  EXPECT_NE(word_of(m) & FUTEX_WAITERS, 0u);
  m.unlock();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(word_of(m), 0u);
}

TEST_F(PiMutexTest, RelockIsAnErrorInEachForm) {
  using namespace std::chrono;
  constexpr auto code = std::errc::resource_deadlock_would_occur;
  pi_mutex m;
  m.lock();
  EXPECT_FALSE(m.try_lock());
  expect_system_error(code, [&] { m.lock(); });
  expect_system_error(code, [&] { m.try_lock_for(1h); });
  expect_system_error(code,
                      [&] { m.try_lock_until(steady_clock::now() + 1h); });
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

TEST_F(PiMutexTest, StrangersUnlockIsAnError) {
  constexpr auto code = std::errc::operation_not_permitted;
  pi_mutex m;
  expect_system_error(code, [&] { m.unlock(); });
  m.lock();
  std::thread([&] { expect_system_error(code, [&] { m.unlock(); }); }).join();
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

// The kernel follows who waits for whom, through other locks.
TEST_F(PiMutexTest, CycleOfTwoIsAnErrorAndNoHang) {
  pi_mutex a, b;
  a.lock();
  background<bool> other([&] {
    b.lock();
    a.lock();
    a.unlock();
    b.unlock();
    return true;
  });
  other.await_sleep();
  expect_system_error(std::errc::resource_deadlock_would_occur,
                      [&] { b.lock(); });
  a.unlock();
  EXPECT_TRUE(other.result());
  EXPECT_EQ(word_of(a), 0u);
  EXPECT_EQ(word_of(b), 0u);
}

// A thread that ends without unlocking: those that come later are told, and do
// not wait for it.
TEST_F(PiMutexTest, LockOfAnEndedOwnerIsAnError) {
  if (under_qemu())
    GTEST_SKIP() << "qemu-user's threads live on for a moment after their join";
  const misuse_mode quiet(syncxx::misuse_action::throw_exception);
  const auto m = make_zeroed<pi_mutex>();  // (destroyed while held)
  std::thread([&] { m->lock(); }).join();
  for (int i = 0; i < 2; ++i) {
    expect_system_error(std::errc::owner_dead, [&] { m->lock(); });
    expect_system_error(std::errc::owner_dead, [&] { m->try_lock_for(1h); });
    EXPECT_FALSE(m->try_lock());
  }
}

TEST_F(PiMutexTest, WaitersOfAnOwnerThatEndsGoOn) {
  const misuse_mode quiet(syncxx::misuse_action::throw_exception);
  for (int round = 0; round < iterations(50); ++round) {
    const auto m = make_zeroed<pi_mutex>();
    std::atomic<bool> end{false}, owned{false};
    std::thread owner([&] {
      m->lock();
      owned = true;
      await([&] { return end.load(); });
    });
    await([&] { return owned.load(); });
    std::atomic<int> told{0};
    std::vector<std::unique_ptr<background<bool>>> waiting;
    for (int i = 0; i < 3; ++i) {
      waiting.push_back(std::make_unique<background<bool>>([&] {
        try {
          m->lock();
        } catch (const std::system_error& e) {
          EXPECT_EQ(e.code(), std::errc::owner_dead);
          told.fetch_add(1);
          return true;
        }
        m->unlock();
        return true;
      }));
      waiting.back()->await_sleep();
    }
    end = true;
    // Some come just when it dies.
    try {
      m->lock();
      m->unlock();
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::owner_dead);
    }
    owner.join();
    for (auto& one : waiting) one->result();
    EXPECT_GE(told.load(), 1);
    EXPECT_EQ(word_of(*m), 0u);
  }
}

TEST_F(PiMutexTest, SignalsDoNotEndWaits) {
  for (const auto flag :
       {signal_storm::restart::no, signal_storm::restart::yes}) {
    pi_mutex m;
    m.lock();
    background<bool> waiting([&] {
      m.lock();
      m.unlock();
      return true;
    });
    background<bool> timed([&] {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_FALSE(m.try_lock_for(50ms));
      return std::chrono::steady_clock::now() - start >= 50ms;
    });
    waiting.await_sleep();
    {
      const signal_storm storm({waiting.native(), timed.native()}, flag);
      await([&] { return timed.finished(); });
      EXPECT_FALSE(waiting.finished());
    }
    m.unlock();
    EXPECT_TRUE(waiting.result());
    EXPECT_TRUE(timed.result());
  }
}

TEST_F(PiMutexTest, ChildOfForkHasItsOwnNumber) {
  pi_mutex m;
  m.lock();
  EXPECT_TRUE(succeeds_in_child([&] {
    expect_system_error(std::errc::operation_not_permitted,
                        [&] { m.unlock(); });
    pi_mutex mine;
    mine.lock();
    EXPECT_EQ(word_of(mine), static_cast<std::uint32_t>(getpid()));
    EXPECT_FALSE(try_from_another_thread(mine));
    mine.unlock();
    expect_exclusion(mine, 3, iterations(2000));
  }));
  m.unlock();
}

// --- Kernels without FUTEX_LOCK_PI2 (5.14) -----------------------------------

constexpr int kLockPi2 = 13 | FUTEX_PRIVATE_FLAG;
std::atomic<int> g_refused{0};

// In a child: FUTEX_LOCK_PI2 of the calling thread and those it starts answers
// ENOSYS, and is counted.
template <class Body>
testing::AssertionResult succeeds_without_lock_pi2(Body body) {
  return succeeds_in_child([&] {
    struct sigaction action = {};
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      g_refused.fetch_add(1);
      set_syscall_result(context, -ENOSYS);
    };
    action.sa_flags = SA_SIGINFO;
    ASSERT_EQ(sigaction(SIGSYS, &action, nullptr), 0);
    ASSERT_TRUE(trap_futex_operation(kLockPi2));
    body();
  });
}

TEST_F(PiMutexTest, WithoutLockPi2) {
  if (kSanitized) GTEST_SKIP() << "SIGSYS is the sanitizer's";
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate seccomp";
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate seccomp";
  EXPECT_TRUE(succeeds_without_lock_pi2([] {
    using namespace std::chrono;
    pi_mutex m;
    m.lock();
    background<bool> timed([&] {
      const auto start = steady_clock::now();
      EXPECT_FALSE(m.try_lock_for(30ms));
      EXPECT_FALSE(m.try_lock_until(steady_clock::now() + 20ms));
      const auto took = steady_clock::now() - start;
      EXPECT_GE(took, 50ms);
      EXPECT_LT(took, 30s);
      return true;
    });
    EXPECT_TRUE(timed.result());
    // Longer than one step of the fallback.
    background<bool> patient([&] { return m.try_lock_for(1200ms); });
    patient.await_sleep();
    EXPECT_FALSE(patient.result());
    background<bool> served([&] {
      const bool owned = m.try_lock_for(1h);
      if (owned) m.unlock();
      return owned;
    });
    served.await_sleep();
    m.unlock();
    EXPECT_TRUE(served.result());
    EXPECT_EQ(g_refused.load(), 1) << "it is asked for once";
    expect_exclusion(
        4, iterations(2000),
        [&] {
          while (!m.try_lock_for(50us)) {
          }
        },
        [&] { m.unlock(); });
  }));
}

// --- Priorities --------------------------------------------------------------

TEST_F(PiMutexTest, NoInversionOfPriorities) {
  if (const char* why = no_real_time()) GTEST_SKIP() << why;
  pi_mutex m;
  inversion::expect_bounded(lock_scene<pi_mutex>{m});
  syncxx::mutex plain;
  inversion::expect_inverted(lock_scene<syncxx::mutex>{plain});
}

TEST_F(PiMutexTest, NoInversionThroughAChainOfLocks) {
  if (const char* why = no_real_time()) GTEST_SKIP() << why;
  pi_mutex m, between;
  inversion::expect_bounded(chain_scene<pi_mutex>{m, between});
  syncxx::mutex plain, plain_between;
  inversion::expect_inverted(chain_scene<syncxx::mutex>{plain, plain_between});
}

TEST_F(PiMutexTest, HighestPriorityIsNext) {
  if (const char* why = no_real_time()) GTEST_SKIP() << why;
  pi_mutex m;
  std::vector<int> order;  // under m
  m.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (const int priority : {10, 30, 20, 40, 15}) {
    waiting.push_back(std::make_unique<background<bool>>([&, priority] {
      if (!pin_to_first_cpu() || !set_fifo_priority(priority)) return false;
      m.lock();
      order.push_back(priority);
      m.unlock();
      return true;
    }));
    waiting.back()->await_sleep();
  }
  m.unlock();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_EQ(order, (std::vector<int>{40, 30, 20, 15, 10}));
}

}  // namespace
}  // namespace syncxx_test
