// SPDX-License-Identifier: Apache-2.0
//
// Deadlocks of lock_manager: found when they close, one victim each, nobody
// else; or avoided by age. Each cycle that is reported is looked for in the
// reference graph (support/wait_for_graph.h), under the manager's mutex.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/barrier.h>
#include <sync/lock_manager.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/support/threads.h"
#include "tests/support/transactions.h"
#include "tests/support/wait_for_graph.h"

namespace syncxx_test {
namespace {

using syncxx::deadlock_policy;
using syncxx::lock_mode;
using syncxx::transaction_aborted;
using syncxx::victim_policy;
using enum syncxx::lock_mode;
using manager = syncxx::lock_manager<int>;
using transaction = manager::transaction;
using testing::HasSubstr;

// Whether it was aborted; then it is rolled back.
template <class F>
bool aborts(transaction& t, F f) {
  try {
    f();
    return false;
  } catch (const transaction_aborted& e) {
    EXPECT_EQ(e.code(), std::errc::resource_deadlock_would_occur);
    EXPECT_EQ(e.transaction(), t.number());
    EXPECT_TRUE(t.is_aborted());
    t.rollback();
    return true;
  }
}

// Options whose every deadlock is checked against the reference.
syncxx::lock_manager_options checked(victim_policy victim,
                                     std::atomic<int>& cycles) {
  syncxx::lock_manager_options options;
  options.choose_victim = [&cycles,
                           victim](const syncxx::deadlock_cycle& found) {
    cycles.fetch_add(1);
    const auto& cycle = found.members();
    EXPECT_TRUE(is_cycle(wait_for_graph(found.snapshot()), cycle));
    std::size_t best = 0;
    for (std::size_t i = 1; i < cycle.size(); ++i) {
      const auto key = [&](const syncxx::deadlock_member& one) {
        return victim == victim_policy::youngest
                   ? 0
                   : static_cast<long>(one.locks_held);
      };
      if (key(cycle[i]) < key(cycle[best]) ||
          (key(cycle[i]) == key(cycle[best]) &&
           cycle[i].transaction > cycle[best].transaction)) {
        best = i;
      }
    }
    return best;
  };
  return options;
}

// --- Cycles ------------------------------------------------------------------

// n transactions, each with a key, want each other's in a ring, one after the
// other: the last one closes the cycle, and one makes way.
class CycleTest : public testing::TestWithParam<int> {};

TEST_P(CycleTest, HasOneVictim) {
  const int n = GetParam();
  for (const bool closed_by_youngest : {true, false}) {
    std::atomic<int> cycles{0};
    manager m(checked(victim_policy::youngest, cycles));
    std::vector<std::unique_ptr<transaction>> all;
    for (int i = 0; i < n; ++i) {
      all.push_back(std::make_unique<transaction>(m));
      all.back()->lock(i);
    }
    std::atomic<int> victims{0};
    std::vector<std::unique_ptr<background<bool>>> crew;
    for (int k = 0; k < n; ++k) {
      // The youngest is the last one to wait, or the first.
      const int i = closed_by_youngest ? k : n - 1 - k;
      transaction& t = *all[static_cast<std::size_t>(i)];
      EXPECT_EQ(victims.load(), 0);
      crew.push_back(std::make_unique<background<bool>>([&, i, n] {
        const bool aborted = aborts(t, [&] { t.lock((i + 1) % n); });
        if (aborted) {
          victims.fetch_add(1);
          EXPECT_EQ(i, n - 1);
        } else {
          t.commit();
        }
        return aborted;
      }));
      if (k < n - 1) await_waiting(m, t);
    }
    int aborted = 0;
    for (auto& one : crew) aborted += one->result();
    EXPECT_EQ(aborted, 1);
    EXPECT_EQ(cycles.load(), 1);
    EXPECT_EQ(m.statistics().deadlocks, 1u);
    EXPECT_EQ(m.statistics().waits, static_cast<std::uint64_t>(n));
    EXPECT_EQ(m.locked_keys(), 0u);
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, CycleTest, testing::Values(2, 3, 10, 50));

TEST(DeadlockTest, TheMessageNamesTheCycle) {
  manager m;
  transaction a(m, {.name = "teller"}), b(m);
  a.lock(1);
  b.lock(2, S);
  auto waits = run_in_background([&] { a.lock(2); });
  await_waiting(m, a);
  try {
    b.lock(1, U);
    ADD_FAILURE() << "not aborted";
  } catch (const std::system_error& e) {
    EXPECT_THAT(
        e.what(),
        HasSubstr("syncxx: transaction aborted by deadlock of 2 "
                  "transactions: #2 wants U of key 1, which #1 'teller' "
                  "holds in X; #1 'teller' wants X of key 2, which #2 "
                  "holds in S; #2 is to make way: roll it back, and "
                  "begin it again"));
    const auto& aborted = dynamic_cast<const transaction_aborted&>(e);
    EXPECT_EQ(aborted.reason(), deadlock_policy::detect);
    EXPECT_EQ(aborted.cycle().size(), 2u);
  }
  EXPECT_FALSE(waits.finished());  // what the victim holds it holds until then
  // To go on says the same.
  EXPECT_THROW(b.lock(3), transaction_aborted);
  EXPECT_THROW(b.try_lock(3), transaction_aborted);
  EXPECT_THROW(b.commit(), transaction_aborted);
  EXPECT_EQ(b.holds(2), S);
  bool undone = false;
  b.on_rollback([&] { undone = true; });
  b.rollback();
  EXPECT_TRUE(undone);
  waits.result();
}

TEST(DeadlockTest, TwoReadersThatBothWantToWriteAreOne) {
  std::atomic<int> cycles{0};
  manager m(checked(victim_policy::youngest, cycles));
  transaction a(m), b(m);
  a.lock(1, S);
  b.lock(1, S);
  auto waits = run_in_background([&] { a.lock(1, X); });
  await_waiting(m, a);
  EXPECT_TRUE(aborts(b, [&] { b.lock(1, X); }));
  waits.result();
  EXPECT_EQ(a.holds(1), X);
  EXPECT_EQ(cycles.load(), 1);
}

TEST(DeadlockTest, UpdateModePreventsThat) {
  manager m;
  transaction a(m), b(m);
  a.lock(1, U);
  auto waits = run_in_background([&] {
    b.lock(1, U);
    b.lock(1, X);
  });
  await_waiting(m, b);
  a.lock(1, X);
  a.commit();
  waits.result();
  EXPECT_EQ(m.statistics().deadlocks, 0u);
}

// A cycle that leads through the queue: the reader in it waits for a writer
// that waits, not for a lock.
TEST(DeadlockTest, TheQueueIsAPartOfIt) {
  std::atomic<int> cycles{0};
  manager m(checked(victim_policy::youngest, cycles));
  transaction reader(m), writer(m), late(m);
  reader.lock(1, S);
  late.lock(2, S);
  auto writes = run_in_background([&] { writer.lock(1, X); });
  await_waiting(m, writer);
  auto waits = run_in_background([&] { reader.lock(2, X); });
  await_waiting(m, reader);
  EXPECT_TRUE(aborts(late, [&] { late.lock(1, S); }));
  EXPECT_EQ(cycles.load(), 1);
  waits.result();
  reader.commit();
  writes.result();
}

// So is a conversion that waits, for newcomers.
TEST(DeadlockTest, AConversionThatWaitsIsAPartOfIt) {
  std::atomic<int> cycles{0};
  manager m(checked(victim_policy::youngest, cycles));
  transaction a(m), b(m), c(m);
  a.lock(1, IS);
  b.lock(1, IX);
  c.lock(2);
  auto converts = run_in_background([&] { a.lock(1, S); });  // for b
  await_waiting(m, a);
  auto waits = run_in_background([&] { b.lock(2); });  // for c
  await_waiting(m, b);
  EXPECT_TRUE(aborts(c, [&] { c.lock(1, IS); }));  // for a, which waits
  EXPECT_EQ(cycles.load(), 1);
  waits.result();
  b.commit();
  converts.result();
}

// A newcomer that waits has to wait for one more, whose conversion was granted:
// that one's next wait closes the cycle.
TEST(DeadlockTest, AConversionThatIsGrantedIsAPartOfIt) {
  std::atomic<int> cycles{0};
  manager m(checked(victim_policy::youngest, cycles));
  transaction old(m), a(m), b(m);
  b.lock(2);
  a.lock(1, IS);
  old.lock(1, S);
  auto waits = run_in_background(
      [&] { return aborts(b, [&] { b.lock(1, IX); }); });  // for old alone
  await_waiting(m, b);
  EXPECT_TRUE(a.try_lock(1, S));
  EXPECT_EQ(cycles.load(), 0);
  a.lock(2, S);
  EXPECT_TRUE(waits.result());
  EXPECT_EQ(cycles.load(), 1);
  EXPECT_TRUE(old.is_active());
}

// The one that begins to wait closes two cycles. One that is in both is enough;
// and where each has a victim of its own, there are two.
TEST(DeadlockTest, TwoCyclesAtOnceAreBroken) {
  for (const bool requester_is_youngest : {true, false}) {
    std::atomic<int> cycles{0};
    manager m(checked(victim_policy::youngest, cycles));
    auto closes = std::make_unique<transaction>(m);
    transaction b(m), c(m);
    if (requester_is_youngest) closes = std::make_unique<transaction>(m);
    transaction& a = *closes;
    a.lock(1);
    b.lock(2, S);
    c.lock(2, S);
    const auto wants = [&](transaction& t) {
      return run_in_background([&] {
        const bool aborted = aborts(t, [&] { t.lock(1); });
        if (!aborted) t.commit();
        return aborted;
      });
    };
    auto first = wants(b);
    await_waiting(m, b);
    auto second = wants(c);
    await_waiting(m, c);
    const bool aborted = aborts(a, [&] { a.lock(2, X); });
    if (!aborted) a.commit();
    EXPECT_EQ(aborted, requester_is_youngest);
    EXPECT_EQ(first.result(), !requester_is_youngest);
    EXPECT_EQ(second.result(), !requester_is_youngest);
    EXPECT_EQ(m.statistics().deadlocks, requester_is_youngest ? 1u : 2u);
  }
}

// It closes two: one has a younger victim, the other has itself, and breaks
// both. The younger one is spared.
TEST(DeadlockTest, ASearchingVictimIsTheOnlyOne) {
  std::atomic<int> cycles{0};
  manager m(checked(victim_policy::youngest, cycles));
  transaction old(m), closes(m), young(m);
  closes.lock(1);
  young.lock(2, S);  // the first that the search comes by
  old.lock(2, S);
  auto first = run_in_background([&] { young.lock(1, S); });
  await_waiting(m, young);
  auto second = run_in_background([&] { old.lock(1, S); });
  await_waiting(m, old);
  EXPECT_TRUE(aborts(closes, [&] { closes.lock(2, X); }));
  EXPECT_EQ(cycles.load(), 2);
  first.result();
  second.result();
  EXPECT_TRUE(young.is_active() && old.is_active());
  EXPECT_EQ(m.statistics().deadlocks, 1u);
}

TEST(DeadlockTest, LongWaitsWithoutACycleHaveNoVictim) {
  manager m;
  std::vector<std::unique_ptr<transaction>> all;
  std::vector<std::unique_ptr<background<bool>>> crew;
  for (int i = 0; i < 20; ++i) {
    all.push_back(std::make_unique<transaction>(m));
    all.back()->lock(i);
  }
  for (int i = 0; i + 1 < 20; ++i) {
    transaction& t = *all[static_cast<std::size_t>(i)];
    crew.push_back(std::make_unique<background<bool>>([&t, i] {
      t.lock(i + 1);
      t.commit();
      return true;
    }));
  }
  await([&] { return m.statistics().waits == 19; });
  EXPECT_FALSE(wait_for_graph(m.snapshot()).has_cycle());
  all.back()->commit();
  for (auto& one : crew) EXPECT_TRUE(one->result());
  EXPECT_EQ(m.statistics().deadlocks, 0u);
}

// A timed wait is a part of a cycle, and is woken to throw.
TEST(DeadlockTest, ASleepingVictimIsWoken) {
  manager m;
  transaction old(m), young(m);
  old.lock(1);
  young.lock(2);
  auto sleeps = run_in_background(
      [&] { return aborts(young, [&] { young.try_lock_for(1, X, 1h); }); });
  await_waiting(m, young);
  sleeps.await_sleep();
  old.lock(2);
  EXPECT_TRUE(sleeps.result());
}

// --- Victims -----------------------------------------------------------------

// The victim of a cycle of three: "more" holds more locks than the others,
// "urgent" has the greatest priority, and the third is the youngest.
std::string victim_of(syncxx::lock_manager_options options) {
  manager m(std::move(options));
  transaction urgent(m, {.name = "urgent", .priority = 9});
  transaction few(m, {.name = "few", .priority = 5});
  transaction slack(m, {.name = "slack", .priority = 1});
  transaction more(m, {.name = "more", .priority = 5});
  const auto takes = [](transaction& t, int first, int n) {
    for (int i = 0; i < n; ++i) t.lock(first + i);
  };
  takes(urgent, 0, 3);
  takes(few, 10, 1);
  takes(slack, 20, 2);
  takes(more, 30, 4);
  std::string victim;
  const auto wants = [&](transaction& t, int key) {
    if (aborts(t, [&] { t.lock(key); }))
      victim += t.name();
    else
      t.commit();
  };
  auto a = run_in_background([&] { wants(urgent, 10); });
  await_waiting(m, urgent);
  auto b = run_in_background([&] { wants(few, 20); });
  await_waiting(m, few);
  auto c = run_in_background([&] { wants(slack, 30); });
  await_waiting(m, slack);
  wants(more, 0);
  a.result();
  b.result();
  c.result();
  return victim;
}

TEST(VictimTest, IsChosenByThePolicy) {
  EXPECT_EQ(victim_of({}), "more");
  EXPECT_EQ(victim_of({.victim = victim_policy::fewest_locks}), "few");
  EXPECT_EQ(victim_of({.victim = victim_policy::lowest_priority}), "slack");
  const auto named = [](const char* name) {
    return [name](const syncxx::deadlock_cycle& found) {
      EXPECT_EQ(found.members().size(), 4u);
      for (std::size_t i = 0; i < found.members().size(); ++i)
        if (found.members()[i].name == name) return i;
      return found.members().size();
    };
  };
  for (const char* name : {"urgent", "few", "slack", "more"})
    EXPECT_EQ(victim_of({.choose_victim = named(name)}), name);
}

// Who is about to wait is told what is wrong with the function, and nothing has
// changed.
TEST(VictimTest, AFunctionThatFailsIsThrownFromLock) {
  for (const bool throws : {true, false}) {
    syncxx::lock_manager_options options;
    options.choose_victim =
        [throws](const syncxx::deadlock_cycle&) -> std::size_t {
      if (throws) throw std::runtime_error("cannot choose");
      return 2;
    };
    manager m(options);
    transaction a(m), b(m);
    a.lock(1);
    b.lock(2);
    auto waits = run_in_background([&] { a.lock(2); });
    await_waiting(m, a);
    try {
      b.lock(1);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& e) {
      EXPECT_THAT(e.what(), HasSubstr(throws ? "cannot choose"
                                             : "returned 2 for a cycle of 2"));
    }
    EXPECT_TRUE(b.is_active());
    EXPECT_FALSE(b.holds(1));
    EXPECT_FALSE(waits.finished());
    b.commit();
    waits.result();
  }
}

// --- Many --------------------------------------------------------------------

// Rings of 2 to 8 threads, closed all at once, again and again: each has one
// victim, whatever the order in which they close.
TEST(DeadlockTest, EachInjectedDeadlockHasOneVictim) {
  constexpr int kMost = 8;
  const int rounds = iterations(10'000);
  std::atomic<int> cycles{0};
  manager m(checked(victim_policy::youngest, cycles));
  std::atomic<int> aborted{0};
  syncxx::barrier all(kMost);
  std::vector<std::thread> crew;
  for (int i = 0; i < kMost; ++i) {
    crew.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round) {
        const int n = 2 + round % (kMost - 1);
        transaction t(m);
        if (i < n) t.lock(i);
        all.arrive_and_wait();
        if (i < n) {
          if (aborts(t, [&] { t.lock((i + 1) % n); }))
            aborted.fetch_add(1);
          else
            t.commit();
        }
        all.arrive_and_wait();
        EXPECT_EQ(aborted.load(), round + 1);
        EXPECT_EQ(cycles.load(), round + 1);
        all.arrive_and_wait();
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(m.statistics().deadlocks, static_cast<std::uint64_t>(rounds));
  EXPECT_EQ(m.locked_keys(), 0u);
}

// Random modes of few keys by random transactions, while another thread looks
// for cycles that nobody has found.
TEST(DeadlockTest, NoneIsMissedAndNoneIsMadeUp) {
  std::atomic<int> cycles{0};
  manager m(checked(victim_policy::fewest_locks, cycles));
  std::atomic<int> left{4};
  std::atomic<std::uint64_t> aborted{0};
  std::vector<std::thread> crew;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    crew.emplace_back([&, seed]() mutable {
      const auto random = [&](unsigned below) {
        seed = seed * 1664525 + 1013904223;
        return (seed >> 16) % below;
      };
      for (int i = 0; i < iterations(1'000); ++i) {
        transaction t(m);
        const bool lost = aborts(t, [&] {
          for (int k = 0; k < 5; ++k) {
            const auto mode = static_cast<lock_mode>(random(6));
            const int key = static_cast<int>(random(4));
            if (random(2) == 0) std::this_thread::yield();
            if (random(8) == 0)
              t.try_lock_for(key, mode, 100us);
            else
              t.lock(key, mode);
          }
        });
        if (lost) aborted.fetch_add(1);
      }
      left.fetch_sub(1);
    });
  }
  while (left.load() > 0) {
    EXPECT_FALSE(wait_for_graph(m.snapshot()).has_cycle());
    std::this_thread::sleep_for(20us);
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(m.statistics().deadlocks, aborted.load());
  EXPECT_GE(static_cast<std::uint64_t>(cycles.load()), aborted.load());
  EXPECT_GT(aborted.load(), 0u);
  EXPECT_EQ(m.locked_keys(), 0u);
}

}  // namespace
}  // namespace syncxx_test
