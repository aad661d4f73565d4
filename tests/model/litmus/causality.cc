// SPDX-License-Identifier: Apache-2.0
//
// Three and four threads: whether what one thread has seen must be seen by the
// next, and whether all agree on the order of independent writes.
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

// ISA2: a message handed on through a second flag. hb is transitive, so 110 is
// forbidden where both flags synchronize; an order on the data does not help.
TEST(CausalityTest, TwoFlagsInARow) {
  for_each(
      [](order wx, order wy, order ry, order wz, order rz, order rx) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0}, z{0};
          threads(
              [&] {
                x.store(1, wx);
                y.store(1, wy);
              },
              [&] {
                r[0] = y.load(ry);
                z.store(1, wz);
              },
              [&] {
                r[1] = z.load(rz);
                r[2] = x.load(rx);
              });
        };
        if (releases(wy) && acquires(ry) && releases(wz) && acquires(rz))
          expect(program, all(3) - "110", 7);
        else
          expect(program, all(3), 8);
      },
      kStores, kStores, kLoads, kStores, kLoads, kLoads);
}

// The one fence in the middle thread serves the load before it and the store
// after it. With seq_cst fences in the outer threads one of the flags is
// enough: if the second synchronizes, F0 po Wy rf Ry hb F2 is a psc edge
// (hb;eco;hb), and so is F0 hb Wz rf Rz po F2 if the first does; F2 po Rx fr Wx
// po F0 leads back.
TEST(CausalityTest, TwoFlagsInARowWithFences) {
  for_each(
      [](order f0, order wy, order ry, order f1, order wz, order f2) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0}, z{0};
          threads(
              [&] {
                x.store(1, rlx);
                fence(f0);
                y.store(1, wy);
              },
              [&] {
                r[0] = y.load(ry);
                fence(f1);
                z.store(1, wz);
              },
              [&] {
                r[1] = z.load(rlx);
                fence(f2);
                r[2] = x.load(rlx);
              });
        };
        const bool first =
            (releases(f0) || releases(wy)) && (acquires(ry) || acquires(f1));
        const bool second = (releases(f1) || releases(wz)) && acquires(f2);
        if ((first && second) || (all_sc(f0, f2) && (first || second)))
          expect(program, all(3) - "110", 7);
        else
          expect(program, all(3), 8);
      },
      kFences, kStores, kLoads, kFences, kStores, kFences);
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

// W+RWC: the same, the write of x being known by message passing: 100 again,
//   Wx po Wy rf Ry po Rz fr Wz po Rx fr Wx.
// Without synchronization from thread 0 to 1 there is no way from Wx to Rz.
// With it the threads 0 and 1 need something seq_cst on the way, a fence of
// theirs or both Wx and Rz (scb's po;hb;po leads from one to the other), and
// thread 2 needs the fence or both of its accesses.
TEST(CausalityTest, MessageAndReadToWrite) {
  for_each(
      [](bool f0, bool f1, bool f2, order wx, order wy, order ry, order rz,
         order wz, order rx) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0}, z{0};
          threads(
              [&] {
                x.store(1, wx);
                sc_fence_if(f0);
                y.store(1, wy);
              },
              [&] {
                r[0] = y.load(ry);
                sc_fence_if(f1);
                r[1] = z.load(rz);
              },
              [&] {
                z.store(1, wz);
                sc_fence_if(f2);
                r[2] = x.load(rx);
              });
        };
        const bool sync = (f0 || releases(wy)) && (f1 || acquires(ry));
        const bool first = f0 || f1 || all_sc(wx, rz);
        const bool second = f2 || all_sc(wz, rx);
        if (sync && first && second)
          expect(program, all(3) - "100", 7);
        else
          expect(program, all(3), 8);
      },
      kNoYes, kNoYes, kNoYes, kWeakOrSc, kStores, kLoads, kWeakOrSc, kWeakOrSc,
      kWeakOrSc);
}

// Z6.3: r[2] is what y holds at the end; 102 is the cycle
//   Wx po Wy1 co Wy2 po Wz rf Rz po Rx fr Wx.
// Without synchronization from thread 1 to 2 nothing leads from Wy2 to Rx. With
// it, thread 0 needs a fence or both accesses seq_cst, and so do the threads 1
// and 2 together (a fence of either, or Wy2 and Rx).
TEST(CausalityTest, StoresInARowAndMessage) {
  for_each(
      [](bool f0, bool f1, bool f2, order wx, order wy1, order wy2, order wz,
         order rz, order rx) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0}, z{0};
          threads(
              [&] {
                x.store(1, wx);
                sc_fence_if(f0);
                y.store(1, wy1);
              },
              [&] {
                y.store(2, wy2);
                sc_fence_if(f1);
                z.store(1, wz);
              },
              [&] {
                r[0] = z.load(rz);
                sc_fence_if(f2);
                r[1] = x.load(rx);
              });
          r[2] = y.load(rlx);
        };
        const bool sync = (f1 || releases(wz)) && (f2 || acquires(rz));
        const bool first = f0 || all_sc(wx, wy1);
        const bool rest = f1 || f2 || all_sc(wy2, rx);
        const outcomes any = all(2) * "1 2";
        if (sync && first && rest)
          expect(program, any - "102", 7);
        else
          expect(program, any, 8);
      },
      kNoYes, kNoYes, kNoYes, kWeakOrSc, kWeakOrSc, kWeakOrSc, kStores, kLoads,
      kWeakOrSc);
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

// 3.2W, the ring of three pairs of stores; the registers are what is left in
// x, y and z. 111 is a cycle of co and po; a thread is safe if it has a fence
// in the middle or two seq_cst stores.
TEST(CausalityTest, RingOfStores) {
  for_each(
      [](bool f0, bool f1, bool f2, order a, order b, order c, order d, order e,
         order f) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0}, z{0};
          threads(
              [&] {
                x.store(1, a);
                sc_fence_if(f0);
                y.store(2, b);
              },
              [&] {
                y.store(1, c);
                sc_fence_if(f1);
                z.store(2, d);
              },
              [&] {
                z.store(1, e);
                sc_fence_if(f2);
                x.store(2, f);
              });
          r[0] = x.load(rlx);
          r[1] = y.load(rlx);
          r[2] = z.load(rlx);
        };
        const outcomes any = outcomes("1 2") * "1 2" * "1 2";
        if ((f0 || all_sc(a, b)) && (f1 || all_sc(c, d)) &&
            (f2 || all_sc(e, f)))
          expect(program, any - "111", 7);
        else
          expect(program, any, 8);
      },
      kNoYes, kNoYes, kNoYes, kWeakOrSc, kWeakOrSc, kWeakOrSc, kWeakOrSc,
      kWeakOrSc, kWeakOrSc);
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
