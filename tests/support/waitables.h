// SPDX-License-Identifier: Apache-2.0
//
// The rows of the wait matrix: one shape for every primitive that can be waited
// for, so that a suite on all of them is written once, with the kind of
// waitable as its parameter (TEST_P). What depends on a primitive's type is
// compiled once, in waitable_*.cc.
#ifndef SYNCXX_TESTS_SUPPORT_WAITABLES_H_
#define SYNCXX_TESTS_SUPPORT_WAITABLES_H_

#include <gtest/gtest.h>

#include <chrono>
#include <iosfwd>
#include <memory>
#include <ratio>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/support/environment.h"
#include "tests/support/user_clock.h"

namespace syncxx_test {

using seconds_double = std::chrono::duration<double>;
using milliseconds_float = std::chrono::duration<float, std::milli>;

// What the waits are called with: each type is one instantiation of them.
using any_duration =
    std::variant<std::chrono::nanoseconds, std::chrono::milliseconds,
                 std::chrono::hours, seconds_double, milliseconds_float>;

template <class Clock, class D = typename Clock::duration>
using deadline_of = std::chrono::time_point<Clock, D>;

using any_deadline = std::variant<
    deadline_of<std::chrono::steady_clock>,
    deadline_of<std::chrono::steady_clock, std::chrono::milliseconds>,
    deadline_of<std::chrono::steady_clock, std::chrono::hours>,
    deadline_of<std::chrono::steady_clock, seconds_double>,
    deadline_of<std::chrono::system_clock>,
    deadline_of<std::chrono::system_clock, std::chrono::hours>,
    deadline_of<slow_clock>, deadline_of<slow_clock, std::chrono::hours>,
    deadline_of<fast_clock>, deadline_of<stepped_clock>>;

struct waitable_traits {
  bool exclusive;  // one waiter takes what there is
  bool parks;      // waiters sleep in the kernel; they do not spin
  bool stops;      // the waits take a stop token
};

// Made shut or open; open() by the thread that made it lets waiters through.
// Where one waiter takes what there is, it gives it back with give_back(), so
// that one open() serves all waiters in turn and exactly one token is left at
// the end.
class waitable {
 public:
  waitable() = default;
  waitable(const waitable&) = delete;
  waitable& operator=(const waitable&) = delete;
  virtual ~waitable() = default;

  virtual waitable_traits traits() const = 0;
  virtual void open() = 0;
  virtual void give_back() = 0;

  // Whether they took what there is. Without a stop token, the overload
  // without one is called.
  virtual bool try_wait() = 0;
  virtual bool wait(const std::stop_token* stop) = 0;
  virtual bool wait_for(const any_duration& d, const std::stop_token* stop) = 0;
  virtual bool wait_until(const any_deadline& when,
                          const std::stop_token* stop) = 0;
};

struct waitable_kind {
  const char* name;
  waitable_traits traits;
  std::unique_ptr<waitable> (*make)(bool open);
};
void PrintTo(const waitable_kind& kind, std::ostream* out);

using waitable_kinds = std::vector<waitable_kind>;

waitable_kinds waitables();
waitable_kinds stoppable_waitables();  // take a stop token
waitable_kinds token_waitables();      // serve one waiter with one token
waitable_kinds gate_waitables();       // let all through once they are open
waitable_kind waitable_named(std::string_view name);

// What suites of all of them inherit.
class waitable_test : public testing::TestWithParam<waitable_kind> {
 protected:
  void SetUp() override {
    const std::string_view name = GetParam().name;
    std::string_view why;
    if (name.starts_with("robust")) why = no_robust_lists();
    if (name.find("pi_") != name.npos && why.empty()) why = no_pi_futexes();
    if (!why.empty()) GTEST_SKIP() << why;
  }
};

// How a suite names its parameters.
std::string waitable_name(const testing::TestParamInfo<waitable_kind>& info);

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_WAITABLES_H_
