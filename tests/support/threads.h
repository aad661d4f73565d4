// SPDX-License-Identifier: Apache-2.0
//
// Threads that a test can look at: `background` runs a function, and the test
// observes (never guesses by sleeping) that it is asleep in the kernel or done.
#ifndef SYNCXX_TESTS_SUPPORT_THREADS_H_
#define SYNCXX_TESTS_SUPPORT_THREADS_H_

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "tests/support/environment.h"
#include "tests/support/watchdog.h"

namespace syncxx_test {

using namespace std::chrono_literals;

#ifndef SYS_futex_waitv
inline constexpr long kFutexWaitv = 449;
#else
inline constexpr long kFutexWaitv = SYS_futex_waitv;
#endif

inline pid_t this_tid() { return static_cast<pid_t>(syscall(SYS_gettid)); }

namespace threads_detail {

inline ssize_t read_task_file(pid_t tid, const char* file, char* text,
                              std::size_t size) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task/%d/%s", tid, tid, file);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t n = read(fd, text, size - 1);
  close(fd);
  if (n >= 0) text[n] = '\0';
  return n;
}

}  // namespace threads_detail

// The scheduler's letter for a thread, of any process ('R', 'S', …); 0 when the
// thread is gone.
inline char thread_state(pid_t tid) {
  char text[512];
  if (threads_detail::read_task_file(tid, "stat", text, sizeof text) <= 0)
    return 0;
  const char* name_end = std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] != '\0' ? name_end[2] : '\0';
}

// The system call that a thread sleeps in; -1 when it runs; nullopt where the
// kernel does not tell (or tells the emulator's).
inline std::optional<long> thread_syscall(pid_t tid) {
  if (under_qemu()) return std::nullopt;
  char text[256];
  if (threads_detail::read_task_file(tid, "syscall", text, sizeof text) <= 0)
    return std::nullopt;
  if (std::strncmp(text, "running", 7) == 0) return -1;
  return std::strtol(text, nullptr, 10);
}

// How often a thread of this process has gone to sleep; 0 when it is gone.
inline long sleeps_so_far(pid_t tid) {
  char text[4096];
  if (threads_detail::read_task_file(tid, "status", text, sizeof text) <= 0)
    return 0;
  constexpr char kField[] = "\nvoluntary_ctxt_switches:";
  const char* field = std::strstr(text, kField);
  return field == nullptr ? 0
                          : std::strtol(field + sizeof kField - 1, nullptr, 10);
}

// Asleep in a futex wait at this instant (or just asleep, where only that can
// be known).
inline bool asleep_in_futex(pid_t tid) {
  if (thread_state(tid) != 'S') return false;
  const std::optional<long> call = thread_syscall(tid);
  return !call || *call == SYS_futex || *call == kFutexWaitv;
}

inline void short_pause() { std::this_thread::sleep_for(200us); }

// Waits for `done()`; the watchdog ends a wait that never does.
template <class Predicate>
void await(Predicate done) {
  while (!done()) short_pause();
}

// Runs `body` on a thread of its own and keeps what it returns. Rethrows from
// result() what the body threw.
template <class R>
class background {
 public:
  template <class F>
  explicit background(F body)
      : thread_([this, body = std::move(body)]() mutable {
          tid_.store(this_tid());
          try {
            result_.emplace(body());
          } catch (...) {
            error_ = std::current_exception();
          }
          finished_.store(true);
        }) {}
  background(const background&) = delete;
  background& operator=(const background&) = delete;
  ~background() {
    if (thread_.joinable()) thread_.join();
  }

  pid_t tid() const {
    await([this] { return tid_.load() != 0; });
    return tid_.load();
  }
  pthread_t native() { return thread_.native_handle(); }
  bool finished() const { return finished_.load(); }

  // Returns when the body sleeps in the kernel: twice in a row, so that a
  // passing wait (an allocator's lock) is not taken for the one meant.
  void await_sleep() const {
    const pid_t id = tid();
    for (int seen = 0; seen < 2 && !finished();) {
      seen = asleep_in_futex(id) ? seen + 1 : 0;
      short_pause();
    }
  }

  // Joins; the body must be about to end.
  R result() {
    if (thread_.joinable()) thread_.join();
    if (error_) std::rethrow_exception(error_);
    return *result_;
  }

 private:
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> finished_{false};
  std::optional<R> result_;
  std::exception_ptr error_;
  std::thread thread_;  // last: the body uses the members above
};

// background for bodies that return nothing.
template <class F>
auto run_in_background(F body) {
  using R = std::invoke_result_t<F&>;
  if constexpr (std::is_void_v<R>) {
    return background<bool>([body = std::move(body)]() mutable {
      body();
      return true;
    });
  } else {
    return background<R>(std::move(body));
  }
}

// Lets two or more threads leave at the same moment, spinning: for races.
class starting_line {
 public:
  explicit starting_line(int runners) : missing_(runners) {}
  void ready_and_go() {
    missing_.fetch_sub(1);
    for (int spins = 0; missing_.load() > 0; ++spins)
      if (spins % 64 == 63) std::this_thread::yield();
  }

 private:
  std::atomic<int> missing_;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_THREADS_H_
