// SPDX-License-Identifier: Apache-2.0
//
// Model tests of counting_semaphore: no lost token, no lost wakeup, ordering,
// time-out and stop beside release, destruction right after acquire, too many
// tokens. As a lock: lock_model.cc.
//
// Bounds: two or three threads with one or two operations each; one spurious
// wake-up and one jump of the clock in what an operation depends on.
// Exhaustive.
#include <gtest/gtest.h>

#include <cstddef>
#include <system_error>

#include <sync/semaphore.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

TEST(SemaphoreModel, HandsOver) { expect_ok(gate_hands_over<semaphore_gate>); }

TEST(SemaphoreModel, HandsOverToATry) {
  expect_ok(gate_hands_over_to_a_try<semaphore_gate>);
}

TEST(SemaphoreModel, BesideATimeout) {
  expect_ok(gate_beside_a_timeout<semaphore_gate>);
}

TEST(SemaphoreModel, Stopped) { expect_ok(gate_stopped<semaphore_gate>); }

TEST(SemaphoreModel, ReleasedAndStopped) {
  expect_ok(gate_opened_and_stopped<semaphore_gate>);
}

TEST(SemaphoreModel, MayBeDestroyedAfterAcquire) {
  expect_ok(gate_destroyed_after_wait<semaphore_gate>);
}

// As gate_hands_over, for the release that gives more than a small step.
template <class Take>
void hand_over_many(Take take) {
  constexpr std::ptrdiff_t kMany = 1 << 20;
  syncxx::counting_semaphore<> tokens(0);
  syncxx::cell<int> data(0);
  model::thread giver([&] {
    data = 1;
    tokens.release(kMany);
  });
  if (take(tokens)) model::require(data == 1, "what the giver wrote is there");
}

TEST(SemaphoreModel, AReleaseOfManyHandsOver) {
  expect_ok([] {
    hand_over_many([](auto& tokens) {
      tokens.acquire();
      return true;
    });
  });
  expect_ok([] {
    hand_over_many([](auto& tokens) { return tokens.try_acquire(); });
  });
}

// Each of two givers hands over to the one that has taken both tokens.
TEST(SemaphoreModel, HandsOverFromBoth) {
  expect_ok([] {
    syncxx::counting_semaphore<> tokens(0);
    syncxx::cell<int> mine(0), others(0);
    model::thread giver([&] {
      others = 1;
      tokens.release();
    });
    mine = 1;
    tokens.release();
    tokens.acquire();
    tokens.acquire();
    model::require(others == 1, "what the giver wrote is there");
  });
}

// A token too many is taken back, and its giver told; one that fits stays.
TEST(SemaphoreModel, PastMaxIsReportedAndTakenBack) {
  const misuse_throws plain;
  expect_ok([] {
    syncxx::binary_semaphore token(1);
    bool told = false;
    bool taken = false;
    {
      model::thread giver([&] {
        try {
          token.release();
        } catch (const std::system_error&) {
          told = true;
        }
      });
      taken = token.try_acquire();
    }
    const int left = (taken ? 0 : 1) + (told ? 0 : 1);
    for (int i = 0; i < left; ++i)
      model::require(token.try_acquire(), "no token is lost");
    model::require(!token.try_acquire(), "and none is made");
  });
}

// A token too many makes the count wrap around for a moment: who finds none
// then and sleeps is woken.
TEST(SemaphoreModel, PastTheLargestMaxHidesNoToken) {
  const misuse_throws plain;
  expect_ok([] {
    using semaphore = syncxx::counting_semaphore<>;
    semaphore tokens(semaphore::max());
    model::thread giver([&] {
      try {
        tokens.release();
      } catch (const std::system_error&) {
        // acquire() came later.
      }
    });
    tokens.acquire();
    giver.join();
    model::require(tokens.try_acquire(), "there are plenty");
  });
}

void take_what_was_given(syncxx::counting_semaphore<>& tokens,
                         const syncxx::cell<int>& data) {
  tokens.acquire();
  model::require(data == 1, "what the giver wrote is there");
}

TEST(SemaphoreModel, OneReleaseOfTwoReleasesTwo) {
  expect_ok([] {
    syncxx::counting_semaphore<> tokens(0);
    syncxx::cell<int> data(0);
    const auto take = [&] { take_what_was_given(tokens, data); };
    model::thread other([&] {
      data = 1;
      tokens.release(2);
    });
    take();
    take();
  });
}

TEST(SemaphoreModel, TwoTakersAndOneReleaseOfTwo) {
  expect_ok([] {
    syncxx::counting_semaphore<> tokens(0);
    const auto take = [&] { tokens.acquire(); };
    model::thread one(take), other(take);
    tokens.release(2);
  });
}

// One that leaves looks after the other, who sleeps while the second token
// comes. (With a stop_token that never stops, acquire() makes no debts.)
TEST(SemaphoreModel, TwoTakersAndTwoReleasesWithoutDebts) {
  expect_ok([] {
    syncxx::counting_semaphore<> tokens(0);
    const auto take = [&] { tokens.acquire(syncxx::stop_token()); };
    model::thread one(take), other(take);
    tokens.release();
    tokens.release();
  });
}

// The same with debts: the count is at -2 to 2. What a debt hides for a moment
// is neither lost nor given twice.
TEST(SemaphoreModel, TwoTakersAndTwoReleases) {
  expect_ok([] {
    syncxx::counting_semaphore<> tokens(0);
    syncxx::cell<int> data(0);
    {
      const auto take = [&] { take_what_was_given(tokens, data); };
      model::thread other(take);
      model::thread giver([&] {
        data = 1;
        tokens.release();
        tokens.release();
      });
      take();
    }
    model::require(!tokens.try_acquire(), "two were given");
  });
}

TEST(SemaphoreModel, GateWithTwoTakers) {
  expect_ok(gate_with_two_waiters<semaphore_gate>);
}

TEST(SemaphoreModel, OneOfTwoTakersGivesUp) {
  expect_ok(gate_with_one_that_gives_up<semaphore_gate>);
}

}  // namespace
}  // namespace syncxx_test
