// SPDX-License-Identifier: Apache-2.0
#include "syscall.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

// Linux 5.16; older headers lack it. One number on all architectures.
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace detail::sys {
namespace {

// linux/futex.h has these from 5.16 on; named here to build on older headers.
constexpr std::uint32_t kFutex32 = 0x02;      // FUTEX_32
constexpr std::uint32_t kFutexPrivate = 128;  // FUTEX_PRIVATE_FLAG
struct kernel_waitv {                         // struct futex_waitv
  std::uint64_t value;
  std::uint64_t address;
  std::uint32_t flags;
  std::uint32_t reserved;
};

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

timespec to_timespec(deadline until) noexcept {
  const std::int64_t ns = until.ns() > 0 ? until.ns() : 0;
  timespec ts{};
  ts.tv_sec = static_cast<time_t>(ns / kNsPerSecond);
  ts.tv_nsec = static_cast<long>(ns % kNsPerSecond);
  return ts;
}

int private_flag(futex_scope scope) noexcept {
  return scope == futex_scope::process_private ? FUTEX_PRIVATE_FLAG : 0;
}

[[noreturn]] SYNCXX_COLD void refused(const char* operation,
                                      int error) noexcept {
  const char* advice =
      error == ENOSYS || error == EPERM || error == EACCES
          ? "a sandbox (seccomp filter) or kernel refuses a syscall that "
            "locks need to sleep: allow futex(2)"
          : "this is a bug in the program (a lock in unmapped or misaligned "
            "memory) or in syncxx";
  std::fprintf(stderr, "syncxx: %s failed: %s (errno %d): %s\n", operation,
               std::strerror(error), error, advice);
  std::abort();
}

// The error of the syscall just made. A lock leaves errno as it found it: it
// may be used between a caller's syscall and the look at its errno, above all
// in a signal handler.
int take_error(int saved) noexcept { return std::exchange(errno, saved); }

// FUTEX_* operations share one syscall; returns its result or -errno. Its
// fourth and later arguments mean different things for each, hence the untyped
// tail.
long futex(const futex_word* word, int operation, std::uint32_t value,
           const void* fourth, const void* fifth,
           std::uint32_t sixth) noexcept {
  const int saved = errno;
  const long result =
      ::syscall(SYS_futex, word, operation, value, fourth, fifth, sixth);
  return result >= 0 ? result : -take_error(saved);
}

}  // namespace

int futex_wait(const futex_word* word, std::uint32_t expected, deadline until,
               std::uint32_t mask, futex_scope scope, on_refusal) noexcept {
  const timespec ts = to_timespec(until);
  int operation = FUTEX_WAIT_BITSET | private_flag(scope);
  if (until.clock() == clock_id::realtime) operation |= FUTEX_CLOCK_REALTIME;
  const long result = futex(word, operation, expected,
                            until.is_never() ? nullptr : &ts, nullptr, mask);
  if (result == 0 || result == -EAGAIN || result == -ETIMEDOUT ||
      result == -EINTR) {
    return static_cast<int>(result);
  }
  refused("futex(FUTEX_WAIT_BITSET)", static_cast<int>(-result));
}

int futex_wake(const futex_word* word, int count, std::uint32_t mask,
               futex_scope scope) noexcept {
  const long woken =
      futex(word, FUTEX_WAKE_BITSET | private_flag(scope),
            static_cast<std::uint32_t>(count), nullptr, nullptr, mask);
  if (woken >= 0) return static_cast<int>(woken);
  // The wake may come late, after the object has been destroyed. EFAULT: its
  // memory is gone. EINVAL: it is in use again, for a PI futex.
  if (woken == -EFAULT || woken == -EINVAL) return 0;
  refused("futex(FUTEX_WAKE_BITSET)", static_cast<int>(-woken));
}

int futex_requeue(const futex_word* from, std::uint32_t expected, int wake,
                  int move, const futex_word* to, futex_scope scope,
                  wake_site) noexcept {
  // The fourth argument is a count in the place of the timeout pointer.
  const long moved =
      futex(from, FUTEX_CMP_REQUEUE | private_flag(scope),
            static_cast<std::uint32_t>(wake),
            reinterpret_cast<const void*>(static_cast<std::intptr_t>(move)), to,
            expected);
  if (moved >= 0) return static_cast<int>(moved);
  if (moved == -EAGAIN) return -EAGAIN;
  // As a wake, this may come late between processes.
  if (scope == futex_scope::process_shared &&
      (moved == -EFAULT || moved == -EINVAL)) {
    return 0;
  }
  refused("futex(FUTEX_CMP_REQUEUE)", static_cast<int>(-moved));
}

int futex_count(const futex_word* word, int at_most,
                futex_scope scope) noexcept {
  const long found =
      futex(word, FUTEX_REQUEUE | private_flag(scope), 0,
            reinterpret_cast<const void*>(static_cast<std::intptr_t>(at_most)),
            word, 0);
  if (found >= 0) return static_cast<int>(found);
  refused("futex(FUTEX_REQUEUE)", static_cast<int>(-found));
}

int futex_waitv(std::span<const waitv_entry> entries, deadline until) noexcept {
  // Whether the syscall is known to be missing. Relaxed: it guards no data, and
  // a thread that has not heard of it yet asks once more.
  static constinit atomic<bool> missing{false};
  if (missing.load(memory_order_relaxed)) return -ENOSYS;

  kernel_waitv vector[kWaitvMax];
  std::size_t n = 0;
  for (const waitv_entry& entry : entries) {
    vector[n++] = {
        entry.expected, reinterpret_cast<std::uint64_t>(entry.word),
        kFutex32 |
            (entry.scope == futex_scope::process_private ? kFutexPrivate : 0u),
        0};
  }
  const timespec ts = to_timespec(until);
  const clockid_t clock =
      until.clock() == clock_id::realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  const int saved = errno;
  const long index = ::syscall(SYS_futex_waitv, vector, n, 0u,
                               until.is_never() ? nullptr : &ts, clock);
  if (index >= 0) return static_cast<int>(index);
  const int error = take_error(saved);
  if (error == EAGAIN || error == ETIMEDOUT || error == EINTR) return -error;
  if (error == ENOMEM) return -ENOSYS;  // this time
  // Sandboxes answer EPERM for syscalls that they do not know.
  if (error == ENOSYS || error == EPERM || error == EACCES) {
    missing.store(true, memory_order_relaxed);
    return -ENOSYS;
  }
  refused("futex_waitv", error);
}

namespace {

// linux/membarrier.h, from 4.14 on.
constexpr int kPrivateExpedited = 1 << 3;
constexpr int kRegisterPrivateExpedited = 1 << 4;

// 0 or -errno.
int membarrier(int command) noexcept {
  const int saved = errno;
  const long result = ::syscall(SYS_membarrier, command, 0u, 0);
  return result >= 0 ? 0 : -take_error(saved);
}

}  // namespace

bool membarrier_register() noexcept {
  // EINVAL: an older kernel; ENOSYS, EPERM, EACCES: none, or a sandbox. Asked
  // for both: a sandbox may tell the commands apart.
  return membarrier(kRegisterPrivateExpedited) == 0 &&
         membarrier(kPrivateExpedited) == 0;
}

void membarrier() noexcept {
  int error = membarrier(kPrivateExpedited);
  // Not registered: no memory is shared with who was (a child that was made in
  // an unusual way).
  if (error == -EPERM && membarrier(kRegisterPrivateExpedited) == 0)
    error = membarrier(kPrivateExpedited);
  if (error == 0) return;
  std::fprintf(stderr,
               "syncxx: membarrier(2) failed, having worked before: %s (errno "
               "%d): a sandbox (seccomp filter) must allow it, or be there "
               "before the first asymmetric_thread_fence_heavy() or "
               "biased_shared_mutex\n",
               std::strerror(-error), -error);
  std::abort();
}

}  // namespace detail::sys

int detail::unpark(const futex_word* word, int count, std::uint32_t mask,
                   futex_scope scope, wake_site) noexcept {
  return sys::futex_wake(word, count, mask, scope);
}

}  // namespace syncxx::inline SYNCXX_ABI
