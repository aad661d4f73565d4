// SPDX-License-Identifier: Apache-2.0
//
// lock_manager::run(), wait-die and wound-wait, and what all policies promise:
// everyone gets through, and nothing is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/lock_manager.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
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

constexpr deadlock_policy kPolicies[] = {deadlock_policy::detect,
                                         deadlock_policy::wait_die,
                                         deadlock_policy::wound_wait};

// --- run()
// -----------------------------------------------------------------------

TEST(RunTest, CommitsAndReturnsTheResult) {
  manager m;
  int undone = 0;
  const std::unique_ptr<int> made = m.run([&](transaction& t) {
    t.lock(1);
    t.on_rollback([&] { ++undone; });
    return std::make_unique<int>(7);
  });
  EXPECT_EQ(*made, 7);
  EXPECT_EQ(
      m.run({.name = "named", .priority = 3}, [](auto& t) { return t.name(); }),
      "named");
  m.run([](auto& t) { t.lock(2); });
  EXPECT_EQ(undone, 0);
  EXPECT_EQ(m.locked_keys(), 0u);
  EXPECT_TRUE(m.snapshot().transactions.empty());
}

TEST(RunTest, AnExceptionRollsBackAndPassesOn) {
  manager m;
  int undone = 0;
  EXPECT_THROW(m.run([&](transaction& t) {
    t.lock(1);
    t.on_rollback([&] { ++undone; });
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(undone, 1);
  EXPECT_EQ(m.locked_keys(), 0u);
}

TEST(RunTest, WhatItCallsMayEndTheTransaction) {
  manager m;
  int undone = 0;
  EXPECT_EQ(m.run([&](transaction& t) {
    t.lock(1);
    t.on_rollback([&] { ++undone; });
    t.rollback();
    return 1;
  }),
            1);
  EXPECT_EQ(undone, 1);
  m.run([&](transaction& t) {
    t.on_rollback([&] { ++undone; });
    t.commit();
  });
  EXPECT_EQ(undone, 1);
}

// The victim is rolled back, begun again with its age, and gets through.
TEST(RunTest, AVictimIsRunAgain) {
  manager m;
  transaction old(m);
  old.lock(1);
  std::vector<std::uint64_t> numbers;
  int undone = 0;
  auto young = run_in_background([&] {
    m.run([&](transaction& t) {
      numbers.push_back(t.number());
      t.lock(2);
      t.on_rollback([&] { ++undone; });
      t.lock(1);
    });
  });
  await([&] { return m.statistics().waits == 1; });
  old.lock(2);  // closes the cycle; the younger makes way
  EXPECT_FALSE(young.finished());
  old.commit();
  young.result();
  EXPECT_GE(numbers.size(), 2u);
  EXPECT_EQ(numbers.front(), numbers.back());
  EXPECT_EQ(static_cast<std::size_t>(undone), numbers.size() - 1);
}

// So is one whose function has rolled it back itself, and lets the exception
// pass.
TEST(RunTest, AVictimThatRollsItselfBackIsRunAgain) {
  manager m;
  transaction old(m);
  old.lock(1);
  int calls = 0;
  auto young = run_in_background([&] {
    m.run([&](transaction& t) {
      ++calls;
      try {
        t.lock(2);
        t.lock(1);
      } catch (const transaction_aborted&) {
        t.rollback();
        throw;
      }
    });
  });
  await([&] { return m.statistics().waits == 1; });
  old.lock(2);
  old.commit();
  young.result();
  EXPECT_GE(calls, 2);
}

// An abort of another transaction is that one's.
TEST(RunTest, AnotherTransactionsAbortPassesOn) {
  manager m, others;
  transaction old(others), young(others);
  old.lock(1);
  young.lock(2);
  auto waits = run_in_background([&] { old.lock(2); });
  await_waiting(others, old);
  int calls = 0;
  EXPECT_THROW(m.run([&](transaction&) {
    ++calls;
    young.lock(1);
  }),
               transaction_aborted);
  EXPECT_EQ(calls, 1);
  young.rollback();
  waits.result();
}

// --- Avoidance by age --------------------------------------------------------

TEST(WaitDieTest, TheOlderWaitsAndTheYoungerDies) {
  manager m(deadlock_policy::wait_die);
  transaction old(m, {.name = "old"}), young(m);
  young.lock(1);
  old.lock(2);
  auto waits = run_in_background([&] { old.lock(1); });
  await_waiting(m, old);
  try {
    young.lock(2);
    ADD_FAILURE() << "not aborted";
  } catch (const transaction_aborted& e) {
    EXPECT_EQ(e.reason(), deadlock_policy::wait_die);
    EXPECT_EQ(e.transaction(), young.number());
    EXPECT_THAT(e.what(), HasSubstr("wait-die: #2 wants X of key 2 and would "
                                    "wait for #1 'old', which is older"));
  }
  EXPECT_FALSE(young.is_active());
  young.rollback();
  waits.result();
  EXPECT_EQ(m.statistics().deaths, 1u);
}

// The younger would not wait for the older: nobody dies.
TEST(WaitDieTest, WhoNeedNotWaitDoesNotDie) {
  manager m(deadlock_policy::wait_die);
  transaction old(m), young(m);
  old.lock(1, S);
  young.lock(1, S);
  EXPECT_FALSE(young.try_lock(1, X));
  EXPECT_FALSE(young.try_lock_for(1, X, 0ms));
  EXPECT_TRUE(young.is_active());
  EXPECT_EQ(m.statistics().deaths, 0u);
}

// The older converts, so that a younger one that waits would wait for it too:
// that one dies in its sleep.
TEST(WaitDieTest, AConversionKillsTheYoungerThatWouldWaitForIt) {
  manager m(deadlock_policy::wait_die);
  transaction old(m), middle(m), young(m);
  old.lock(1, IS);
  young.lock(1, S);
  auto waits = run_in_background(
      [&] { EXPECT_THROW(middle.lock(1, IX), transaction_aborted); });
  await_waiting(m, middle);  // for the young one alone
  EXPECT_TRUE(old.try_lock(1, S));
  waits.result();
  EXPECT_TRUE(middle.is_aborted());
  EXPECT_TRUE(young.is_active());
}

// So does one that would wait until the conversion has been granted.
TEST(WaitDieTest, AConversionThatWaitsKillsTheYoungerToo) {
  manager m(deadlock_policy::wait_die);
  transaction old(m), middle(m), young(m);
  old.lock(1, IS);
  young.lock(1, S);
  auto waits = run_in_background(
      [&] { EXPECT_THROW(middle.lock(1, IX), transaction_aborted); });
  await_waiting(m, middle);
  auto converts = run_in_background([&] { old.lock(1, X); });
  waits.result();
  EXPECT_TRUE(middle.is_aborted());
  EXPECT_FALSE(converts.finished());
  young.commit();
  converts.result();
}

TEST(WoundWaitTest, TheOlderWoundsAndTheYoungerWaits) {
  manager m(deadlock_policy::wound_wait);
  transaction old(m, {.name = "old"}), young(m);
  old.lock(1);
  young.lock(2);
  int undone = 0;
  young.on_rollback([&] { ++undone; });
  auto sleeps = run_in_background(
      [&] { EXPECT_THROW(young.lock(1), transaction_aborted); });
  await_waiting(m, young);
  sleeps.await_sleep();
  auto wounds = run_in_background([&] { old.lock(2); });
  sleeps.result();  // it was woken
  await_waiting(m, old);
  EXPECT_EQ(undone, 0);
  EXPECT_EQ(young.holds(2), X);
  young.rollback();
  wounds.result();
  EXPECT_EQ(undone, 1);
  EXPECT_EQ(m.statistics().wounds, 1u);
}

// One that runs finds out when it uses the transaction next.
TEST(WoundWaitTest, ARunningOneFindsOutAtItsNextCall) {
  for (const bool commits : {true, false}) {
    manager m(deadlock_policy::wound_wait);
    transaction old(m, {.name = "old"}), young(m);
    young.lock(1);
    auto waits = run_in_background([&] { old.lock(1); });
    await_waiting(m, old);
    EXPECT_TRUE(young.is_aborted());
    try {
      if (commits)
        young.commit();
      else
        young.lock(2);
      ADD_FAILURE() << "not aborted";
    } catch (const transaction_aborted& e) {
      EXPECT_THAT(e.what(), HasSubstr("wound-wait: #1 'old', which is older, "
                                      "wants X of key 1 and would wait for "
                                      "#2"));
    }
    EXPECT_FALSE(waits.finished());
    young.rollback();
    waits.result();
    EXPECT_EQ(m.statistics().wounds, 1u);
  }
}

// One that has committed cannot be wounded: what it holds is free.
TEST(WoundWaitTest, CommitRacesWithTheWound) {
  manager m(deadlock_policy::wound_wait);
  int committed = 0, wounded = 0, value = 0;
  const int rounds = iterations(600);
  for (int i = 0; i < rounds; ++i) {
    transaction old(m);
    auto young = std::make_unique<transaction>(m);
    young->lock(1);
    starting_line line(2);
    std::thread other([&] {
      line.ready_and_go();
      old.lock(1);
      ++value;
      old.commit();
    });
    line.ready_and_go();
    try {
      ++value;
      young->on_rollback([&] { --value; });
      young->commit();
      ++committed;
    } catch (const transaction_aborted&) {
      young.reset();
      ++wounded;
    }
    other.join();
  }
  EXPECT_EQ(committed + wounded, rounds);
  EXPECT_EQ(value, rounds + committed);
  EXPECT_EQ(m.statistics().wounds, static_cast<std::uint64_t>(wounded));
}

// Random modes of few keys: between active transactions the edges of the
// reference graph lead one way only. (Behind a newcomer that wants no more than
// oneself one does not count as waiting for it.)
TEST(AvoidanceTest, WaitsLeadOneWay) {
  for (const auto policy :
       {deadlock_policy::wait_die, deadlock_policy::wound_wait}) {
    manager m(policy);
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
          try {
            for (int k = 0; k < 5; ++k) {
              if (random(2) == 0) std::this_thread::yield();
              t.lock(static_cast<int>(random(4)),
                     static_cast<lock_mode>(random(6)));
            }
            t.commit();
          } catch (const transaction_aborted& e) {
            EXPECT_EQ(e.reason(), policy);
            aborted.fetch_add(1);
          }
        }
        left.fetch_sub(1);
      });
    }
    while (left.load() > 0) {
      const auto locks = m.snapshot();
      std::map<std::uint64_t, bool> lost;
      for (const auto& t : locks.transactions) lost[t.transaction] = t.aborted;
      for (const auto& key : locks.keys) {
        const auto check = [&](std::uint64_t waits, std::uint64_t holds) {
          if (lost[holds]) return;
          EXPECT_EQ(waits < holds, policy == deadlock_policy::wait_die)
              << waits << " waits for " << holds << "\n"
              << locks.text();
        };
        for (const auto& h : key.holders) {
          for (const auto& other : key.holders) {
            if (h.wanted != h.mode && other.transaction != h.transaction &&
                !reference_compatible(h.wanted, other.mode)) {
              check(h.transaction, other.transaction);
            }
          }
          for (const auto& w : key.waiters) {
            if (h.wanted != h.mode || !reference_compatible(h.mode, w.wanted))
              check(w.transaction, h.transaction);
          }
        }
        for (std::size_t i = 0; i < key.waiters.size(); ++i) {
          for (std::size_t ahead = 0; ahead < i; ++ahead) {
            if (!reference_compatible(key.waiters[i].wanted,
                                      key.waiters[ahead].wanted)) {
              check(key.waiters[i].transaction, key.waiters[ahead].transaction);
            }
          }
        }
      }
      std::this_thread::sleep_for(20us);
    }
    for (std::thread& t : crew) t.join();
    EXPECT_EQ(m.statistics().deaths + m.statistics().wounds, aborted.load());
    EXPECT_EQ(m.statistics().deadlocks, 0u);
    EXPECT_GT(aborted.load(), 0u);
    EXPECT_EQ(m.locked_keys(), 0u);
  }
}

