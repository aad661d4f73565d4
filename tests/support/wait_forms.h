// SPDX-License-Identifier: Apache-2.0
//
// The columns of the wait matrix: every way to call a wait, as data. A form
// names itself, runs on any waitable (waitables.h), and tells whether it came
// back before its deadline without success.
//
// The forms are made once per waitable, in wait_forms_of_*.cc: there are some
// seventy of them, and many suites use them.
#ifndef SYNCXX_TESTS_SUPPORT_WAIT_FORMS_H_
#define SYNCXX_TESTS_SUPPORT_WAIT_FORMS_H_

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace syncxx_test {

using std::chrono::nanoseconds;

struct wait_outcome {
  bool taken;
  bool early;  // not taken, and the deadline is still to come
};

template <class W>
struct wait_form {
  std::string name;
  bool stoppable;  // takes the stop token
  // A form without a deadline of the caller's choice ignores the budget.
  std::function<wait_outcome(W&, nanoseconds budget, const std::stop_token&)>
      run;
};

// Forms with the caller's deadline.
template <class W>
std::vector<wait_form<W>> timed_forms();

// Forms that wait for ever, by nature or by their largest deadline.
template <class W>
std::vector<wait_form<W>> unending_forms();

// Forms whose deadline has passed before they begin.
template <class W>
std::vector<wait_form<W>> past_forms();

template <class W>
std::vector<wait_form<W>> waiting_forms() {
  auto forms = unending_forms<W>();
  for (auto& form : timed_forms<W>()) forms.push_back(std::move(form));
  return forms;
}

template <class W>
std::vector<wait_form<W>> all_forms() {
  auto forms = waiting_forms<W>();
  for (auto& form : past_forms<W>()) forms.push_back(std::move(form));
  return forms;
}

template <class W>
std::vector<wait_form<W>> stoppable_forms() {
  std::vector<wait_form<W>> forms;
  for (wait_form<W>& form : waiting_forms<W>())
    if (form.stoppable) forms.push_back(std::move(form));
  return forms;
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_WAIT_FORMS_H_
