// SPDX-License-Identifier: Apache-2.0
//
// seq_cst accesses next to weaker ones, fences and read-modify-writes: what
// the axiom SC of RC11 says about them, with the examples of PLDI 2017. (The
// shapes SB, RWC, W+RWC, Z6, IRIW, 2+2W and R are in cycles.cc and
// causality.cc, with all mixtures.)
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// Z6.U. Thread 1's update would read the flag and see
// it stored over (r[1]), while thread 2, who did that, misses x: 130. C++11
// forbade it for seq_cst Wx, U, Wy3 and Rx, as Wx hb U; Power's mappings do not
// guarantee that. In RC11 Wx and U are not joined: the po;hb;po of scb ends
// with a step to another object. Only a seq_cst Wy1 joins them: Wx po Wy1 co
// Wy3 po Rx fr Wx.
//
// r[0]: the update reads 0, 1 or 3, and adds 4. r[1]: that, or what is later in
// co. The six orders of the writes to y give 1+1+2+2+3+3 = 12; r[2] is free. If
// the four accesses are seq_cst then x is 1 where Wy1 is before Wy3: 1+2+3.
TEST(PartialScTest, Z6U) {
  for_each(
      [](order wx, order wy1, order u, order ry, order wy3, order rx) {
        const outcomes any = outcomes("37 15 13 31 04 01 03") * "0 1";
        const bool forbidden = all_sc(wx, wy1, wy3, rx);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, wx);
                    y.store(1, wy1);
                  },
                  [&] {
                    r[0] = y.fetch_add(4, u);
                    r[1] = y.load(ry);
                    // The update itself is read: 4 more than r[0].
                    if (r[1] >= 4) r[1] = r[0] == 0 ? 4 : r[0] == 1 ? 5 : 7;
                  },
                  [&] {
                    y.store(3, wy3);
                    r[2] = x.load(rx);
                  });
            },
            forbidden ? any - "130" : any, forbidden ? 24 - 6 : 24);
      },
      kStores, kStores, kUpdates, kLoads, kStores, kLoads);
}

// IRIW with acquire loads of the first and seq_cst ones of the second object
// (IRIW-acq-sc): C++11 forbade 1010, RC11 and C++20 allow it.
TEST(PartialScTest, IriwAcquireSeqCst) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads([&] { x.store(1, sc); }, [&] { y.store(1, sc); },
                [&] {
                  r[0] = x.load(acq);
                  r[1] = y.load(sc);
                },
                [&] {
                  r[2] = y.load(acq);
                  r[3] = x.load(sc);
                });
      },
      all(4), 16);
}

// Store buffering where thread 0 stores twice. Thread 1's load of x comes
// before, in fr, what overwrites the value it reads; that is ordered only if it
// is seq_cst. After 0 both stores are, after 1 the second one.
TEST(PartialScTest, TwoStoresOneOfThemSeqCst) {
  for_each(
      [](order first, order second) {
        outcomes allowed = all(1) * "0 1 2";
        std::uint64_t executions = 6;
        if (first == sc || second == sc) {
          allowed = allowed - "00";
          --executions;
        }
        if (second == sc) {
          allowed = allowed - "01";
          --executions;
        }
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, first);
                    x.store(2, second);
                    r[0] = y.load(sc);
                  },
                  [&] {
                    y.store(1, sc);
                    r[1] = x.load(sc);
                  });
            },
            allowed, executions);
      },
      kStores, kStores);
}

