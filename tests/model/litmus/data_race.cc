// SPDX-License-Identifier: Apache-2.0
//
// Data races ([intro.races]/21): two accesses to a cell, one of them a write,
// neither before the other in hb. Where two accesses happen to come in a row
// does not matter.
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

verdict ok_if(bool ordered) {
  return ordered ? verdict::ok : verdict::data_race;
}

TEST(DataRaceTest, TwoWrites) {
  expect_verdict(
      [] {
        cell<int> data(0);
        threads([&] { data = 1; }, [&] { data = 1; });
      },
      verdict::data_race);
}

TEST(DataRaceTest, WriteAndRead) {
  expect_verdict(
      [] {
        cell<int> data(0);
        threads([&] { data = 1; }, [&] { (void)data.get(); });
      },
      verdict::data_race);
}

TEST(DataRaceTest, ReadsDoNotRace) {
  const model::result r = expect_verdict(
      [] {
        cell<int> data(7);
        threads([&] { model::require(data == 7); },
                [&] { model::require(data == 7); });
      },
      verdict::ok);
  EXPECT_EQ(r.executions, 1u);
}

TEST(DataRaceTest, TwoCellsAreTwo) {
  const model::result r = expect_verdict(
      [] {
        cell<char> data[2]{{'a'}, {'b'}};
        threads([&] { data[0] = 'c'; }, [&] { data[1] = 'd'; });
        model::require(data[0] == 'c' && data[1] == 'd');
      },
      verdict::ok);
  EXPECT_EQ(r.executions, 1u);
}

// Creation and join order; between them nothing does.
TEST(DataRaceTest, CreationAndJoin) {
  expect_verdict(
      [] {
        cell<int> data(0);
        data = 1;
        model::thread t([&] { data = data + 1; });
        t.join();
        model::require(data == 2);
      },
      verdict::ok);
  expect_verdict(
      [] {
        cell<int> data(0);
        model::thread t([&] { data = 1; });
        (void)data.get();
      },
      verdict::data_race);
  expect_verdict(
      [] {
        cell<int> data(0);
        model::thread t([&] { (void)data.get(); });
        data = 1;
      },
      verdict::data_race);
}

// Message passing: who sees the flag looks at the data. The value is right in
// most executions; without synchronization it is a race in all of them.
TEST(DataRaceTest, MessagePassing) {
  for_each(
      [](order wy, order ry) {
        expect_verdict(
            [=] {
              atomic<int> flag{0};
              cell<int> data(0);
              threads(
                  [&] {
                    data = 1;
                    flag.store(1, wy);
                  },
                  [&] {
                    if (flag.load(ry) == 1) model::require(data == 1);
                  });
            },
            ok_if(releases(wy) && acquires(ry)));
      },
      kStores, kLoads);
}

TEST(DataRaceTest, MessagePassingWithFences) {
  for_each(
      [](order f0, order wy, order ry, order f1) {
        expect_verdict(
            [=] {
              atomic<int> flag{0};
              cell<int> data(0);
              threads(
                  [&] {
                    data = 1;
                    fence(f0);
                    flag.store(1, wy);
                  },
                  [&] {
                    if (flag.load(ry) == 1) {
                      fence(f1);
                      model::require(data == 1);
                    }
                  });
            },
            ok_if((releases(f0) || releases(wy)) &&
                  (acquires(ry) || acquires(f1))));
      },
      kFences, kStores, kLoads, kFences);
}

// Without the look at the flag it races, however strong the orders.
TEST(DataRaceTest, FlagNotLookedAt) {
  expect_verdict(
      [] {
        atomic<int> flag{0};
        cell<int> data(0);
        threads(
            [&] {
              data = 1;
              flag.store(1, sc);
            },
            [&] {
              (void)flag.load(sc);
              (void)data.get();
            });
      },
      verdict::data_race);
}

// Waiting for the flag.
TEST(DataRaceTest, MessagePassingWithAwait) {
  for_each(
      [](order wy, order ry) {
        expect_verdict(
            [=] {
              atomic<int> flag{0};
              cell<int> data(0);
              threads(
                  [&] {
                    data = 1;
                    flag.store(1, wy);
                  },
                  [&] {
                    while (flag.load(ry) == 0) {
                    }
                    model::require(data == 1);
                  });
            },
            ok_if(releases(wy) && acquires(ry)));
      },
      kStores, kLoads);
}

// The reader hands the data back.
TEST(DataRaceTest, ThereAndBack) {
  for_each(
      [](order w0, order r1, order w1, order r0) {
        expect_verdict(
            [=] {
              atomic<int> flag{0};
              cell<int> data(0);
              threads(
                  [&] {
                    data = 1;
                    flag.store(1, w0);
                    if (flag.load(r0) == 2) data = data + 1;
                  },
                  [&] {
                    if (flag.load(r1) == 1) {
                      data = data + 1;
                      flag.store(2, w1);
                    }
                  });
            },
            ok_if(releases(w0) && acquires(r1) && releases(w1) &&
                  acquires(r0)));
      },
      kStores, kLoads, kStores, kLoads);
}

