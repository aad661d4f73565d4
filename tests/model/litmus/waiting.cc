// SPDX-License-Identifier: Apache-2.0
//
// Loops that wait. To read again what made the loop go round is no execution of
// its own: a wait takes part with the value that ends it. So the numbers of
// executions are those of the program in which each wait is one load, which
// returns no value that would have made it wait.
#include <utility>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

TEST(WaitingTest, Flag) {
  for_each(
      [](order store, order load) {
        const bool sync = releases(store) && acquires(load);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, flag{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    flag.store(1, store);
                  },
                  [&] {
                    while (flag.load(load) == 0) {
                    }
                    r[0] = x.load(rlx);
                  });
            },
            sync ? "1" : "0 1", sync ? 1 : 2);
      },
      kStores, kLoads);
}

// The waiter is made first, or is the test's own thread.
TEST(WaitingTest, WaiterFirst) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, flag{0};
        threads(
            [&] {
              while (flag.load(acq) == 0) {
              }
              r[0] = x.load(rlx);
            },
            [&] {
              x.store(1, rlx);
              flag.store(1, rel);
            });
      },
      "1", 1);
  expect(
      [](registers& r) {
        atomic<int> x{0}, flag{0};
        model::thread t([&] {
          x.store(1, rlx);
          flag.store(1, rel);
        });
        while (flag.load(acq) == 0) {
        }
        r[0] = x.load(rlx);
      },
      "1", 1);
}

TEST(WaitingTest, FenceInOrBehindTheLoop) {
  for_each(
      [](order f, bool inside) {
        const bool sync = acquires(f);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, flag{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    flag.store(1, rel);
                  },
                  [&] {
                    if (inside) {
                      int seen;
                      do {
                        seen = flag.load(rlx);
                        fence(f);
                      } while (seen == 0);
                    } else {
                      while (flag.load(rlx) == 0) {
                      }
                      fence(f);
                    }
                    r[0] = x.load(rlx);
                  });
            },
            sync ? "1" : "0 1", sync ? 1 : 2);
      },
      kFences, kNoYes);
}

// The wait may end with each of two values; the other one comes later, or not
// any more.
TEST(WaitingTest, EitherOfTwoValues) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              x.store(1, rlx);
              x.store(2, rlx);
            },
            [&] {
              int seen;
              while ((seen = x.load(rlx)) == 0) {
              }
              r[0] = seen;
              r[1] = x.load(rlx);
            });
      },
      "11 12 22", 3);
}

// The values in between do not end it.
TEST(WaitingTest, LastOfManyValues) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              for (int i = 1; i <= 5; ++i) x.store(i, rlx);
            },
            [&] {
              while (x.load(rlx) != 5) {
              }
              r[0] = 5;
            });
      },
      "5", 1);
}

TEST(WaitingTest, TwoFlagsInARow) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, a{0}, b{0};
        threads(
            [&] {
              x.fetch_add(1, rlx);
              a.store(1, rel);
            },
            [&] {
              x.fetch_add(1, rlx);
              b.store(1, rel);
            },
            [&] {
              while (a.load(acq) == 0) {
              }
              while (b.load(acq) == 0) {
              }
              r[0] = x.load(rlx);
            });
      },
      "2", 2);
}

// Both in one condition, looked at one after the other or always both.
TEST(WaitingTest, TwoFlagsInOneLoop) {
  for_each(
      [](bool both) {
        const auto program = [=](registers& r) {
          atomic<int> a{0}, b{0}, x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                a.store(1, rel);
              },
              [&] {
                y.store(1, rlx);
                b.store(1, rel);
              },
              [&] {
                if (both) {
                  while ((a.load(acq) & b.load(acq)) == 0) {
                  }
                } else {
                  while (a.load(acq) == 0 || b.load(acq) == 0) {
                  }
                }
                r[0] = x.load(rlx);
                r[1] = y.load(rlx);
              });
        };
        // Seeing one flag up and, for good, the other down is no execution.
        EXPECT_EQ(expect_outcomes(program, "11").executions, 1u);
      },
      kNoYes);
}

// Either of two flags ends the wait: a = 1, b not looked at; or a = 0, b = 1.
TEST(WaitingTest, EitherOfTwoFlags) {
  expect(
      [](registers& r) {
        atomic<int> a{0}, b{0};
        threads([&] { a.store(1, rlx); }, [&] { b.store(1, rlx); },
                [&] {
                  for (;;) {
                    if (a.load(rlx) == 1) {
                      r[0] = 1;
                      break;
                    }
                    if (b.load(rlx) == 1) {
                      r[0] = 2;
                      break;
                    }
                  }
                });
      },
      "1 2", 2);
}

// Only one of them is ever raised.
TEST(WaitingTest, EitherOfTwoFlagsOneOfThemRaised) {
  for_each(
      [](bool first) {
        expect_outcomes(
            [=](registers& r) {
              atomic<int> a{0}, b{0};
              threads([&] { (first ? a : b).store(1, rlx); },
                      [&] {
                        r[0] = 0;
                        while (a.load(rlx) == 0 && b.load(rlx) == 0) {
                        }
                        r[0] = 1;
                      });
            },
            "1");
      },
      kNoYes);
}

// A loop within a loop: the inner one waits for a phase, the outer one for the
// last of them.
TEST(WaitingTest, Nested) {
  expect(
      [](registers& r) {
        atomic<int> phase{0}, last{0};
        threads(
            [&] {
              phase.store(1, rel);
              last.store(1, rel);
            },
            [&] {
              do {
                while (phase.load(acq) == 0) {
                }
              } while (last.load(acq) == 0);
              r[0] = phase.load(rlx);
            });
      },
      "1", 1);
}

