// SPDX-License-Identifier: Apache-2.0
//
// Modes, transactions, queues and waits; deadlocks: lock_manager_deadlock_test,
// run(): lock_manager_run_test, misuse: lock_manager_misuse_test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/lock_manager.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/lockable_concepts.h"
#include "tests/support/threads.h"
#include "tests/support/transactions.h"
#include "tests/support/wait_for_graph.h"

namespace syncxx_test {
namespace {

using syncxx::lock_mode;
using enum syncxx::lock_mode;
using manager = syncxx::lock_manager<int>;
using transaction = manager::transaction;
using testing::HasSubstr;

constexpr lock_mode kModes[] = {IS, IX, S, SIX, U, X};

static_assert(pinned<manager> && pinned<transaction>);

// --- Modes -------------------------------------------------------------------

// Gray 1978 for IS, IX, S, SIX and X; U as in SQL Server's documentation.
TEST(LockModeTest, CompatibilityIsAsPublished) {
  for (const lock_mode a : kModes) {
    for (const lock_mode b : kModes) {
      EXPECT_EQ(syncxx::compatible(a, b), reference_compatible(a, b))
          << to_string(a) << " " << to_string(b);
    }
  }
}

// Gray 1978 for the five; what U makes follows from what it keeps out (the next
// test).
TEST(LockModeTest, ConversionIsAsPublished) {
  constexpr lock_mode kPublished[6][6] = {
      {IS, IX, S, SIX, U, X}, {IX, IX, SIX, SIX, SIX, X},
      {S, SIX, S, SIX, U, X}, {SIX, SIX, SIX, SIX, SIX, X},
      {U, SIX, U, SIX, U, X}, {X, X, X, X, X, X},
  };
  for (const lock_mode a : kModes) {
    for (const lock_mode b : kModes) {
      EXPECT_EQ(syncxx::supremum(a, b),
                kPublished[static_cast<int>(a)][static_cast<int>(b)])
          << to_string(a) << " " << to_string(b);
    }
  }
}

// What the second table must be, given the first: a least upper bound that
// keeps out whatever either keeps out.
TEST(LockModeTest, TheSupremumIsTheWeakestModeThatKeepsOutWhatBothDo) {
  const auto keeps_out_as_much = [](lock_mode strong, lock_mode weak) {
    for (const lock_mode other : kModes)
      if (!compatible(weak, other) && compatible(strong, other)) return false;
    return true;
  };
  for (const lock_mode a : kModes) {
    EXPECT_EQ(supremum(a, a), a);
    for (const lock_mode b : kModes) {
      const lock_mode both = supremum(a, b);
      EXPECT_EQ(both, supremum(b, a));
      EXPECT_EQ(supremum(both, a), both);
      EXPECT_TRUE(keeps_out_as_much(both, a) && keeps_out_as_much(both, b));
      for (const lock_mode other : kModes) {
        EXPECT_EQ(supremum(supremum(a, b), other),
                  supremum(a, supremum(b, other)));
        if (keeps_out_as_much(other, a) && keeps_out_as_much(other, b)) {
          EXPECT_TRUE(keeps_out_as_much(other, both));
        }
      }
    }
  }
}

// The tables, by what locks do: held and asked for, converted and found.
TEST(LockModeTest, LocksGoByTheTables) {
  manager m;
  for (const lock_mode a : kModes) {
    for (const lock_mode b : kModes) {
      transaction holder(m), other(m);
      holder.lock(1, a);
      EXPECT_EQ(other.try_lock(1, b), reference_compatible(a, b));
      EXPECT_EQ(other.holds(1).has_value(), reference_compatible(a, b));
      other.rollback();
      holder.lock(1, b);
      EXPECT_EQ(holder.holds(1), supremum(a, b));
      EXPECT_EQ(holder.locks_held(), 1u);
    }
  }
  EXPECT_EQ(m.locked_keys(), 0u);
}

TEST(LockModeTest, AConversionGoesByWhatOthersHold) {
  for (const lock_mode held : kModes) {
    for (const lock_mode wanted : kModes) {
      for (const lock_mode others : kModes) {
        if (!reference_compatible(held, others)) continue;
        manager m;
        transaction a(m), b(m);
        a.lock(1, held);
        b.lock(1, others);
        const lock_mode goal = supremum(held, wanted);
        const bool can = reference_compatible(goal, others);
        EXPECT_EQ(a.try_lock(1, wanted), can);
        EXPECT_EQ(a.holds(1), can ? goal : held);
      }
    }
  }
}

// --- Transactions ------------------------------------------------------------

TEST(TransactionTest, KeepsItsLocksUntilItEnds) {
  manager m;
  transaction a(m, {.name = "a"});
  EXPECT_TRUE(a.is_active());
  a.lock(1);
  a.lock(2, S);
  a.lock(2, S);
  EXPECT_EQ(a.locks_held(), 2u);
  EXPECT_EQ(a.holds(1), X);
  EXPECT_EQ(a.holds(2), S);
  EXPECT_EQ(a.holds(3), std::nullopt);
  {
    transaction b(m);
    EXPECT_LT(a.number(), b.number());
    EXPECT_FALSE(b.try_lock(1, IS));
    EXPECT_TRUE(b.try_lock(2, S));
    EXPECT_EQ(m.locked_keys(), 2u);
  }
  a.commit();
  EXPECT_FALSE(a.is_active());
  EXPECT_EQ(a.locks_held(), 0u);
  EXPECT_EQ(a.holds(1), std::nullopt);
  EXPECT_EQ(m.locked_keys(), 0u);
}

TEST(TransactionTest, UndoActionsRunBackwardsWhileTheLocksAreHeld) {
  manager m;
  std::string log;
  const auto work = [&](transaction& t) {
    t.lock(1);
    t.on_rollback([&] { log += "a"; });
    t.on_rollback([&] { log += t.holds(1) == X ? "b" : "?"; });
  };
  {
    transaction t(m);
    work(t);
    t.rollback();
    t.rollback();
    EXPECT_EQ(log, "ba");
    t.restart();
    work(t);
  }
  EXPECT_EQ(log, "baba");
  {
    transaction t = m.begin();
    work(t);
    t.commit();
  }
  EXPECT_EQ(log, "baba");
}

TEST(TransactionTest, TakesKeysOfAnyKindAndHash) {
  struct collide {
    std::size_t operator()(const std::string&) const { return 7; }
  };
  syncxx::lock_manager<std::string, collide> m;
  syncxx::lock_manager<std::string, collide>::transaction t(m), other(m);
  for (int i = 0; i < 100; ++i) t.lock("key " + std::to_string(i), X);
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(other.try_lock("key " + std::to_string(i), IS));
  EXPECT_TRUE(other.try_lock("key 100"));
  t.commit();
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(other.try_lock("key " + std::to_string(i), X));
}

TEST(TransactionTest, ManyKeysAreDroppedWhenTheyAreUnlocked) {
  manager m;
  transaction t(m), other(m);
  for (int i = 0; i < 10'000; ++i) t.lock(i, S);
  for (int i = 0; i < 10'000; i += 2) other.lock(i, S);
  EXPECT_EQ(m.locked_keys(), 10'000u);
  EXPECT_EQ(t.locks_held(), 10'000u);
  t.commit();
  EXPECT_EQ(m.locked_keys(), 5'000u);
  other.commit();
  EXPECT_EQ(m.locked_keys(), 0u);
}

// Whatever `&key` means.
TEST(TransactionTest, AKeyWithAnAddressOfItsOwn) {
  struct key {
    int n;
    const int* operator&() const { return nullptr; }
    bool operator==(const key& other) const { return n == other.n; }
  };
  struct hash {
    std::size_t operator()(const key&) const { return 1; }
  };
  syncxx::lock_manager<key, hash> m;
  syncxx::lock_manager<key, hash>::transaction one(m), other(m);
  one.lock({1});
  EXPECT_TRUE(one.holds({1}));
  EXPECT_FALSE(other.try_lock({1}));
  EXPECT_TRUE(other.try_lock({2}));
}

// A key that is asked for in vain leaves nothing behind, and what throws
// changes nothing.
TEST(TransactionTest, AKeyThatThrowsIsNotLocked) {
  struct key {
    int n = 0;
    bool throws = false;
    key(int number, bool throwing) : n(number), throws(throwing) {}
    key(const key& other) : n(other.n) {
      if (other.throws) throw std::runtime_error("copy");
    }
    bool operator==(const key& other) const { return n == other.n; }
  };
  struct hash {
    std::size_t operator()(const key& k) const {
      return static_cast<std::size_t>(k.n);
    }
  };
  syncxx::lock_manager<key, hash> m;
  syncxx::lock_manager<key, hash>::transaction t(m);
  EXPECT_THROW(t.lock(key(1, true)), std::runtime_error);
  EXPECT_EQ(m.locked_keys(), 0u);
  EXPECT_EQ(t.locks_held(), 0u);
  t.lock(key(1, false));
  EXPECT_TRUE(t.holds(key(1, true)));
  EXPECT_THAT(m.snapshot().text(), HasSubstr("key with hash 0x1\n"));
}

// --- Queues ------------------------------------------------------------------

TEST(LockQueueTest, NewcomersAreServedInTheirOrder) {
  manager m;
  auto holder = std::make_unique<transaction>(m);
  holder->lock(1);
  std::vector<int> order;  // under key 1
  std::vector<std::unique_ptr<background<bool>>> crew;
  for (int i = 0; i < 5; ++i) {
    crew.push_back(std::make_unique<background<bool>>([&m, &order, i] {
      transaction t(m);
      t.lock(1);
      order.push_back(i);
      t.commit();
      return true;
    }));
    await([&] {
      const auto now = m.snapshot();
      return now.keys[0].waiters.size() == static_cast<std::size_t>(i) + 1;
    });
  }
  holder->commit();
  for (auto& one : crew) EXPECT_TRUE(one->result());
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
}

// Readers, then a writer, then readers: the last do not overtake the writer,
// and come in together after it.
TEST(LockQueueTest, ReadersDoNotOvertakeAWaitingWriter) {
  manager m;
  transaction reader(m), late(m), later(m);
  reader.lock(1, S);
  auto writer = run_in_background([&] {
    transaction t(m);
    t.lock(1, X);
    EXPECT_FALSE(late.holds(1));
  });
  await([&] { return m.statistics().waits == 1; });
  EXPECT_FALSE(late.try_lock(1, S));
  EXPECT_FALSE(late.try_lock(1, IS));
  EXPECT_FALSE(late.try_lock_for(1, S, 2ms));
  EXPECT_TRUE(reader.try_lock(1, S));  // holds it
  auto first = run_in_background([&] { late.lock(1, S); });
  auto second = run_in_background([&] { later.lock(1, S); });
  await_waiting(m, late);
  await_waiting(m, later);
  reader.commit();
  writer.result();
  first.result();
  second.result();
  EXPECT_TRUE(late.holds(1) && later.holds(1));
}

// A stream of readers, and of writers, that overlap without a gap.
TEST(LockQueueTest, NobodyStarves) {
  for (const lock_mode stream : {S, X}) {
    manager m;
    std::atomic<bool> done{false};
    std::vector<std::thread> crew;
    for (int i = 0; i < 3; ++i) {
      crew.emplace_back([&] {
        while (!done.load()) {
          transaction t(m);
          t.lock(1, stream);
          std::this_thread::yield();
        }
      });
    }
    await([&] { return m.statistics().waits > 0 || stream == S; });
    for (int i = 0; i < iterations(100); ++i) {
      transaction t(m);
      t.lock(1, stream == S ? X : S);
    }
    done.store(true);
    for (std::thread& t : crew) t.join();
  }
}

TEST(LockQueueTest, AConversionGoesBeforeNewcomers) {
  manager m;
  transaction a(m), b(m), newcomer(m);
  a.lock(1, S);
  b.lock(1, S);
  auto waits = run_in_background([&] { newcomer.lock(1, X); });
  await_waiting(m, newcomer);
  auto converts = run_in_background([&] { a.lock(1, X); });
  await_waiting(m, a);
  b.commit();
  converts.result();
  EXPECT_EQ(a.holds(1), X);
  EXPECT_TRUE(awaits(m, newcomer));
  a.commit();
  waits.result();
  EXPECT_EQ(newcomer.holds(1), X);
}

// While a conversion waits, newcomers do not come in, even where they could.
TEST(LockQueueTest, NewcomersDoNotStarveAConversion) {
  manager m;
  transaction a(m), b(m), newcomer(m);
  a.lock(1, U);
  b.lock(1, S);
  auto converts = run_in_background([&] { a.lock(1, X); });
  await_waiting(m, a);
  EXPECT_FALSE(newcomer.try_lock(1, S));
  b.commit();
  converts.result();
  EXPECT_EQ(a.holds(1), X);
}

// Nor when somebody leaves, and it still waits.
TEST(LockQueueTest, NewcomersWaitUntilTheConversionIsGranted) {
  manager m;
  transaction a(m), b(m), c(m), newcomer(m);
  a.lock(1, U);
  b.lock(1, S);
  c.lock(1, S);
  auto converts = run_in_background([&] { a.lock(1, X); });
  await_waiting(m, a);
  auto waits = run_in_background([&] { newcomer.lock(1, S); });
  await_waiting(m, newcomer);
  c.commit();
  EXPECT_TRUE(awaits(m, newcomer));
  EXPECT_TRUE(awaits(m, a));
  b.commit();
  converts.result();
  EXPECT_TRUE(awaits(m, newcomer));
  a.commit();
  waits.result();
}

// Conversions that do not wait for each other do not wait in line: else the
// second would wait for the first, and that for what the second holds.
TEST(LockQueueTest, ConversionsDoNotWaitForTheirTurn) {
  manager m;
  transaction a(m), b(m), c(m);
  a.lock(1, IS);
  b.lock(1, IS);
  c.lock(1, S);
  auto first = run_in_background([&] { a.lock(1, X); });
  await_waiting(m, a);
  EXPECT_TRUE(b.try_lock(1, S));
  b.commit();
  c.commit();
  first.result();
  EXPECT_EQ(a.holds(1), X);
}

TEST(LockQueueTest, WhoGivesUpLetsThoseBehindThrough) {
  manager m;
  transaction a(m), b(m), c(m);
  a.lock(1, S);
  std::stop_source stop;
  auto writer = run_in_background([&] {
    EXPECT_FALSE(b.lock(1, X, stop.get_token()));
    EXPECT_FALSE(b.holds(1));
  });
  await_waiting(m, b);
  auto reader = run_in_background([&] { c.lock(1, S); });
  await_waiting(m, c);
  stop.request_stop();
  writer.result();
  reader.result();
  EXPECT_TRUE(c.holds(1));
  EXPECT_TRUE(b.is_active());
  EXPECT_TRUE(b.try_lock(1, S));
}

TEST(LockQueueTest, AConversionThatIsGivenUpLeavesWhatWasHeld) {
  manager m;
  transaction a(m), b(m), c(m);
  a.lock(1, S);
  b.lock(1, S);
  EXPECT_FALSE(a.try_lock_for(1, X, 2ms));
  EXPECT_EQ(a.holds(1), S);
  EXPECT_TRUE(c.try_lock(1, S));
}

// --- Waits -------------------------------------------------------------------

TEST(LockWaitTest, EveryFormTakesWhatIsFreeAndGivesUpOnWhatIsNot) {
  manager m;
  transaction holder(m);
  holder.lock(1);
  std::stop_source stopped;
  stopped.request_stop();
  const std::stop_token none, stop = stopped.get_token();
  const auto steady = [] { return std::chrono::steady_clock::now(); };
  const auto system = [] { return std::chrono::system_clock::now(); };
  for (const int key : {1, 2}) {
    int got = 0;
    const auto attempt = [&](auto form) {
      transaction t(m);
      const bool locked = form(t);
      EXPECT_EQ(t.holds(key).has_value(), locked);
      got += locked;
    };
    attempt([&](auto& t) { return t.try_lock(key, X); });
    attempt([&](auto& t) { return t.try_lock_for(key, X, 2ms); });
    attempt([&](auto& t) { return t.try_lock_for(key, X, -1ms); });
    attempt([&](auto& t) { return t.try_lock_for(key, X, 1.5ms, none); });
    attempt([&](auto& t) { return t.try_lock_for(key, X, 1h, stop); });
    attempt([&](auto& t) { return t.try_lock_until(key, X, steady() + 2ms); });
    attempt([&](auto& t) { return t.try_lock_until(key, X, system() + 2ms); });
    attempt([&](auto& t) { return t.try_lock_until(key, X, system() - 1h); });
    attempt(
        [&](auto& t) { return t.try_lock_until(key, X, system() + 1h, stop); });
    attempt([&](auto& t) { return t.lock(key, X, stop); });
    EXPECT_EQ(got, key == 1 ? 0 : 10);
  }
}

TEST(LockWaitTest, TimeIsNotOverBeforeItIs) {
  manager m;
  transaction holder(m), t(m);
  holder.lock(1);
  const auto until = std::chrono::steady_clock::now() + 20ms;
  EXPECT_FALSE(t.try_lock_until(1, S, until));
  EXPECT_GE(std::chrono::steady_clock::now(), until);
}

// The time passes, or a stop is requested, at the moment of the grant: whatever
// lock() says is so, and the next wait of the transaction is not ended early.
TEST(LockWaitTest, GivingUpRacesWithTheGrant) {
  manager m;
  int taken = 0, given_up = 0;
  const int rounds = iterations(600);
  transaction t(m);
  for (int i = 0; i < rounds; ++i) {
    transaction holder(m);
    holder.lock(1);
    std::stop_source stop;
    starting_line line(2);
    std::thread releases([&] {
      line.ready_and_go();
      if (i % 2 == 0) stop.request_stop();
      holder.commit();
      if (i % 2 != 0) stop.request_stop();
    });
    line.ready_and_go();
    const bool locked =
        i % 3 == 0 ? t.try_lock_for(1, X, 1us) : t.lock(1, X, stop.get_token());
    EXPECT_EQ(t.holds(1).has_value(), locked);
    releases.join();
    ++(locked ? taken : given_up);
    if (i % 16 == 0) {  // a wake that is left over would end it
      transaction other(m);
      other.lock(2);
      EXPECT_FALSE(t.try_lock_for(2, X, 200us));
    }
    t.rollback();
    t.restart();
  }
  EXPECT_EQ(taken + given_up, rounds);
  EXPECT_EQ(m.locked_keys(), 0u);
}

// --- Snapshot ----------------------------------------------------------------

TEST(LockSnapshotTest, TellsWhoHoldsWhatAndWhoWaits) {
  manager m;
  transaction a(m, {.name = "teller"}), b(m), c(m);
  a.lock(5, S);
  b.lock(5, U);
  auto converts = run_in_background([&] { b.lock(5, X); });
  await_waiting(m, b);
  auto waits = run_in_background([&] { c.lock(5, IX); });
  await_waiting(m, c);
  EXPECT_EQ(m.snapshot().text(),
            "3 transactions, 1 key\n"
            "transaction #1 'teller': holds 1 key\n"
            "transaction #2: holds 1 key, waits\n"
            "transaction #3: holds 0 keys, waits\n"
            "key 5\n"
            "  #1 'teller' holds S\n"
            "  #2 holds U, waits for X\n"
            "  #3 waits for IX\n");
  a.commit();
  converts.result();
  b.commit();
  waits.result();
}

}  // namespace
}  // namespace syncxx_test