// Transitivity: each of the four orders is needed.
TEST(DataRaceTest, ThroughAThirdThread) {
  for_each(
      [](order wx, order rx, order wy, order ry) {
        expect_verdict(
            [=] {
              atomic<int> x{0}, y{0};
              cell<int> data(0);
              threads(
                  [&] {
                    data = 1;
                    x.store(1, wx);
                  },
                  [&] {
                    if (x.load(rx) == 1) y.store(1, wy);
                  },
                  [&] {
                    if (y.load(ry) == 1) model::require(data == 1);
                  });
            },
            ok_if(releases(wx) && acquires(rx) && releases(wy) &&
                  acquires(ry)));
      },
      kStores, kLoads, kStores, kLoads);
}

// C++20: a store of the same thread ends the release sequence.
TEST(DataRaceTest, StoreOfTheSameThread) {
  for_each(
      [](order second, bool update) {
        expect_verdict(
            [=] {
              atomic<int> flag{0};
              cell<int> data(0);
              threads(
                  [&] {
                    data = 1;
                    flag.store(1, rel);
                    if (update)
                      flag.fetch_add(1, second);
                    else
                      flag.store(2, second);
                  },
                  [&] {
                    if (flag.load(acq) == 2) model::require(data == 1);
                  });
            },
            ok_if(update || releases(second)));
      },
      kStores, kNoYes);
}

TEST(DataRaceTest, UpdateOfAnotherThread) {
  for_each(
      [](order w, order u, order ry) {
        expect_verdict(
            [=] {
              atomic<int> flag{0};
              cell<int> data(0);
              threads(
                  [&] {
                    data = 1;
                    flag.store(2, w);
                  },
                  [&] { flag.fetch_add(1, u); },
                  [&] {
                    if (flag.load(ry) >= 2) model::require(data == 1);
                  });
            },
            ok_if(releases(w) && acquires(ry)));
      },
      kStores, kUpdates, kLoads);
}

// A compare-exchange that fails, and after it a fence or not.
TEST(DataRaceTest, FailedCompareExchange) {
  for_each(
      [](order success, order failure, order f) {
        expect_verdict(
            [=] {
              atomic<int> flag{0};
              cell<int> data(0);
              threads(
                  [&] {
                    data = 1;
                    flag.store(1, rel);
                  },
                  [&] {
                    int expected = 5;
                    flag.compare_exchange_strong(expected, 6, success, failure);
                    if (expected != 1) return;
                    fence(f);
                    model::require(data == 1);
                  });
            },
            ok_if(acquires(failure) || acquires(f)));
      },
      kUpdates, kLoads, kFences);
}

// Who comes first by fetch_add does the work; the second one may look at it if
// the two updates synchronize. (Reference counts: each order is needed.)
TEST(DataRaceTest, LastOneOut) {
  for_each(
      [](order u) {
        expect_verdict(
            [=] {
              atomic<int> count{2};
              cell<int> data[2]{{0}, {0}};
              const auto leave = [&](int me) {
                data[me] = 1;
                if (count.fetch_sub(1, u) == 1)
                  model::require(data[0] == 1 && data[1] == 1);
              };
              threads([&] { leave(0); }, [&] { leave(1); });
            },
            ok_if(acquires(u) && releases(u)));
      },
      kUpdates);
}

// The same, acquiring by a fence only in who comes last.
TEST(DataRaceTest, LastOneOutWithAFence) {
  for_each(
      [](order u, order f) {
        expect_verdict(
            [=] {
              atomic<int> count{3};
              cell<int> data[3]{{0}, {0}, {0}};
              const auto leave = [&](int me) {
                data[me] = 1;
                if (count.fetch_sub(1, u) == 1) {
                  fence(f);
                  model::require(data[0] == 1 && data[1] == 1 && data[2] == 1);
                }
              };
              threads([&] { leave(0); }, [&] { leave(1); }, [&] { leave(2); });
            },
            ok_if(releases(u) && (acquires(u) || acquires(f))));
      },
      kUpdates, kFences);
}

// seq_cst decides who may enter, and does not need to synchronize for that. In
// SB with fences at most one thread reads 0.
TEST(DataRaceTest, DekkerWithFences) {
  for_each(
      [](order f0, order f1) {
        expect_verdict(
            [=] {
              atomic<int> x{0}, y{0};
              cell<int> inside(0);
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(f0);
                    if (y.load(rlx) == 0) inside = 1;
                  },
                  [&] {
                    y.store(1, rlx);
                    fence(f1);
                    if (x.load(rlx) == 0) inside = 2;
                  });
            },
            ok_if(all_sc(f0, f1)));
      },
      kFences, kFences);
}

// To read and to write an atomic is no race, relaxed as may be.
TEST(DataRaceTest, AtomicsDoNotRace) {
  expect_verdict(
      [] {
        atomic<int> x{0};
        threads([&] { x.store(1, rlx); }, [&] { x.store(2, rlx); },
                [&] { (void)x.load(rlx); });
      },
      verdict::ok);
}

}  // namespace
}  // namespace syncxx_test::litmus
