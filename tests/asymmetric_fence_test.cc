// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sync/asymmetric_fence.h>
#include <sync/biased_shared_mutex.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "tests/support/child_process.h"
#include "tests/support/seccomp_filter.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::asymmetric_thread_fence_heavy;
using syncxx::asymmetric_thread_fence_light;

static_assert(
    noexcept(asymmetric_thread_fence_heavy(std::memory_order_seq_cst)));
static_assert(
    noexcept(asymmetric_thread_fence_light(std::memory_order_seq_cst)));

// The calling thread runs on the n-th CPU that it may use, if there is one.
void pin_to_cpu(int n) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &cpus) || n-- != 0) continue;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    return;
  }
}

// Store buffering, again and again: how often both threads have missed the
// other's store. Each round is a row of places at which they may meet.
template <class First, class Second>
int misses(int rounds, First first, Second second) {
  constexpr int kPlaces = 64;
  struct alignas(64) flag {
    std::atomic<int> value{0};
  };
  static flag flags[2][kPlaces];
  static int seen[2][kPlaces];
  std::atomic<int> phase[2]{};
  int missed = 0;
  const auto run = [&](int me, auto fence) {
    const auto meet = [&](int at) {
      phase[me].store(at, std::memory_order_release);
      for (int spins = 0; phase[1 - me].load(std::memory_order_acquire) < at;
           ++spins)
        if (spins % 1024 == 1023) std::this_thread::yield();
    };
    for (int i = 1; i <= rounds; ++i) {
      for (flag& f : flags[me]) f.value.store(0, std::memory_order_relaxed);
      meet(3 * i);
      for (int n = 0; n < kPlaces; ++n) {
        flags[me][n].value.store(1, std::memory_order_relaxed);
        fence();
        seen[me][n] = flags[1 - me][n].value.load(std::memory_order_relaxed);
      }
      meet(3 * i + 1);
      if (me == 0)
        for (int n = 0; n < kPlaces; ++n)
          missed += seen[0][n] == 0 && seen[1][n] == 0 ? 1 : 0;
      meet(3 * i + 2);
    }
  };
  std::thread one([&] {
    pin_to_cpu(0);
    run(0, first);
  });
  std::thread other([&] {
    pin_to_cpu(1);
    run(1, second);
  });
  one.join();
  other.join();
  return missed;
}

void light() { asymmetric_thread_fence_light(std::memory_order_seq_cst); }
void heavy() { asymmetric_thread_fence_heavy(std::memory_order_seq_cst); }

// Whether a missing fence can be seen here at all, if only the threads run at
// once. ThreadSanitizer's light fence is an update; an emulator may order more
// than the machine that it plays.
bool fences_can_be_missed() {
  return !kThreadSanitizer && !under_qemu() &&
         std::thread::hardware_concurrency() > 1;
}

// Between the rounds that must show nothing others do the same without a heavy
// fence. Until those have shown it often enough nothing is known of the first:
// the threads may not have run at once.
TEST(AsymmetricFenceTest, LightAndHeavyOrderEachOther) {
  constexpr int kEnough = 50;
  heavy();
  const auto begin = std::chrono::steady_clock::now();
  int seen = 0;
  do {
    ASSERT_EQ(misses(iterations(100), light, heavy), 0);
    ASSERT_EQ(misses(iterations(20), heavy, light), 0);
    ASSERT_EQ(misses(iterations(20), heavy, heavy), 0);
    if (fences_can_be_missed()) seen += misses(100, light, light);
  } while (fences_can_be_missed() && seen < kEnough &&
           std::chrono::steady_clock::now() - begin < 20s);
  RecordProperty("seen_without_heavy_fences", seen);
  if (seen < kEnough && !HasFailure())
    GTEST_SKIP() << "passed, but the same without heavy fences was seen to "
                    "fail only "
                 << seen << " times";
}

