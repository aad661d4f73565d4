// SPDX-License-Identifier: Apache-2.0
//
// The wait matrix: every way to wait (tests/support/wait_forms.h) on every
// primitive that parks or spins (tests/support/waitables.h).
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "tests/support/signal_storm.h"
#include "tests/support/threads.h"
#include "tests/support/user_clock.h"
#include "tests/support/wait_forms.h"
#include "tests/support/waitables.h"
#include "tests/support/waiter.h"

namespace syncxx_test {
namespace {

class WaitMatrix : public waitable_test {
 protected:
  std::stop_source never_stopped_;

  // Neither returns by itself under a storm of signals nor misses its wake.
  void survives_storm(signal_storm::restart flag) {
    row waiting(GetParam(), waiting_forms(GetParam()), 1h,
                never_stopped_.get_token());
    waiting.await_blocked();
    {
      signal_storm storm(waiting.threads(), flag);
      await([&] { return storm.rounds() >= iterations(100); });
      waiting.expect_waiting();
      waiting.open();
      await([&] { return storm.rounds() >= iterations(110); });
    }
    for (auto& w : waiting) w->expect_taken();
  }

  void times_out_in_storm(signal_storm::restart flag) {
    row waiting(GetParam(), timed_forms(GetParam()), 30ms,
                never_stopped_.get_token());
    {
      signal_storm storm(waiting.threads(), flag);
      for (auto& w : waiting) await([&] { return w->finished(); });
    }
    for (auto& w : waiting) w->expect_not_taken();
  }
};
INSTANTIATE_TEST_SUITE_P(, WaitMatrix, testing::ValuesIn(waitables()),
                         waitable_name);

TEST_P(WaitMatrix, TakesAtOnceWhatIsThere) {
  for (const nanoseconds budget : {nanoseconds(1h), 0ns, nanoseconds(-1h)}) {
    for (const auto& form : all_forms(GetParam())) {
      const auto w = GetParam().make(true);
      EXPECT_TRUE(form.run(*w, budget, never_stopped_.get_token()).taken)
          << form.name << ", budget " << budget.count() << " ns";
      w->give_back();
      expect_one_token_left(*w);
    }
  }
}

TEST_P(WaitMatrix, TryFailsWhereThereIsNothing) {
  const auto w = GetParam().make(false);
  on_another_thread([&] { EXPECT_FALSE(w->try_wait()); });
  w->open();
  expect_one_token_left(*w);
}

TEST_P(WaitMatrix, PastDeadlineFails) {
  const auto w = GetParam().make(false);
  on_another_thread([&] {
    const std::stop_token stop = never_stopped_.get_token();
    for (const auto& form : past_forms(GetParam()))
      EXPECT_FALSE(form.run(*w, 0ns, stop).taken) << form.name;
    for (const auto& form : timed_forms(GetParam()))
      for (const nanoseconds budget : {0ns, -1ns, nanoseconds(-1h)})
        EXPECT_FALSE(form.run(*w, budget, stop).taken)
            << form.name << ", budget " << budget.count() << " ns";
  });
  w->open();
  expect_one_token_left(*w);
}

TEST_P(WaitMatrix, TimesOutAndNotEarly) {
  for (const nanoseconds budget : {nanoseconds(20ms), nanoseconds(1200us)}) {
    row waiting(GetParam(), timed_forms(GetParam()), budget,
                never_stopped_.get_token());
    for (auto& w : waiting) w->expect_not_taken();
  }
}

TEST_P(WaitMatrix, GetsWhatIsReleasedLater) {
  row waiting(GetParam(), waiting_forms(GetParam()), 1h,
              never_stopped_.get_token());
  waiting.await_blocked();
  waiting.expect_waiting();
  waiting.open();
  for (auto& w : waiting) w->expect_taken();
}

TEST_P(WaitMatrix, StillThereAfterOthersTimedOut) {
  const auto w = GetParam().make(false);
  for (const auto& form : timed_forms(GetParam()))
    waiter(*w, form, 1ms).expect_not_taken();
  w->open();
  expect_one_token_left(*w);
}

TEST_P(WaitMatrix, SignalsDoNotEndAWait) {
  survives_storm(signal_storm::restart::no);
}

TEST_P(WaitMatrix, RestartedSignalsDoNotEndAWait) {
  survives_storm(signal_storm::restart::yes);
}

TEST_P(WaitMatrix, SignalsDoNotCutATimeoutShort) {
  times_out_in_storm(signal_storm::restart::no);
}

TEST_P(WaitMatrix, RestartedSignalsDoNotCutATimeoutShort) {
  times_out_in_storm(signal_storm::restart::yes);
}

// A clock that is set back during a wait puts its deadline off.
TEST_P(WaitMatrix, SteppedUserClockIsAskedAgain) {
  const auto w = GetParam().make(false);
  for (const auto& form : timed_forms(GetParam())) {
    if (form.name.find("stepped") == std::string::npos) continue;
    waiter waiting(*w, form, 30ms, never_stopped_.get_token());
    waiting.await_blocked();
    stepped_clock::step(-40ms);
    waiting.expect_not_taken();
  }
  w->open();
  expect_one_token_left(*w);
}

// A wait may be used between a caller's system call and the look at its errno,
// and releases even in signal handlers: all leave errno as they find it.
constexpr int kErrno = EDOM;  // no system call's

template <class F>
void expect_errno_untouched(const std::string& what, F operation) {
  errno = kErrno;
  operation();
  const int after = errno;
  EXPECT_EQ(after, kErrno) << what << " has changed errno";
}

// The same form, watched.
wait_form watching_errno(const wait_form& form) {
  return {form.name, form.stoppable,
          [form](waitable& w, nanoseconds budget, const std::stop_token& stop) {
            wait_outcome outcome;
            expect_errno_untouched(
                form.name, [&] { outcome = form.run(w, budget, stop); });
            return outcome;
          }};
}

wait_forms watching_errno(wait_forms forms) {
  for (wait_form& form : forms) form = watching_errno(form);
  return forms;
}

TEST_P(WaitMatrix, LeavesErrnoAloneWhenNotBlocked) {
  const std::stop_token stop = never_stopped_.get_token();
  const auto w = GetParam().make(true);
  for (const auto& form : watching_errno(all_forms(GetParam()))) {
    EXPECT_TRUE(form.run(*w, 1h, stop).taken) << form.name;
    expect_errno_untouched("the release", [&] { w->give_back(); });
  }
  const auto shut = GetParam().make(false);
  on_another_thread([&] {
    expect_errno_untouched("a try", [&] { EXPECT_FALSE(shut->try_wait()); });
    for (const auto& form : watching_errno(past_forms(GetParam())))
      EXPECT_FALSE(form.run(*shut, 0ns, stop).taken) << form.name;
  });
  shut->open();
}

TEST_P(WaitMatrix, LeavesErrnoAloneWhenTimedOut) {
  row waiting(GetParam(), watching_errno(timed_forms(GetParam())), 1200us,
              never_stopped_.get_token());
  for (auto& w : waiting) w->expect_not_taken();
}

TEST_P(WaitMatrix, LeavesErrnoAloneWhenWoken) {
  row waiting(GetParam(), watching_errno(waiting_forms(GetParam())), 1h,
              never_stopped_.get_token());
  waiting.await_blocked();
  expect_errno_untouched("the release", [&] { waiting.open(); });
  for (auto& w : waiting) w->expect_taken();
}

TEST_P(WaitMatrix, LeavesErrnoAloneWhenInterrupted) {
  row waiting(GetParam(), watching_errno(waiting_forms(GetParam())), 1h,
              never_stopped_.get_token());
  waiting.await_blocked();
  {
    signal_storm storm(waiting.threads(), signal_storm::restart::no);
    await([&] { return storm.rounds() >= iterations(20); });
  }
  waiting.open();
  for (auto& w : waiting) w->expect_taken();
}

// What comes and goes between a thread's look and its sleep: the kernel then
// refuses the sleep.
TEST_P(WaitMatrix, LeavesErrnoAloneInACrowd) {
  const auto w = GetParam().make(true);
  const std::stop_token stop = never_stopped_.get_token();
  std::vector<std::thread> crowd;
  for (int i = 0; i < 3; ++i) {
    crowd.emplace_back([&] {
      const auto forms = watching_errno(waiting_forms(GetParam()));
      for (int round = 0; round < iterations(50); ++round) {
        for (const auto& form : forms) {
          EXPECT_TRUE(form.run(*w, 1h, stop).taken) << form.name;
          expect_errno_untouched("the release", [&] { w->give_back(); });
        }
      }
    });
  }
  for (std::thread& thread : crowd) thread.join();
  expect_one_token_left(*w);
}

class StopMatrix : public waitable_test {
 protected:
  std::stop_source source_;
};
INSTANTIATE_TEST_SUITE_P(, StopMatrix, testing::ValuesIn(stoppable_waitables()),
                         waitable_name);

TEST_P(StopMatrix, StopBeforeFailsAtOnce) {
  source_.request_stop();
  const auto w = GetParam().make(false);
  on_another_thread([&] {
    for (const auto& form : stoppable_forms(GetParam()))
      EXPECT_FALSE(form.run(*w, 1h, source_.get_token()).taken) << form.name;
  });
  w->open();
  expect_one_token_left(*w);
}

TEST_P(StopMatrix, StopBeforeDoesNotBeatWhatIsThere) {
  source_.request_stop();
  const auto w = GetParam().make(true);
  for (const auto& form : stoppable_forms(GetParam())) {
    EXPECT_TRUE(form.run(*w, 1h, source_.get_token()).taken) << form.name;
    w->give_back();
  }
  expect_one_token_left(*w);
}

TEST_P(StopMatrix, StopDuringEndsTheWait) {
  row waiting(GetParam(), stoppable_forms(GetParam()), 1h, source_.get_token());
  waiting.await_blocked();
  waiting.expect_waiting();
  source_.request_stop();
  for (auto& w : waiting) w->expect_stopped();
  waiting.open();
  for (std::size_t i = 0; i < stoppable_forms(GetParam()).size(); ++i)
    expect_one_token_left(waiting.object(i));
}

TEST_P(StopMatrix, StopLeavesErrnoAlone) {
  row waiting(GetParam(), watching_errno(stoppable_forms(GetParam())), 1h,
              source_.get_token());
  waiting.await_blocked();
  expect_errno_untouched("the request", [&] { source_.request_stop(); });
  for (auto& w : waiting) w->expect_stopped();
  // Those that come late do not sleep.
  row late(GetParam(), watching_errno(stoppable_forms(GetParam())), 1h,
           source_.get_token());
  for (auto& w : late) w->expect_stopped();
}

TEST_P(StopMatrix, StopAfterChangesNothing) {
  row waiting(GetParam(), stoppable_forms(GetParam()), 1h, source_.get_token());
  waiting.await_blocked();
  waiting.open();
  for (auto& w : waiting) w->expect_taken();
  source_.request_stop();
  for (std::size_t i = 0; i < stoppable_forms(GetParam()).size(); ++i)
    expect_one_token_left(waiting.object(i));
}

TEST_P(StopMatrix, TokenWithoutStateWaitsAsWithoutToken) {
  row waiting(GetParam(), stoppable_forms(GetParam()), 1h, std::stop_token());
  waiting.await_blocked();
  waiting.expect_waiting();
  waiting.open();
  for (auto& w : waiting) w->expect_taken();
}

TEST_P(StopMatrix, TimesOutAlthoughStopNeverComes) {
  row waiting(GetParam(), timed_forms(GetParam()), 5ms, source_.get_token());
  for (auto& w : waiting) w->expect_not_taken();
}

TEST_P(StopMatrix, OneRequestStopsAllThatListen) {
  const auto w = GetParam().make(false);
  std::vector<std::unique_ptr<waiter>> waiting;
  for (const auto& form : stoppable_forms(GetParam()))
    waiting.push_back(
        std::make_unique<waiter>(*w, form, 1h, source_.get_token()));
  for (auto& one : waiting) one->await_blocked();
  source_.request_stop();
  for (auto& one : waiting) one->expect_stopped();
  w->open();
  expect_one_token_left(*w);
}

// The others neither return nor lose their wake.
TEST_P(StopMatrix, StopOfOneLeavesTheOthersAlone) {
  std::stop_source others;
  for (const auto& stopped_form : stoppable_forms(GetParam())) {
    const auto w = GetParam().make(false);
    auto forms = unending_forms(GetParam());
    const wait_form block = forms.front();
    waiter first(*w, block, 1h);
    first.await_blocked();
    std::stop_source source;
    waiter stopped(*w, stopped_form, 1h, source.get_token());
    stopped.await_blocked();
    waiter listener(*w, stopped_form, 1h, others.get_token());
    waiter last(*w, block, 1h);
    listener.await_blocked();
    last.await_blocked();

    source.request_stop();
    stopped.expect_stopped();
    EXPECT_FALSE(first.finished()) << stopped_form.name;
    EXPECT_FALSE(listener.finished()) << stopped_form.name;
    EXPECT_FALSE(last.finished()) << stopped_form.name;

    w->open();
    first.expect_taken();
    listener.expect_taken();
    last.expect_taken();
    expect_one_token_left(*w);
  }
}

}  // namespace
}  // namespace syncxx_test
