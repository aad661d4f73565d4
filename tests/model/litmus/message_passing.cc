// SPDX-License-Identifier: Apache-2.0
//
// Message passing: a thread writes data and then raises a flag. Who sees the
// flag sees the data, if the two accesses to the flag, or fences about them,
// synchronize ([atomics.order]/2, [atomics.fences]/2-4). (All orders of plain
// accesses and fences: MP in cycles.cc.)
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// The reader looks for the data only if it has seen the flag: no control
// dependency orders two loads.
TEST(MessagePassingTest, ReadOnlyIfFlagged) {
  for_each(
      [](order wy, order ry) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(1, wy);
              },
              [&] {
                r[0] = y.load(ry);
                if (r[0] == 1) r[1] = x.load(rlx);
              });
        };
        if (releases(wy) && acquires(ry))
          expect(program, "0- 11", 2);
        else
          expect(program, "0- 10 11", 3);
      },
      kStores, kLoads);
}

// The flag is the address of the data: no address dependency orders either.
TEST(MessagePassingTest, Pointer) {
  for_each(
      [](order wy, order ry) {
        const auto program = [=](registers& r) {
          atomic<int> x{0};
          atomic<atomic<int>*> y{nullptr};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(&x, wy);
              },
              [&] {
                atomic<int>* const p = y.load(ry);
                r[0] = p == &x;
                if (p != nullptr) r[1] = p->load(rlx);
              });
        };
        if (releases(wy) && acquires(ry))
          expect(program, "0- 11", 2);
        else
          expect(program, "0- 10 11", 3);
      },
      kStores, kLoads);
}

// The same with read-modify-writes of the flag. The reader's adds 2, so the
// writer's, which adds 1, may read that: then the reader has read 0.
TEST(MessagePassingTest, FencesAndReadModifyWrites) {
  for_each(
      [](order f0, order u0, order u1, order f1) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                fence(f0);
                y.fetch_add(1, u0);
              },
              [&] {
                r[0] = y.fetch_add(2, u1);
                fence(f1);
                r[1] = x.load(rlx);
              });
        };
        if ((releases(f0) || releases(u0)) && (acquires(u1) || acquires(f1)))
          expect(program, all(2) - "10", 3);
        else
          expect(program, all(2), 4);
      },
      kFences, kUpdates, kUpdates, kFences);
}

// One release fence is for all later stores of the thread, one acquire fence
// for all earlier loads: 1 in either flag is enough. Without one of the fences
// all is allowed.
TEST(MessagePassingTest, OneFenceForTwoFlags) {
  for_each(
      [](order f0, order f1) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0}, z{0};
          threads(
              [&] {
                x.store(1, rlx);
                fence(f0);
                y.store(1, rlx);
                z.store(1, rlx);
              },
              [&] {
                r[0] = z.load(rlx);
                r[1] = y.load(rlx);
                fence(f1);
                r[2] = x.load(rlx);
              });
        };
        if (releases(f0) && acquires(f1))
          expect(program, all(3) - "010 100 110", 5);
        else
          expect(program, all(3), 8);
      },
      kFences, kFences);
}

// Only what comes before the release is published, only what comes after the
// acquire sees it.
TEST(MessagePassingTest, TooLateAndTooEarly) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              y.store(1, rel);
              x.store(1, rlx);
            },
            [&] {
              r[0] = y.load(acq);
              r[1] = x.load(rlx);
            });
      },
      all(2), 4);
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              x.store(1, rlx);
              y.store(1, rel);
            },
            [&] {
              r[1] = x.load(rlx);
              r[0] = y.load(acq);
            });
      },
      all(2), 4);
}

// To read the initial value, or another thread's, is to synchronize with
// nobody: 20 and 21 are both allowed.
TEST(MessagePassingTest, FlagOfAnotherThread) {
  for_each(
      [](order w, order other) {
        // Two orders of the stores to y; for each, y is 0 (x free), 2 (x free)
        // or 1 (x is 1, if that synchronizes).
        const bool sync = releases(w);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(1, w);
                  },
                  [&] { y.store(2, other); },
                  [&] {
                    r[0] = y.load(acq);
                    r[1] = x.load(rlx);
                  });
            },
            sync ? outcomes("00 01 11 20 21") : outcomes("00 01 10 11 20 21"),
            sync ? 10 : 12);
      },
      kStores, kStores);
}

// Two writers, a reader that has seen both flags: it has seen both data.
TEST(MessagePassingTest, TwoMessages) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0}, a{0}, b{0};
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
              r[0] = a.load(acq);
              r[1] = b.load(acq);
              r[2] = x.load(rlx);
              r[3] = y.load(rlx);
            });
      },
      all(4) - "1000 1001 1100 1101 0100 0110 1110", 9);
}

// A message that goes on by a fetch_add of two flags in turn, with a fence in
// the middle: the fence both acquires and releases.
TEST(MessagePassingTest, FenceInTheMiddleThread) {
  for_each(
      [](order f) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0}, z{0};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(1, rel);
              },
              [&] {
                r[0] = y.load(rlx);
                fence(f);
                z.store(1, rlx);
              },
              [&] {
                r[1] = z.load(acq);
                r[2] = x.load(rlx);
              });
        };
        if (acquires(f) && releases(f))
          expect(program, all(3) - "110", 7);
        else
          expect(program, all(3), 8);
      },
      kFences);
}

// A seq_cst load may be stale where its thread does not synchronize with the
// writer: with the flag relaxed on either side, 10 is allowed though both
// accesses to the data are seq_cst. Wx and Rx are in S, Rx first.
TEST(MessagePassingTest, SeqCstDataRelaxedFlag) {
  for_each(
      [](order wy, order ry) {
        if (releases(wy) && acquires(ry)) return;
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, sc);
                    y.store(1, wy);
                  },
                  [&] {
                    r[0] = y.load(ry);
                    r[1] = x.load(sc);
                  });
            },
            all(2), 4);
      },
      kStores, kLoads);
}

// PPOCA: the reader sees the flag, and then by way of a store of its own, which
// it reads back, the data. Neither the condition nor the address that comes
// from the value read orders the two loads: 110 is allowed, unless the flag
// synchronizes.
TEST(MessagePassingTest, ThroughAConditionAndAnAddress) {
  for_each(
      [](order wy, order ry, order own) {
        const bool sync = releases(wy) && acquires(ry);
        expect(
            [=](registers& r) {
              atomic<int> x[2]{}, y{0}, z{0};
              threads(
                  [&] {
                    x[1].store(1, rlx);
                    y.store(1, wy);
                  },
                  [&] {
                    r[0] = y.load(ry);
                    if (r[0] != 1) return;
                    z.store(1, own == acq ? rel : own);
                    r[1] = z.load(own);
                    r[2] = x[r[1]].load(rlx);
                  });
            },
            sync ? "0-- 111" : "0-- 110 111", sync ? 2 : 3);
      },
      kStores, kLoads, kLoads);
}

}  // namespace
}  // namespace syncxx_test::litmus
