// SPDX-License-Identifier: Apache-2.0
//
// The other shapes of two threads with two accesses each: 2+2W, R, S, and load
// buffering. (Store buffering and message passing have files of their own.)
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// 2+2W: the registers are what is left in x and y. 11 is the cycle
// Wx1 po Wy2 co Wy1 po Wx2 co Wx1. A thread is safe with two seq_cst stores or
// a seq_cst fence between them.
TEST(TwoThreadsTest, TwoPlusTwoWrites) {
  for_each(
      [](order a, order f0, order b, order c, order f1, order d) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, a);
                fence(f0);
                y.store(2, b);
              },
              [&] {
                y.store(1, c);
                fence(f1);
                x.store(2, d);
              });
          r[0] = x.load(rlx);
          r[1] = y.load(rlx);
        };
        const bool first = f0 == sc || all_sc(a, b);
        const bool second = f1 == sc || all_sc(c, d);
        if (first && second)
          expect(program, "12 21 22", 3);
        else
          expect(program, "11 12 21 22", 4);
      },
      kStores, kFences, kStores, kWeakOrSc, kFences, kWeakOrSc);
}

// R: r[1] is what is left in y. 02 is Wx po Wy1 co Wy2 po Rx fr Wx.
TEST(TwoThreadsTest, R) {
  for_each(
      [](order wx, order f0, order wy1, order wy2, order f1, order rx) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, wx);
                fence(f0);
                y.store(1, wy1);
              },
              [&] {
                y.store(2, wy2);
                fence(f1);
                r[0] = x.load(rx);
              });
          r[1] = y.load(rlx);
        };
        const bool first = f0 == sc || all_sc(wx, wy1);
        const bool second = f1 == sc || all_sc(wy2, rx);
        if (first && second)
          expect(program, "01 11 12", 3);
        else
          expect(program, "01 02 11 12", 4);
      },
      kWeakOrSc, kFences, kStores, kStores, kFences, kLoads);
}

// S: r[1] is what is left in x. 12 is Wx2 po Wy rf Ry po Wx1 co Wx2: if y
// synchronizes, Wx2 hb Wx1, and co must agree with that (CoWW). psc says
// nothing beyond: rf without synchronization is not a part of scb.
TEST(TwoThreadsTest, S) {
  for_each(
      [](order wx2, order f0, order wy, order ry, order f1, order wx1) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(2, wx2);
                fence(f0);
                y.store(1, wy);
              },
              [&] {
                r[0] = y.load(ry);
                fence(f1);
                x.store(1, wx1);
              });
          r[1] = x.load(rlx);
        };
        if ((releases(f0) || releases(wy)) && (acquires(ry) || acquires(f1)))
          expect(program, "01 02 11", 3);
        else
          expect(program, "01 02 11 12", 4);
      },
      kWeakOrSc, kFences, kStores, kLoads, kFences, kWeakOrSc);
}

// Load buffering: 11 is a cycle of po and rf, which RC11 forbids for all
// orders. (C++20 allows it for relaxed ones, in words that forbid to make
// values out of thin air.)
TEST(TwoThreadsTest, LoadBuffering) {
  for_each(
      [](order rx, order wy, order ry, order wx) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    r[0] = x.load(rx);
                    y.store(1, wy);
                  },
                  [&] {
                    r[1] = y.load(ry);
                    x.store(1, wx);
                  });
            },
            "00 01 10", 3);
      },
      kLoads, kStores, kLoads, kStores);
}

TEST(TwoThreadsTest, LoadBufferingWithFences) {
  for_each(
      [](order f0, order f1) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    r[0] = x.load(rlx);
                    fence(f0);
                    y.store(1, rlx);
                  },
                  [&] {
                    r[1] = y.load(rlx);
                    fence(f1);
                    x.store(1, rlx);
                  });
            },
            "00 01 10", 3);
      },
      kFences, kFences);
}

TEST(TwoThreadsTest, LoadBufferingWithReadModifyWrites) {
  for_each(
      [](order u0, order u1) {
        // One reads before the other writes, or the other way round. Each
        // update is alone with its load: before it or after it.
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    r[0] = x.load(rlx);
                    r[2] = y.fetch_add(1, u0);
                  },
                  [&] {
                    r[1] = y.load(rlx);
                    r[3] = x.fetch_add(1, u1);
                  });
            },
            "0000 0100 1000", 3);
      },
      kUpdates, kUpdates);
}

TEST(TwoThreadsTest, LoadBufferingOfThree) {
  for_each(
      [](order load, order store) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0}, z{0};
              threads(
                  [&] {
                    r[0] = x.load(load);
                    y.store(1, store);
                  },
                  [&] {
                    r[1] = y.load(load);
                    z.store(1, store);
                  },
                  [&] {
                    r[2] = z.load(load);
                    x.store(1, store);
                  });
            },
            all(3) - "111", 7);
      },
      kLoads, kStores);
}

// Nothing out of thin air: if each thread passes on what it has read, there is
// only 0. Three executions: at most one load reads the other's store of 0.
TEST(TwoThreadsTest, LoadBufferingWithData) {
  for_each(
      [](order load, order store) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    r[0] = x.load(load);
                    y.store(r[0], store);
                  },
                  [&] {
                    r[1] = y.load(load);
                    x.store(r[1], store);
                  });
            },
            "00", 3);
      },
      kLoads, kStores);
}

// One passes on, the other writes 1: y is 1 only if x was read as 1, that is
// after y had been read.
TEST(TwoThreadsTest, LoadBufferingWithDataOnOneSide) {
  for_each(
      [](order load, order store) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    r[0] = x.load(load);
                    y.store(r[0], store);
                  },
                  [&] {
                    r[1] = y.load(load);
                    x.store(1, store);
                  });
            },
            "00 10", 3);
      },
      kLoads, kStores);
}

// Each writes only if it has read 1: nobody ever does. One execution.
TEST(TwoThreadsTest, LoadBufferingWithControl) {
  for_each(
      [](order load, order store) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    r[0] = x.load(load);
                    if (r[0] == 1) y.store(1, store);
                  },
                  [&] {
                    r[1] = y.load(load);
                    if (r[1] == 1) x.store(1, store);
                  });
            },
            "00", 1);
      },
      kLoads, kStores);
}

// The write is conditional on one side only.
TEST(TwoThreadsTest, LoadBufferingWithControlOnOneSide) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              r[0] = x.load(rlx);
              if (r[0] == 1) y.store(1, rlx);
            },
            [&] {
              r[1] = y.load(rlx);
              x.store(1, rlx);
            });
      },
      "00 10", 2);
}

}  // namespace
}  // namespace syncxx_test::litmus