// To wait with a read-modify-write that changes nothing,
TEST(WaitingTest, AdditionOfZero) {
  for_each(
      [](order u) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, flag{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    flag.store(1, rel);
                  },
                  [&] {
                    while (flag.fetch_add(0, u) == 0) {
                    }
                    r[0] = x.load(rlx);
                  });
            },
            acquires(u) ? "1" : "0 1", acquires(u) ? 1 : 2, kSomeBlocked);
      },
      kUpdates);
}

// or with a compare-exchange, which takes the flag down again. A weak one may
// fail for nothing first.
TEST(WaitingTest, CompareExchange) {
  for_each(
      [](order u, bool weak) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, flag{0};
          threads(
              [&] {
                x.store(1, rlx);
                flag.store(1, rel);
              },
              [&] {
                int expected = 1;
                if (weak) {
                  while (!flag.compare_exchange_weak(expected, 0, u, rlx))
                    expected = 1;
                } else {
                  while (!flag.compare_exchange_strong(expected, 0, u, rlx))
                    expected = 1;
                }
                r[0] = x.load(rlx);
                r[1] = flag.load(rlx);
              });
        };
        const outcomes allowed = acquires(u) ? "10" : "00 10";
        if (weak)
          expect_outcomes(program, allowed);
        else
          expect(program, allowed, acquires(u) ? 1 : 2, kSomeBlocked);
      },
      kUpdates, kNoYes);
}

// --- Handing over ------------------------------------------------------------

// To and fro: each waits for its turn. One execution.
TEST(WaitingTest, PingPong) {
  expect(
      [](registers& r) {
        atomic<int> turn{0};
        cell<int> sum(0);
        const auto side = [&](int me) {
          for (int i = 0; i < 3; ++i) {
            while (turn.load(acq) != me) {
            }
            sum = sum + 1;
            turn.store(1 - me, rel);
          }
        };
        threads([&] { side(0); }, [&] { side(1); });
        r[0] = sum;
      },
      "6", 1);
}

TEST(WaitingTest, Relay) {
  expect(
      [](registers& r) {
        constexpr int kRunners = 5;
        atomic<int> baton{0};
        cell<int> steps(0);
        {
          std::vector<model::thread> all;
          for (int i = 0; i < kRunners; ++i) {
            all.emplace_back([&, i] {
              while (baton.load(acq) != i) {
              }
              steps = steps + 1;
              baton.store(i + 1, rel);
            });
          }
        }
        r[0] = steps;
      },
      "5", 1);
}

// A barrier: the last one to come opens it. The orders in which they come.
TEST(WaitingTest, Barrier) {
  for (const auto& [n, orders] : {std::pair{2, 2u}, {3, 6u}}) {
    const int threads_of_it = n;
    const model::result r = expect_verdict(
        [=] {
          atomic<int> missing{threads_of_it}, open{0};
          cell<int> done[3]{{0}, {0}, {0}};
          std::vector<model::thread> all;
          for (int i = 0; i < threads_of_it; ++i) {
            all.emplace_back([&, i] {
              done[i] = 1;
              if (missing.fetch_sub(1, acq_rel) == 1) {
                open.store(1, rel);
              } else {
                while (open.load(acq) == 0) {
                }
              }
              for (int j = 0; j < threads_of_it; ++j)
                model::require(done[j] == 1);
            });
          }
        },
        verdict::ok);
    EXPECT_EQ(r.executions, orders);
  }
}

// A reader that tries until the number is even and the same before and after:
// it sees both words of the old pair or both of the new one.
TEST(WaitingTest, SequenceLock) {
  for_each(
      [](order publish, order f) {
        const bool right = releases(publish) && acquires(f);
        expect_outcomes(
            [=](registers& r) {
              atomic<int> number{0}, a{0}, b{0};
              threads(
                  [&] {
                    number.store(1, rlx);
                    fence(rel);
                    a.store(1, rlx);
                    b.store(1, rlx);
                    number.store(2, publish);
                  },
                  [&] {
                    int before, after, first, second;
                    do {
                      before = number.load(acq);
                      first = a.load(rlx);
                      second = b.load(rlx);
                      fence(f);
                      after = number.load(rlx);
                    } while (before != after || before % 2 != 0);
                    r[0] = first;
                    r[1] = second;
                  });
            },
            // Without the release 2 does not carry the pair; without the fence
            // 0 may be read again after a half of it.
            right ? "00 11" : "00 01 10 11");
      },
      kStores, kFences);
}

// It may have to wait for another write than the one that keeps it waiting.
// Each execution comes once, also where it has been asked whether it can wait
// for ever.
TEST(WaitingTest, BehindAReadAndAnUpdate) {
  const auto program = [](registers& r, bool loops) {
    atomic<int> x{0}, y{0};
    threads(
        [&] {
          r[0] = x.load(rlx);
          int seen;
          do seen = y.load(rlx);
          while (loops && seen == 2);
          model::assume(seen != 2);
          r[1] = seen;
        },
        [&] {
          y.fetch_add(2, rlx);
          x.store(1, rlx);
        },
        [&] {
          r[2] = x.load(rlx);
          y.fetch_add(1, rlx);
        });
  };
  for (const bool loops : {true, false})
    expect([&](registers& r) { program(r, loops); },
           "000 001 010 030 031 100 101 110 130 131", 14, kSomeBlocked);
}

}  // namespace
}  // namespace syncxx_test::litmus
