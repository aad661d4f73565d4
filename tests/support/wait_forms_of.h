// SPDX-License-Identifier: Apache-2.0
//
// How the forms of wait_forms.h are made. Only wait_forms_of_*.cc include this,
// and name in SYNCXX_TEST_FORMS_OF the waitables whose forms they make.
#ifndef SYNCXX_TESTS_SUPPORT_WAIT_FORMS_OF_H_
#define SYNCXX_TESTS_SUPPORT_WAIT_FORMS_OF_H_

#include <chrono>
#include <limits>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/user_clock.h"
#include "tests/support/wait_forms.h"

namespace syncxx_test {

namespace forms_detail {

template <bool Stop, class W>
bool block(W& w, const std::stop_token& stop) {
  if constexpr (Stop)
    return w.wait(stop);
  else
    return w.wait();
}

template <bool Stop, class W, class D>
wait_outcome run_for(W& w, const D& d, const std::stop_token& stop) {
  const auto start = std::chrono::steady_clock::now();
  bool taken;
  if constexpr (Stop)
    taken = w.wait_for(d, stop);
  else
    taken = w.wait_for(d);
  const std::chrono::duration<long double> took =
      std::chrono::steady_clock::now() - start;
  return {taken, !taken && took < d};
}

template <bool Stop, class W, class T>
wait_outcome run_until(W& w, const T& when, const std::stop_token& stop) {
  bool taken;
  if constexpr (Stop)
    taken = w.wait_until(when, stop);
  else
    taken = w.wait_until(when);
  return {taken, !taken && T::clock::now() < when};
}

// A time point of `Clock` that lies `budget` ahead, in ticks of D, not sooner.
template <class Clock, class D>
std::chrono::time_point<Clock, D> ahead(nanoseconds budget) {
  if constexpr (std::chrono::treat_as_floating_point_v<typename D::rep>)
    return std::chrono::time_point<Clock, D>(
        (Clock::now() + budget).time_since_epoch());
  else
    return std::chrono::ceil<D>(Clock::now() + budget);
}

template <class W, bool Stop, class D>
wait_form<W> form_for(const char* name) {
  return {
      std::string(name) + (Stop ? "+stop" : ""), Stop,
      [](W& w, nanoseconds budget, const std::stop_token& stop) {
        D d;
        if constexpr (std::chrono::treat_as_floating_point_v<typename D::rep>)
          d = D(budget);
        else
          d = std::chrono::ceil<D>(budget);
        return run_for<Stop>(w, d, stop);
      }};
}

template <class W, bool Stop, class Clock, class D = typename Clock::duration>
wait_form<W> form_until(const char* name) {
  return {std::string(name) + (Stop ? "+stop" : ""), Stop,
          [](W& w, nanoseconds budget, const std::stop_token& stop) {
            return run_until<Stop>(w, ahead<Clock, D>(budget), stop);
          }};
}

template <class W, bool Stop, class D>
wait_form<W> fixed_for(const char* name, D d) {
  return {std::string(name) + (Stop ? "+stop" : ""), Stop,
          [d](W& w, nanoseconds, const std::stop_token& stop) {
            return run_for<Stop>(w, d, stop);
          }};
}

template <class W, bool Stop, class T>
wait_form<W> fixed_until(const char* name, T when) {
  return {std::string(name) + (Stop ? "+stop" : ""), Stop,
          [when](W& w, nanoseconds, const std::stop_token& stop) {
            bool taken;
            if constexpr (Stop)
              taken = w.wait_until(when, stop);
            else
              taken = w.wait_until(when);
            return wait_outcome{taken, false};
          }};
}

template <class W>
void append(std::vector<wait_form<W>>& to, std::vector<wait_form<W>> more) {
  for (wait_form<W>& form : more) to.push_back(std::move(form));
}

using std::chrono::duration;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using std::chrono::time_point;
using seconds_double = duration<double>;

template <class W, bool Stop>
std::vector<wait_form<W>> timed() {
  return {
      form_for<W, Stop, nanoseconds>("for ns"),
      form_for<W, Stop, milliseconds>("for ms"),
      form_for<W, Stop, seconds_double>("for double s"),
      form_for<W, Stop, duration<float, std::milli>>("for float ms"),
      form_until<W, Stop, steady_clock>("until steady"),
      form_until<W, Stop, steady_clock, milliseconds>("until steady ms"),
      form_until<W, Stop, steady_clock, seconds_double>("until steady double"),
      form_until<W, Stop, system_clock>("until system"),
      form_until<W, Stop, slow_clock>("until slow clock"),
      form_until<W, Stop, fast_clock>("until fast clock"),
      form_until<W, Stop, stepped_clock>("until stepped clock"),
  };
}

template <class W, bool Stop>
std::vector<wait_form<W>> unending() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {
      {Stop ? "block+stop" : "block", Stop,
       [](W& w, nanoseconds, const std::stop_token& stop) {
         return wait_outcome{block<Stop>(w, stop), false};
       }},
      fixed_for<W, Stop>("for ns max", nanoseconds::max()),
      fixed_for<W, Stop>("for hours max", hours::max()),
      fixed_for<W, Stop>("for double max", seconds_double::max()),
      fixed_for<W, Stop>("for infinity", seconds_double(kInfinity)),
      fixed_until<W, Stop>("until steady max", steady_clock::time_point::max()),
      fixed_until<W, Stop>("until steady hours max",
                           time_point<steady_clock, hours>::max()),
      fixed_until<W, Stop>(
          "until steady infinity",
          time_point<steady_clock, seconds_double>(seconds_double(kInfinity))),
      fixed_until<W, Stop>("until system max", system_clock::time_point::max()),
      fixed_until<W, Stop>("until system hours max",
                           time_point<system_clock, hours>::max()),
      fixed_until<W, Stop>("until slow clock max",
                           slow_clock::time_point::max()),
      fixed_until<W, Stop>("until slow clock hours max",
                           time_point<slow_clock, hours>::max()),
      fixed_until<W, Stop>("until stepped clock max",
                           stepped_clock::time_point::max()),
  };
}

template <class W, bool Stop>
std::vector<wait_form<W>> past() {
  using namespace std::chrono_literals;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  return {
      fixed_for<W, Stop>("for zero", 0ns),
      fixed_for<W, Stop>("for -1 ns", -1ns),
      fixed_for<W, Stop>("for ns min", nanoseconds::min()),
      fixed_for<W, Stop>("for hours min", hours::min()),
      fixed_for<W, Stop>("for -infinity", seconds_double(-kInfinity)),
      fixed_for<W, Stop>("for NaN", seconds_double(kNan)),
      fixed_until<W, Stop>("until steady past", steady_clock::now() - 1s),
      fixed_until<W, Stop>("until steady epoch", steady_clock::time_point()),
      fixed_until<W, Stop>("until steady min", steady_clock::time_point::min()),
      fixed_until<W, Stop>("until steady hours min",
                           time_point<steady_clock, hours>::min()),
      fixed_until<W, Stop>("until system past", system_clock::now() - 1s),
      fixed_until<W, Stop>("until system min", system_clock::time_point::min()),
      fixed_until<W, Stop>("until slow clock past", slow_clock::now() - 1s),
      fixed_until<W, Stop>("until slow clock min",
                           slow_clock::time_point::min()),
      fixed_until<W, Stop>("until stepped clock past",
                           stepped_clock::now() - 1s),
  };
}

}  // namespace forms_detail

template <class W>
std::vector<wait_form<W>> timed_forms() {
  auto forms = forms_detail::timed<W, false>();
  if constexpr (W::kStops)
    forms_detail::append(forms, forms_detail::timed<W, true>());
  return forms;
}

template <class W>
std::vector<wait_form<W>> unending_forms() {
  auto forms = forms_detail::unending<W, false>();
  if constexpr (W::kStops)
    forms_detail::append(forms, forms_detail::unending<W, true>());
  return forms;
}

template <class W>
std::vector<wait_form<W>> past_forms() {
  auto forms = forms_detail::past<W, false>();
  if constexpr (W::kStops)
    forms_detail::append(forms, forms_detail::past<W, true>());
  return forms;
}

}  // namespace syncxx_test

#define SYNCXX_TEST_FORMS_OF(W)                   \
  template std::vector<syncxx_test::wait_form<W>> \
  syncxx_test::timed_forms<W>();                  \
  template std::vector<syncxx_test::wait_form<W>> \
  syncxx_test::unending_forms<W>();               \
  template std::vector<syncxx_test::wait_form<W>> syncxx_test::past_forms<W>()

#endif  // SYNCXX_TESTS_SUPPORT_WAIT_FORMS_OF_H_
