// SPDX-License-Identifier: Apache-2.0
//
// Model tests of barrier: nobody gets through early, no lost wakeup, ordering
// through arrivals and completions, drops, arrivals without a wait, time-out
// and stop beside the last arrival, destruction right after a wait.
//
// Bounds: three threads, one or two phases; one spurious wake-up and one jump
// of the clock in what an operation depends on. Exhaustive but where a test
// says how many preemptions it allows.
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include <sync/barrier.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

using syncxx::barrier;

// One arrival is missing.
class barrier_gate {
 public:
  static constexpr bool kConsumed = false;
  void open() { static_cast<void>(barrier_.arrive()); }
  void wait() { barrier_.wait(std::move(token_)); }
  bool try_wait() const { return barrier_.try_wait(token_); }
  bool wait_for(std::chrono::milliseconds d) const {
    return barrier_.wait_for(token_, d);
  }
  bool wait(const syncxx::stop_token& stop) const {
    return barrier_.wait(token_, stop);
  }
  bool wait_for(std::chrono::milliseconds d,
                const syncxx::stop_token& stop) const {
    return barrier_.wait_for(token_, d, stop);
  }

 private:
  barrier<> barrier_{2};
  barrier<>::arrival_token token_ = barrier_.arrive();
};

TEST(BarrierModel, HandsOver) { expect_ok(gate_hands_over<barrier_gate>); }

TEST(BarrierModel, HandsOverToATry) {
  expect_ok(gate_hands_over_to_a_try<barrier_gate>);
}

TEST(BarrierModel, BesideATimeout) {
  expect_ok(gate_beside_a_timeout<barrier_gate>);
}

TEST(BarrierModel, Stopped) { expect_ok(gate_stopped<barrier_gate>); }

TEST(BarrierModel, OpenedAndStopped) {
  expect_ok(gate_opened_and_stopped<barrier_gate>);
}

TEST(BarrierModel, MayBeDestroyedAfterTheWait) {
  expect_ok(gate_destroyed_after_wait<barrier_gate>);
}

TEST(BarrierModel, ReleasesTwoWaiters) {
  expect_ok(gate_with_two_waiters<barrier_gate>);
}

TEST(BarrierModel, OneThatGivesUp) {
  expect_ok(gate_with_one_that_gives_up<barrier_gate>);
}

// Two threads, two phases: each sees what the other wrote before it arrived.
void two_rounds() {
  barrier<> b(2);
  syncxx::cell<int> left[2] = {}, right[2] = {};
  model::thread other([&] {
    for (int round = 0; round < 2; ++round) {
      left[round] = 1;
      b.arrive_and_wait();
      model::require(right[round] == 1, "what the first wrote is there");
    }
  });
  for (int round = 0; round < 2; ++round) {
    right[round] = 1;
    b.arrive_and_wait();
    model::require(left[round] == 1, "what the second wrote is there");
  }
}

TEST(BarrierModel, TwoRounds) { expect_ok(two_rounds); }

TEST(BarrierModel, Three) {
  expect_ok([] {
    barrier<> b(3);
    syncxx::cell<int> parts[3] = {};
    const auto meet = [&](int i) {
      parts[i] = 1;
      b.arrive_and_wait();
      model::require(parts[0] == 1 && parts[1] == 1 && parts[2] == 1,
                     "what all wrote is there");
    };
    model::thread one([&] { meet(1); }), two([&] { meet(2); });
    meet(0);
  });
}

// The completion runs once a phase, sees what all wrote before, and is seen.
TEST(BarrierModel, Completion) {
  expect_ok([] {
    syncxx::cell<int> one(0), two(0), sum(0);
    const auto add = [&]() noexcept { sum = sum + one + two; };
    barrier b(2, add);
    model::thread other([&] {
      two = 2;
      b.arrive_and_wait();
      model::require(sum == 3, "completed");
      b.arrive_and_wait();
      model::require(sum == 6, "completed again");
    });
    one = 1;
    b.arrive_and_wait();
    model::require(sum == 3, "completed");
    b.arrive_and_wait();
    model::require(sum == 6, "completed again");
  });
}

