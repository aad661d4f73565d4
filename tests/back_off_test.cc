// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sync/back_off.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/lockable_concepts.h"
#include "tests/support/real_time.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::back_off;
using syncxx::detail::back_off_plan;
using syncxx::detail::back_off_step;
using kind = back_off_step::kind;

static_assert(pinned<back_off>);
[[maybe_unused]] constinit back_off g_constant;

constexpr unsigned kBeforeSleep =
    back_off_plan::kPauses + back_off_plan::kYields;

back_off_plan plan_of(std::uint64_t seed, std::int64_t longest = 1'000'000) {
  back_off_plan plan(longest);
  plan.seed(seed);
  return plan;
}

TEST(BackOffTest, PausesThenYieldsThenSleepsTwiceAsLongEachTime) {
  for (std::uint64_t seed = 1; seed < 1000; ++seed) {
    back_off_plan plan = plan_of(seed);
    std::int64_t whole = back_off_plan::kFirstPauseNs;
    for (unsigned i = 0; i < back_off_plan::kPauses; ++i, whole *= 2) {
      const back_off_step step = plan.next();
      ASSERT_EQ(step.how, kind::pause);
      ASSERT_GE(step.amount, whole / 2);
      ASSERT_LE(step.amount, whole);
    }
    for (unsigned i = 0; i < back_off_plan::kYields; ++i) {
      const back_off_step step = plan.next();
      ASSERT_EQ(step.how, kind::yield);
      ASSERT_GE(step.amount, 1);
      ASSERT_LE(step.amount, back_off_plan::kMostYields);
    }
    whole = back_off_plan::kFirstSleepNs;
    for (unsigned i = 0; i < 100; ++i) {
      const back_off_step step = plan.next();
      ASSERT_EQ(step.how, kind::sleep);
      ASSERT_GE(step.amount, whole / 2);
      ASSERT_LE(step.amount, whole);
      whole = std::min<std::int64_t>(2 * whole, 1'000'000);
    }
  }
}

