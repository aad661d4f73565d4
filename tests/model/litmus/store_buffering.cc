// SPDX-License-Identifier: Apache-2.0
//
// Store buffering: each thread writes its own flag and reads the other's. Both
// may miss the other's write, unless sequential consistency forbids it. (All
// orders of plain accesses and fences: SB and SB3 in cycles.cc.)
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// An exchange is a store here, and a fetch_add(0) a load: the same cycle. Its
// read half is first in its thread's object (the other thread only reads it),
// its write half is what nobody looks at.
TEST(StoreBufferingTest, ReadModifyWritesInsteadOfStores) {
  for_each(
      [](order w0, order r0, order w1, order r1) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                (void)x.exchange(1, w0);
                r[0] = y.load(r0);
              },
              [&] {
                (void)y.exchange(1, w1);
                r[1] = x.load(r1);
              });
        };
        if (all_sc(w0, r0, w1, r1))
          expect(program, all(2) - "00", 3);
        else
          expect(program, all(2), 4);
      },
      kUpdates, kLoads, kUpdates, kLoads);
}

// A read-modify-write that reads 0 is in co before the other thread's store. It
// is no fence: with relaxed stores 00 stays, also if it is seq_cst (on x86 it
// never shows). Synchronization changes nothing in the three other executions.
TEST(StoreBufferingTest, ReadModifyWritesInsteadOfLoads) {
  for_each(
      [](order w0, order u0, order w1, order u1) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, w0);
                r[0] = y.fetch_add(0, u0);
              },
              [&] {
                y.store(1, w1);
                r[1] = x.fetch_add(0, u1);
              });
        };
        if (all_sc(w0, u0, w1, u1))
          expect(program, all(2) - "00", 3);
        else
          expect(program, all(2), 4);
      },
      kStores, kUpdates, kStores, kUpdates);
}

// A read-modify-write of a third object between the two accesses. If each
// thread has its own, it orders nothing, also where it is seq_cst.
TEST(StoreBufferingTest, ReadModifyWriteOfAnotherObjectIsNoFence) {
  for_each(
      [](order u0, order u1) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0}, a{0}, b{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    a.fetch_add(1, u0);
                    r[0] = y.load(rlx);
                  },
                  [&] {
                    y.store(1, rlx);
                    b.fetch_add(1, u1);
                    r[1] = x.load(rlx);
                  });
            },
            all(2), 4);
      },
      kUpdates, kUpdates);
}

// If both update the same object, one of them comes first in co and is read by
// the other. Where that synchronizes, the second thread sees the first one's
// store: two executions instead of four.
TEST(StoreBufferingTest, ReadModifyWritesOfOneObjectAreABarrier) {
  for_each(
      [](order u0, order u1) {
        const bool first_to_second = releases(u0) && acquires(u1);
        const bool second_to_first = releases(u1) && acquires(u0);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0}, z{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    z.fetch_add(1, u0);
                    r[0] = y.load(rlx);
                  },
                  [&] {
                    y.store(1, rlx);
                    z.fetch_add(1, u1);
                    r[1] = x.load(rlx);
                  });
            },
            first_to_second && second_to_first ? all(2) - "00" : all(2),
            (first_to_second ? 2u : 4u) + (second_to_first ? 2u : 4u));
      },
      kUpdates, kUpdates);
}

// SB+rfi: each thread first reads its own write, from "the store buffer". By
// coherence it sees it. The orders of these reads do not matter: in RC11 the
// cycle of 1010 goes past them, and C++20, where a seq_cst read of a weaker
// write takes its place (coherence-ordered before is transitive), forbids more:
// with seq_cst loads 1010, whatever the stores are.
TEST(StoreBufferingTest, OwnWritesReadFirst) {
  for_each(
      [](order w, order own, order other) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, w);
                r[0] = x.load(own);
                r[1] = y.load(other);
              },
              [&] {
                y.store(1, w);
                r[2] = y.load(own);
                r[3] = x.load(other);
              });
        };
        if (all_sc(w, other))
          expect(program, outcomes("1011 1110 1111"), 3);
        else
          expect(program, outcomes("1010 1011 1110 1111"), 4);
      },
      kStores, kLoads, kLoads);
}

// Dekker's entry: who does not see the other's flag goes in. The cell tells
// whether both can be inside.
TEST(StoreBufferingTest, DekkersEntry) {
  for_each(
      [](order w0, order r0, order w1, order r1) {
        expect_verdict(
            [=] {
              atomic<int> x{0}, y{0};
              cell<int> inside(0);
              threads(
                  [&] {
                    x.store(1, w0);
                    if (y.load(r0) == 0) inside = 1;
                  },
                  [&] {
                    y.store(1, w1);
                    if (x.load(r1) == 0) inside = 2;
                  });
            },
            all_sc(w0, r0, w1, r1) ? verdict::ok : verdict::data_race);
      },
      kStores, kLoads, kStores, kLoads);
}

// Peterson's entry, one try: who sees the other's flag down, or the turn given
// back, goes in. Both can
//   - see the other's flag down: Wf0 po Rf1 fr Wf1 po Rf0 fr Wf0 is a psc cycle
//     if the accesses to the flags are seq_cst;
//   - or thread 0 sees the flag down while thread 1 sees the turn given back:
//     Wf1 po Wt1 co Wt0 po Rf1 fr Wf1 is one if the stores of the turn are,
//     too.
// That each sees the turn given by the other coherence forbids: it would have
// its own store after the other's in co. So the order of the turn's load does
// not matter.
TEST(StoreBufferingTest, PetersonsEntry) {
  for_each(
      [](order flag_store, order turn_store, order flag_load, order turn_load) {
        expect_verdict(
            [=] {
              atomic<int> flag[2]{}, turn{0};
              cell<int> inside(0);
              const auto enter = [&](int me) {
                const int other = 1 - me;
                flag[me].store(1, flag_store);
                turn.store(other, turn_store);
                if (flag[other].load(flag_load) == 0 ||
                    turn.load(turn_load) == me)
                  inside = me;
              };
              threads([&] { enter(0); }, [&] { enter(1); });
            },
            all_sc(flag_store, turn_store, flag_load) ? verdict::ok
                                                      : verdict::data_race);
      },
      kStores, kStores, kLoads, kLoads);
}

}  // namespace
}  // namespace syncxx_test::litmus
