// SPDX-License-Identifier: Apache-2.0
//
// Model tests of parking_lot: no unpark is lost, tokens arrive, threads that
// give up beside unparks and moves, addresses that share a bucket and that do
// not, destruction right after.
//
// Bounds: one or two parked threads with one park each, one or two that unpark;
// one spurious wake-up and one jump of the clock in what an operation depends
// on. The model's lot has two buckets, chosen by one bit of the address. All
// exhaustive.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <set>

#include <sync/atomic.h>
#include <sync/parking_lot.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using lot = syncxx::parking_lot;
using status = lot::park_status;
using op = lot::requeue_op;

constexpr std::chrono::milliseconds kAWhile{1};
constexpr auto kRelaxed = syncxx::memory_order_relaxed;

const auto nothing = [] {};

// Addresses of two buckets.
struct alignas(16) places {
  struct alignas(8) place {
    char here = 0;
  };
  place a, b;
};

// The smallest use: a flag that is raised in the callback, all of it relaxed.
// What the raiser wrote comes with the wake or with validate().
class gate {
  auto shut() {
    return [this] { return !is_open(); };
  }

 public:
  void open() {
    lot::unpark_one(&raised_, [this](const lot::unpark_result&) {
      raised_.store(1, kRelaxed);
      return std::uintptr_t{7};
    });
  }
  lot::park_result wait() { return lot::park(&raised_, shut(), nothing); }
  lot::park_result wait_for_a_while() {
    return lot::park_for(&raised_, shut(), nothing, kAWhile);
  }
  lot::park_result wait(const syncxx::stop_token& stop) {
    return lot::park(&raised_, shut(), nothing, stop);
  }
  bool is_open() const { return raised_.load(kRelaxed) != 0; }

 private:
  syncxx::atomic<int> raised_{0};
};

TEST(ParkingLotModel, NoUnparkIsLost) {
  expect_ok([] {
    gate g;
    syncxx::cell<int> data(0);
    model::thread opener([&] {
      data = 1;
      g.open();
    });
    const lot::park_result r = g.wait();
    model::require(r.status != status::gave_up, "no reason to give up");
    if (r.unparked()) model::require(r.token == 7, "the token is there");
    model::require(data == 1, "what the opener wrote is there");
  });
}

// One that gives up, or is unparked: never both, never neither.
TEST(ParkingLotModel, BesideATimeout) {
  expect_ok([] {
    gate g;
    syncxx::cell<int> data(0);
    std::size_t unparked = 0;
    lot::park_result r{};
    {
      model::thread opener([&] {
        data = 1;
        unparked = lot::unpark_one(&g, [](const auto&) {
                     return std::uintptr_t{7};
                   }).unparked;
      });
      r = lot::park_for(
          &g, [] { return true; }, nothing, kAWhile);
      if (r.unparked()) {
        model::require(r.token == 7, "the token is there");
        model::require(data == 1, "what the opener wrote is there");
      }
    }
    model::require(r.unparked() == (unparked == 1), "counted as it returned");
  });
}

TEST(ParkingLotModel, BesideAStop) {
  expect_ok([] {
    gate g;
    syncxx::stop_source source;
    std::size_t unparked = 0;
    lot::park_result r{};
    {
      model::thread opener([&] {
        unparked = lot::unpark_all(&g, 7);
        source.request_stop();
      });
      r = lot::park(
          &g, [] { return true; }, nothing, source.get_token());
    }
    model::require(r.unparked() == (unparked == 1), "counted as it returned");
    if (r.unparked()) model::require(r.token == 7, "the token is there");
  });
}

// The callback sees whether others wait, and leaves a note only then: the flag
// is always right.
TEST(ParkingLotModel, TwoWaitersAndTwoUnparks) {
  expect_ok([] {
    syncxx::atomic<int> open(0);
    const auto wait = [&] {
      lot::park(
          &open, [&] { return open.load(kRelaxed) < 2; }, nothing);
    };
    model::thread one(wait), other(wait);
    for (int i = 0; i < 2; ++i) {
      const auto r = lot::unpark_one(&open, [&](const auto& found) {
        open.store(open.load(kRelaxed) + 1, kRelaxed);
        if (found.more) model::require(found.unparked == 1, "the first of two");
        return std::uintptr_t{0};
      });
      if (r.more) lot::unpark_all(&open);
    }
    // The second callback has let all through; who came before may be
    // parked.
    lot::unpark_all(&open);
  });
}

TEST(ParkingLotModel, UnparkAllOfTwo) {
  expect_ok([] {
    syncxx::atomic<int> open(0);
    syncxx::cell<int> data(0);
    const auto wait = [&] {
      const auto r = lot::park(
          &open, [&] { return open.load(kRelaxed) == 0; }, nothing);
      if (r.unparked()) model::require(data == 1, "data is there");
    };
    model::thread one(wait), other(wait);
    data = 1;
    open.store(1, kRelaxed);
    lot::unpark_all(&open);
  });
}

