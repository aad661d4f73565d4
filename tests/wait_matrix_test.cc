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

template <class W>
class WaitMatrix : public testing::Test {
 protected:
  std::stop_source never_stopped_;

  // Neither returns by itself under a storm of signals nor misses its wake.
  void survives_storm(signal_storm::restart flag) {
    row<W> waiting(waiting_forms<W>(), 1h, never_stopped_.get_token());
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
    row<W> waiting(timed_forms<W>(), 30ms, never_stopped_.get_token());
    {
      signal_storm storm(waiting.threads(), flag);
      for (auto& w : waiting) await([&] { return w->finished(); });
    }
    for (auto& w : waiting) w->expect_not_taken();
  }
};
TYPED_TEST_SUITE(WaitMatrix, waitables, waitable_names);

TYPED_TEST(WaitMatrix, TakesAtOnceWhatIsThere) {
  for (const nanoseconds budget : {nanoseconds(1h), 0ns, nanoseconds(-1h)}) {
    for (const auto& form : all_forms<TypeParam>()) {
      TypeParam w(true);
      EXPECT_TRUE(form.run(w, budget, this->never_stopped_.get_token()).taken)
          << form.name << ", budget " << budget.count() << " ns";
      w.give_back();
      expect_one_token_left(w);
    }
  }
}

TYPED_TEST(WaitMatrix, TryFailsWhereThereIsNothing) {
  TypeParam w(false);
  on_another_thread([&] { EXPECT_FALSE(w.try_wait()); });
  w.open();
  expect_one_token_left(w);
}

TYPED_TEST(WaitMatrix, PastDeadlineFails) {
  TypeParam w(false);
  on_another_thread([&] {
    const std::stop_token stop = this->never_stopped_.get_token();
    for (const auto& form : past_forms<TypeParam>())
      EXPECT_FALSE(form.run(w, 0ns, stop).taken) << form.name;
    for (const auto& form : timed_forms<TypeParam>())
      for (const nanoseconds budget : {0ns, -1ns, nanoseconds(-1h)})
        EXPECT_FALSE(form.run(w, budget, stop).taken)
            << form.name << ", budget " << budget.count() << " ns";
  });
  w.open();
  expect_one_token_left(w);
}

TYPED_TEST(WaitMatrix, TimesOutAndNotEarly) {
  for (const nanoseconds budget : {nanoseconds(20ms), nanoseconds(1200us)}) {
    row<TypeParam> waiting(timed_forms<TypeParam>(), budget,
                           this->never_stopped_.get_token());
    for (auto& w : waiting) w->expect_not_taken();
  }
}

TYPED_TEST(WaitMatrix, GetsWhatIsReleasedLater) {
  row<TypeParam> waiting(waiting_forms<TypeParam>(), 1h,
                         this->never_stopped_.get_token());
  waiting.await_blocked();
  waiting.expect_waiting();
  waiting.open();
  for (auto& w : waiting) w->expect_taken();
}

TYPED_TEST(WaitMatrix, StillThereAfterOthersTimedOut) {
  TypeParam w(false);
  for (const auto& form : timed_forms<TypeParam>())
    waiter<TypeParam>(w, form, 1ms).expect_not_taken();
  w.open();
  expect_one_token_left(w);
}

TYPED_TEST(WaitMatrix, SignalsDoNotEndAWait) {
  this->survives_storm(signal_storm::restart::no);
}

TYPED_TEST(WaitMatrix, RestartedSignalsDoNotEndAWait) {
  this->survives_storm(signal_storm::restart::yes);
}

TYPED_TEST(WaitMatrix, SignalsDoNotCutATimeoutShort) {
  this->times_out_in_storm(signal_storm::restart::no);
}

TYPED_TEST(WaitMatrix, RestartedSignalsDoNotCutATimeoutShort) {
  this->times_out_in_storm(signal_storm::restart::yes);
}