// As W+RWC, but the message is sent through x itself. From Wx1 to Ry leads no
// scb: the po step from Wx1 stays at x. So the message orders nothing unless Rx
// is seq_cst, and then as hb at one object. (C++20's strongly-happens-before
// does not ask for another object: it forbids 200 for an acquiring Rx, too.)
//
// r[1] = 0 puts Ry before Wy in S, and so before thread 2's Rx2, which
//   r[2] = 0 puts before Wx1, and before Wx2 if that is seq_cst,
//   r[2] = 1 puts before Wx2 if that is seq_cst.
// Rx, seq_cst, is after Wx1 if it reads that, or a releasing Wx2.
TEST(PartialScTest, MessageThroughTheSameObject) {
  for_each(
      [](order wx2, order rx) {
        outcomes allowed = outcomes("0 1 2") * all(1) * "0 1 2";
        std::uint64_t executions = 18;
        const auto forbid = [&](const char* word) {
          allowed = allowed - word;
          --executions;
        };
        if (rx == sc) forbid("100");
        if (rx == sc && releases(wx2)) forbid("200");
        if (rx == sc && wx2 == sc) forbid("201");
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, sc);
                    x.store(2, wx2);
                  },
                  [&] {
                    r[0] = x.load(rx);
                    r[1] = y.load(sc);
                  },
                  [&] {
                    y.store(1, sc);
                    r[2] = x.load(sc);
                  });
            },
            allowed, executions);
      },
      kStores, kLoads);
}

// Store buffering, one load being a compare-exchange that fails: it counts as a
// load of the failure order, whatever the order of success.
TEST(PartialScTest, CompareExchangeThatFails) {
  for_each(
      [](order success, order failure) {
        const bool forbidden = failure == sc;
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, sc);
                    int seen = 5;
                    y.compare_exchange_strong(seen, 6, success, failure);
                    r[0] = seen;
                  },
                  [&] {
                    y.store(1, sc);
                    r[1] = x.load(sc);
                  });
            },
            forbidden ? all(2) - "00" : all(2), forbidden ? 3 : 4);
      },
      kUpdates, kLoads);
}

// One that succeeds on 0 and fails on 1: 00 is up to the order of success.
TEST(PartialScTest, CompareExchangeThatSucceeds) {
  for_each(
      [](order success, order failure) {
        const bool forbidden = success == sc;
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, sc);
                    int seen = 0;
                    r[2] = y.compare_exchange_strong(seen, 6, success, failure);
                    r[0] = seen;
                  },
                  [&] {
                    y.store(1, sc);
                    r[1] = x.load(sc);
                  });
            },
            outcomes("011 100 110") + (forbidden ? "" : "001"),
            forbidden ? 3 : 4);
      },
      kUpdates, kLoads);
}

// A seq_cst fence is after what is hb before it in other threads, too: r[0] = 1
// and a release make it Wx hb F1, and 100 is F1 po Rz fr Wz po F2 po Rx fr Wx.
// Behind the load of z the fence is of no use.
TEST(PartialScTest, FenceAfterAMessage) {
  for_each(
      [](order wy, order ry, bool before_the_load) {
        const bool forbidden = before_the_load && releases(wy);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0}, z{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(1, wy);
                  },
                  [&] {
                    r[0] = y.load(ry);
                    sc_fence_if(before_the_load);
                    r[1] = z.load(rlx);
                    sc_fence_if(!before_the_load);
                  },
                  [&] {
                    z.store(1, rlx);
                    fence(sc);
                    r[2] = x.load(rlx);
                  });
            },
            forbidden ? all(3) - "100" : all(3), forbidden ? 7 : 8);
      },
      kStores, kLoads, kNoYes);
}

// Sequentially consistent programs are sequentially consistent: with all
// accesses seq_cst, three threads over two objects do what interleaving does.
// r = 1?0: thread 2 has seen y, thereby x's store is in S before.
TEST(PartialScTest, AllSeqCst) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              x.store(1, sc);
              y.store(1, sc);
            },
            [&] {
              r[0] = y.load(sc);
              r[1] = x.load(sc);
            },
            [&] {
              r[2] = y.load(sc);
              r[3] = x.load(sc);
            });
      },
      outcomes("00 01 11") * "00 01 11", 9);
}

}  // namespace
}  // namespace syncxx_test::litmus
