// SPDX-License-Identifier: Apache-2.0
//
// What the checker asks of the operating system. Nothing here allocates.
#ifndef SYNCXX_SRC_DEADLOCK_PROCESS_H_
#define SYNCXX_SRC_DEADLOCK_PROCESS_H_

#include <cstddef>
#include <string_view>

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::process {

// To be called once when the program starts: keeps what later answers are
// compared with, and registers the fork handlers and what is called when a
// thread ends.
void begin(void (*before_fork)(), void (*in_parent)(), void (*in_child)(),
           void (*at_thread_end)()) noexcept;

// The calling thread's end shall be told: after the destructors of its
// thread_local objects and, as far as can be arranged, of its pthread keys.
void call_at_thread_end() noexcept;

// How many threads the process has; 0: that can't be told. One system call.
unsigned count_threads() noexcept;
// Whether a thread of the process sleeps in the kernel now: it has not been
// woken, or has gone on and sleeps again.
bool is_asleep(int tid) noexcept;
// Whether other processes see what is written there; true where that can't be
// told.
bool is_shared_memory(const void* address) noexcept;
// Whether the program catches signals that come from outside: a handler may do
// what a thread waits for.
bool catches_signals() noexcept;

// Starts a thread of the checker's own, unless there is one. It sleeps until
// there is something to watch. To be called where the program creates a thread
// itself: that may allocate, and wait for the allocator's locks.
void start_watcher() noexcept;
// That thread calls `check` after `ns`, and again while it says so. Nothing
// happens while it is busy, and where there is none.
void watch(long long ns, bool (*check)()) noexcept;
// In the child of a fork: there is none.
void forget_watch() noexcept;
// A handler of the checker's own.
void ignore_signal(int number) noexcept;

// All of it, as far as the file takes it.
void write_all(int fd, std::string_view bytes) noexcept;

// On the monotonic clock.
long long now_ns() noexcept;

// The kernel's number of the calling thread; makes no system call.
int thread_id() noexcept;

inline constexpr std::size_t kThreadNameSize = 16;  // TASK_COMM_LEN

enum class thread_fate { unknown, alive, ended };

// The name of a thread of this process. A later thread may have got the number.
thread_fate look_up_thread(int tid, char (&name)[kThreadNameSize]) noexcept;

// Whether the program has locked itself up (seccomp) since it started, or runs
// with more rights than its user: then a report opens no file and starts no
// program, for that might end the process.
bool is_confined() noexcept;

// Unbuffered, whole, to stderr; nothing happens where that is closed or nobody
// reads it. errno is kept.
void print(std::string_view message) noexcept;

// The same to a file that is open. 0, or the error.
int write(int fd, std::string_view message) noexcept;

// A report must not be torn by the cancellation of the thread that makes it.
class cancellation_pause {
 public:
  cancellation_pause() noexcept;
  cancellation_pause(const cancellation_pause&) = delete;
  cancellation_pause& operator=(const cancellation_pause&) = delete;
  ~cancellation_pause();

 private:
  int before_ = 0;
};

// Runs `argv[0]`, found on PATH, without input, and keeps what it prints, at
// most `size` bytes. -1: it could not be started. It is killed at `until_ns` on
// the monotonic clock. One at a time.
std::ptrdiff_t output_of(const char* const* argv, char* output,
                         std::size_t size, long long until_ns) noexcept;

}  // namespace detail::process
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_PROCESS_H_