// A clock that is set back during a wait puts its deadline off.
TYPED_TEST(WaitMatrix, SteppedUserClockIsAskedAgain) {
  TypeParam w(false);
  for (const auto& form : timed_forms<TypeParam>()) {
    if (form.name.find("stepped") == std::string::npos) continue;
    waiter<TypeParam> waiting(w, form, 30ms, this->never_stopped_.get_token());
    waiting.await_blocked();
    stepped_clock::step(-40ms);
    waiting.expect_not_taken();
  }
  w.open();
  expect_one_token_left(w);
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
template <class W>
wait_form<W> watching_errno(const wait_form<W>& form) {
  return {form.name, form.stoppable,
          [form](W& w, nanoseconds budget, const std::stop_token& stop) {
            wait_outcome outcome;
            expect_errno_untouched(
                form.name, [&] { outcome = form.run(w, budget, stop); });
            return outcome;
          }};
}

template <class W>
std::vector<wait_form<W>> watching_errno(std::vector<wait_form<W>> forms) {
  for (wait_form<W>& form : forms) form = watching_errno(form);
  return forms;
}

TYPED_TEST(WaitMatrix, LeavesErrnoAloneWhenNotBlocked) {
  const std::stop_token stop = this->never_stopped_.get_token();
  TypeParam w(true);
  for (const auto& form : watching_errno(all_forms<TypeParam>())) {
    EXPECT_TRUE(form.run(w, 1h, stop).taken) << form.name;
    expect_errno_untouched("the release", [&] { w.give_back(); });
  }
  TypeParam shut(false);
  on_another_thread([&] {
    expect_errno_untouched("a try", [&] { EXPECT_FALSE(shut.try_wait()); });
    for (const auto& form : watching_errno(past_forms<TypeParam>()))
      EXPECT_FALSE(form.run(shut, 0ns, stop).taken) << form.name;
  });
  shut.open();
}

TYPED_TEST(WaitMatrix, LeavesErrnoAloneWhenTimedOut) {
  row<TypeParam> waiting(watching_errno(timed_forms<TypeParam>()), 1200us,
                         this->never_stopped_.get_token());
  for (auto& w : waiting) w->expect_not_taken();
}

TYPED_TEST(WaitMatrix, LeavesErrnoAloneWhenWoken) {
  row<TypeParam> waiting(watching_errno(waiting_forms<TypeParam>()), 1h,
                         this->never_stopped_.get_token());
  waiting.await_blocked();
  expect_errno_untouched("the release", [&] { waiting.open(); });
  for (auto& w : waiting) w->expect_taken();
}

TYPED_TEST(WaitMatrix, LeavesErrnoAloneWhenInterrupted) {
  row<TypeParam> waiting(watching_errno(waiting_forms<TypeParam>()), 1h,
                         this->never_stopped_.get_token());
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
TYPED_TEST(WaitMatrix, LeavesErrnoAloneInACrowd) {
  TypeParam w(true);
  const std::stop_token stop = this->never_stopped_.get_token();
  std::vector<std::thread> crowd;
  for (int i = 0; i < 3; ++i) {
    crowd.emplace_back([&] {
      const auto forms = watching_errno(waiting_forms<TypeParam>());
      for (int round = 0; round < iterations(50); ++round) {
        for (const auto& form : forms) {
          EXPECT_TRUE(form.run(w, 1h, stop).taken) << form.name;
          expect_errno_untouched("the release", [&] { w.give_back(); });
        }
      }
    });
  }
  for (std::thread& thread : crowd) thread.join();
  expect_one_token_left(w);
}

template <class W>
class StopMatrix : public testing::Test {
 protected:
  std::stop_source source_;
};
TYPED_TEST_SUITE(StopMatrix, stoppable_waitables, waitable_names);

TYPED_TEST(StopMatrix, StopBeforeFailsAtOnce) {
  this->source_.request_stop();
  TypeParam w(false);
  on_another_thread([&] {
    for (const auto& form : stoppable_forms<TypeParam>())
      EXPECT_FALSE(form.run(w, 1h, this->source_.get_token()).taken)
          << form.name;
  });
  w.open();
  expect_one_token_left(w);
}

TYPED_TEST(StopMatrix, StopBeforeDoesNotBeatWhatIsThere) {
  this->source_.request_stop();
  TypeParam w(true);
  for (const auto& form : stoppable_forms<TypeParam>()) {
    EXPECT_TRUE(form.run(w, 1h, this->source_.get_token()).taken) << form.name;
    w.give_back();
  }
  expect_one_token_left(w);
}

TYPED_TEST(StopMatrix, StopDuringEndsTheWait) {
  row<TypeParam> waiting(stoppable_forms<TypeParam>(), 1h,
                         this->source_.get_token());
  waiting.await_blocked();
  waiting.expect_waiting();
  this->source_.request_stop();
  for (auto& w : waiting) w->expect_stopped();
  waiting.open();
  for (std::size_t i = 0; i < stoppable_forms<TypeParam>().size(); ++i)
    expect_one_token_left(waiting.object(i));
}

TYPED_TEST(StopMatrix, StopLeavesErrnoAlone) {
  row<TypeParam> waiting(watching_errno(stoppable_forms<TypeParam>()), 1h,
                         this->source_.get_token());
  waiting.await_blocked();
  expect_errno_untouched("the request", [&] { this->source_.request_stop(); });
  for (auto& w : waiting) w->expect_stopped();
  // Those that come late do not sleep.
  row<TypeParam> late(watching_errno(stoppable_forms<TypeParam>()), 1h,
                      this->source_.get_token());
  for (auto& w : late) w->expect_stopped();
}

TYPED_TEST(StopMatrix, StopAfterChangesNothing) {
  row<TypeParam> waiting(stoppable_forms<TypeParam>(), 1h,
                         this->source_.get_token());
  waiting.await_blocked();
  waiting.open();
  for (auto& w : waiting) w->expect_taken();
  this->source_.request_stop();
  for (std::size_t i = 0; i < stoppable_forms<TypeParam>().size(); ++i)
    expect_one_token_left(waiting.object(i));
}

TYPED_TEST(StopMatrix, TokenWithoutStateWaitsAsWithoutToken) {
  row<TypeParam> waiting(stoppable_forms<TypeParam>(), 1h, std::stop_token());
  waiting.await_blocked();
  waiting.expect_waiting();
  waiting.open();
  for (auto& w : waiting) w->expect_taken();
}

TYPED_TEST(StopMatrix, TimesOutAlthoughStopNeverComes) {
  row<TypeParam> waiting(timed_forms<TypeParam>(), 5ms,
                         this->source_.get_token());
  for (auto& w : waiting) w->expect_not_taken();
}

TYPED_TEST(StopMatrix, OneRequestStopsAllThatListen) {
  TypeParam w(false);
  std::vector<std::unique_ptr<waiter<TypeParam>>> waiting;
  for (const auto& form : stoppable_forms<TypeParam>())
    waiting.push_back(std::make_unique<waiter<TypeParam>>(
        w, form, 1h, this->source_.get_token()));
  for (auto& one : waiting) one->await_blocked();
  this->source_.request_stop();
  for (auto& one : waiting) one->expect_stopped();
  w.open();
  expect_one_token_left(w);
}

// The others neither return nor lose their wake.
TYPED_TEST(StopMatrix, StopOfOneLeavesTheOthersAlone) {
  std::stop_source others;
  for (const auto& stopped_form : stoppable_forms<TypeParam>()) {
    TypeParam w(false);
    auto forms = unending_forms<TypeParam>();
    const wait_form<TypeParam> block = forms.front();
    waiter<TypeParam> first(w, block, 1h);
    first.await_blocked();
    std::stop_source source;
    waiter<TypeParam> stopped(w, stopped_form, 1h, source.get_token());
    stopped.await_blocked();
    waiter<TypeParam> listener(w, stopped_form, 1h, others.get_token());
    waiter<TypeParam> last(w, block, 1h);
    listener.await_blocked();
    last.await_blocked();

    source.request_stop();
    stopped.expect_stopped();
    EXPECT_FALSE(first.finished()) << stopped_form.name;
    EXPECT_FALSE(listener.finished()) << stopped_form.name;
    EXPECT_FALSE(last.finished()) << stopped_form.name;

    w.open();
    first.expect_taken();
    listener.expect_taken();
    last.expect_taken();
    expect_one_token_left(w);
  }
}

}  // namespace
}  // namespace syncxx_test
