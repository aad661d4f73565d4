// SPDX-License-Identifier: Apache-2.0
//
// Model tests of event_count: the Dekker pattern of notify and prepare_wait
// with relaxed data, no lost wakeup, ordering, time-out and stop, two waiters;
// with fences and, as ThreadSanitizer gets it, with updates of the count.
//
// Bounds: one or two waiters with one wait each, one notifier with one or two
// notifications; one spurious wake-up and one jump of the clock in what an
// operation depends on. All exhaustive, but for those named Random, which
// are there as Long too.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include <sync/atomic.h>
#include <sync/detail/raw_event_count.h>
#include <sync/event_count.h>
#include <sync/futex.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using syncxx::detail::deadline;
using syncxx::detail::store_load;

constexpr std::chrono::milliseconds kAWhile{1};
constexpr auto kRelaxed = syncxx::memory_order_relaxed;

template <class Count>
class EventCountModel : public ::testing::Test {};
using counts =
    ::testing::Types<syncxx::detail::raw_event_count<store_load::fence>,
                     syncxx::detail::raw_event_count<store_load::update>>;
TYPED_TEST_SUITE(EventCountModel, counts);

// event_count::await for the protocol alone.
template <class Count, class Predicate>
bool await(Count& count, Predicate holds, deadline until = deadline::never(),
           const syncxx::stop_token* stop = nullptr) {
  for (;;) {
    if (holds()) return true;
    std::uint32_t epoch = 0;
    count.enter(epoch);
    if (holds()) {
      count.leave();
      return true;
    }
    const bool notified = count.wait(epoch, until, stop);
    count.leave();
    if (!notified) return holds();
  }
}

// The predicate is one relaxed store; nothing but the event count makes the
// waiter see it in time.
TYPED_TEST(EventCountModel, NoWakeIsLostWithRelaxedData) {
  expect_ok([] {
    TypeParam count;
    syncxx::atomic<int> ready(0);
    model::thread notifier([&] {
      ready.store(1, kRelaxed);
      count.notify(1);
    });
    await(count, [&] { return ready.load(kRelaxed) != 0; });
  });
}

// A predicate over two objects, written before the notification.
TYPED_TEST(EventCountModel, BothOrNeither) {
  expect_ok([] {
    TypeParam count;
    syncxx::atomic<int> x(0), y(0);
    model::thread notifier([&] {
      x.store(1, kRelaxed);
      count.notify(1);
      y.store(1, kRelaxed);
      count.notify(1);
    });
    await(count,
          [&] { return x.load(kRelaxed) != 0 && y.load(kRelaxed) != 0; });
  });
}

// Who returns because of a notification sees what was written before it, plain
// data too.
TYPED_TEST(EventCountModel, ANotificationHandsOver) {
  expect_ok([] {
    TypeParam count;
    syncxx::cell<int> data(0);
    syncxx::atomic<int> ready(0);
    model::thread notifier([&] {
      data = 1;
      count.notify(1);
      ready.store(1, kRelaxed);
      count.notify(1);
    });
    std::uint32_t epoch = 0;
    count.enter(epoch);
    // The first notification ends this one's epoch, or has come before.
    if (epoch == 0 && ready.load(kRelaxed) == 0 &&
        count.wait(epoch, deadline::never(), nullptr))
      model::require(data == 1, "what the notifier wrote is there");
    count.leave();
  });
}

// So does a wait that was about to give up.
TYPED_TEST(EventCountModel, ANotificationHandsOverBesideATimeout) {
  expect_ok([] {
    TypeParam count;
    syncxx::cell<int> data(0);
    std::uint32_t epoch = 0;
    count.enter(epoch);
    model::thread notifier([&] {
      data = 1;
      count.notify(1);
    });
    if (count.wait(epoch, deadline::after(kAWhile), nullptr))
      model::require(data == 1, "what the notifier wrote is there");
    count.leave();
  });
}

// An epoch that has begun already comes with what its notifier wrote.
TYPED_TEST(EventCountModel, ANewEpochHandsOver) {
  expect_ok([] {
    TypeParam count;
    syncxx::cell<int> data(0);
    std::uint32_t others = 0;
    count.enter(others);
    model::thread notifier([&] {
      data = 1;
      count.notify(1);
    });
    std::uint32_t epoch = 0;
    count.enter(epoch);
    if (epoch != others)
      model::require(data == 1, "what the notifier wrote is there");
  });
}

TYPED_TEST(EventCountModel, BesideATimeout) {
  expect_ok([] {
    TypeParam count;
    syncxx::atomic<int> ready(0);
    bool found = false;
    {
      model::thread notifier([&] {
        ready.store(1, kRelaxed);
        count.notify(1);
      });
      found = await(
          count, [&] { return ready.load(kRelaxed) != 0; },
          deadline::after(kAWhile));
    }
    static_cast<void>(found);
    model::require(!count.is_counted(), "everybody has left");
  });
}

