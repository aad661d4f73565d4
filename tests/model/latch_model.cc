// SPDX-License-Identifier: Apache-2.0
//
// Model tests of latch: no lost wakeup, ordering, time-out and stop beside the
// last count_down, destruction right after a wait, counting below zero.
//
// Bounds: three threads with one operation each; one spurious wake-up and one
// jump of the clock in what an operation depends on. All exhaustive.
#include <gtest/gtest.h>

#include <system_error>

#include <sync/latch.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

TEST(LatchModel, HandsOver) { expect_ok(gate_hands_over<latch_gate>); }

TEST(LatchModel, HandsOverToATry) {
  expect_ok(gate_hands_over_to_a_try<latch_gate>);
}

TEST(LatchModel, BesideATimeout) {
  expect_ok(gate_beside_a_timeout<latch_gate>);
}

TEST(LatchModel, Stopped) { expect_ok(gate_stopped<latch_gate>); }

TEST(LatchModel, OpenedAndStopped) {
  expect_ok(gate_opened_and_stopped<latch_gate>);
}

TEST(LatchModel, StoppedWithoutWaitv) {
  const without_waitv old_kernel;
  expect_ok(gate_stopped<latch_gate>);
  expect_ok(gate_opened_and_stopped<latch_gate>);
}

TEST(LatchModel, MayBeDestroyedAfterTheWait) {
  expect_ok(gate_destroyed_after_wait<latch_gate>);
}

TEST(LatchModel, ReleasesTwoWaiters) {
  expect_ok(gate_with_two_waiters<latch_gate>);
}

// Everybody who counts down hands over, not only the last.
TEST(LatchModel, HandsOverFromAll) {
  expect_ok([] {
    syncxx::latch latch(2);
    syncxx::cell<int> one(0), two(0);
    model::thread first([&] {
      one = 1;
      latch.count_down();
    });
    model::thread second([&] {
      two = 1;
      latch.count_down();
    });
    latch.wait();
    model::require(one == 1 && two == 1, "what both wrote is there");
  });
}

TEST(LatchModel, ArriveAndWait) {
  expect_ok([] {
    syncxx::latch latch(2);
    syncxx::cell<int> mine(0), others(0);
    model::thread other([&] {
      others = 1;
      latch.arrive_and_wait();
      model::require(mine == 1, "what the first wrote is there");
    });
    mine = 1;
    latch.arrive_and_wait();
    model::require(others == 1, "what the second wrote is there");
  });
}

TEST(LatchModel, ArriveAndWaitOfThree) {
  expect_ok([] {
    syncxx::latch latch(3);
    syncxx::cell<int> last(0);
    model::thread one([&] { latch.arrive_and_wait(); });
    model::thread other([&] { latch.arrive_and_wait(); });
    last = 1;
    latch.arrive_and_wait();
  });
}

// Two that count down where one was expected: one is told, or both if neither
// was first; the waiter gets through.
TEST(LatchModel, BelowZeroIsReported) {
  const misuse_throws plain;
  expect_ok([] {
    syncxx::latch latch(1);
    int told = 0;
    const auto count = [&] {
      try {
        latch.count_down();
      } catch (const std::system_error&) {
        ++told;
      }
    };
    {
      model::thread other(count);
      count();
    }
    model::require(told == 1, "one of them is told");
    model::require(latch.try_wait(), "open");
  });
}

TEST(LatchModel, BelowZeroLeavesNobodyAsleep) {
  const misuse_throws plain;
  expect_ok([] {
    syncxx::latch latch(1);
    const auto count = [&] {
      try {
        latch.count_down();
      } catch (const std::system_error&) {
      }
    };
    model::thread one(count), other(count);
    latch.wait();
  });
}

}  // namespace
}  // namespace syncxx_test
