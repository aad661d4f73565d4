// SPDX-License-Identifier: Apache-2.0
#include "syscall.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

// Linux 5.14; older headers lack it.
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

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

int futex_clear_and_wake(const futex_word* word, std::uint32_t bits,
                         futex_scope scope) noexcept {
  const auto bit = static_cast<std::uint32_t>(std::countr_zero(bits));
  // *word &= ~(1 << bit); the comparison, with 0, is false: a second word is
  // not woken.
  const std::uint32_t operation =
      (std::uint32_t{FUTEX_OP_ANDN | FUTEX_OP_OPARG_SHIFT} << 28) | (bit << 12);
  const long woken = futex(word, FUTEX_WAKE_OP | private_flag(scope), 1,
                           nullptr, word, operation);
  if (woken >= 0) return static_cast<int>(woken);
  refused("futex(FUTEX_WAKE_OP)", static_cast<int>(-woken));
}

namespace {

// What a PI operation's caller can answer.
int answerable(const char* operation, long result) noexcept {
  switch (result) {
    case -EINTR:
    case -ENOMEM:
    case -EBUSY:
      return -EAGAIN;
    case -EAGAIN:
    case -EDEADLK:
    case -EINVAL:
    case -ESRCH:
    case -ETIMEDOUT:
      return static_cast<int>(result);
    case -EPERM:  // a stranger's unlock; else the word names a kernel thread
      return -EPERM;
    default:
      if (result >= 0) return static_cast<int>(result);
      refused(operation, static_cast<int>(-result));
  }
}

// FUTEX_LOCK_PI knows system time only. A clock that is set moves such a wait:
// so it is a short one, and the caller's, who asks the right clock, goes on.
constexpr std::int64_t kStepNs = 1'000'000'000;

timespec to_system_time(deadline until) noexcept {
  std::int64_t left = until.ns() - now_ns(until.clock());
  if (left > kStepNs) left = kStepNs;
  if (left < 1) left = 1;
  const std::int64_t when = saturating_add(now_ns(clock_id::realtime), left);
  timespec ts{};
  ts.tv_sec = static_cast<time_t>(when / kNsPerSecond);
  ts.tv_nsec = static_cast<long>(when % kNsPerSecond);
  return ts;
}

int lock_pi_in_system_time(const futex_word* word, deadline until,
                           futex_scope scope) noexcept {
  for (;;) {
    const timespec ts = to_system_time(until);
    const int result = answerable(
        "futex(FUTEX_LOCK_PI)",
        futex(word, FUTEX_LOCK_PI | private_flag(scope), 0, &ts, nullptr, 0));
    if (result != -ETIMEDOUT || until.has_passed()) return result;
  }
}

}  // namespace

int futex_lock_pi(const futex_word* word, deadline until,
                  futex_scope scope) noexcept {
  if (until.is_never() || until.clock() == clock_id::realtime) {
    const timespec ts = to_timespec(until);
    return answerable("futex(FUTEX_LOCK_PI)",
                      futex(word, FUTEX_LOCK_PI | private_flag(scope), 0,
                            until.is_never() ? nullptr : &ts, nullptr, 0));
  }
  // As for futex_waitv.
  static constinit atomic<bool> missing{false};
  if (!missing.load(memory_order_relaxed)) {
    const timespec ts = to_timespec(until);
    const long result =
        futex(word, FUTEX_LOCK_PI2 | private_flag(scope), 0, &ts, nullptr, 0);
    if (result != -ENOSYS) return answerable("futex(FUTEX_LOCK_PI2)", result);
    missing.store(true, memory_order_relaxed);
  }
  return lock_pi_in_system_time(word, until, scope);
}

int futex_trylock_pi(const futex_word* word, futex_scope scope) noexcept {
  return answerable("futex(FUTEX_TRYLOCK_PI)",
                    futex(word, FUTEX_TRYLOCK_PI | private_flag(scope), 0,
                          nullptr, nullptr, 0));
}

int futex_unlock_pi(const futex_word* word, futex_scope scope,
                    wake_site) noexcept {
  for (;;) {
    const int result =
        answerable("futex(FUTEX_UNLOCK_PI)",
                   futex(word, FUTEX_UNLOCK_PI | private_flag(scope), 0,
                         nullptr, nullptr, 0));
    if (result == 0 || result == -EPERM) return result;
    if (result != -EAGAIN) refused("futex(FUTEX_UNLOCK_PI)", -result);
  }
}

int futex_wait_requeue_pi(const futex_word* word, std::uint32_t expected,
                          deadline until, const futex_word* mutex,
                          futex_scope scope) noexcept {
  const timespec ts = to_timespec(until);
  int operation = FUTEX_WAIT_REQUEUE_PI | private_flag(scope);
  if (until.clock() == clock_id::realtime) operation |= FUTEX_CLOCK_REALTIME;
  const long result = futex(word, operation, expected,
                            until.is_never() ? nullptr : &ts, mutex, 0);
  if (result == 0 || result == -ETIMEDOUT) return static_cast<int>(result);
  // -EDEADLK and -ESRCH: what a lock of `mutex` finds out as well.
  if (result == -EAGAIN || result == -EINTR || result == -EDEADLK ||
      result == -ESRCH) {
    return -EAGAIN;
  }
  refused("futex(FUTEX_WAIT_REQUEUE_PI)", static_cast<int>(-result));
}

int futex_cmp_requeue_pi(const futex_word* word, std::uint32_t expected,
                         int more, const futex_word* mutex, futex_scope scope,
                         wake_site) noexcept {
  return answerable(
      "futex(FUTEX_CMP_REQUEUE_PI)",
      futex(word, FUTEX_CMP_REQUEUE_PI | private_flag(scope), 1,
            reinterpret_cast<const void*>(static_cast<std::intptr_t>(more)),
            mutex, expected));
}

}  // namespace detail::sys

int detail::unpark(const futex_word* word, int count, std::uint32_t mask,
                   futex_scope scope, wake_site) noexcept {
  return sys::futex_wake(word, count, mask, scope);
}

}  // namespace syncxx::inline SYNCXX_ABI