TEST(AsymmetricFenceTest, KeepsErrno) {
  errno = EDOM;
  heavy();
  light();
  EXPECT_EQ(errno, EDOM);
}

TEST(AsymmetricFenceTest, ARelaxedFenceIsNone) {
  asymmetric_thread_fence_light(std::memory_order_relaxed);
  asymmetric_thread_fence_heavy(std::memory_order_relaxed);
}

TEST(AsymmetricFenceTest, WorksInTheChildOfAFork) {
  heavy();
  EXPECT_TRUE(succeeds_in_child(
      [] { EXPECT_EQ(misses(iterations(100), light, heavy), 0); }));
}

// In programs that are started anew, in which nothing is settled yet.
class AsymmetricFenceDeathTest : public testing::TestWithParam<int> {
 protected:
  AsymmetricFenceDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Refused from the beginning: both are full fences.
TEST_P(AsymmetricFenceDeathTest, WithoutMembarrierBothAreFullFences) {
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate seccomp";
  EXPECT_EXIT(
      {
        refuse_syscalls({SYS_membarrier}, GetParam());
        const int missed = misses(100, light, heavy);
        // Neither makes a syscall any more: this would be the end.
        // (AddressSanitizer's runtime makes some of its own.)
        if (!kSanitized) trap_syscalls_but({SYS_exit_group});
        light();
        heavy();
        syncxx::biased_shared_mutex lock;
        for (int i = 0; i < 3; ++i) {
          lock.lock_shared();
          lock.unlock_shared();
          lock.lock();
          lock.unlock();
        }
        _exit(missed == 0 ? 42 : 1);
      },
      testing::ExitedWithCode(42), "");
}

// The lock whose readers have light fences alone still excludes.
TEST_P(AsymmetricFenceDeathTest, WithoutMembarrierReadersAndWritersExclude) {
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate seccomp";
  EXPECT_EXIT(
      {
        refuse_syscalls({SYS_membarrier}, GetParam());
        syncxx::biased_shared_mutex lock;
        long first = 0;
        long second = 0;
        std::atomic<bool> torn{false};
        const auto use = [&] {
          for (int i = 0; i < iterations(20'000); ++i) {
            if (i % 7 == 0) {
              const std::lock_guard own(lock);
              ++first;
              if (i % 21 == 0) std::this_thread::yield();
              ++second;
            } else {
              const std::shared_lock own(lock);
              if (first != second) torn = true;
            }
          }
        };
        std::thread other(use);
        use();
        other.join();
        _exit(!torn && first == second ? 42 : 1);
      },
      testing::ExitedWithCode(42), "");
}

// Refused when threads already rely on it: there is no way out.
TEST_P(AsymmetricFenceDeathTest, MembarrierRefusedLaterEndsTheProcess) {
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate seccomp";
  EXPECT_DEATH(
      {
        heavy();
        refuse_syscalls({SYS_membarrier}, GetParam());
        light();
        heavy();
      },
      "syncxx: membarrier.*sandbox");
}

using AsymmetricFenceFirstDeathTest = AsymmetricFenceDeathTest;

// The first heavy fence settles what light ones are, in the middle of it.
TEST_P(AsymmetricFenceFirstDeathTest, TheFirstHeavyFenceOrdersToo) {
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not start this death test";
  EXPECT_EXIT(_exit(misses(100, light, heavy) == 0 ? 42 : 1),
              testing::ExitedWithCode(42), "");
}
INSTANTIATE_TEST_SUITE_P(, AsymmetricFenceFirstDeathTest, testing::Values(0));

INSTANTIATE_TEST_SUITE_P(Errors, AsymmetricFenceDeathTest,
                         testing::Values(ENOSYS, EPERM, EACCES),
                         [](const testing::TestParamInfo<int>& error) {
                           return error.param == EPERM    ? "EPERM"
                                  : error.param == ENOSYS ? "ENOSYS"
                                                          : "EACCES";
                         });

}  // namespace
}  // namespace syncxx_test
