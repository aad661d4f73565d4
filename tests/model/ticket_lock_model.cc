// SPDX-License-Identifier: Apache-2.0
//
// Model tests of ticket_lock: exclusion, order, destruction right after unlock,
// a line that is too long.
//
// Bounds: three threads with one turn each, two with two. Exhaustive.
#include <gtest/gtest.h>

#include <cstdint>
#include <system_error>

#include <sync/ticket_lock.h>

#include "tests/model/support/checks.h"
#include "tests/model/support/lines.h"

namespace syncxx_test {
namespace {

using syncxx::ticket_lock;

// n threads come in n! orders, and that is all: what a waiting thread sees
// before its turn is no execution of its own.
TEST(TicketLockModel, OneExecutionForEachOrder) {
  unsigned orders = 1;
  for (int threads = 2; threads <= 4; ++threads) {
    orders *= static_cast<unsigned>(threads);
    const model::result r = model::check(exclusion<ticket_lock>(threads, 1));
    EXPECT_EQ(r.what, model::verdict::ok) << r.message;
    EXPECT_EQ(r.executions, orders);
    EXPECT_EQ(r.blocked, 0u);
  }
}

TEST(TicketLockModel, TwoThreadsWithTwoTurnsEach) {
  expect_ok(exclusion<ticket_lock>(2, 2));
}

TEST(TicketLockModel, TryBesideLock) {
  expect_ok(try_beside_lock<ticket_lock>);
}

// One that tries beside two that wait.
TEST(TicketLockModel, TryBesideTwo) {
  expect_ok([] {
    ticket_lock lock;
    syncxx::cell<int> count(0);
    const auto turn = [&] {
      lock.lock();
      count = count + 1;
      lock.unlock();
    };
    int mine = 0;
    {
      model::thread one(turn), other(turn);
      if (lock.try_lock()) {
        mine = 1;
        count = count + 1;
        lock.unlock();
      }
    }
    model::require(count == 2 + mine, "every turn counts");
  });
}

TEST(TicketLockModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<ticket_lock>);
}

TEST(TicketLockModel, ServesInOrder) {
  // Tickets 0 and 1 are out.
  expect_ok([] {
    served_in_order<ticket_lock>([](const ticket_lock& lock) {
      return first_word<std::uint16_t>(lock) == 2;
    });
  });
  expect_ok([] {
    nobody_is_overtaken<ticket_lock>([](const ticket_lock& lock) {
      return first_word<std::uint16_t>(lock) == 2;
    });
  });
}

TEST(TicketLockModel, TwoAtOnce) { expect_ok(two_at_once<ticket_lock>); }

// The line is full but for one place. Of two that come, one is served, and the
// other one is told, or comes when the line is shorter; never are there more.
TEST(TicketLockModel, ALineThatIsTooLong) {
  const misuse_throws action;
  expect_ok([] {
    constexpr unsigned kMost = 0x7fff;
    ticket_lock lock;
    // As if kMost - 1 threads were in line, the owner first.
    auto* const tickets =
        reinterpret_cast<syncxx::atomic<std::uint16_t>*>(&lock);
    tickets[0].store(kMost - 1, syncxx::memory_order_relaxed);
    syncxx::cell<int> inside(0);
    const auto come = [&] {
      try {
        lock.lock();
        inside = inside + 1;
        lock.unlock();
        return true;
      } catch (const std::system_error& e) {
        model::require(e.code() == std::errc::resource_unavailable_try_again,
                       "what is said of a line that is too long");
        return false;
      }
    };
    bool first = false, second = false;
    {
      model::thread one([&] { first = come(); });
      model::thread other([&] { second = come(); });
      // All that were in line are through.
      tickets[1].store(kMost - 1, syncxx::memory_order_release);
    }
    model::require(first || second, "one of them had a place");
    model::require(inside == first + second, "every turn counts");
    expect_free(lock);
  });
}

}  // namespace
}  // namespace syncxx_test