// One gives up, or takes what there is; the other gets the wake or the thing.
template <class Count>
void one_of_two_gives_up() {
  Count count;
  syncxx::atomic<int> tokens(0);
  const auto take = [&] {
    int now = tokens.load(kRelaxed);
    while (now > 0 &&
           !tokens.compare_exchange_strong(now, now - 1, kRelaxed, kRelaxed)) {
    }
    return now > 0;
  };
  model::thread hasty([&] {
    if (await(count, take, deadline::after(kAWhile))) {
      tokens.fetch_add(1, kRelaxed);
      count.notify(1);
    }
  });
  model::thread patient([&] { await(count, take); });
  tokens.fetch_add(1, kRelaxed);
  count.notify(1);
}
TYPED_TEST(EventCountModel, LongOneOfTwoGivesUp) {
  expect_ok(one_of_two_gives_up<TypeParam>);
}
TYPED_TEST(EventCountModel, RandomOneOfTwoGivesUp) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  expect_ok(one_of_two_gives_up<TypeParam>, some);
}

TYPED_TEST(EventCountModel, AStopEndsTheWait) {
  expect_ok([] {
    TypeParam count;
    syncxx::stop_source source;
    model::thread stopper([&] { source.request_stop(); });
    const syncxx::stop_token stop = source.get_token();
    model::require(!await(
                       count, [] { return false; }, deadline::never(), &stop),
                   "stopped");
  });
}

// Two waiters, two things: each notify_one wakes one of them.
template <class Count>
void two_waiters() {
  Count count;
  syncxx::atomic<int> tokens(0);
  const auto take = [&] {
    await(count, [&] {
      int now = tokens.load(kRelaxed);
      while (now > 0 && !tokens.compare_exchange_strong(now, now - 1, kRelaxed,
                                                        kRelaxed)) {
      }
      return now > 0;
    });
  };
  model::thread one(take), other(take);
  for (int i = 0; i < 2; ++i) {
    tokens.fetch_add(1, kRelaxed);
    count.notify(1);
  }
}
TYPED_TEST(EventCountModel, LongTwoWaiters) {
  expect_ok(two_waiters<TypeParam>);
}
TYPED_TEST(EventCountModel, RandomTwoWaiters) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  expect_ok(two_waiters<TypeParam>, some);
}

// Two notifiers for one waiter: whichever comes last is not missed.
TYPED_TEST(EventCountModel, TwoNotifiers) {
  expect_ok([] {
    TypeParam count;
    syncxx::atomic<int> ready(0);
    const auto notify = [&] {
      ready.fetch_add(1, kRelaxed);
      count.notify(1);
    };
    model::thread one(notify), other(notify);
    await(count, [&] { return ready.load(kRelaxed) == 2; });
  });
}

// The public type, with prepare_wait and cancel_wait.
TEST(EventCountModel, PrepareLookCancelOrWait) {
  expect_ok([] {
    syncxx::event_count count;
    syncxx::atomic<int> ready(0);
    model::thread notifier([&] {
      ready.store(1, kRelaxed);
      count.notify_all();
    });
    const auto key = count.prepare_wait();
    if (ready.load(kRelaxed) != 0)
      count.cancel_wait();
    else
      count.wait(key);
    model::require(ready.load(kRelaxed) == 1, "notified for this");
  });
}

TEST(EventCountModel, AwaitLosesNothing) {
  expect_ok([] {
    syncxx::event_count count;
    syncxx::atomic<int> ready(0);
    model::thread notifier([&] {
      ready.store(1, kRelaxed);
      count.notify_one();
    });
    count.await([&] { return ready.load(kRelaxed) != 0; });
  });
}

// Without the order between storing and looking a wakeup is lost.
class broken_count {
 public:
  void enter(std::uint32_t& epoch) {
    waiters_.fetch_add(1, syncxx::memory_order_acq_rel);
    epoch = epoch_.load(syncxx::memory_order_acquire);
  }
  void leave() { waiters_.fetch_sub(1, syncxx::memory_order_acq_rel); }
  bool wait(std::uint32_t epoch, deadline, const syncxx::stop_token*) {
    while (epoch_.load(syncxx::memory_order_acquire) == epoch)
      syncxx::futex_wait(epoch_, epoch);
    return true;
  }
  void notify(int count) {
    if (waiters_.load(syncxx::memory_order_acquire) == 0) return;
    epoch_.fetch_add(1, syncxx::memory_order_acq_rel);
    syncxx::futex_wake(epoch_, count);
  }

 private:
  syncxx::atomic<std::uint32_t> epoch_{0};
  syncxx::atomic<std::uint32_t> waiters_{0};
};

TEST(BrokenEventCountModel, LosesAWakeup) {
  expect_verdict(model::verdict::deadlock, [] {
    broken_count count;
    syncxx::atomic<int> ready(0);
    model::thread notifier([&] {
      ready.store(1, kRelaxed);
      count.notify(1);
    });
    await(count, [&] { return ready.load(kRelaxed) != 0; });
  });
}

}  // namespace
}  // namespace syncxx_test
