// SPDX-License-Identifier: Apache-2.0
//
// event, auto_reset_event: a flag that threads can wait for.
//
// Choose event (manual reset) to let all waiters through once something has
// happened; auto_reset_event to let one waiter through each time. Choose latch
// when the thing is "n threads have arrived", condition_variable when it is a
// predicate over data under a mutex, counting_semaphore when setting twice must
// let two through.
//
// Promises
//   size      4 bytes each; constinit; usable in zero-initialised memory (not
//             set); trivially destructible (not in the hooked library)
//   cost      event: wait after set no RMW, set 1; auto_reset_event: set 1,
//             wait 1; no syscall unless a thread waits
//   progress  blocking; try_wait and set are lock-free
//   ordering  set() synchronizes with every wait that returns because of it,
//             also when the event was set already; reset() orders nothing
//   lifetime  may be destroyed as soon as the last wait has returned, even if
//             the set() that made that possible has not
//   fork      in the child: set or not as in the parent, and fit for use
//   waits     can be bounded by any clock and by a stop_token
//
// set(), reset(), is_set() and try_wait() are async-signal-safe. Design:
// docs/design/event.md. Stress: stress/event_stress.cc.
#ifndef SYNCXX_EVENT_H_
#define SYNCXX_EVENT_H_

#include <chrono>
#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_semaphore.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

struct wait_any_access;
struct wait_any_slot;

// event and interprocess::event.
//
// Stays set until reset(). Every thread that is blocked in a wait when set() is
// called returns from it, even if reset() follows at once.
template <futex_scope Scope>
class basic_event {
 public:
  constexpr explicit basic_event(bool set = false) noexcept
      : word_(set ? kSet : 0) {}
  basic_event(const basic_event&) = delete;
  basic_event& operator=(const basic_event&) = delete;
#if SYNCXX_HOOKED
  ~basic_event() { detail::hook_destroyed(this, kKind); }
#endif

  void set() {
    detail::hook_releasing(this, kKind);
    std::uint32_t w = 0;
    std::uint32_t now_set = 0;
    do {
      w = word_.load(detail::memory_order_relaxed);
      now_set = (w & kSet) != 0 ? w : ((w + kEpoch) & ~kParked) | kSet;
      // [E1] release; pairs with [E2], [E3], [AW1]: what the setter wrote is
      // seen by the released. *this may be gone once it is visible.
    } while (!detail::confirm(word_, w, now_set, detail::memory_order_release));
    if ((w & kParked) != 0) [[unlikely]]
      detail::unpark(&word_, detail::kAllSleepers, kAnySleeper, Scope);
  }

  void reset() noexcept {
    // Relaxed: it orders nothing; as an RMW it keeps the release sequence of
    // [E1] whole, for waiters that see the new epoch here.
    word_.fetch_and(~kSet, detail::memory_order_relaxed);
  }

  // Whether it is set now; for a wait that also orders, use try_wait().
  bool is_set() const noexcept {
    return (word_.load(detail::memory_order_relaxed) & kSet) != 0;
  }
  bool try_wait() const noexcept { return (look() & kSet) != 0; }

  // Blocks until it is set.
  void wait() const noexcept {
    const std::uint32_t seen = look();
    if ((seen & kSet) == 0) [[unlikely]]
      slow(seen, detail::deadline::never());
  }