TEST(BackOffTest, TheLongestSleepBoundsEveryPause) {
  for (const std::int64_t longest :
       {std::int64_t{1}, std::int64_t{900}, std::int64_t{30'000},
        std::numeric_limits<std::int64_t>::max()}) {
    back_off_plan plan = plan_of(7, longest);
    for (int i = 0; i < 200; ++i) {
      const back_off_step step = plan.next();
      if (step.how == kind::yield) continue;
      ASSERT_GE(step.amount, 1);
      ASSERT_LE(step.amount, longest);
    }
  }
  EXPECT_THROW(back_off(0ms), std::invalid_argument);
  EXPECT_THROW(back_off(-1s), std::invalid_argument);
  EXPECT_THROW(back_off(std::chrono::duration<double>(
                   std::numeric_limits<double>::quiet_NaN())),
               std::invalid_argument);
}

TEST(BackOffTest, SeedsDifferBetweenObjectsAndThreads) {
  std::mutex m;
  std::set<std::uint64_t> seeds;
  std::vector<std::thread> crew;
  for (int t = 0; t < 8; ++t) {
    crew.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const std::uint64_t seed = syncxx::detail::back_off_seed();
        const std::lock_guard lock(m);
        seeds.insert(seed);
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(seeds.size(), 800u);
}

// --- Livelock ----------------------------------------------------------------
//
// Two threads on two CPUs, on a clock of their own. Each takes its first lock,
// works for a while, tries the other's, gives back on failure, and pauses.

constexpr std::int64_t kWorkNs = 100;
constexpr int kEnough = 1000;  // tries; more: they would go on for ever

struct trier {
  std::int64_t begins = 0, tries = 0;  // when
  std::int64_t gave_back = -1;         // what it had before
  int failures = 0;
};

// How often the two fail before one of them has both locks. `pause_of(i)` is
// how long thread i pauses now.
template <class Pause>
int failures_before_success(Pause pause_of) {
  trier t[2];
  for (trier& each : t) each.tries = each.begins + kWorkNs;
  for (;;) {
    const int i = t[0].tries <= t[1].tries ? 0 : 1;
    trier& now = t[i];
    const trier& other = t[1 - i];
    // (What is given back at this moment is still taken.)
    const bool taken =
        other.begins <= now.tries || now.tries <= other.gave_back;
    if (!taken) return t[0].failures + t[1].failures;
    if (++now.failures > kEnough) return kEnough;
    now.gave_back = now.tries;
    now.begins = now.tries + 1 + pause_of(i);
    now.tries = now.begins + kWorkNs;
  }
}

std::int64_t length_of(const back_off_step& step) {
  return step.how == kind::yield ? step.amount * 300 : step.amount;
}

TEST(BackOffTest, ThreadsInStepGoOnForEverWithoutIt) {
  EXPECT_EQ(failures_before_success([](int) { return 0; }), kEnough);
  EXPECT_EQ(failures_before_success([](int) { return 250; }), kEnough);
  // Nor do pauses that grow help, as long as they are the same for both.
  back_off_plan same[2] = {plan_of(5), plan_of(5)};
  EXPECT_EQ(
      failures_before_success([&](int i) { return length_of(same[i].next()); }),
      kEnough);
}

TEST(BackOffTest, ThreadsInStepPartAfterAFewFailuresWithIt) {
  constexpr int kPairs = 10'000;
  long all = 0;
  int most = 0;
  for (int i = 0; i < kPairs; ++i) {
    back_off_plan plans[2] = {plan_of(syncxx::detail::back_off_seed()),
                              plan_of(syncxx::detail::back_off_seed())};
    const int failures = failures_before_success(
        [&](int t) { return length_of(plans[t].next()); });
    all += failures;
    most = std::max(most, failures);
  }
  EXPECT_LT(all, 8L * kPairs);
  EXPECT_LT(most, 60);
}

// --- Threads -----------------------------------------------------------------

// Takes the locks in the order given, gives them back when one is taken.
// `meet`: lets others come to hold one as well.
template <class Locks, class Order>
void take_all(Locks& locks, const Order& order, back_off& pause, bool meet) {
  for (;; pause.wait()) {
    std::size_t taken = 0;
    while (taken < order.size() && locks[order[taken]].try_lock())
      if (++taken == 1 && meet) std::this_thread::yield();
    if (taken == order.size()) return;
    while (taken > 0) locks[order[--taken]].unlock();
  }
}

TEST(BackOffTest, ThreadsWithOppositeOrdersAllFinishWithFewRetries) {
  constexpr int kThreads = 4;
  constexpr std::size_t kLocks = 3;
  const int rounds = iterations(3000);
  std::array<syncxx::mutex, kLocks> locks;
  std::atomic<std::uint64_t> retries{0};
  long inside = 0;  // guarded by all of them
  starting_line line(kThreads);
  std::vector<std::thread> crew;
  for (int t = 0; t < kThreads; ++t) {
    crew.emplace_back([&, t] {
      std::array<std::size_t, kLocks> order;
      for (std::size_t i = 0; i < kLocks; ++i)
        order[i] = t % 2 == 0 ? i : kLocks - 1 - i;
      back_off pause;
      line.ready_and_go();
      for (int i = 0; i < rounds; ++i) {
        pause.reset();
        take_all(locks, order, pause, i % 64 == 0);
        ++inside;
        for (syncxx::mutex& m : locks) m.unlock();
        retries += pause.retries();
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(inside, 1L * kThreads * rounds);
  const double each = static_cast<double>(retries) / (1.0 * kThreads * rounds);
  RecordProperty("retries_each", std::to_string(each));
  if (!kSanitized && !under_qemu()) {  // (those have fewer rounds)
    EXPECT_GT(retries.load(), 0u) << "the threads have never met";
  }
  EXPECT_LT(each, 20.0);
}

TEST(BackOffTest, CountsItsRetriesAndBeginsAnew) {
  back_off pause(200us);
  EXPECT_EQ(pause.retries(), 0u);
  for (int i = 0; i < 15; ++i) pause.wait();
  EXPECT_EQ(pause.retries(), 15u);
  pause.reset();
  EXPECT_EQ(pause.retries(), 0u);
  // A sleep takes half of its length at least, and the first pauses do not
  // sleep: of many resets one is not interrupted.
  auto shortest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 200; ++i) {
    pause.reset();
    const auto began = std::chrono::steady_clock::now();
    pause.wait();
    shortest = std::min<std::chrono::nanoseconds>(
        shortest, std::chrono::steady_clock::now() - began);
  }
  EXPECT_LT(shortest, 20us);
}

TEST(BackOffTest, SleepsInTheEnd) {
  back_off pause(30ms);
  for (unsigned i = 0; i < kBeforeSleep + 11; ++i) pause.wait();
  const auto began = std::chrono::steady_clock::now();
  pause.wait();
  EXPECT_GE(std::chrono::steady_clock::now() - began, 12ms);
}

TEST(BackOffTest, EndsWithItsDeadline) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  back_off pause(1h);
  EXPECT_FALSE(pause.wait_until(now() - 1ms));
  EXPECT_FALSE(pause.wait_until(std::chrono::system_clock::now() - 1ms));
  EXPECT_EQ(pause.retries(), 0u);
  for (unsigned i = 0; i < kBeforeSleep; ++i) pause.wait();
  // Of sleeps that would be seconds long.
  const auto began = now();
  for (int i = 0; i < 20; ++i) {
    const auto end = now() + 1ms;
    while (pause.wait_until(end)) {
    }
    EXPECT_GE(now(), end);
  }
  EXPECT_LT(now() - began, 10s);
}

TEST(BackOffTest, ASignalEndsASleepAndErrnoIsKept) {
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  background<int> sleeper([] {
    back_off pause(1h);
    errno = 77;
    // The last of these sleeps would be minutes.
    for (unsigned i = 0; i < kBeforeSleep + 30; ++i) pause.wait();
    return errno;
  });
  while (!sleeper.finished()) {
    pthread_kill(sleeper.native(), SIGUSR1);
    short_pause();
  }
  EXPECT_EQ(sleeper.result(), 77);
  sigaction(SIGUSR1, &before, nullptr);
}

// The thread of higher priority must let the owner run, on the CPU of both.
TEST(BackOffTest, LetsAnOwnerOfLowerPriorityRun) {
  if (const char* why = no_real_time()) GTEST_SKIP() << why;
  syncxx::spinlock m;
  std::atomic<bool> held{false}, wanted{false};
  background<bool> low([&] {
    if (!pin_to_first_cpu() || !set_fifo_priority(10)) return false;
    m.lock();
    held = true;
    await([&] { return wanted.load(); });
    m.unlock();
    return true;
  });
  await([&] { return held.load(); });
  background<bool> high([&] {
    if (!pin_to_first_cpu() || !set_fifo_priority(20)) return false;
    wanted = true;
    back_off pause;
    while (!m.try_lock()) pause.wait();
    m.unlock();
    return pause.retries() > kBeforeSleep;
  });
  EXPECT_TRUE(high.result()) << "got the lock without a sleep?";
  EXPECT_TRUE(low.result());
}

}  // namespace
}  // namespace syncxx_test
