// SPDX-License-Identifier: Apache-2.0
//
// Counts the system calls that a piece of code makes, in a child process, by
// a seccomp filter that turns each into a signal. All calls count but the
// clock's (the vDSO makes it one only on machines without a usable time stamp
// counter). A counted call is not carried out: it returns 0.
#ifndef SYNCXX_TESTS_SUPPORT_SYSCALL_METER_H_
#define SYNCXX_TESTS_SUPPORT_SYSCALL_METER_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sync/robust_mutex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "tests/support/child_process.h"
#include "tests/support/seccomp_filter.h"

namespace syncxx_test {

class syscall_meter {
 public:
  // What one measurement found; lives in memory shared with the parent.
  struct reading {
    char what[80];
    int calls;
    int first_call;  // the number of the first one
  };
  static constexpr int kMaxReadings = 512;
  struct page {
    int size;
    reading readings[kMaxReadings];
  };

  explicit syscall_meter(page* out) : out_(out) {}

  // Runs `operation` and notes how many calls it made. The first use puts the
  // calling thread under the filter for good: start and join threads before.
  template <class F>
  void count(const char* what, F operation) {
    arm();
    counted.store(0, std::memory_order_relaxed);
    first.store(-1, std::memory_order_relaxed);
    operation();
    const int calls = counted.load(std::memory_order_relaxed);
    if (out_->size == kMaxReadings) return;
    reading& r = out_->readings[out_->size++];
    std::size_t n = 0;
    for (; what[n] != '\0' && n + 1 < sizeof r.what; ++n) r.what[n] = what[n];
    r.what[n] = '\0';
    r.calls = calls;
    r.first_call = first.load(std::memory_order_relaxed);
  }

 private:
  static void on_trap(int, siginfo_t* info, void* context) {
    int none = -1;
    first.compare_exchange_strong(none, info->si_syscall,
                                  std::memory_order_relaxed);
    counted.fetch_add(1, std::memory_order_relaxed);
    set_syscall_result(context, 0);
  }

  void arm() {
    if (armed_) return;
    armed_ = true;
    // A thread's first use of these asks the kernel for its number and list.
    syncxx::robust_mutex warm_up;
    warm_up.lock();
    warm_up.unlock();
    struct sigaction action = {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSYS, &action, nullptr);
    if (!trap_syscalls_but({
          SYS_rt_sigreturn, SYS_exit_group, SYS_write,
#if defined(SYNCXX_HOOKS) && SYNCXX_HOOKS
              // The checker's tables grow.
              SYS_mmap, SYS_munmap,
#endif
              SYS_clock_gettime
        })) {
      _exit(3);
    }
  }

  static inline std::atomic<int> counted{0};
  static inline std::atomic<int> first{-1};
  page* out_;
  bool armed_ = false;
};

using syscall_readings = std::vector<syscall_meter::reading>;

// Runs `body(syscall_meter&)` in a child and returns what it counted.
template <class Body>
syscall_readings measure_syscalls(Body body) {
  void* shared =
      mmap(nullptr, sizeof(syscall_meter::page), PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    ADD_FAILURE() << "mmap failed";
    return {};
  }
  auto* page = static_cast<syscall_meter::page*>(shared);
  EXPECT_TRUE(succeeds_in_child([&] {
    syscall_meter meter(page);
    body(meter);
    // What destructors and the runtime do under the filter proves nothing.
    if (page->size > 0) _exit(testing::Test::HasFailure() ? 1 : 0);
  }));
  syscall_readings readings(page->readings, page->readings + page->size);
  munmap(shared, sizeof(syscall_meter::page));
  EXPECT_FALSE(readings.empty()) << "nothing was measured";
  return readings;
}

inline void expect_no_syscalls(const syscall_readings& readings) {
  for (const syscall_meter::reading& r : readings) {
    EXPECT_EQ(r.calls, 0) << r.what << " made a system call, number "
                          << r.first_call;
  }
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_SYSCALL_METER_H_
