// SPDX-License-Identifier: Apache-2.0
//
// Kernels and sandboxes that refuse syscalls: without futex_waitv everything
// works by other means; without futex nothing can, and the process says why.
#include <gtest/gtest.h>
#include <sync/futex.h>
#include <sync/mutex.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <stop_token>
#include <thread>

#include "tests/support/child_process.h"
#include "tests/support/seccomp_filter.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/wait_forms.h"
#include "tests/support/waitables.h"
#include "tests/support/waiter.h"

namespace syncxx_test {
namespace {

// Runs `body` in a child in which futex_waitv fails with each of the errors
// that are seen for a missing syscall.
template <class Body>
void without_futex_waitv(Body body) {
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate seccomp";
  for (const int error : {ENOSYS, EPERM}) {
    EXPECT_TRUE(succeeds_in_child([&] {
      ASSERT_TRUE(refuse_syscalls({kFutexWaitv}, error));
      errno = 0;
      ASSERT_EQ(syscall(kFutexWaitv, nullptr, 0, 0, nullptr, 0), -1);
      ASSERT_EQ(errno, error);
      body();
    })) << "futex_waitv fails with errno "
        << error;
  }
}

class WithoutWaitv : public waitable_test {};
INSTANTIATE_TEST_SUITE_P(, WithoutWaitv,
                         testing::ValuesIn(stoppable_waitables()),
                         waitable_name);

TEST_P(WithoutWaitv, StopEndsTheWait) {
  without_futex_waitv([] {
    std::stop_source source;
    row waiting(GetParam(), stoppable_forms(GetParam()), 1h,
                source.get_token());
    waiting.await_blocked();
    waiting.expect_waiting();
    source.request_stop();
    for (auto& w : waiting) w->expect_stopped();
  });
}

TEST_P(WithoutWaitv, ReleaseServesTheWait) {
  without_futex_waitv([] {
    std::stop_source source;
    row waiting(GetParam(), stoppable_forms(GetParam()), 1h,
                source.get_token());
    waiting.await_blocked();
    waiting.open();
    for (auto& w : waiting) w->expect_taken();
  });
}

TEST_P(WithoutWaitv, TimesOutAndNotEarly) {
  without_futex_waitv([] {
    std::stop_source source;
    row waiting(GetParam(), timed_forms(GetParam()), 10ms, source.get_token());
    for (auto& w : waiting) w->expect_not_taken();
  });
}

TEST_P(WithoutWaitv, StopOfOneLosesNoWakeOfAnother) {
  without_futex_waitv([] {
    std::minstd_rand random(11);
    const auto stoppable = stoppable_forms(GetParam());
    const auto block = unending_forms(GetParam()).front();
    for (int round = 0; round < iterations(100); ++round) {
      const auto w = GetParam().make(false);
      std::stop_source source, never;
      waiter listener(*w, stoppable[random() % stoppable.size()], 1h,
                      source.get_token());
      waiter other(*w, stoppable[random() % stoppable.size()], 1h,
                   never.get_token());
      waiter plain(*w, block, 1h);
      if (round % 4 != 0) {
        listener.await_blocked();
        other.await_blocked();
        plain.await_blocked();
      }
      starting_line line(2);
      std::thread stopper([&] {
        line.ready_and_go();
        source.request_stop();
      });
      line.ready_and_go();
      w->open();
      stopper.join();
      listener.outcome();
      other.expect_taken();
      plain.expect_taken();
      expect_one_token_left(*w);
    }
  });
}

TEST(SandboxTest, FutexWaitAnyWithoutWaitv) {
  without_futex_waitv([] {
    std::atomic<std::uint32_t> words[3] = {};
    const syncxx::futex_wait_entry entries[] = {
        {&words[0], 0}, {&words[1], 0}, {&words[2], 0}};
    EXPECT_EQ(syncxx::futex_wait_any_for(entries, 0s), std::nullopt);
    const auto start = std::chrono::steady_clock::now();
    while (syncxx::futex_wait_any_for(entries, 10ms)) {
    }
    EXPECT_GE(std::chrono::steady_clock::now() - start, 10ms);
    for (auto& w : words) {
      background<bool> waiting([&] {
        while (w.load() == 0) syncxx::futex_wait_any(entries);
        return true;
      });
      waiting.await_sleep();
      w.store(1);
      syncxx::futex_wake(w);
      EXPECT_TRUE(waiting.result());
      w.store(0);
    }
  });
}

std::chrono::nanoseconds cpu_time_of_this_thread() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

// However long it lasts, the fallback is no busy loop.
TEST(SandboxTest, LongFutexWaitAnyWithoutWaitvSleeps) {
  without_futex_waitv([] {
    std::atomic<std::uint32_t> words[2] = {};
    const syncxx::futex_wait_entry entries[] = {{&words[0], 0}, {&words[1], 0}};
    const auto cpu = cpu_time_of_this_thread();
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < 600ms)
      syncxx::futex_wait_any_until(entries, start + 600ms);
    const auto wall = std::chrono::steady_clock::now() - start;
    EXPECT_LT(cpu_time_of_this_thread() - cpu, wall / 3);
  });
}

// --- No futex at all ---------------------------------------------------------

class SandboxDeathTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate seccomp";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

TEST_P(SandboxDeathTest, RefusedWaitNamesTheSyscall) {
  EXPECT_DEATH(
      {
        syncxx::mutex m;
        std::atomic<bool> held{false};
        std::thread([&] {  // for ever: nobody will unlock
          m.lock();
          held.store(true);
          for (;;) std::this_thread::sleep_for(1h);
        })
            .detach();
        await([&] { return held.load(); });
        refuse_syscalls({SYS_futex}, GetParam());
        m.lock();
      },
      "futex");
}

TEST_P(SandboxDeathTest, RefusedWakeNamesTheSyscall) {
  EXPECT_DEATH(
      {
        syncxx::mutex m;
        m.lock();
        background<bool> waiting([&] {
          m.lock();
          return true;
        });
        waiting.await_sleep();
        refuse_syscalls({SYS_futex}, GetParam());
        m.unlock();
      },
      "futex");
}

INSTANTIATE_TEST_SUITE_P(Errors, SandboxDeathTest,
                         testing::Values(EPERM, ENOSYS, EACCES),
                         [](const testing::TestParamInfo<int>& error) {
                           return error.param == EPERM    ? "EPERM"
                                  : error.param == ENOSYS ? "ENOSYS"
                                                          : "EACCES";
                         });

}  // namespace
}  // namespace syncxx_test
