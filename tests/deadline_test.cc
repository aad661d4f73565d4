// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/detail/deadline.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ratio>
#include <stop_token>

#include "tests/support/threads.h"
#include "tests/support/user_clock.h"

namespace syncxx_test {
namespace {

namespace detail = syncxx::detail;
using detail::clock_id;
using detail::deadline;
using detail::kNsMax;
using detail::kNsMin;
using detail::saturating_add;
using detail::saturating_ns;
using std::chrono::duration;
using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using std::chrono::time_point;

using picoseconds = duration<std::int64_t, std::pico>;
using thirds = duration<int, std::ratio<1, 3>>;
template <class Rep>
using seconds_of = duration<Rep>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(SaturatingNsTest, IntegersAreExact) {
  static_assert(saturating_ns(nanoseconds(17)) == 17);
  static_assert(saturating_ns(std::chrono::minutes(-3)) == -180'000'000'000);
  static_assert(saturating_ns(nanoseconds::max() - 1ns) == kNsMax - 1);
  static_assert(saturating_ns(seconds_of<std::uint8_t>(255)) ==
                255'000'000'000);
  static_assert(saturating_ns(std::chrono::days(100'000)) ==
                100'000LL * 86'400 * 1'000'000'000);
}

TEST(SaturatingNsTest, FinerThanNanosecondsRoundsUp) {
  static_assert(saturating_ns(picoseconds(0)) == 0);
  static_assert(saturating_ns(picoseconds(1)) == 1);
  static_assert(saturating_ns(picoseconds(1000)) == 1);
  static_assert(saturating_ns(picoseconds(1001)) == 2);
  static_assert(saturating_ns(picoseconds(-1)) == 0);
  static_assert(saturating_ns(picoseconds(-1001)) == -1);
  static_assert(saturating_ns(thirds(1)) == 333'333'334);
  static_assert(saturating_ns(thirds(2)) == 666'666'667);
  static_assert(saturating_ns(thirds(3)) == 1'000'000'000);
  static_assert(saturating_ns(thirds(-1)) == -333'333'333);
}

TEST(SaturatingNsTest, LargeIntegersSaturate) {
  static_assert(saturating_ns(hours::max()) == kNsMax);
  static_assert(saturating_ns(hours::min()) == kNsMin);
  static_assert(saturating_ns(std::chrono::years::max()) == kNsMax);
  static_assert(saturating_ns(duration<std::int64_t, std::giga>::max()) ==
                kNsMax);
  static_assert(saturating_ns(duration<std::int64_t, std::giga>::min()) ==
                kNsMin);
  static_assert(saturating_ns(duration<std::uint64_t, std::nano>::max()) ==
                kNsMax);
  static_assert(saturating_ns(std::chrono::seconds(9'223'372'037)) == kNsMax);
  static_assert(saturating_ns(std::chrono::seconds(9'223'372'036)) ==
                9'223'372'036'000'000'000);
}

TEST(SaturatingNsTest, FloatingPointRoundsUpAndSaturates) {
  EXPECT_EQ(saturating_ns(duration<double>(0.25)), 250'000'000);
  EXPECT_EQ(saturating_ns(duration<float, std::milli>(1.5f)), 1'500'000);
  EXPECT_EQ(saturating_ns(duration<double>(1e-10)), 1);
  EXPECT_EQ(saturating_ns(duration<double, std::nano>(2.0)), 2);
  EXPECT_EQ(saturating_ns(duration<double, std::nano>(2.0000001)), 3);
  EXPECT_EQ(saturating_ns(duration<double, std::nano>(-2.5)), -2);
  EXPECT_EQ(saturating_ns(duration<long double, std::pico>(1.0L)), 1);
  EXPECT_EQ(saturating_ns(duration<double>(kInfinity)), kNsMax);
  EXPECT_EQ(saturating_ns(duration<double>(-kInfinity)), kNsMin);
  EXPECT_EQ(saturating_ns(duration<double>::max()), kNsMax);
  EXPECT_EQ(saturating_ns(duration<double>::min()), kNsMin);
  EXPECT_EQ(saturating_ns(duration<float>::max()), kNsMax);
  EXPECT_EQ(saturating_ns(duration<double>(9.3e9)), kNsMax);
  EXPECT_EQ(saturating_ns(duration<double>(-9.3e9)), kNsMin);
}

TEST(SaturatingNsTest, NotANumberIsPast) {
  EXPECT_EQ(saturating_ns(duration<double>(kNan)), kNsMin);
  EXPECT_EQ(saturating_ns(duration<float>(std::nanf(""))), kNsMin);
  EXPECT_TRUE(deadline::after(duration<double>(kNan)).has_passed());
  EXPECT_TRUE(deadline::at(time_point<steady_clock, duration<double>>(
                               duration<double>(kNan)))
                  .has_passed());
}

TEST(SaturatingAddTest, SaturatesBothWays) {
  static_assert(saturating_add(1, 2) == 3);
  static_assert(saturating_add(kNsMax, 1) == kNsMax);
  static_assert(saturating_add(kNsMax - 5, 5) == kNsMax);
  static_assert(saturating_add(kNsMax - 5, 6) == kNsMax);
  static_assert(saturating_add(kNsMin, -1) == kNsMin);
  static_assert(saturating_add(kNsMin, kNsMax) == -1);
}

TEST(DeadlineTest, NeverAndPast) {
  static_assert(deadline::never().is_never());
  EXPECT_FALSE(deadline::never().has_passed());
  static_assert(!deadline::past().is_never());
  EXPECT_TRUE(deadline::past().has_passed());
}

TEST(DeadlineTest, AfterIsOnTheSteadyClock) {
  EXPECT_TRUE(deadline::after(0ns).has_passed());
  EXPECT_TRUE(deadline::after(-1ns).has_passed());
  EXPECT_TRUE(deadline::after(nanoseconds::min()).has_passed());
  EXPECT_TRUE(deadline::after(nanoseconds::max()).is_never());
  EXPECT_TRUE(deadline::after(hours::max()).is_never());
  EXPECT_TRUE(deadline::after(duration<double>(kInfinity)).is_never());
  // Nearly for ever is for ever, too: now + that is past the end of time.
  EXPECT_FALSE(deadline::after(nanoseconds::max() - 1ns).has_passed());

  const deadline soon = deadline::after(3ms);
  EXPECT_EQ(soon.clock(), clock_id::monotonic);
  const auto now = steady_clock::now().time_since_epoch().count();
  EXPECT_LE(soon.ns(), now + 3'000'000);
  EXPECT_GT(soon.ns(), now - 1'000'000'000);
  await([&] { return soon.has_passed(); });
  EXPECT_GE(steady_clock::now().time_since_epoch().count(), soon.ns());
}

TEST(DeadlineTest, AfterRoundsUp) {
  const auto before = steady_clock::now().time_since_epoch().count();
  const deadline d = deadline::after(picoseconds(1'000'001));
  EXPECT_GE(d.ns(), before + 1001);
}

TEST(DeadlineTest, AtKeepsTheClock) {
  const auto steady = time_point<steady_clock, std::chrono::milliseconds>(
      std::chrono::milliseconds(1234));
  static_assert(deadline::at(steady_clock::time_point(7ns)).ns() == 7);
  EXPECT_EQ(deadline::at(steady).ns(), 1'234'000'000);
  EXPECT_EQ(deadline::at(steady).clock(), clock_id::monotonic);
  EXPECT_EQ(deadline::at(std::chrono::sys_seconds(5s)).clock(),
            clock_id::realtime);
  EXPECT_EQ(deadline::at(std::chrono::sys_seconds(5s)).ns(), 5'000'000'000);
  EXPECT_FALSE(deadline::at(system_clock::now() + 1h).has_passed());
  EXPECT_TRUE(deadline::at(system_clock::now() - 1ms).has_passed());
  EXPECT_FALSE(deadline::at(steady_clock::now() + 1h).has_passed());
  EXPECT_TRUE(deadline::at(steady_clock::now()).has_passed());
}

TEST(DeadlineTest, AtSaturates) {
  EXPECT_TRUE(deadline::at(steady_clock::time_point::max()).is_never());
  EXPECT_TRUE(deadline::at(time_point<steady_clock, hours>::max()).is_never());
  EXPECT_TRUE(deadline::at(system_clock::time_point::max()).is_never());
  EXPECT_TRUE(deadline::at(std::chrono::sys_days::max()).is_never());
  EXPECT_TRUE(deadline::at(steady_clock::time_point::min()).has_passed());
  EXPECT_TRUE(
      deadline::at(time_point<system_clock, hours>::min()).has_passed());
  EXPECT_TRUE(deadline::at(steady_clock::time_point()).has_passed());
}

// A clock whose present lies before its epoch.
struct early_clock {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<early_clock>;
  [[maybe_unused]] static constexpr bool is_steady = true;
  static time_point now() noexcept { return time_point(-hours(24 * 365)); }
};

TEST(DeadlineTest, OfAUsersClock) {
  manual_clock::ticks = 1000;
  EXPECT_TRUE(deadline::of(manual_clock::time_point(999ms)).has_passed());
  EXPECT_TRUE(deadline::of(manual_clock::time_point(1000ms)).has_passed());
  const auto before = steady_clock::now().time_since_epoch().count();
  const deadline later = deadline::of(manual_clock::time_point(3000ms));
  EXPECT_GE(later.ns(), before + 2'000'000'000);
  EXPECT_EQ(later.clock(), clock_id::monotonic);
}

TEST(DeadlineTest, OfAUsersClockSaturates) {
  manual_clock::ticks = 1000;
  EXPECT_FALSE(deadline::of(manual_clock::time_point::max()).has_passed());
  EXPECT_TRUE(deadline::of(manual_clock::time_point::min()).has_passed());
  EXPECT_FALSE(
      deadline::of(time_point<manual_clock, hours>::max()).has_passed());
  EXPECT_TRUE(
      deadline::of(time_point<manual_clock, hours>::min()).has_passed());
  EXPECT_FALSE(deadline::of(time_point<slow_clock, hours>::max()).has_passed());
  EXPECT_TRUE(deadline::of(time_point<slow_clock, hours>::min()).has_passed());
  EXPECT_FALSE(deadline::of(stepped_clock::time_point::max()).has_passed());
  EXPECT_TRUE(deadline::of(stepped_clock::time_point(
                               stepped_clock::duration(-kInfinity)))
                  .has_passed());
  // The difference of two representable times need not be representable.
  EXPECT_FALSE(deadline::of(early_clock::time_point::max()).has_passed());
  EXPECT_TRUE(deadline::of(early_clock::time_point::min()).has_passed());
}

TEST(DeadlineTest, OfAUsersClockTakesNotANumberAsPast) {
  EXPECT_TRUE(
      deadline::of(stepped_clock::time_point(stepped_clock::duration(kNan)))
          .has_passed());
}

TEST(WaitUntilTest, AsksAUsersClockAgainAfterEachSleep) {
  manual_clock::ticks = 0;
  int sleeps = 0;
  const bool done = detail::wait_until(
      manual_clock::time_point(10ms), [&](const deadline& until) {
        EXPECT_FALSE(until.has_passed()) << "sleep " << sleeps;
        if (++sleeps == 5) manual_clock::ticks = 10;
        return false;
      });
  EXPECT_FALSE(done);
  EXPECT_EQ(sleeps, 5);
}

TEST(WaitUntilTest, EndsWithSuccessOrAStop) {
  manual_clock::ticks = 0;
  int calls = 0;
  EXPECT_TRUE(detail::wait_until(manual_clock::time_point(10ms),
                                 [&](deadline) { return ++calls == 2; }));
  EXPECT_EQ(calls, 2);

  std::stop_source source;
  calls = 0;
  EXPECT_FALSE(detail::wait_until(
      manual_clock::time_point(10ms),
      [&](deadline) {
        if (++calls == 3) source.request_stop();
        return false;
      },
      source.get_token()));
  EXPECT_EQ(calls, 3);
}

TEST(WaitUntilTest, TriesOnceWhenTheTimeHasPassed) {
  manual_clock::ticks = 50;
  for (const bool success : {false, true}) {
    int calls = 0;
    const auto attempt = [&](const deadline& until) {
      ++calls;
      EXPECT_TRUE(until.has_passed());
      return success;
    };
    EXPECT_EQ(detail::wait_until(manual_clock::time_point(50ms), attempt),
              success);
    EXPECT_EQ(detail::wait_until(steady_clock::now() - 1s, attempt), success);
    EXPECT_EQ(detail::wait_until(system_clock::now() - 1s, attempt), success);
    EXPECT_EQ(calls, 3);
  }
}

}  // namespace
}  // namespace syncxx_test
