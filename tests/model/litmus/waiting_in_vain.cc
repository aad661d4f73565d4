// SPDX-License-Identifier: Apache-2.0
//
// Loops that nobody ends, at least in one execution: a thread goes round with
// the latest values of all that it looks at, and those who could change them
// are done or wait, too.
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

TEST(WaitingInVainTest, NobodyRaisesTheFlag) {
  const model::result r = expect_verdict(
      [] {
        atomic<int> flag{0};
        threads([&] {
          while (flag.load(acq) == 0) {
          }
        });
      },
      verdict::livelock);
  EXPECT_NE(r.message.find("waiting_in_vain.cc"), std::string::npos)
      << r.message;
}

TEST(WaitingInVainTest, EachWaitsForTheOther) {
  expect_verdict(
      [] {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              while (x.load(acq) == 0) {
              }
              y.store(1, rel);
            },
            [&] {
              while (y.load(acq) == 0) {
              }
              x.store(1, rel);
            });
      },
      verdict::livelock);
}

// Only if thread 1 looks before thread 0 has stored.
TEST(WaitingInVainTest, NobodyRaisesTheFlagInOneExecution) {
  const auto program = [](bool raised) {
    return [=] {
      atomic<int> x{0}, flag{0};
      threads([&] { x.store(1, rlx); },
              [&] {
                if (x.load(rlx) == 0) {
                  while (flag.load(rlx) == 0) {
                  }
                }
              },
              [&] {
                if (raised) flag.store(1, rlx);
              });
    };
  };
  expect_verdict(program(false), verdict::livelock);
  EXPECT_EQ(expect_verdict(program(true), verdict::ok).executions, 2u);
}

// A store will be seen in the end: that nobody sees it is no livelock.
TEST(WaitingInVainTest, StoresAreSeenInTheEnd) {
  for_each(
      [](order store, order load) {
        expect_verdict(
            [=] {
              atomic<int> flag{0};
              threads([&] { flag.store(1, store); },
                      [&] {
                        while (flag.load(load) == 0) {
                        }
                      },
                      [&] {
                        while (flag.load(load) == 0) {
                        }
                      });
            },
            verdict::ok);
      },
      kStores, kLoads);
}

// A value that does not last: who looks too late waits for ever. (That it can
// look earlier, and go on, is another execution.)
TEST(WaitingInVainTest, MissedValue) {
  expect_verdict(
      [] {
        atomic<int> x{0};
        threads(
            [&] {
              x.store(1, rlx);
              x.store(2, rlx);
            },
            [&] {
              while (x.load(rlx) != 1) {
              }
            });
      },
      verdict::livelock);
}

TEST(WaitingInVainTest, FlagUpAndDown) {
  expect_verdict(
      [] {
        atomic<int> flag{0};
        threads(
            [&] {
              while (flag.load(acq) == 0) {
              }
            },
            [&] {
              flag.store(1, rel);
              flag.store(0, rel);
            });
      },
      verdict::livelock);
}

// Two wait for their turn to come by, and one turn is skipped.
TEST(WaitingInVainTest, TurnSkipped) {
  expect_verdict(
      [] {
        atomic<int> turn{0};
        threads(
            [&] {
              while (turn.load(acq) != 1) {
              }
              turn.fetch_add(1, acq_rel);
            },
            [&] { turn.fetch_add(1, acq_rel); },
            [&] { turn.fetch_add(1, acq_rel); });
      },
      verdict::livelock);
}

}  // namespace
}  // namespace syncxx_test::litmus
