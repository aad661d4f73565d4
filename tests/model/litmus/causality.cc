// SPDX-License-Identifier: Apache-2.0
//
// Three and four threads, some with one access: whether what one thread has
// seen must be seen by the next, and whether all agree on the order of
// independent writes. (Shapes with two accesses in each thread are in
// cycles.cc.)
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// WRC, write to read causality. 110 is forbidden as soon as y synchronizes,
// whatever the order of the accesses to x: then Rx of thread 1 hb Rx of thread
// 2, and two ordered reads may not read co backwards (CoRR).
TEST(CausalityTest, WriteToRead) {
  for_each(
      [](order wx, order rx, order wy, order ry, order rx2) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads([&] { x.store(1, wx); },
                  [&] {
                    r[0] = x.load(rx);
                    y.store(1, wy);
                  },
                  [&] {
                    r[1] = y.load(ry);
                    r[2] = x.load(rx2);
                  });
        };
        if (releases(wy) && acquires(ry))
          expect(program, all(3) - "110", 7);
        else
          expect(program, all(3), 8);
      },
      kStores, kLoads, kStores, kLoads, kLoads);
}

TEST(CausalityTest, WriteToReadWithFences) {
  for_each(
      [](order f1, order wy, order ry, order f2) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads([&] { x.store(1, rlx); },
                  [&] {
                    r[0] = x.load(rlx);
                    fence(f1);
                    y.store(1, wy);
                  },
                  [&] {
                    r[1] = y.load(ry);
                    fence(f2);
                    r[2] = x.load(rlx);
                  });
        };
        if ((releases(f1) || releases(wy)) && (acquires(ry) || acquires(f2)))
          expect(program, all(3) - "110", 7);
        else
          expect(program, all(3), 8);
      },
      kFences, kStores, kLoads, kFences);
}

// WWC: the same with a write at the end. r[2] is what x holds then. 212 would
// have thread 2 overwritten by the store that it knows about (CoRW). Thread 1
// can also read the 1 of thread 2, but not if that has read the flag of thread
// 1 before: po and rf have no cycle.
TEST(CausalityTest, WriteToWrite) {
  for_each(
      [](order wx, order rx, order wy, order ry, order wx2) {
        const bool sync = releases(wy) && acquires(ry);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads([&] { x.store(2, wx); },
                      [&] {
                        r[0] = x.load(rx);
                        y.store(1, wy);
                      },
                      [&] {
                        r[1] = y.load(ry);
                        x.store(1, wx2);
                      });
              r[2] = x.load(rlx);
            },
            outcomes("001 002 011 012 101 102 201 202 211") +
                (sync ? "" : "212"),
            sync ? 9 : 10);
      },
      kStores, kLoads, kStores, kLoads, kStores);
}

// RWC, read to write causality: 100. The cycle is
//   Wx rf Rx po Ry fr Wy po Rx2 fr Wx.
// - no fences: psc needs each of the five accesses, for Wx to Rx also as
//   synchronization (hb at one object);
// - two seq_cst fences: F1 po Ry fr Wy po F2, and back F2 po Rx2 fr;rf Rx po
//   F1: the eco of psc between fences includes fr;rf, so Wx may be relaxed;
// - a fence in thread 1 alone: Rx2 fr Wx leads to it if Wx hb F1;
// - a fence in thread 2 alone: on the way back F2 po Rx2 fr Wx ends at a
//   seq_cst Wx, and goes on by synchronization to Rx, and by po to Ry.
// In C++20 a seq_cst Rx is after Rx2 in S also if Wx, in between, is weaker: it
// forbids 100 without asking for Wx.
TEST(CausalityTest, ReadToWrite) {
  for_each(
      [](bool f1, bool f2, order wx, order rx, order ry, order wy, order rx2) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads([&] { x.store(1, wx); },
                  [&] {
                    r[0] = x.load(rx);
                    sc_fence_if(f1);
                    r[1] = y.load(ry);
                  },
                  [&] {
                    y.store(1, wy);
                    sc_fence_if(f2);
                    r[2] = x.load(rx2);
                  });
        };
        const bool forbidden =
            (f1 && f2) || (f1 && all_sc(wy, rx2) && releases(wx)) ||
            (f2 && all_sc(wx, rx, ry)) || all_sc(wx, rx, ry, wy, rx2);
        if (forbidden)
          expect(program, all(3) - "100", 7);
        else
          expect(program, all(3), 8);
      },
      kNoYes, kNoYes, kStores, kLoads, kLoads, kStores, kLoads);
}

