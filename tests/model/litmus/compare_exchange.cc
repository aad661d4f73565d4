// SPDX-License-Identifier: Apache-2.0
//
// compare_exchange: a read-modify-write with the order of success, or a load
// with that of failure ([atomics.types.operations]/21-27).
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// One of two wins; the other sees its value. r: won, won, seen, seen, left
TEST(CompareExchangeTest, OneWins) {
  for_each(
      [](order success, order failure) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              const auto side = [&](int mine, int& won, int& seen) {
                seen = 0;
                won = x.compare_exchange_strong(seen, mine, success, failure);
              };
              threads([&] { side(1, r[0], r[2]); },
                      [&] { side(2, r[1], r[3]); });
              r[4] = x.load(rlx);
            },
            "10011 01202", 2);
      },
      kUpdates, kLoads);
}

TEST(CompareExchangeTest, OneOfThreeWins) {
  // The losers see the winner's value.
  expect(
      [](registers& r) {
        atomic<int> x{0};
        const auto side = [&](int mine, int& seen) {
          seen = 0;
          x.compare_exchange_strong(seen, mine, rlx);
        };
        threads([&] { side(1, r[0]); }, [&] { side(2, r[1]); },
                [&] { side(3, r[2]); });
        r[3] = x.load(rlx);
      },
      "0111 2022 3303", 3);
}

// One that expects what the other writes.
TEST(CompareExchangeTest, Chain) {
  // Thread 1 turns 1 into 2: it fails on 0 and succeeds on 1.
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              int expected = 0;
              r[0] = x.compare_exchange_strong(expected, 1, rlx);
            },
            [&] {
              int expected = 1;
              r[1] = x.compare_exchange_strong(expected, 2, rlx);
              r[2] = expected;
            });
        r[3] = x.load(rlx);
      },
      "1001 1112", 2);
}

// It succeeds on 0, the store coming after it, or fails on 1.
TEST(CompareExchangeTest, AgainstAStore) {
  for_each(
      [](order success, order failure, order w) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] { x.store(1, w); },
                      [&] {
                        r[1] = 0;
                        r[0] = x.compare_exchange_strong(r[1], 2, success,
                                                         failure);
                      });
              r[2] = x.load(rlx);
            },
            "101 011", 2);
      },
      kUpdates, kLoads, kStores);
}

// A store of the expected value: it succeeds on either 0, and what is left is
// its value only if it read the second one.
TEST(CompareExchangeTest, StoreOfTheSameValue) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads([&] { x.store(0, rlx); },
                [&] {
                  int expected = 0;
                  r[0] = x.compare_exchange_strong(expected, 2, rlx);
                });
        r[1] = x.load(rlx);
      },
      "10 12", 2);
}

// A weak one may fail though the value is the expected one ([…]/26); what it
// stores into `expected` is the same then. Each failure is explored.
TEST(CompareExchangeTest, WeakFailsForNothing) {
  for_each(
      [](order success, order failure) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] {
                r[1] = 0;
                r[0] = x.compare_exchange_weak(r[1], 1, success, failure);
              });
              r[2] = x.load(rlx);
            },
            "101 000", 2);
      },
      kUpdates, kLoads);
}

// Two places, two failures for nothing: the first succeeds and the second meets
// its 1, or the second succeeds, or neither does.
TEST(CompareExchangeTest, WeakFailsAtEachPlace) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        int expected = 0;
        r[0] = x.compare_exchange_weak(expected, 1);
        expected = 0;
        r[1] = x.compare_exchange_weak(expected, 2);
        r[2] = x.load(rlx);
      },
      "101 012 000", 3);
}

// A strong one fails only if the value differs.
TEST(CompareExchangeTest, StrongFailsForAReason) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        int expected = 0;
        r[0] = x.compare_exchange_strong(expected, 1);
        expected = 0;
        r[1] = x.compare_exchange_strong(expected, 2);
        r[2] = expected;
        r[3] = x.load(rlx);
      },
      "1011", 1);
}

// Two weak ones at once: one wins, the other, or none.
TEST(CompareExchangeTest, WeakAgainstWeak) {
  // r: won, won, left. Thread 0 wins: thread 1 has read 1, or 0 for nothing.
  // None wins: both have read 0.
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              int expected = 0;
              r[0] = x.compare_exchange_weak(expected, 1, rlx);
            },
            [&] {
              int expected = 0;
              r[1] = x.compare_exchange_weak(expected, 2, rlx);
            });
        r[2] = x.load(rlx);
      },
      "101 012 000", 2 + 2 + 1);
}

// A failure with acquire synchronizes, with relaxed it does not; the order of
// success has no part in it.
TEST(CompareExchangeTest, FailureAcquires) {
  for_each(
      [](order success, order failure, bool weak) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(1, rel);
              },
              [&] {
                r[0] = 5;
                if (weak)
                  y.compare_exchange_weak(r[0], 6, success, failure);
                else
                  y.compare_exchange_strong(r[0], 6, success, failure);
                r[1] = x.load(rlx);
              });
        };
        if (acquires(failure))
          expect(program, all(2) - "10", 3);
        else
          expect(program, all(2), 4);
      },
      kUpdates, kLoads, kNoYes);
}

