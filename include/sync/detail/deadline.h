// SPDX-License-Identifier: Apache-2.0
//
// One value for "until when": what every timed wait of the library takes.
//
// Any std::chrono duration or time point becomes a nanosecond count on a clock
// the kernel can sleep on. Conversions saturate instead of overflowing, round
// up (a wait never ends early), and take NaN as already past.
#ifndef SYNCXX_DETAIL_DEADLINE_H_
#define SYNCXX_DETAIL_DEADLINE_H_

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include <sync/detail/clock.h>
#include <sync/detail/config.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

inline constexpr std::int64_t kNsMax = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kNsMin = std::numeric_limits<std::int64_t>::min();

// Nanoseconds in `d`, rounded up, saturated to int64; NaN gives kNsMin.
template <class Rep, class Period>
constexpr std::int64_t saturating_ns(
    const std::chrono::duration<Rep, Period>& d) noexcept {
  using per_tick = std::ratio_divide<Period, std::nano>;  // ns in one tick
  if constexpr (std::chrono::treat_as_floating_point_v<Rep>) {
    // long double holds every int64 exactly on both targets.
    const long double ns = static_cast<long double>(d.count()) *
                           static_cast<long double>(per_tick::num) /
                           static_cast<long double>(per_tick::den);
    if (!(ns > static_cast<long double>(kNsMin))) return kNsMin;  // and NaN
    if (ns >= static_cast<long double>(kNsMax)) return kNsMax;
    const auto whole = static_cast<std::int64_t>(ns);  // towards zero
    return static_cast<long double>(whole) < ns ? whole + 1 : whole;
  } else {
    // 128 bits hold any 64-bit count times num, which is below 2^63.
    __extension__ using wide = __int128;
    const wide product = static_cast<wide>(d.count()) * per_tick::num;
    wide ns = product / per_tick::den;
    if (ns * per_tick::den < product) ++ns;
    if (ns > kNsMax) return kNsMax;
    if (ns < kNsMin) return kNsMin;
    return static_cast<std::int64_t>(ns);
  }
}

constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? kNsMax : kNsMin;
}

// What is left until `when` on its own clock, in a type that the difference of
// no two time points overflows; not above zero, or NaN: it has passed.
template <class Clock, class Duration>
std::chrono::duration<long double, std::nano> time_left(
    const std::chrono::time_point<Clock, Duration>& when) {
  using wide = std::chrono::duration<long double, std::nano>;
  return wide(when.time_since_epoch()) - wide(Clock::now().time_since_epoch());
}

template <class Clock>
inline constexpr bool kKernelClock =
    std::is_same_v<Clock, std::chrono::steady_clock> ||
    std::is_same_v<Clock, std::chrono::system_clock>;

class deadline {
 public:
  // A wait without end.
  static constexpr deadline never() noexcept {
    return deadline(kNsMax, clock_id::monotonic);
  }
  // A wait that must not sleep, known without reading a clock.
  static constexpr deadline past() noexcept {
    return deadline(kNsMin, clock_id::monotonic);
  }
  // From now on the steady clock; reads the clock only if d is positive.
  template <class Rep, class Period>
  static deadline after(const std::chrono::duration<Rep, Period>& d) noexcept {
    const std::int64_t ns = saturating_ns(d);
    if (ns <= 0) return past();
    if (ns == kNsMax) return never();
    return deadline(saturating_add(deadline_base_ns(clock_id::monotonic), ns),
                    clock_id::monotonic);
  }
  template <class Duration>
  static constexpr deadline at(
      const std::chrono::time_point<std::chrono::steady_clock, Duration>&
          when) noexcept {
    return deadline(saturating_ns(when.time_since_epoch()),
                    clock_id::monotonic);
  }
  template <class Duration>
  static constexpr deadline at(
      const std::chrono::time_point<std::chrono::system_clock, Duration>&
          when) noexcept {
    return deadline(saturating_ns(when.time_since_epoch()), clock_id::realtime);
  }
  // On any clock. A Clock that the kernel does not know is asked now, and what
  // is left is taken in steady time: it may have passed there and not here.
  template <class Clock, class Duration>
  static deadline of(const std::chrono::time_point<Clock, Duration>& when) {
    if constexpr (kKernelClock<Clock>) {
      return at(when);
    } else {
      return after(time_left(when));
    }
  }

  constexpr bool is_never() const noexcept { return ns_ == kNsMax; }
  // Reads the clock unless the answer is known without.
  bool has_passed() const noexcept {
    if (is_never()) return false;
    return ns_ <= 0 || now_ns(clock_) >= ns_;
  }
  constexpr std::int64_t ns() const noexcept { return ns_; }
  constexpr clock_id clock() const noexcept { return clock_; }

 private:
  constexpr deadline(std::int64_t ns, clock_id clock) noexcept
      : ns_(ns), clock_(clock) {}

  std::int64_t ns_;  // since the clock's epoch; kNsMax: never
  clock_id clock_;
};

// Runs `wait(deadline) -> bool` until it succeeds or `when` has passed on its
// own clock. The kernel knows nothing of a user's Clock: that is slept on in
// steady time, and asked again after each sleep ([thread.req.timing]/4).
template <class Clock, class Duration, class Wait>
bool wait_until(const std::chrono::time_point<Clock, Duration>& when,
                Wait&& wait, const stop_token& stop = stop_token{}) {
  for (;;) {
    if (wait(deadline::of(when))) return true;
    if (kKernelClock<Clock> || stop.stop_requested()) return false;
    if (!(time_left(when).count() > 0)) return false;
  }
}

// What a wait with these is to a listener. It does not know what other
// processes do: they may end any wait.
constexpr waits how_long(deadline until, const stop_token* stop,
                         futex_scope scope = futex_scope::process_private,
                         waits without_end = waits::for_ever) noexcept {
  return until.is_never() && stop == nullptr &&
                 scope == futex_scope::process_private
             ? without_end
             : waits::bounded;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_DEADLINE_H_