TEST(BarrierModel, CompletionOfThree) {
  expect_ok([] {
    syncxx::cell<int> count(0);
    const auto complete = [&]() noexcept { count = count + 1; };
    barrier b(3, complete);
    const auto meet = [&] {
      b.arrive_and_wait();
      model::require(count == 1, "completed once");
    };
    model::thread one(meet), two(meet);
    meet();
  });
}

// Two that wait and one that drops; then a phase of two.
template <class Barrier>
void drop_beside_waits(Barrier& b) {
  syncxx::cell<int> dropped(0);
  model::thread leaving([&] {
    dropped = 1;
    b.arrive_and_drop();
  });
  model::thread other([&] {
    b.arrive_and_wait();
    model::require(dropped == 1, "what the one that left wrote is there");
    b.arrive_and_wait();
  });
  b.arrive_and_wait();
  model::require(dropped == 1, "what the one that left wrote is there");
  b.arrive_and_wait();
}

TEST(BarrierModel, Drop) {
  expect_ok([] {
    barrier<> b(3);
    drop_beside_waits(b);
  });
}

TEST(LongBarrierModel, DropWithCompletion) {
  expect_ok([] {
    syncxx::cell<int> count(0);
    const auto complete = [&]() noexcept { count = count + 1; };
    barrier b(3, complete);
    drop_beside_waits(b);
    model::require(count == 2, "completed twice");
  });
}

TEST(BarrierModel, AllDrop) {
  expect_ok([] {
    syncxx::cell<int> count(0);
    const auto complete = [&]() noexcept { count = count + 1; };
    barrier b(2, complete);
    syncxx::cell<int> mine(0);
    model::thread other([&] { b.arrive_and_drop(); });
    mine = 1;
    b.arrive_and_drop();
    other.join();
    model::require(count == 1, "completed once");
  });
}

// [thread.barrier.class]: arrive and arrive_and_drop execute atomically. Of
// three arrivals that do not wait, at a barrier of two, two tokens are over.
TEST(BarrierModel, ArrivesAtomically) {
  expect_ok([] {
    barrier<> b(2);
    std::optional<barrier<>::arrival_token> tokens[3];
    {
      model::thread one([&] { tokens[1] = b.arrive(); });
      model::thread two([&] { tokens[2] = b.arrive(); });
      tokens[0] = b.arrive();
    }
    int over = 0;
    for (const auto& t : tokens) over += b.try_wait(*t) ? 1 : 0;
    model::require(over == 2, "one phase is over");
    static_cast<void>(b.arrive());
    for (const auto& t : tokens) model::require(b.try_wait(*t), "two are");
  });
}

// Four: two phases end, perhaps at the same time, and in their order.
TEST(BarrierModel, PhasesEndInTheirOrder) {
  expect_ok([] {
    barrier<> b(2);
    const auto twice = [&] {
      auto one = b.arrive();
      auto two = b.arrive();
      if (b.try_wait(two)) model::require(b.try_wait(one), "in their order");
    };
    model::thread other(twice);
    twice();
    other.join();
    auto t = b.arrive();
    model::require(!b.try_wait(t), "the third phase");
    static_cast<void>(b.arrive());
    model::require(b.try_wait(t), "is over");
  });
}

// A drop beside arrivals that do not know the phase: whichever of the phases it
// counts for, the numbers are right afterwards.
TEST(BarrierModel, DropsAtomically) {
  expect_ok([] {
    barrier<> b(2);
    {
      model::thread one([&] { b.arrive_and_drop(); });
      model::thread two([&] { static_cast<void>(b.arrive()); });
      static_cast<void>(b.arrive());
    }
    // Two of the three have ended a phase. If the drop was the third, that
    // phase expected two and lacks one; if not, the third has ended a phase of
    // one.
    auto t = b.arrive();
    model::require(b.try_wait(t), "nothing else is missing");
    auto next = b.arrive();
    model::require(b.try_wait(next), "one is expected");
  });
}

// Arrived without waiting, the barrier may be gone: only the one that waits may
// free it.
TEST(BarrierModel, ArrivalsDoNotTouchItAfterwards) {
  expect_ok([] {
    auto* const b = new barrier<>(3);
    model::thread one([b] { static_cast<void>(b->arrive()); });
    model::thread two([b] { b->arrive_and_drop(); });
    b->arrive_and_wait();
    delete b;
  });
}

}  // namespace
}  // namespace syncxx_test
