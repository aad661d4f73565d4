// SPDX-License-Identifier: Apache-2.0
//
// Clocks of a user's own: one slower than real time, one faster, one that a
// test steps. None is convertible to a standard clock.
#ifndef SYNCXX_TESTS_SUPPORT_USER_CLOCK_H_
#define SYNCXX_TESTS_SUPPORT_USER_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace syncxx_test {

// Runs Num/Den times as fast as the steady clock.
template <int Num, int Den>
struct scaled_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<scaled_clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    const duration real =
        std::chrono::steady_clock::now().time_since_epoch() % kWrap;
    return time_point(real * Num / Den);
  }

 private:
  // Keeps the product in range whatever the machine's uptime.
  static constexpr duration kWrap = std::chrono::hours(24 * 365 * 20);
};

using slow_clock = scaled_clock<1, 3>;
using fast_clock = scaled_clock<4, 1>;

// Follows the steady clock until a test steps it; its ticks are microseconds in
// floating point, so that the conversion has something to round.
struct stepped_clock {
  using rep = double;
  using period = std::micro;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<stepped_clock>;
  static constexpr bool is_steady = false;

  static time_point now() noexcept {
    const auto real = std::chrono::steady_clock::now() - kStart;
    return time_point(
        duration(real + std::chrono::nanoseconds(offset_ns.load())));
  }
  static void step(std::chrono::nanoseconds by) { offset_ns += by.count(); }

  static inline std::atomic<std::int64_t> offset_ns{0};

 private:
  static inline const std::chrono::steady_clock::time_point kStart =
      std::chrono::steady_clock::now();
};

// Stands still until a test moves it, and counts how often it was asked.
struct manual_clock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<manual_clock>;
  static constexpr bool is_steady = false;

  static time_point now() noexcept {
    asked.fetch_add(1);
    return time_point(duration(ticks.load()));
  }

  static inline std::atomic<rep> ticks{0};
  static inline std::atomic<int> asked{0};
};

static_assert(std::chrono::is_clock_v<slow_clock>);
static_assert(std::chrono::is_clock_v<stepped_clock>);
static_assert(std::chrono::is_clock_v<manual_clock>);

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_USER_CLOCK_H_
