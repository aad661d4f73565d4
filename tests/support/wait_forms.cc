// SPDX-License-Identifier: Apache-2.0
#include "tests/support/wait_forms.h"

#include <iterator>
#include <limits>
#include <utility>

namespace syncxx_test {

namespace {

using std::chrono::ceil;
using std::chrono::duration;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

// Ticks of D that last `budget`, not less.
template <class D>
any_duration lasting(nanoseconds budget) {
  if constexpr (std::chrono::treat_as_floating_point_v<typename D::rep>)
    return D(budget);
  else
    return ceil<D>(budget);
}

// A time point of `Clock` that lies `budget` ahead, in ticks of D, not sooner.
template <class Clock, class D = typename Clock::duration>
any_deadline ahead(nanoseconds budget) {
  if constexpr (std::chrono::treat_as_floating_point_v<typename D::rep>)
    return deadline_of<Clock, D>((Clock::now() + budget).time_since_epoch());
  else
    return ceil<D>(Clock::now() + budget);
}

bool shorter(duration<long double> took, const any_duration& than) {
  return std::visit([&](const auto& d) { return took < d; }, than);
}

bool to_come(const any_deadline& any) {
  return std::visit(
      []<class Clock, class D>(const deadline_of<Clock, D>& when) {
        return Clock::now() < when;
      },
      any);
}

// Makes the forms of one suffix: those without a stop token or those with it.
class form_maker {
 public:
  explicit form_maker(bool stop) : stop_(stop) {}

  wait_form blocking() const {
    return form("block", [](waitable& w, nanoseconds, auto* stop) {
      return wait_outcome{w.wait(stop), false};
    });
  }

  wait_form wait_for(const char* name,
                     any_duration (*make)(nanoseconds)) const {
    return form(name, [make](waitable& w, nanoseconds budget, auto* stop) {
      return run_for(w, make(budget), stop);
    });
  }
  wait_form wait_for(const char* name, any_duration d) const {
    return form(name, [d](waitable& w, nanoseconds, auto* stop) {
      return run_for(w, d, stop);
    });
  }

  wait_form wait_until(const char* name,
                       any_deadline (*make)(nanoseconds)) const {
    return form(name, [make](waitable& w, nanoseconds budget, auto* stop) {
      const any_deadline when = make(budget);
      const bool taken = w.wait_until(when, stop);
      return wait_outcome{taken, !taken && to_come(when)};
    });
  }
  wait_form wait_until(const char* name, any_deadline when) const {
    return form(name, [when](waitable& w, nanoseconds, auto* stop) {
      return wait_outcome{w.wait_until(when, stop), false};
    });
  }

 private:
  static wait_outcome run_for(waitable& w, const any_duration& d,
                              const std::stop_token* stop) {
    const auto start = steady_clock::now();
    const bool taken = w.wait_for(d, stop);
    return {taken, !taken && shorter(steady_clock::now() - start, d)};
  }

  template <class Run>
  wait_form form(const char* name, Run run) const {
    return {std::string(name) + (stop_ ? "+stop" : ""), stop_,
            [run, uses = stop_](waitable& w, nanoseconds budget,
                                const std::stop_token& stop) {
              return run(w, budget, uses ? &stop : nullptr);
            }};
  }

  bool stop_;
};

wait_forms timed(bool stop) {
  const form_maker with(stop);
  return {
      with.wait_for("for ns", lasting<nanoseconds>),
      with.wait_for("for ms", lasting<milliseconds>),
      with.wait_for("for double s", lasting<seconds_double>),
      with.wait_for("for float ms", lasting<milliseconds_float>),
      with.wait_until("until steady", ahead<steady_clock>),
      with.wait_until("until steady ms", ahead<steady_clock, milliseconds>),
      with.wait_until("until steady double",
                      ahead<steady_clock, seconds_double>),
      with.wait_until("until system", ahead<system_clock>),
      with.wait_until("until slow clock", ahead<slow_clock>),
      with.wait_until("until fast clock", ahead<fast_clock>),
      with.wait_until("until stepped clock", ahead<stepped_clock>),
  };
}

wait_forms unending(bool stop) {
  constexpr seconds_double kInfinity(std::numeric_limits<double>::infinity());
  const form_maker with(stop);
  return {
      with.blocking(),
      with.wait_for("for ns max", nanoseconds::max()),
      with.wait_for("for hours max", hours::max()),
      with.wait_for("for double max", seconds_double::max()),
      with.wait_for("for infinity", kInfinity),
      with.wait_until("until steady max", deadline_of<steady_clock>::max()),
      with.wait_until("until steady hours max",
                      deadline_of<steady_clock, hours>::max()),
      with.wait_until("until steady infinity",
                      deadline_of<steady_clock, seconds_double>(kInfinity)),
      with.wait_until("until system max", deadline_of<system_clock>::max()),
      with.wait_until("until system hours max",
                      deadline_of<system_clock, hours>::max()),
      with.wait_until("until slow clock max", deadline_of<slow_clock>::max()),
      with.wait_until("until slow clock hours max",
                      deadline_of<slow_clock, hours>::max()),
      with.wait_until("until stepped clock max",
                      deadline_of<stepped_clock>::max()),
  };
}

wait_forms past(bool stop) {
  using namespace std::chrono_literals;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const form_maker with(stop);
  return {
      with.wait_for("for zero", 0ns),
      with.wait_for("for -1 ns", -1ns),
      with.wait_for("for ns min", nanoseconds::min()),
      with.wait_for("for hours min", hours::min()),
      with.wait_for("for -infinity", seconds_double(-kInfinity)),
      with.wait_for("for NaN", seconds_double(kNan)),
      with.wait_until("until steady past", steady_clock::now() - 1s),
      with.wait_until("until steady epoch", deadline_of<steady_clock>()),
      with.wait_until("until steady min", deadline_of<steady_clock>::min()),
      with.wait_until("until steady hours min",
                      deadline_of<steady_clock, hours>::min()),
      with.wait_until("until system past", system_clock::now() - 1s),
      with.wait_until("until system min", deadline_of<system_clock>::min()),
      with.wait_until("until slow clock past", slow_clock::now() - 1s),
      with.wait_until("until slow clock min", deadline_of<slow_clock>::min()),
      with.wait_until("until stepped clock past", stepped_clock::now() - 1s),
  };
}

wait_forms joined(wait_forms forms, wait_forms more) {
  std::move(more.begin(), more.end(), std::back_inserter(forms));
  return forms;
}

wait_forms that_suit(const waitable_kind& kind, wait_forms (*make)(bool stop)) {
  return kind.traits.stops ? joined(make(false), make(true)) : make(false);
}

}  // namespace

wait_forms timed_forms(const waitable_kind& kind) {
  return that_suit(kind, timed);
}

wait_forms unending_forms(const waitable_kind& kind) {
  return that_suit(kind, unending);
}

wait_forms past_forms(const waitable_kind& kind) {
  return that_suit(kind, past);
}

wait_forms waiting_forms(const waitable_kind& kind) {
  return joined(unending_forms(kind), timed_forms(kind));
}

wait_forms all_forms(const waitable_kind& kind) {
  return joined(waiting_forms(kind), past_forms(kind));
}

wait_forms stoppable_forms(const waitable_kind& kind) {
  wait_forms forms = waiting_forms(kind);
  std::erase_if(forms, [](const wait_form& form) { return !form.stoppable; });
  return forms;
}

}  // namespace syncxx_test
