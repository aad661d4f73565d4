// SPDX-License-Identifier: Apache-2.0
//
// latch: a countdown that opens once.
//
// Choose it to wait until n things have happened, one time. Choose event for
// n = 1 with reset, a barrier for rounds.
//
// Promises
//   size      4 bytes; constinit; usable in zero-initialised memory (open);
//             trivially destructible (not in the hooked library)
//   cost      count_down 1 atomic RMW, wait after it has opened 0; no syscall
//             unless a thread waits
//   progress  blocking; count_down and try_wait are wait-free
//   ordering  every count_down() synchronizes with every wait that returns
//   lifetime  may be destroyed as soon as the last wait has returned, even if
//             the count_down() that opened it has not
//   waits     can be bounded by any clock and by a stop_token
//   errors    see below; nothing is changed. Where two threads count down
//             below zero together, the count is wrong until the second is told
//   fork      in the child: counts on from where it was, without what the other
//             threads would have counted down
//
// Meets [thread.latch]. count_down() that does not throw, and try_wait(), are
// async-signal-safe.
// Design: docs/design/latch.md. Stress: stress/latch_stress.cc.
#ifndef SYNCXX_LATCH_H_
#define SYNCXX_LATCH_H_

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

struct wait_any_access;
struct wait_any_slot;

// latch and interprocess::latch.
template <futex_scope Scope>
class basic_latch {
 public:
  static constexpr std::ptrdiff_t max() noexcept { return (1 << 30) - 1; }

  // Throws std::invalid_argument unless 0 <= expected <= max().
  constexpr explicit basic_latch(std::ptrdiff_t expected)
      : word_(checked(expected) * kOne) {}
  basic_latch(const basic_latch&) = delete;
  basic_latch& operator=(const basic_latch&) = delete;
#if SYNCXX_HOOKED
  ~basic_latch() { detail::hook_destroyed(this, kKind); }
#endif

  // Throws std::system_error (EINVAL) if update is negative or more than is
  // left.
  void count_down(std::ptrdiff_t update = 1) {
    const std::uint32_t left = word_.load(detail::memory_order_relaxed) / kOne;
    if (update < 0 || update > static_cast<std::ptrdiff_t>(left)) [[unlikely]]
      below_zero();
    detail::hook_releasing(this, kKind);
    const auto n = static_cast<std::uint32_t>(update);
    // [L1] release; pairs with [L2], [AW1]: what each thread wrote before it
    // counted down is seen by those that waited (the RMWs of others continue
    // its release sequence). *this may be gone once it is visible.
    const std::uint32_t w =
        word_.fetch_sub(n * kOne, detail::memory_order_release);
    if (w == (n * kOne | kParked)) [[unlikely]] {
      if (n != 0)
        detail::unpark(&word_, detail::kAllSleepers, kAnySleeper, Scope);
    } else if (w / kOne < n) [[unlikely]] {
      past_zero(n);
    }
  }

  // [L2] acquire; pairs with [L1].
  bool try_wait() const noexcept {
    return word_.load(detail::memory_order_acquire) / kOne == 0;
  }

  // Blocks until the count is zero.
  void wait() const noexcept {
    if (!try_wait()) [[unlikely]]
      slow(detail::deadline::never());
  }
  void arrive_and_wait(std::ptrdiff_t update = 1) {
    count_down(update);
    wait();
  }

  // Block until the count is zero (true), or the time has passed or a stop was
  // requested (false). True if it is zero even so. A time that has passed costs
  // no syscall.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& time) const {
    return try_wait() || slow(detail::deadline::after(time));
  }
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& time) const {
    return try_wait() ||
           detail::wait_until(
               time, [this](detail::deadline until) { return slow(until); });
  }
  bool wait(const stop_token& stop) const {
    return try_wait() || slow(detail::deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& time,
                const stop_token& stop) const {
    return try_wait() || slow(detail::deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& time,
                  const stop_token& stop) const {
    return try_wait() ||
           detail::wait_until(
               time, [&](detail::deadline until) { return slow(until, &stop); },
               stop);
  }

 private:
  friend struct wait_any_access;
  static constexpr auto kKind = detail::object_kind::latch;

  // For wait_any (detail/wait_any_access.h). A wake reaches all: there is
  // nothing to give back.
  static constexpr futex_scope kScope = Scope;
  auto& any_protocol() const noexcept { return *this; }
  void any_begin(wait_any_slot&) const noexcept {}
  bool any_take(wait_any_slot&) const noexcept { return try_wait(); }
  bool any_park(wait_any_slot& slot) const noexcept;
  void any_leave(wait_any_slot&, bool) const noexcept {}

  static constexpr std::uint32_t checked(std::ptrdiff_t expected) {
    if (expected < 0 || expected > max())
      throw std::invalid_argument("syncxx: a latch starts with 0 to max()");
    return static_cast<std::uint32_t>(expected);
  }
  [[noreturn]] SYNCXX_COLD void below_zero() const {
    detail::misused(this, kKind,
                    "a latch counted down by less than zero or "
                    "by more than was left",
                    EINVAL);
  }
  // Two threads have counted down below zero together: this one's part is put
  // back.
  [[noreturn]] SYNCXX_COLD void past_zero(std::uint32_t n);
  bool slow(detail::deadline until,
            const stop_token* stop = nullptr) const noexcept {
    detail::hook_wait_begin(
        this, kKind,
        detail::how_long(until, stop, Scope, detail::waits::committed));
    const bool open = wait_slow(until, stop);
    detail::hook_wait_end(this, kKind);
    return open;
  }
  SYNCXX_COLD bool wait_slow(detail::deadline until,
                             const stop_token* stop) const noexcept;

  //  bits  | meaning                         | changed by
  //  0     | kParked: threads may sleep here | set before a thread sleeps;
  //  never
  //        |                                 | cleared
  //  1..31 | what is left to count down      | count_down()
  //
  // I1: a thread sleeps only while kParked is set and the count is not zero, or
  //     a wake of all is under way. kParked may be set spuriously, never
  //     missing.
  static constexpr std::uint32_t kParked = 1;
  static constexpr std::uint32_t kOne = 2;

  mutable detail::futex_word word_;
};

}  // namespace detail

class latch : public detail::basic_latch<futex_scope::process_private> {
 public:
  // Throws std::invalid_argument unless 0 <= expected <= max().
  constexpr explicit latch(std::ptrdiff_t expected) : basic_latch(expected) {}
};

static_assert(SYNCXX_IN_RELACY || sizeof(latch) == 4);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_LATCH_H_
