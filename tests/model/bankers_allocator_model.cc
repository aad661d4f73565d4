// SPDX-License-Identifier: Apache-2.0
//
// Model tests of bankers_allocator: no release passes a waiter by, what a
// holder wrote is seen by the next one, time-out, stop and leaving beside a
// release, and two that would wait for each other without it.
//
// Bounds: two or three customers with one or two requests each; one spurious
// wake-up and one jump of the clock in what an operation depends on. The tests
// named Long… take more than a few seconds. The arithmetic is plain code here:
// tests/bankers_core_test.cc.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include <sync/bankers_allocator.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using bank = syncxx::basic_bankers_allocator<1>;

constexpr std::chrono::milliseconds kAWhile{1};

TEST(BankersAllocatorModel, HandsOver) {
  expect_ok([] {
    bank b({1});
    bank::customer mine = b.join({1}, "a");
    bank::customer theirs = b.join({1}, "b");
    syncxx::cell<int> data(0);
    model::thread other([&] {
      const bank::grant g = theirs.acquire({1});
      data = data + 1;
    });
    {
      const bank::grant g = mine.acquire({1});
      data = data + 1;
    }
    other.join();
    model::require(data == 2, "both have been inside");
    model::require(b.waiting() == 0 && b.available()[0] == 1, "all is back");
  });
}

void a_release_and_two_waiters() {
  bank b({2});
  bank::customer holder = b.join({2}, "holder");
  bank::customer first = b.join({1}, "first");
  bank::customer second = b.join({1}, "second");
  std::optional<bank::grant> all = holder.acquire({2});
  model::thread one([&] { first.acquire({1}).keep(); });
  model::thread two([&] { second.acquire({1}).keep(); });
  all.reset();
  one.join();
  two.join();
  model::require(b.available()[0] == 0, "both have theirs");
}

TEST(BankersAllocatorModel, AReleasePassesNoWaiterBy) {
  expect_ok(a_release_and_two_waiters, {.preemption_bound = 1});
}
TEST(BankersAllocatorModel, LongAReleasePassesNoWaiterBy) {
  expect_ok(a_release_and_two_waiters);
}

TEST(BankersAllocatorModel, BesideATimeout) {
  expect_ok([] {
    bank b({1});
    bank::customer holder = b.join({1}, "holder");
    bank::customer waiter = b.join({1}, "waiter");
    syncxx::cell<int> data(0);
    std::optional<bank::grant> held = holder.acquire({1});
    model::thread releaser([&] {
      data = 1;
      held.reset();
    });
    if (waiter.try_acquire_for({1}, kAWhile))
      model::require(data == 1, "what the holder wrote is there");
    releaser.join();
    model::require(b.waiting() == 0 && b.available()[0] == 1, "all is back");
  });
}

TEST(BankersAllocatorModel, BesideAStopRequest) {
  expect_ok([] {
    bank b({1});
    bank::customer holder = b.join({1}, "holder");
    bank::customer waiter = b.join({1}, "waiter");
    std::optional<bank::grant> held = holder.acquire({1});
    syncxx::stop_source stop;
    model::thread releaser([&] { held.reset(); });
    model::thread stopper([&] { stop.request_stop(); });
    waiter.acquire({1}, stop.get_token());
    releaser.join();
    stopper.join();
    model::require(b.waiting() == 0 && b.available()[0] == 1, "all is back");
  });
}

// With counting semaphores alone each could hold one and wait for another.
TEST(BankersAllocatorModel, TwoWhoWouldWaitForEachOther) {
  expect_ok([] {
    bank b({2});
    const auto work = [&](bank::customer& c) {
      const bank::grant one = c.acquire({1});
      const bank::grant another = c.acquire({1});
    };
    bank::customer mine = b.join({2}, "a");
    bank::customer theirs = b.join({2}, "b");
    model::thread other([&] { work(theirs); });
    work(mine);
    other.join();
    model::require(b.is_safe() && b.available()[0] == 2, "all is back");
  });
}

// The elder gives up, and whoever it held back is served.
TEST(BankersAllocatorModel, AnElderThatGivesUp) {
  expect_ok([] {
    bank b({2}, {.patience = 0});
    bank::customer holder = b.join({1}, "holder");
    bank::customer elder = b.join({2}, "elder");
    bank::customer behind = b.join({1}, "behind");
    bank::grant held = holder.acquire({1});
    model::thread waits([&] { elder.try_acquire_for({2}, kAWhile).reset(); });
    behind.acquire({1}).keep();
    waits.join();
    model::require(b.available()[0] == 0, "one is held, one is kept");
  });
}

}  // namespace
}  // namespace syncxx_test