// A thread that is moved, between buckets or within one, is found where it is.
// It parks and says so; then nobody else but the mover touches it.
template <bool SameBucket>
void moved_and_unparked() {
  struct alignas(16) both {
    syncxx::atomic<int> from{0};  // 0: park; 1: do not
    char fill[SameBucket ? 12 : 4];
    syncxx::atomic<int> to{0};
  };
  both w;
  syncxx::cell<int> data(0);
  model::thread waiter([&] {
    const auto r = lot::park(
        &w.from, [&] { return w.from.load(kRelaxed) == 0; }, nothing);
    model::require(data == 1, "data is there");
    if (r.unparked()) model::require(r.token == 7, "the token is there");
  });
  data = 1;
  const auto r = lot::unpark_requeue(
      &w.from, &w.to,
      [&] {
        w.from.store(1, kRelaxed);
        return op::requeue_all;
      },
      [](op, const auto&) { return std::uintptr_t{1}; });
  const std::size_t n = lot::unpark_all(&w.to, 7);
  model::require(n == r.requeued, "who was moved is there");
}

TEST(ParkingLotModel, MovedToAnotherBucket) {
  expect_ok(moved_and_unparked<false>);
}
TEST(ParkingLotModel, MovedWithinItsBucket) {
  expect_ok(moved_and_unparked<true>);
}

// One that runs out of time is moved meanwhile, and unparked at the other place
// by a third thread.
void moved_while_giving_up() {
  places p;
  std::size_t unparked = 0;
  lot::park_result r{};
  {
    model::thread mover([&] {
      lot::unpark_requeue(
          &p.a, &p.b, [] { return op::requeue_all; },
          [](op, const auto&) { return std::uintptr_t{0}; });
      unparked = lot::unpark_all(&p.b, 7);
    });
    r = lot::park_for(
        &p.a, [] { return true; }, nothing, kAWhile);
  }
  model::require(r.unparked() == (unparked == 1), "counted as it returned");
  model::require(lot::unpark_all(&p.a) + lot::unpark_all(&p.b) == 0,
                 "nobody is left behind");
}
TEST(ParkingLotModel, MovedWhileGivingUp) { expect_ok(moved_while_giving_up); }

// Two that move in opposite directions: buckets are locked in one order.
TEST(ParkingLotModel, MovesInOppositeDirections) {
  expect_ok([] {
    places p;
    const auto move = [](const void* from, const void* to) {
      lot::unpark_requeue(
          from, to, [] { return op::requeue_all; },
          [](op, const auto&) { return std::uintptr_t{0}; });
    };
    model::thread other([&] { move(&p.a, &p.b); });
    move(&p.b, &p.a);
  });
}

// Strangers in one bucket: an unpark finds the thread behind another's.
TEST(ParkingLotModel, StrangersInOneBucket) {
  expect_ok([] {
    struct alignas(16) word {
      syncxx::atomic<int> open{0};
    };
    word w[2];  // the same bit
    const auto wait = [&](int i) {
      lot::park(
          &w[i], [&w, i] { return w[i].open.load(kRelaxed) == 0; }, nothing);
    };
    const auto open = [&](int i) {
      lot::unpark_one(&w[i], [&w, i](const auto& found) {
        model::require(!found.more, "nobody else waits for this");
        w[i].open.store(1, kRelaxed);
        return std::uintptr_t{0};
      });
    };
    model::thread one([&] { wait(0); }), other([&] { wait(1); });
    open(1);
    open(0);
  });
}

// There are executions in which it is time to be fair (those in which
// byte_mutex is handed over), and others.
TEST(ParkingLotModel, IsFairNowAndThen) {
  std::set<bool> seen;
  expect_ok([&seen] {
    gate g;
    model::thread opener([&] {
      lot::unpark_one(&g, [&](const lot::unpark_result& r) {
        if (r.unparked != 0) seen.insert(r.fair);
        return std::uintptr_t{0};
      });
    });
    lot::park_for(
        &g, [] { return true; }, nothing, kAWhile);
  });
  EXPECT_EQ(seen, (std::set<bool>{false, true}));
}

// What was parked at may be freed as soon as the last user goes.
TEST(ParkingLotModel, ThePlaceMayGo) {
  expect_ok([] {
    gate* const g = new gate;
    model::thread opener([g] { g->open(); });
    g->wait();
    model::require(g->is_open(), "open");
    delete g;
  });
}

// A lot without its validation: the harness can fail.
TEST(BrokenParkingModel, AnUnparkIsLost) {
  expect_verdict(model::verdict::deadlock, [] {
    syncxx::atomic<int> open(0);
    model::thread opener([&] {
      open.store(1, kRelaxed);
      lot::unpark_one(&open);
    });
    if (open.load(kRelaxed) == 0)
      lot::park(
          &open, [] { return true; }, nothing);
  });
}

}  // namespace
}  // namespace syncxx_test
