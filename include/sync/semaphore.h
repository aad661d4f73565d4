// SPDX-License-Identifier: Apache-2.0
//
// counting_semaphore, binary_semaphore: tokens that threads give and take.
//
// Choose it to bound how many threads do something at once, to count items, or
// where the thread that gives is not the one that took. Choose mutex for mutual
// exclusion (it has an owner, and bounded overtaking), auto_reset_event where
// giving twice should count once.
//
// Promises
//   size      4 bytes; constinit; usable in zero-initialised memory (no token);
//             trivially destructible (not in the hooked library)
//   cost      acquire with a token there 1 atomic RMW, release with nobody
//             asleep 1; no syscall unless a thread waits
//   progress  blocking; try_acquire is lock-free. Tokens go to whoever comes
//             first; sleepers are woken longest first and may be overtaken
//   ordering  release() synchronizes with the acquire that takes its token
//   lifetime  may be destroyed as soon as the last acquire has returned, even
//             if the release() that made that possible has not
//   waits     acquire() can be bounded by any clock and by a stop_token
//   errors    std::invalid_argument (std::system_error for release) and
//             EOVERFLOW, see below. A release past max() takes its tokens back;
//             for a moment others may take them, or be refused in its stead
//   fork      in the child: reset_after_fork(n): tokens that other threads held
//             do not come back, and one that was taken at that moment is lost
//
// Meets [thread.sema]. release() that does not throw, and try_acquire(), are
// async-signal-safe.
// Design: docs/design/semaphore.md. Stress: stress/semaphore_stress.cc.
#ifndef SYNCXX_SEMAPHORE_H_
#define SYNCXX_SEMAPHORE_H_

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <stdexcept>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_semaphore.h>
#include <sync/detail/thread.h>
#include <sync/detail/told_wait.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

// counting_semaphore and interprocess::counting_semaphore.
template <std::ptrdiff_t LeastMaxValue, futex_scope Scope>
class basic_semaphore {
  static_assert(LeastMaxValue >= 0,
                "a semaphore cannot hold less than nothing");
  static_assert(LeastMaxValue <= detail::raw_semaphore::kMax,
                "a syncxx semaphore holds up to 2^30 - 1 tokens");

 public:
  static constexpr std::ptrdiff_t max() noexcept { return LeastMaxValue; }

  // Throws std::invalid_argument unless 0 <= desired <= max().
  constexpr explicit basic_semaphore(std::ptrdiff_t desired)
      : raw_(checked(desired)) {}
  basic_semaphore(const basic_semaphore&) = delete;
  basic_semaphore& operator=(const basic_semaphore&) = delete;
#if SYNCXX_HOOKED
  ~basic_semaphore() { detail::hook_destroyed(this, kKind); }
#endif

  // Gives `update` tokens. Throws std::system_error: EINVAL if update < 0,
  // EOVERFLOW if there would be more than max().
  void release(std::ptrdiff_t update = 1) {
    if (update <= 0) [[unlikely]] {
      if (update == 0) return;
      detail::misused(this, kKind, "release of a negative number of tokens",
                      EINVAL);
    }
    detail::hook_releasing(this, kKind);
    if (update > max() || !raw_.release(static_cast<std::int32_t>(update),
                                        static_cast<std::int32_t>(max())))
        [[unlikely]]
      detail::misused(this, kKind, "release of a semaphore past its max()",
                      EOVERFLOW);
  }

  // Blocks until a token is taken.
  void acquire() {
#if SYNCXX_HOOKED  // who owes a token could not give up
    detail::hook_attempt(this, kKind);
    if (!note(raw_.try_acquire())) wait(detail::deadline::never());
#else
    if (!raw_.take_or_owe()) [[unlikely]]
      raw_.pay_and_acquire();
#endif
  }
  // Takes a token if there is one. Never blocks; may fail while another thread
  // is in acquire().
  bool try_acquire() noexcept { return note(raw_.try_acquire()); }

  // Block until a token is taken (true), or the time has passed or a stop was
  // requested (false). A token that is there is taken even so. A time that has
  // passed costs no syscall.
  template <class Rep, class Period>
  bool try_acquire_for(const std::chrono::duration<Rep, Period>& time) {
    return try_acquire() || slow(detail::deadline::after(time));
  }
  template <class Clock, class Duration>
  bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& time) {
    return try_acquire() ||
           detail::wait_until(
               time, [this](detail::deadline until) { return slow(until); });
  }
  bool acquire(const stop_token& stop) {
    return try_acquire() || slow(detail::deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool try_acquire_for(const std::chrono::duration<Rep, Period>& time,
                       const stop_token& stop) {
    return try_acquire() || slow(detail::deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& time,
                         const stop_token& stop) {
    return try_acquire() ||
           detail::wait_until(
               time, [&](detail::deadline until) { return slow(until, &stop); },
               stop);
  }

  // In the child of a fork, while it has one thread: as constructed anew.
  // Throws std::invalid_argument unless 0 <= desired <= max().
  void reset_after_fork(std::ptrdiff_t desired) {
    const std::int32_t tokens = checked(desired);
    detail::hook_reset(this, kKind);
    raw_.reset_after_fork(tokens);
  }

 private:
  friend struct wait_any_access;
  static constexpr auto kKind = detail::object_kind::semaphore;

  auto& any_protocol() noexcept { return raw_; }

  static constexpr std::int32_t checked(std::ptrdiff_t desired) {
    if (desired < 0 || desired > max())
      throw std::invalid_argument(
          "syncxx: a semaphore starts with 0 to max() tokens");
    return static_cast<std::int32_t>(desired);
  }
  bool note(bool taken) noexcept {
    if (taken) detail::hook_acquired(this, kKind);
    return taken;
  }
  bool wait(detail::deadline until, const stop_token* stop = nullptr) {
    detail::told_wait told(this, kKind, until, stop, Scope);
    const bool taken = raw_.acquire_slow(until, told.stop());
    told.ends(this, kKind, taken);
    return note(taken);
  }
  bool slow(detail::deadline until, const stop_token* stop = nullptr) {
    detail::hook_attempt(this, kKind);
    return wait(until, stop);
  }

  basic_raw_semaphore<Scope> raw_;
};

}  // namespace detail

template <std::ptrdiff_t LeastMaxValue = detail::raw_semaphore::kMax>
class counting_semaphore
    : public detail::basic_semaphore<LeastMaxValue,
                                     futex_scope::process_private> {
 public:
  // Throws std::invalid_argument unless 0 <= desired <= max().
  constexpr explicit counting_semaphore(std::ptrdiff_t desired)
      : counting_semaphore::basic_semaphore(desired) {}
};

using binary_semaphore = counting_semaphore<1>;

static_assert(SYNCXX_IN_RELACY || sizeof(counting_semaphore<>) == 4);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SEMAPHORE_H_
