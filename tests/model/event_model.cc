// SPDX-License-Identifier: Apache-2.0
//
// Model tests of event and auto_reset_event: no lost wakeup, ordering, time-out
// and stop beside set, destruction right after a wait, reset.
//
// Bounds: one opener and one or two waiters with one wait each; one spurious
// wake-up and one jump of the clock in what an operation depends on. All
// exhaustive.
#include <gtest/gtest.h>

#include <sync/event.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

template <class Gate>
class EventModel : public ::testing::Test {};
using gates = ::testing::Types<event_gate, auto_reset_gate>;
TYPED_TEST_SUITE(EventModel, gates);

TYPED_TEST(EventModel, HandsOver) { expect_ok(gate_hands_over<TypeParam>); }

TYPED_TEST(EventModel, HandsOverToATry) {
  expect_ok(gate_hands_over_to_a_try<TypeParam>);
}

TYPED_TEST(EventModel, BesideATimeout) {
  expect_ok(gate_beside_a_timeout<TypeParam>);
}

TYPED_TEST(EventModel, Stopped) { expect_ok(gate_stopped<TypeParam>); }

TYPED_TEST(EventModel, SetAndStopped) {
  expect_ok(gate_opened_and_stopped<TypeParam>);
}

TYPED_TEST(EventModel, MayBeDestroyedAfterTheWait) {
  expect_ok(gate_destroyed_after_wait<TypeParam>);
}

TEST(EventModel, SetReleasesTwoWaiters) {
  expect_ok(gate_with_two_waiters<event_gate>);
}

// Whoever sleeps when set() is called returns, though reset() follows at once,
// and sees what the setter wrote.
TEST(EventModel, ResetDoesNotHideTheSet) {
  expect_ok([] {
    syncxx::event event;
    syncxx::cell<int> data(0);
    model::thread waiter([&] {
      event.wait();
      model::require(data == 1, "what the setter wrote is there");
    });
    assume_asleep(event);
    data = 1;
    event.set();
    event.reset();
  });
}

// A reset by somebody else, who has seen nothing of what the setter wrote.
TEST(EventModel, ResetByAStrangerHidesNothing) {
  expect_ok([] {
    syncxx::event event;
    syncxx::cell<int> data(0);
    model::thread resetter([&] { event.reset(); });
    model::thread setter([&] {
      data = 1;
      event.set();
    });
    if (event.wait_for(kAWhile))
      model::require(data == 1, "what the setter wrote is there");
  });
}

// Set, reset and waited for again: no wait is left behind in an old epoch.
TEST(EventModel, TwoRounds) {
  expect_ok([] {
    syncxx::event event, through;
    model::thread waiter([&] {
      event.wait();
      through.set();
      event.wait();
    });
    event.set();
    through.wait();
    event.reset();
    event.set();
  });
}

// Two sets that meet no waiter let one through, and it sees what both wrote.
TEST(AutoResetEventModel, TwoSetsSaturate) {
  expect_ok([] {
    syncxx::auto_reset_event event;
    syncxx::cell<int> mine(0), others(0);
    model::thread setter([&] {
      others = 1;
      event.set();
    });
    mine = 1;
    event.set();
    setter.join();
    model::require(event.try_wait(), "set");
    model::require(!event.try_wait(), "once");
    model::require(mine == 1 && others == 1, "what both wrote is there");
  });
}

// A set of an event that is set orders as well: the taker that finds the first
// setter's flag finds what the second wrote.
TEST(AutoResetEventModel, ASetThatChangesNothingOrders) {
  expect_ok([] {
    syncxx::auto_reset_event event(true);
    syncxx::cell<int> data(0);
    model::thread setter([&] {
      data = 1;
      event.set();
    });
    const bool first = event.try_wait();
    const bool second = event.try_wait();
    if (first && second)
      model::require(data == 1, "what the setter wrote is there");
  });
}

TEST(AutoResetEventModel, EachSetReleasesOne) {
  expect_ok([] {
    syncxx::auto_reset_event event;
    syncxx::cell<int> turns(0);
    model::thread other([&] {
      event.wait();
      turns = turns + 1;
      event.set();
    });
    event.set();
    other.join();
    event.wait();
    model::require(turns == 1, "one turn");
  });
}

TEST(LongAutoResetEventModel, TwoWaiters) {
  expect_ok([] {
    syncxx::auto_reset_event event;
    syncxx::cell<int> turns(0);
    const auto pass = [&] {
      event.wait();
      turns = turns + 1;
      event.set();
    };
    {
      model::thread one(pass), other(pass);
      event.set();
    }
    model::require(turns == 2, "both got through");
  });
}

}  // namespace
}  // namespace syncxx_test
