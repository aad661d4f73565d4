// SPDX-License-Identifier: Apache-2.0
//
// Model tests of guarded: whoever reaches the data, in whatever way, has the
// lock, for as long as it says; the lock is free in the end. What the locks
// themselves do is in the models of those.
//
// Bounds: three threads with one access each where the lock is a mutex, two
// with a shared_mutex; one spurious wake-up and one jump of the clock in what
// an operation depends on. Exhaustive.
#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include <sync/condition_variable.h>
#include <sync/guarded.h>
#include <sync/mutex.h>
#include <sync/shared_mutex.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using syncxx::cell;
using syncxx::guarded;
using namespace std::chrono_literals;

using count = guarded<cell<int>>;

int value_of(const count& n) {
  return n.with([](const cell<int>& v) { return v.get(); });
}

TEST(GuardedModel, FunctionsAndGuardsExcludeEachOther) {
  expect_ok([] {
    count n(std::in_place, 0);
    {
      model::thread one([&] { n.with([](cell<int>& v) { v = v + 1; }); });
      model::thread other([&] {
        const auto guard = n.lock();
        *guard = *guard + 1;
      });
      n.with([](cell<int>& v) { v = v + 1; });
    }
    model::require(value_of(n) == 3, "every access counts");
  });
}

TEST(GuardedModel, GuardsOfTriesAndTimes) {
  expect_ok([] {
    count n(std::in_place, 0);
    int taken = 0, in_time = 0;
    {
      model::thread one([&] {
        if (const auto guard = n.try_lock()) {
          *guard = *guard + 1;
          taken = 1;
        }
      });
      if (const auto guard = n.try_lock_for(1ms)) {
        *guard = *guard + 1;
        in_time = 1;
      }
    }
    model::require(value_of(n) == taken + in_time, "every access counts");
  });
}

TEST(GuardedModel, AGuardOfAStoppedWait) {
  expect_ok([] {
    count n(std::in_place, 0);
    bool owned = false;
    {
      syncxx::stop_source source;
      auto held = n.lock();
      model::thread waiter([&] {
        const auto guard = n.lock(source.get_token());
        owned = guard.owns_lock();
        if (owned) *guard = *guard + 1;
      });
      *held = *held + 1;
      held.unlock();
      source.request_stop();
    }
    model::require(value_of(n) == (owned ? 2 : 1), "every access counts");
  });
}

// The lock goes where the guard goes.
TEST(GuardedModel, AGuardThatIsMovedHasTheLock) {
  expect_ok([] {
    count n(std::in_place, 0);
    {
      model::thread other([&] { n.with([](cell<int>& v) { v = v + 1; }); });
      auto first = n.lock();
      *first = *first + 1;
      count::guard second;
      second = std::move(first);
      *second = *second + 1;
      second.unlock();
      second.lock();
      *second = *second + 1;
    }
    model::require(value_of(n) == 4, "every access counts");
  });
}

TEST(GuardedModel, ConstAccessIsSharedAndAloneBesideAWriter) {
  expect_ok([] {
    struct pair {
      cell<int> first{0}, second{0};
    };
    guarded<pair, syncxx::shared_mutex> data;
    {
      model::thread writer([&] {
        data.with([](pair& p) {
          p.first = p.first + 1;
          p.second = p.second + 1;
        });
      });
      const auto guard = std::as_const(data).lock();
      const auto beside = std::as_const(data).try_lock();
      model::require(guard->first.get() == guard->second.get(),
                     "a write is seen whole");
      if (beside)
        model::require(beside->first.get() == guard->first.get(),
                       "both read the same");
    }
  });
}

TEST(GuardedModel, AConditionVariableWaitsWithAGuard) {
  expect_ok([] {
    count n(std::in_place, 0);
    syncxx::condition_variable changed;
    model::thread producer([&] {
      n.with([](cell<int>& v) { v = 1; });
      changed.notify_one();
    });
    auto guard = n.lock();
    changed.wait(guard.unique_lock(), [&] { return *guard == 1; });
    *guard = 2;
    guard.unlock();
    producer.join();
    model::require(value_of(n) == 2, "the waiter had the lock");
  });
}

// What leads past the lock is seen: the tests above can fail.
TEST(GuardedModel, AReferenceThatIsKeptIsADataRace) {
  expect_verdict(model::verdict::data_race, [] {
    count n(std::in_place, 0);
    cell<int>& kept = *n.lock();
    model::thread other([&] { n.with([](cell<int>& v) { v = v + 1; }); });
    kept = 5;
  });
}

}  // namespace
}  // namespace syncxx_test