// IRIW, independent reads of independent writes: 1010, the readers disagree.
//   Wx rf Rx po Ry fr Wy rf Ry3 po Rx3 fr Wx
// As in RWC a read of the other's write needs synchronization at one object for
// scb, or two fences for eco: all six accesses seq_cst; or fences between both
// pairs of reads; or a fence in one reader, all seq_cst from its fr to the
// other reader's, and a release of what it has read first.
// (C++20 forbids 1010 also for seq_cst reads of weaker writes, see RWC.)
TEST(CausalityTest, IndependentReadsOfIndependentWrites) {
  for_each(
      [](bool f2, bool f3, order wx, order wy, order rx2, order ry2, order ry3,
         order rx3) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads([&] { x.store(1, wx); }, [&] { y.store(1, wy); },
                  [&] {
                    r[0] = x.load(rx2);
                    sc_fence_if(f2);
                    r[1] = y.load(ry2);
                  },
                  [&] {
                    r[2] = y.load(ry3);
                    sc_fence_if(f3);
                    r[3] = x.load(rx3);
                  });
        };
        const bool forbidden = (f2 && f3) ||
                               (f2 && all_sc(wy, ry3, rx3) && releases(wx)) ||
                               (f3 && all_sc(wx, rx2, ry2) && releases(wy)) ||
                               all_sc(wx, wy, rx2, ry2, ry3, rx3);
        if (forbidden)
          expect(program, all(4) - "1010", 15);
        else
          expect(program, all(4), 16);
      },
      kNoYes, kNoYes, kStores, kStores, kLoads, kLoads, kLoads, kLoads);
}

// Weaker fences between the reads of IRIW do nothing, however many: no read
// sees a write that is after a fence. Two seq_cst ones are what it takes.
TEST(CausalityTest, IriwWithFences) {
  for_each(
      [](order f2, order f3) {
        const bool forbidden = all_sc(f2, f3);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads([&] { x.store(1, rlx); }, [&] { y.store(1, rlx); },
                      [&] {
                        r[0] = x.load(rlx);
                        fence(f2);
                        r[1] = y.load(rlx);
                      },
                      [&] {
                        r[2] = y.load(rlx);
                        fence(f3);
                        r[3] = x.load(rlx);
                      });
            },
            forbidden ? all(4) - "1010" : all(4), forbidden ? 15 : 16);
      },
      kFences, kFences);
}

// The same for RWC.
TEST(CausalityTest, RwcWithFences) {
  for_each(
      [](order f1, order f2) {
        const bool forbidden = all_sc(f1, f2);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads([&] { x.store(1, rlx); },
                      [&] {
                        r[0] = x.load(rlx);
                        fence(f1);
                        r[1] = y.load(rlx);
                      },
                      [&] {
                        y.store(1, rlx);
                        fence(f2);
                        r[2] = x.load(rlx);
                      });
            },
            forbidden ? all(3) - "100" : all(3), forbidden ? 7 : 8);
      },
      kFences, kFences);
}

// A message through three hands, each by other means: a release store, a fence
// and an update that both acquires and releases.
TEST(CausalityTest, ThreeHands) {
  for_each(
      [](order u) {
        const auto program = [=](registers& r) {
          atomic<int> data{0}, a{0}, b{0}, c{0};
          threads(
              [&] {
                data.store(1, rlx);
                a.store(1, rel);
              },
              [&] {
                r[0] = a.load(rlx);
                fence(acq_rel);
                b.store(1, rlx);
              },
              [&] {
                // Hands on what it reads, by a flag that it reads, too.
                r[1] = b.load(acq);
                r[2] = c.fetch_add(1, u);
              },
              [&] {
                r[3] = c.load(acq);
                r[4] = data.load(rlx);
              });
        };
        const outcomes any = all(2) * "0" * all(2);
        if (releases(u))
          expect(program, any - "11010", 15);
        else
          expect(program, any, 16);
      },
      kUpdates);
}

}  // namespace
}  // namespace syncxx_test::litmus