  // Block until it is set (true), or the time has passed or a stop was
  // requested (false). True if it is set even so. A time that has passed costs
  // no syscall.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& time,
                const stop_token& stop = stop_token{}) const {
    const std::uint32_t seen = look();
    return (seen & kSet) != 0 ||
           slow(seen, detail::deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& time,
                  const stop_token& stop = stop_token{}) const {
    const std::uint32_t seen = look();
    return (seen & kSet) != 0 ||
           detail::wait_until(
               time,
               [&](detail::deadline until) { return slow(seen, until, &stop); },
               stop);
  }
  bool wait(const stop_token& stop) const {
    const std::uint32_t seen = look();
    return (seen & kSet) != 0 || slow(seen, detail::deadline::never(), &stop);
  }

 private:
  friend struct wait_any_access;
  static constexpr auto kKind = detail::object_kind::event;

  // For wait_any (detail/wait_any_access.h). Nothing is consumed, and a wake
  // reaches all: there is nothing to give back.
  static constexpr futex_scope kScope = Scope;
  auto& any_protocol() const noexcept { return *this; }
  void any_begin(wait_any_slot& slot) const noexcept;
  bool any_take(wait_any_slot& slot) const noexcept;
  bool any_park(wait_any_slot& slot) const noexcept;
  void any_leave(wait_any_slot&, bool) const noexcept {}

  // [E2] acquire; pairs with [E1].
  std::uint32_t look() const noexcept {
    return word_.load(detail::memory_order_acquire);
  }
  bool slow(std::uint32_t seen, detail::deadline until,
            const stop_token* stop = nullptr) const noexcept {
    detail::hook_wait_begin(
        this, kKind,
        detail::how_long(until, stop, Scope, detail::waits::committed));
    const bool released = wait_slow(seen, until, stop);
    detail::hook_wait_end(this, kKind);
    return released;
  }
  // `seen`: the word as it was when the wait began, not set.
  SYNCXX_COLD bool wait_slow(std::uint32_t seen, detail::deadline until,
                             const stop_token* stop) const noexcept;

  //  bits  | meaning                          | changed by
  //  0     | kSet                             | set(), reset()
  //  1     | kParked: threads may sleep here  | set by a thread before it
  //        |                                  | sleeps, cleared by set()
  //  2..31 | epoch: how often it went from    | set()
  //        | not set to set, modulo 2^30      |
  //
  // I1: a thread sleeps only while kParked is set, or a wake of all is under
  //     way. kParked may be set spuriously, never missing.
  // I2: kParked implies not kSet.
  // I3: a waiter returns when kSet is set or the epoch is not the one it came
  //     in: a reset cannot hide a set from it. (2^30 sets while one woken
  //     thread does not run would; it then waits for the next set.)
  static constexpr std::uint32_t kSet = 1;
  static constexpr std::uint32_t kParked = 2;
  static constexpr std::uint32_t kEpoch = 4;

  mutable detail::futex_word word_;
};

// auto_reset_event and interprocess::auto_reset_event.
//
// Goes back to not set when one thread's wait returns. set() of an event that
// is set does nothing but order: two calls that come before a waiter has run
// may let one through.
template <futex_scope Scope>
class basic_auto_reset_event {
 public:
  constexpr explicit basic_auto_reset_event(bool set = false) noexcept
      : raw_(set ? 1 : 0) {}
  basic_auto_reset_event(const basic_auto_reset_event&) = delete;
  basic_auto_reset_event& operator=(const basic_auto_reset_event&) = delete;
#if SYNCXX_HOOKED
  ~basic_auto_reset_event() { detail::hook_destroyed(this, kKind); }
#endif

  void set() {
    detail::hook_releasing(this, kKind);
    raw_.release_saturating();
  }
  // As a wait by the caller would, if it is set.
  void reset() noexcept { raw_.try_acquire(); }
  bool is_set() const noexcept { return raw_.available() > 0; }

  // Takes the set state if it is there.
  bool try_wait() noexcept { return raw_.try_acquire(); }
  // Blocks until it has taken the set state.
  void wait() noexcept {
    if (!try_wait()) [[unlikely]]
      slow(detail::deadline::never());
  }

  // Block until the set state is taken (true), or the time has passed or a stop
  // was requested (false). It is taken even so if it is there. A time that has
  // passed costs no syscall.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& time) {
    return try_wait() || slow(detail::deadline::after(time));
  }
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& time) {
    return try_wait() ||
           detail::wait_until(
               time, [this](detail::deadline until) { return slow(until); });
  }
  bool wait(const stop_token& stop) {
    return try_wait() || slow(detail::deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& time,
                const stop_token& stop) {
    return try_wait() || slow(detail::deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& time,
                  const stop_token& stop) {
    return try_wait() ||
           detail::wait_until(
               time, [&](detail::deadline until) { return slow(until, &stop); },
               stop);
  }

 private:
  friend struct wait_any_access;
  static constexpr auto kKind = detail::object_kind::auto_reset_event;

  auto& any_protocol() noexcept { return raw_; }

  bool slow(detail::deadline until, const stop_token* stop = nullptr) noexcept {
    detail::hook_wait_begin(
        this, kKind,
        detail::how_long(until, stop, Scope, detail::waits::committed));
    const bool taken = raw_.acquire_slow(until, stop);
    detail::hook_wait_end(this, kKind);
    return taken;
  }

  basic_raw_semaphore<Scope> raw_;
};

}  // namespace detail

class event : public detail::basic_event<futex_scope::process_private> {
 public:
  constexpr explicit event(bool set = false) noexcept : basic_event(set) {}
};

class auto_reset_event
    : public detail::basic_auto_reset_event<futex_scope::process_private> {
 public:
  constexpr explicit auto_reset_event(bool set = false) noexcept
      : basic_auto_reset_event(set) {}
};

static_assert(SYNCXX_IN_RELACY ||
              (sizeof(event) == 4 && sizeof(auto_reset_event) == 4));

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_EVENT_H_
