// SPDX-License-Identifier: Apache-2.0
//
// The columns of the wait matrix: every way to call a wait, as data. A form
// names itself, runs on any waitable (waitables.h), and tells whether it came
// back before its deadline without success. There are some seventy of them.
#ifndef SYNCXX_TESTS_SUPPORT_WAIT_FORMS_H_
#define SYNCXX_TESTS_SUPPORT_WAIT_FORMS_H_

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "tests/support/waitables.h"

namespace syncxx_test {

using std::chrono::nanoseconds;

struct wait_outcome {
  bool taken;
  bool early;  // not taken, and the deadline is still to come
};

struct wait_form {
  std::string name;
  bool stoppable;  // takes the stop token
  // A form without a deadline of the caller's choice ignores the budget.
  std::function<wait_outcome(waitable&, nanoseconds budget,
                             const std::stop_token&)>
      run;
};
using wait_forms = std::vector<wait_form>;

// Forms with the caller's deadline.
wait_forms timed_forms(const waitable_kind& kind);

// Forms that wait for ever, by nature or by their largest deadline.
wait_forms unending_forms(const waitable_kind& kind);

// Forms whose deadline has passed before they begin.
wait_forms past_forms(const waitable_kind& kind);

wait_forms waiting_forms(const waitable_kind& kind);  // unending, then timed
wait_forms all_forms(const waitable_kind& kind);
wait_forms stoppable_forms(const waitable_kind& kind);  // of those that wait

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_WAIT_FORMS_H_
