// SPDX-License-Identifier: Apache-2.0
//
// pi_condition_variable: all that a condition variable must do, and by
// priority.
#include <sync/condition_variable.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>

#include "support/condition_variable_cases.h"
#include "support/lock_cases.h"
#include "support/priority_cases.h"

namespace {

using namespace syncxx::stress;
using syncxx::pi_condition_variable;
using syncxx::pi_mutex;

const cv_suite<pi_condition_variable, pi_mutex> suite("");

// Locks made of it: a lost notification stops everybody.
const add_case monitor{
    {.name = "monitor_rounds",
     .what =
         "a lock made of it; timeouts race the last notification of a round",
     .body = [](run& r) {
       rounds_case<monitor_lock<pi_condition_variable, pi_mutex>>(
           r, {.timeouts = true,
               .disturbances = disturbance::jitter,
               .inside_ns = 60000});
     }}};

const bool priorities = [] {
  add_priority_case<pi_condition_variable, pi_mutex>(
      "by_priority", "served by priority, whatever order they came in");
  // The case can fail: this one serves in order of arrival.
  add_priority_case<syncxx::condition_variable, syncxx::mutex>(
      "by_arrival", "must fail: the same with condition_variable",
      failure::wrong_result);
  return true;
}();

}  // namespace