// --- Everyone gets through ---------------------------------------------------

// Transfers between few accounts, taken in random order; the balances pass
// through wrong values that rollback() must put right.
void transfer_between(manager& m, int threads, int transfers) {
  constexpr int kAccounts = 6;
  constexpr long kEach = 1'000;
  std::array<long, kAccounts> balance;  // each under its key
  balance.fill(kEach);
  std::atomic<int> done{0};
  std::vector<std::thread> crew;
  for (int i = 0; i < threads; ++i) {
    crew.emplace_back([&, seed = static_cast<unsigned>(i) + 1]() mutable {
      const auto random = [&](int below) {
        seed = seed * 1664525 + 1013904223;
        return static_cast<int>((seed >> 16) % static_cast<unsigned>(below));
      };
      for (int k = 0; k < transfers; ++k) {
        const int from = random(kAccounts);
        const int to = (from + 1 + random(kAccounts - 1)) % kAccounts;
        const long amount = random(50);
        const bool audits = k % 16 == 0;
        m.run([&](transaction& t) {
          if (audits) {
            long total = 0;
            for (int a = 0; a < kAccounts; ++a) {
              t.lock((from + a) % kAccounts, S);
              total +=
                  balance[static_cast<std::size_t>((from + a) % kAccounts)];
            }
            // Locked in two phases: nobody was half way through.
            EXPECT_EQ(total, kAccounts * kEach);
            return;
          }
          const auto move = [&](int account, long change) {
            long& b = balance[static_cast<std::size_t>(account)];
            t.lock(account, k % 2 == 0 ? X : U);
            t.lock(account, X);
            b += change;
            t.on_rollback([&b, change] { b -= change; });
            if (k % 8 == 0) std::this_thread::yield();
          };
          move(from, -amount);
          move(to, amount);
        });
        done.fetch_add(1);
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(done.load(), threads * transfers);
  EXPECT_EQ(std::accumulate(balance.begin(), balance.end(), 0L),
            kAccounts * kEach);
  EXPECT_EQ(m.locked_keys(), 0u);
}

TEST(BankTest, TheTotalStaysAndEveryTransferIsDone) {
  for (const deadlock_policy policy : kPolicies) {
    for (const int threads : {2, 4, 8}) {
      manager m(policy);
      transfer_between(m, threads, iterations(2'000) / threads);
    }
  }
}

TEST(BankTest, WithEveryVictimPolicy) {
  for (const auto victim :
       {victim_policy::fewest_locks, victim_policy::lowest_priority}) {
    manager m({.victim = victim});
    transfer_between(m, 4, iterations(1'000));
    EXPECT_EQ(m.statistics().deaths + m.statistics().wounds, 0u);
  }
}

// A long transaction among short ones that want the same in the other order:
// it ages, and gets through.
TEST(BankTest, TheLongOneGetsThrough) {
  for (const deadlock_policy policy : kPolicies) {
    manager m(policy);
    std::atomic<bool> done{false};
    std::vector<std::thread> crew;
    for (int i = 0; i < 3; ++i) {
      crew.emplace_back([&] {
        while (!done.load()) {
          m.run([&](transaction& t) {
            for (int key = 9; key >= 7; --key) {
              t.lock(key);
              std::this_thread::yield();
            }
          });
        }
      });
    }
    for (int i = 0; i < iterations(20); ++i) {
      m.run([&](transaction& t) {
        for (int key = 0; key < 10; ++key) {
          t.lock(key);
          std::this_thread::yield();
        }
      });
    }
    done.store(true);
    for (std::thread& t : crew) t.join();
  }
}

}  // namespace
}  // namespace syncxx_test
