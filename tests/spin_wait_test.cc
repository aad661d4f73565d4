// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sync/event.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "tests/support/child_process.h"
#include "tests/support/seccomp_filter.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using namespace std::chrono_literals;

// What is handed on is waited for with some yields before the sleep; where one
// of them takes long, the thread's next waits do without. A lock is not.
std::atomic<int> yields{0};
std::atomic<bool> yields_last{false};

int yields_of(const auto& wait) {
  yields.store(0);
  wait();
  return yields.load();
}

TEST(SpinWaitTest, YieldsBeforeASleep) {
  if (!no_syscall_counting().empty()) GTEST_SKIP() << no_syscall_counting();
  EXPECT_TRUE(succeeds_in_child([] {
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      yields.fetch_add(1);
      const auto end = std::chrono::steady_clock::now() + 2ms;
      while (yields_last.load() && std::chrono::steady_clock::now() < end) {
      }
      set_syscall_result(context, 0);
    };
    sigaction(SIGSYS, &action, nullptr);
    ASSERT_TRUE(trap_syscall(SYS_sched_yield));
    constexpr int kMost = 12;
    syncxx::counting_semaphore<> none(0);
    syncxx::event event;
    const auto semaphore = [&] { EXPECT_FALSE(none.try_acquire_for(1ms)); };
    // (A wait that is interrupted for 0.1 ms learns from that.)
    int most = 0;
    for (int i = 0; i < 10'000 && most < kMost; ++i)
      most = std::max(most, yields_of(semaphore));
    EXPECT_EQ(most, kMost);
    most = 0;
    for (int i = 0; i < 10'000 && most < kMost; ++i)
      most =
          std::max(most, yields_of([&] { EXPECT_FALSE(event.wait_for(1ms)); }));
    EXPECT_EQ(most, kMost);

    yields_last.store(true);
    int late = 0;
    for (int i = 0; i < 10'000 && late == 0; ++i) late = yields_of(semaphore);
    EXPECT_EQ(late, 1);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(yields_of(semaphore), 0);

    syncxx::mutex m;
    m.lock();
    background<bool> other([&] {
      yields.store(0);
      return m.try_lock_for(1ms);
    });
    EXPECT_FALSE(other.result());
    EXPECT_EQ(yields.load(), 0);
    m.unlock();
  }));
}

}  // namespace
}  // namespace syncxx_test
