// SPDX-License-Identifier: Apache-2.0
//
// barrier: nobody goes on before all have arrived and the completion has run
// once; what they wrote before is seen; those that drop out are not waited for.
#include <sync/barrier.h>

#include "support/barrier_cases.h"

namespace {

using namespace syncxx::stress;

struct barrier_suite {
  barrier_suite() {
    using enum disturbance;
    add("plain", "as fast as it goes", {});
    add("drops", "threads drop out", {.drops = true, .disturbances = jitter});
    add("timeouts", "timeouts race the last arrival",
        {.timeouts = true, .disturbances = jitter});
    add("stops", "stop requests race the last arrival",
        {.stops = true, .drops = true, .disturbances = jitter});
    add("signals", "EINTR storms",
        {.timeouts = true, .drops = true, .disturbances = signals | jitter});
    add("spurious", "sleepers woken for no reason",
        {.disturbances = spurious | jitter});
    add("suspend", "SIGSTOP and SIGCONT of the process",
        {.timeouts = true, .disturbances = suspend | jitter});
    add("crowd", "64 threads on 2 CPUs", {.drops = true, .cpus = 2}, 64);
    add("everything", "all of it at once",
        {.timeouts = true, .stops = true, .drops = true, .disturbances = all},
        16);
  }

 private:
  static void add(const char* name, const char* what, barrier_plan plan,
                  unsigned threads = 0) {
    add_case(
        {.name = name,
         .what = what,
         .body =
             [plan](run& r) {
               barrier_rounds<syncxx::barrier<phase_counter>>(r, plan).go();
             },
         .threads = threads});
  }
};

const barrier_suite suite;

}  // namespace
