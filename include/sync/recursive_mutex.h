// SPDX-License-Identifier: Apache-2.0
//
// recursive_mutex: a mutex that its owner may lock again.
//
// Choose it for code that re-enters itself through callbacks and cannot be
// changed. Otherwise choose mutex: with a recursive lock, holding it no longer
// means that the data's invariants held when the section began.
//
// Promises
//   size      16 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: the mutex's 1 + 1 atomic RMW; inner levels 0
//   the rest  progress, ordering, lifetime, waits and fork are those of
//             mutex
//   errors    unlock() by a thread that is not the owner throws
//             std::system_error (EPERM); lock() past 2^32 - 1 levels throws
//             resource_unavailable_try_again, try_lock() is false there. A
//             thread must not end while it owns the lock: a later thread may
//             be taken for it
//
// Meets [thread.mutex.recursive] and [thread.timedmutex.recursive].
// Design: docs/design/recursive_mutex.md. Stress:
// stress/recursive_mutex_stress.cc.
#ifndef SYNCXX_RECURSIVE_MUTEX_H_
#define SYNCXX_RECURSIVE_MUTEX_H_

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <system_error>

#include <sync/detail/annotations.h>
#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_mutex.h>
#include <sync/detail/thread.h>
#include <sync/detail/told_wait.h>

namespace syncxx::inline SYNCXX_ABI {

class SYNCXX_CAPABILITY("recursive_mutex") recursive_mutex {
 public:
  constexpr recursive_mutex() noexcept = default;
  recursive_mutex(const recursive_mutex&) = delete;
  recursive_mutex& operator=(const recursive_mutex&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~recursive_mutex() { detail::hook_destroyed(this, kKind); }
#endif

  // Blocks until the calling thread owns one more level.
  void lock() SYNCXX_ACQUIRE() {
    if (is_mine()) {
      if (!deepen()) too_deep();
      return;
    }
    detail::hook_attempt(this, kKind);
    if (!note(raw_.try_lock())) [[unlikely]]
      wait(detail::deadline::never());
  }
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) {
    return is_mine() ? deepen() : note(raw_.try_lock());
  }
  // Gives one level back; the last one frees the lock.
  void unlock() SYNCXX_RELEASE() {
    if (!is_mine()) [[unlikely]]
      detail::misused(this, kKind,
                      "unlock of a recursive_mutex by a thread that does not "
                      "hold it",
                      EPERM);
    if (inner_levels_ != 0) {
      --inner_levels_;
      return;
    }
    detail::hook_releasing(this, kKind);
    owner_.store(kNobody, detail::memory_order_relaxed);
    raw_.unlock();
  }

  // Block until the calling thread owns one more level (true), or the time has
  // passed or a stop was requested, or there are too many levels (false).
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(detail::deadline::after(time));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() ||
           detail::wait_until(
               time, [this](detail::deadline until) { return slow(until); });
  }
  bool lock(const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(detail::deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time,
                    const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(detail::deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time,
                      const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() ||
           detail::wait_until(
               time, [&](detail::deadline until) { return slow(until, &stop); },
               stop);
  }

  // In the child of a fork, while it has one thread: makes the lock free,
  // whoever held it in the parent. What it guards may be half changed.
  void reset_after_fork() noexcept SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    detail::hook_reset(this, kKind);
    owner_.store(kNobody, detail::memory_order_relaxed);
    inner_levels_ = 0;
    raw_.reset_after_fork();
  }

 private:
  static constexpr auto kKind = detail::object_kind::recursive_mutex;
  static constexpr std::uintptr_t kNobody = 0;

  // Relaxed: a thread finds its own number here only if it wrote it itself, and
  // a thread sees its own writes in order.
  bool is_mine() const noexcept {
    return owner_.load(detail::memory_order_relaxed) == detail::self_id();
  }
  bool deepen() noexcept {
    if (inner_levels_ == std::numeric_limits<std::uint32_t>::max() - 1)
      return false;
    ++inner_levels_;
    return true;
  }
  bool note(bool owned) noexcept {
    if (owned) {
      owner_.store(detail::self_id(), detail::memory_order_relaxed);
      detail::hook_acquired(this, kKind);
    }
    return owned;
  }
  bool slow(detail::deadline until, const stop_token* stop = nullptr) {
    if (is_mine()) return false;  // too many levels: waiting would not help
    detail::hook_attempt(this, kKind);
    return wait(until, stop);
  }
  bool wait(detail::deadline until, const stop_token* stop = nullptr) {
    detail::told_wait told(this, kKind, until, stop);
    const bool owned = raw_.lock_slow(until, told.stop());
    told.ends(this, kKind, owned);
    return note(owned);
  }
  [[noreturn]] SYNCXX_COLD static void too_deep() {
    throw std::system_error(
        std::make_error_code(std::errc::resource_unavailable_try_again),
        "syncxx: recursive_mutex locked more than 2^32 - 1 times");
  }

  detail::raw_mutex raw_;
  std::uint32_t inner_levels_ = 0;  // beyond the first; raw_'s owner's alone
  detail::atomic<std::uintptr_t> owner_{kNobody};
};

using recursive_timed_mutex = recursive_mutex;

static_assert(SYNCXX_IN_RELACY || sizeof(recursive_mutex) == 16);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_RECURSIVE_MUTEX_H_
