// SPDX-License-Identifier: Apache-2.0
//
// latch: nobody gets through before the count is zero, everybody afterwards,
// and what came before a count_down is seen by those who waited.
#include <sync/latch.h>

#include "support/latch_cases.h"

namespace {

using namespace syncxx::stress;

struct latch_suite {
  latch_suite() {
    using enum disturbance;
    add("plain", "as fast as it goes", {});
    add("timeouts", "timeouts race the last count_down",
        {.timeouts = true, .disturbances = jitter});
    add("stops", "stop requests race the last count_down",
        {.stops = true, .disturbances = jitter});
    add("signals", "EINTR storms",
        {.timeouts = true, .disturbances = signals | jitter});
    add("spurious", "sleepers woken for no reason",
        {.disturbances = spurious | jitter});
    add("suspend", "SIGSTOP and SIGCONT of the process",
        {.timeouts = true, .disturbances = suspend | jitter});
    add("crowd", "64 threads on 2 CPUs", {.cpus = 2}, 64);
    add("everything", "all of it at once",
        {.timeouts = true, .stops = true, .disturbances = all}, 16);
  }

 private:
  static void add(const char* name, const char* what, latch_plan plan,
                  unsigned threads = 0) {
    add_case(
        {.name = name,
         .what = what,
         .body = [plan](run& r) { latch_rounds<syncxx::latch>(r, plan).go(); },
         .threads = threads});
  }
};

const latch_suite suite;

}  // namespace
