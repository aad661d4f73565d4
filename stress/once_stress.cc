// SPDX-License-Identifier: Apache-2.0
//
// call_once: one call at a time until one returns, then none; what it did is
// seen by all.
#include <sync/once.h>

#include "support/once_cases.h"

namespace {

using namespace syncxx::stress;

class once {
 public:
  template <class F>
  void call(const F& f) {
    syncxx::call_once(flag_, f);
  }
  template <class F>
  bool call(const F& f, const std::stop_token& stop) {
    return syncxx::call_once(flag_, stop, f);
  }
  template <class F, class D, class... Stop>
  bool call_for(const F& f, const D& d, const Stop&... stop) {
    return syncxx::try_call_once_for(flag_, d, stop..., f);
  }
  template <class F, class T, class... Stop>
  bool call_until(const F& f, const T& t, const Stop&... stop) {
    return syncxx::try_call_once_until(flag_, t, stop..., f);
  }

 private:
  syncxx::once_flag flag_;
};

struct once_suite {
  once_suite() {
    using enum disturbance;
    add("plain", "as fast as it goes", {});
    add("exceptions", "calls that throw",
        {.exceptions = true, .disturbances = jitter});
    add("timeouts", "timeouts race the end of a call",
        {.timeouts = true, .exceptions = true, .disturbances = jitter});
    add("stops", "stop requests race the end of a call",
        {.stops = true, .exceptions = true, .disturbances = jitter});
    add("signals", "EINTR storms",
        {.timeouts = true,
         .exceptions = true,
         .disturbances = signals | jitter});
    add("spurious", "sleepers woken for no reason",
        {.exceptions = true, .disturbances = spurious | jitter});
    add("crowd", "64 threads on 2 CPUs", {.exceptions = true, .cpus = 2}, 64);
    add("everything", "all of it at once",
        {.timeouts = true,
         .stops = true,
         .exceptions = true,
         .disturbances = all},
        16);
  }

 private:
  static void add(const char* name, const char* what, once_plan plan,
                  unsigned threads = 0) {
    add_case({.name = name,
              .what = what,
              .body = [plan](run& r) { once_rounds<once>(r, plan).go(); },
              .threads = threads});
  }
};

const once_suite suite;

}  // namespace
