// SPDX-License-Identifier: Apache-2.0
//
// Model tests of <sync/futex.h>: a change of the word with a wake after it is
// lost by nobody, whichever wait and whichever wake; time-outs; what is moved
// is woken where it was moved to. The functions promise no ordering: the tests
// order by the word.
//
// Bounds: two or three threads with one operation each; one spurious wake-up
// and one jump of the clock in what an operation depends on. All exhaustive.
// Left out: what the kernel does, which the model has as an axiom
// (src/model/futex.cc).
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>

#include <sync/futex.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

using word = syncxx::atomic<std::uint32_t>;
using syncxx::futex_result;

TEST(FutexModel, WaitAndWake) {
  expect_ok([] {
    word gate{0};
    syncxx::cell<int> data(0);
    model::thread waker([&] {
      data = 1;
      gate.store(1, syncxx::memory_order_release);
      syncxx::futex_wake(gate);
    });
    while (gate.load(syncxx::memory_order_acquire) == 0)
      syncxx::futex_wait(gate, 0);
    model::require(data == 1, "what the waker wrote is there");
  });
}

TEST(FutexModel, AnotherValueDoesNotSleep) {
  expect_ok([] {
    word gate{1};
    model::require(syncxx::futex_wait(gate, 0) == futex_result::value_changed,
                   "the word is 1");
    model::require(
        syncxx::futex_wait_for(gate, 0, kAWhile) == futex_result::value_changed,
        "the word is 1");
  });
}

TEST(FutexModel, ATimePassesOrAWakeComes) {
  expect_ok([] {
    word gate{0};
    {
      model::thread waker([&] {
        gate.store(1, syncxx::memory_order_relaxed);
        syncxx::futex_wake_all(gate);
      });
      const futex_result how = syncxx::futex_wait_for(gate, 0, kAWhile);
      if (how == futex_result::value_changed)
        model::require(gate.load(syncxx::memory_order_relaxed) == 1, "changed");
    }
    word quiet{0};
    while (syncxx::futex_wait_for(quiet, 0, kAWhile) != futex_result::timed_out)
      ;
  });
}

TEST(FutexModel, OneWakeWakesOneOfTwo) {
  expect_ok([] {
    word gate{0};
    const auto wait = [&] {
      while (gate.load(syncxx::memory_order_relaxed) == 0)
        syncxx::futex_wait(gate, 0);
      syncxx::futex_wake(gate);  // the next
    };
    model::thread one(wait), other(wait);
    gate.store(1, syncxx::memory_order_relaxed);
    model::require(syncxx::futex_wake(gate) <= 1, "one at most");
  });
}

// A sleeper that is moved is woken by a wake where it was moved to; one that
// has not slept yet sees that the word has changed.
TEST(FutexModel, RequeueMovesTheSleeper) {
  expect_ok([] {
    word from{0}, to{0};
    model::thread waiter([&] {
      while (from.load(syncxx::memory_order_relaxed) == 0)
        syncxx::futex_wait(from, 0);
    });
    from.store(1, syncxx::memory_order_relaxed);
    const std::optional<int> moved = syncxx::futex_requeue(from, 1, to, 0, 1);
    model::require(moved.has_value(), "the word is 1");
    syncxx::futex_wake(to);
  });
}

TEST(FutexModel, RequeueWakesTheFirst) {
  expect_ok([] {
    word from{0}, to{0};
    const auto wait = [&] {
      while (from.load(syncxx::memory_order_relaxed) == 0)
        syncxx::futex_wait(from, 0);
    };
    model::thread one(wait), other(wait);
    from.store(1, syncxx::memory_order_relaxed);
    syncxx::futex_requeue(from, 1, to, 1, 1);
    syncxx::futex_wake(to);
  });
}

TEST(FutexModel, RequeueOfAnotherValueMovesNobody) {
  expect_ok([] {
    word from{0}, to{0};
    model::thread waiter([&] {
      while (from.load(syncxx::memory_order_relaxed) == 0)
        syncxx::futex_wait(from, 0);
    });
    model::require(!syncxx::futex_requeue(from, 7, to, 0, 1).has_value(),
                   "the word is not 7");
    from.store(1, syncxx::memory_order_relaxed);
    syncxx::futex_wake(from);
  });
}

TEST(FutexModel, WaitAnyIsWokenByEither) {
  expect_ok([] {
    word first{0}, second{0};
    const bool take_second = model::choose(2) != 0;
    model::thread waker([&] {
      word& which = take_second ? second : first;
      which.store(1, syncxx::memory_order_relaxed);
      syncxx::futex_wake(which);
    });
    const std::array<syncxx::futex_wait_entry, 2> both{
        {{&first, 0}, {&second, 0}}};
    for (;;) {
      const std::optional<std::size_t> index = syncxx::futex_wait_any(both);
      model::require(index.has_value(), "without a time there is no time-out");
      if (first.load(syncxx::memory_order_relaxed) == 1 ||
          second.load(syncxx::memory_order_relaxed) == 1)
        break;
    }
  });
}

TEST(FutexModel, WaitAnyRunsOutOfTime) {
  expect_ok([] {
    word first{0}, second{0};
    const std::array<syncxx::futex_wait_entry, 2> both{
        {{&first, 0}, {&second, 0}}};
    while (syncxx::futex_wait_any_for(both, kAWhile).has_value())
      ;
  });
}

}  // namespace
}  // namespace syncxx_test
