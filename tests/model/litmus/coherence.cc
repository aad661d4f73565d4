// SPDX-License-Identifier: Apache-2.0
//
// Coherence: all threads see the writes to one object in one order, co, and
// hb agrees with it ([intro.races]/15-18). One object alone is sequentially
// consistent, so in the programs of one object no order changes anything.
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

TEST(CoherenceTest, ReadRead) {
  for_each(
      [](order w, order r0, order r1) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] { x.store(1, w); },
                      [&] {
                        r[0] = x.load(r0);
                        r[1] = x.load(r1);
                      });
            },
            "00 01 11", 3);
      },
      kStores, kLoads, kLoads);
}

// Two writers, two readers who agree. For each order of the writes a reader
// sees one of six pairs.
TEST(CoherenceTest, ReadersAgree) {
  const outcomes one_first("00 01 02 11 12 22");
  const outcomes two_first("00 01 02 22 21 11");
  for_each(
      [&](order w, order first, order second) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] { x.store(1, w); }, [&] { x.store(2, w); },
                      [&] {
                        r[0] = x.load(first);
                        r[1] = x.load(second);
                      },
                      [&] {
                        r[2] = x.load(first);
                        r[3] = x.load(second);
                      });
            },
            one_first * one_first + two_first * two_first, 2 * 36);
      },
      kStores, kLoads, kLoads);
}

// r[0] is what is left. The third store is before, between or after the others.
TEST(CoherenceTest, WriteWrite) {
  for_each(
      [](order w1, order w2, order w3) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads(
                  [&] {
                    x.store(1, w1);
                    x.store(2, w2);
                  },
                  [&] { x.store(3, w3); });
              r[0] = x.load(rlx);
            },
            "2 3", 3);
      },
      kStores, kStores, kStores);
}

// A load never sees what its own thread stores later, and what it has seen is
// overwritten by that. r[1] is what is left.
TEST(CoherenceTest, ReadWrite) {
  for_each(
      [](order load, order w1, order w2) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads(
                  [&] {
                    r[0] = x.load(load);
                    x.store(1, w1);
                  },
                  [&] { x.store(2, w2); });
              r[1] = x.load(rlx);
            },
            "01 02 21", 3);
      },
      kLoads, kStores, kStores);
}

// A load after a store sees that, or what overwrites it.
TEST(CoherenceTest, WriteRead) {
  for_each(
      [](order w1, order load, order w2) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads(
                  [&] {
                    x.store(1, w1);
                    r[0] = x.load(load);
                  },
                  [&] { x.store(2, w2); });
              r[1] = x.load(rlx);
            },
            "11 12 22", 3);
      },
      kStores, kLoads, kStores);
}

// Of two threads that overwrite each other only one can be the first.
TEST(CoherenceTest, BothReadAfterTheirWrite) {
  for_each(
      [](order w1, order r1, order w2, order r2) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads(
                  [&] {
                    x.store(1, w1);
                    r[0] = x.load(r1);
                  },
                  [&] {
                    x.store(2, w2);
                    r[1] = x.load(r2);
                  });
            },
            "11 12 22", 4);
      },
      kStores, kLoads, kStores, kLoads);
}

// Each reads and then writes: both reading the other's write is a cycle of po
// and rf. co is free where nobody has read the other's.
TEST(CoherenceTest, BothReadBeforeTheirWrite) {
  for_each(
      [](order r1, order w1, order r2, order w2) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads(
                  [&] {
                    r[0] = x.load(r1);
                    x.store(1, w1);
                  },
                  [&] {
                    r[1] = x.load(r2);
                    x.store(2, w2);
                  });
              r[2] = x.load(rlx);
            },
            "001 002 012 201", 4);
      },
      kLoads, kStores, kLoads, kStores);
}

// All orders of three stores, nobody looking but at the end.
TEST(CoherenceTest, OrdersOfStores) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads([&] { x.store(1, rlx); }, [&] { x.store(2, rlx); },
                [&] { x.store(3, rlx); });
        r[0] = x.load(rlx);
      },
      "1 2 3", 6);
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              x.store(1, rlx);
              x.store(2, rlx);
            },
            [&] {
              x.store(3, rlx);
              x.store(4, rlx);
            });
        r[0] = x.load(rlx);
      },
      "2 4", 6);
}

// Through hb between threads, the four shapes again. y carries hb from thread
// 0 to 1 if r[0] is 1. First the two that are not message passing (CoWR) or
// WRC (CoRR):
//   CoRW: what thread 0 has read is overwritten by what thread 1 then writes.
//   CoWW: as S.
TEST(CoherenceTest, ReadWriteThroughAFlag) {
  for_each(
      [](order wy, order ry) {
        // r[1]: what thread 0 reads of x: 0, or 2, or the 1 that thread 1
        // writes (not if that has seen the flag). r[2]: what is left.
        // For r[0] = 0 the co of 1 and 2 is free; for r[0] = 1, too, unless
        // r[1] = 2, which synchronization puts before 1.
        const bool sync = releases(wy) && acquires(ry);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    r[1] = x.load(rlx);
                    y.store(1, wy);
                  },
                  [&] {
                    r[0] = y.load(ry);
                    x.store(1, rlx);
                  },
                  [&] { x.store(2, rlx); });
              r[2] = x.load(rlx);
            },
            outcomes("001 002 011 012 021 022 101 102 121") +
                (sync ? "" : "122"),
            sync ? 9 : 10);
      },
      kStores, kLoads);
}

// A thread that has seen one of two writes cannot see, through a flag, less.
TEST(CoherenceTest, ReadReadThroughAFlag) {
  for_each(
      [](order wy, order ry) {
        // x goes through 0, 1, 2. Thread 1 reads it and raises the flag; thread
        // 2 looks at the flag and then at x.
        const outcomes any =
            outcomes("0 1 2") * outcomes("0 1") * outcomes("0 1 2");
        const bool sync = releases(wy) && acquires(ry);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    x.store(2, rlx);
                  },
                  [&] {
                    r[0] = x.load(rlx);
                    y.store(1, wy);
                  },
                  [&] {
                    r[1] = y.load(ry);
                    r[2] = x.load(rlx);
                  });
            },
            sync ? any - "110 210 211" : any, sync ? 15 : 18);
      },
      kStores, kLoads);
}

// Reads of two objects are not ordered: per-object order is all there is.
TEST(CoherenceTest, TwoObjects) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              x.store(1, rlx);
              y.store(1, rlx);
            },
            [&] {
              r[0] = y.load(rlx);
              r[1] = x.load(rlx);
              r[2] = y.load(rlx);
              r[3] = x.load(rlx);
            });
      },
      // y as read first and third, x as read second and fourth: 00, 01 or 11
      "0000 0001 0101 0010 0011 0111 1010 1011 1111", 9);
}

}  // namespace
}  // namespace syncxx_test::litmus