// A spurious failure is a load of the failure order, too: r[2] tells whether
// the weak one has turned the 1 into 2.
TEST(CompareExchangeTest, SpuriousFailureAcquires) {
  for_each(
      [](order success, order failure) {
        outcomes allowed("000 010 110 111");
        std::uint64_t executions = 4;
        if (!acquires(failure)) {
          allowed = allowed + "100";
          ++executions;
        }
        if (!acquires(success)) {
          allowed = allowed + "101";
          ++executions;
        }
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(1, rel);
                  },
                  [&] {
                    r[0] = 1;
                    r[2] = y.compare_exchange_weak(r[0], 2, success, failure);
                    r[1] = x.load(rlx);
                  });
            },
            allowed, executions);
      },
      kUpdates, kLoads);
}

// Success acquires by the order of success alone.
TEST(CompareExchangeTest, SuccessAcquires) {
  for_each(
      [](order success, order failure) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(1, rel);
              },
              [&] {
                r[0] = 1;
                y.compare_exchange_strong(r[0], 2, success, failure);
                r[1] = x.load(rlx);
              });
        };
        if (acquires(success))
          expect(program, all(2) - "10", 3);
        else
          expect(program, all(2), 4);
      },
      kUpdates, kLoads);
}

// Success releases.
TEST(CompareExchangeTest, SuccessReleases) {
  for_each(
      [](order success, order failure) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                int expected = 0;
                y.compare_exchange_strong(expected, 1, success, failure);
              },
              [&] {
                r[0] = y.load(acq);
                r[1] = x.load(rlx);
              });
        };
        if (releases(success))
          expect(program, all(2) - "10", 3);
        else
          expect(program, all(2), 4);
      },
      kUpdates, kLoads);
}

// A failure releases nothing: it writes nothing. The flag is raised before.
TEST(CompareExchangeTest, FailureDoesNotRelease) {
  for_each(
      [](order success, order failure) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    y.store(1, rel);
                    x.store(1, rlx);
                    int expected = 5;
                    y.compare_exchange_strong(expected, 6, success, failure);
                  },
                  [&] {
                    r[0] = y.load(acq);
                    r[1] = x.load(rlx);
                  });
            },
            all(2), 4);
      },
      kUpdates, kLoads);
}

// From fence to fence through a failed compare-exchange, itself relaxed
// ([atomics.fences]/2: it is an atomic read).
TEST(CompareExchangeTest, FailureBetweenFences) {
  for_each(
      [](order f0, order f1) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                fence(f0);
                y.store(1, rlx);
              },
              [&] {
                r[0] = 5;
                y.compare_exchange_strong(r[0], 6, rlx, rlx);
                fence(f1);
                r[1] = x.load(rlx);
              });
        };
        if (releases(f0) && acquires(f1))
          expect(program, all(2) - "10", 3);
        else
          expect(program, all(2), 4);
      },
      kFences, kFences);
}

// One order for both: the failure's is what is left of it without the release
// ([…]/23). acq_rel and acquire acquire on failure, release does not.
TEST(CompareExchangeTest, OneOrderForBoth) {
  for_each(
      [](order both, bool weak) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(1, rel);
              },
              [&] {
                r[0] = 5;
                if (weak)
                  y.compare_exchange_weak(r[0], 6, both);
                else
                  y.compare_exchange_strong(r[0], 6, both);
                r[1] = x.load(rlx);
              });
        };
        if (acquires(both))
          expect(program, all(2) - "10", 3);
        else
          expect(program, all(2), 4);
      },
      kUpdates, kNoYes);
}

// The usual increment. Thread 0 first: thread 1 has loaded 0, fails on 1 and
// succeeds then, or has loaded 1. And the other way round.
TEST(CompareExchangeTest, IncrementLoop) {
  for_each(
      [](order success, order failure) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              const auto add = [&](int& old) {
                int seen = x.load(rlx);
                while (!x.compare_exchange_strong(seen, seen + 1, success,
                                                  failure)) {
                }
                old = seen;
              };
              threads([&] { add(r[0]); }, [&] { add(r[1]); });
              r[2] = x.load(rlx);
            },
            "012 102", 4);
      },
      kUpdates, kLoads);
}

// With the weak one: spurious failures change no outcome.
TEST(CompareExchangeTest, WeakIncrementLoop) {
  expect_outcomes(
      [](registers& r) {
        atomic<int> x{0};
        const auto add = [&](int& old) {
          int seen = x.load(rlx);
          while (!x.compare_exchange_weak(seen, seen + 1, rlx)) {
          }
          old = seen;
        };
        threads([&] { add(r[0]); }, [&] { add(r[1]); });
        r[2] = x.load(rlx);
      },
      "012 102");
}

// A push to a list of two nodes, whoever is first; each sees what it has put
// its node on. (Nodes by number, 0 being the end.)
TEST(CompareExchangeTest, Push) {
  expect(
      [](registers& r) {
        atomic<int> head{0};
        atomic<int> next[3]{};
        const auto push = [&](int node) {
          int first = head.load(rlx);
          do {
            next[node].store(first, rlx);
          } while (!head.compare_exchange_strong(first, node, rel, rlx));
        };
        threads([&] { push(1); }, [&] { push(2); });
        r[0] = head.load(rlx);
        r[1] = next[r[0]].load(rlx);
        r[2] = next[r[1]].load(rlx);
      },
      "120 210", 4);
}

}  // namespace
}  // namespace syncxx_test::litmus
