// SPDX-License-Identifier: Apache-2.0
//
// Read-modify-writes: each reads the write that is just before its own in co
// ([atomics.order]/10).
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// Of two updates of one object one reads the other. r[2] is what is left.
TEST(ReadModifyWriteTest, TwoAdditions) {
  for_each(
      [](order u0, order u1) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] { r[0] = x.fetch_add(1, u0); },
                      [&] { r[1] = x.fetch_add(1, u1); });
              r[2] = x.load(rlx);
            },
            "012 102", 2);
      },
      kUpdates, kUpdates);
}

TEST(ReadModifyWriteTest, ThreeAdditions) {
  for_each(
      [](order u) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] { r[0] = x.fetch_add(1, u); },
                      [&] { r[1] = x.fetch_add(1, u); },
                      [&] { r[2] = x.fetch_add(1, u); });
              r[3] = x.load(rlx);
            },
            "0123 0213 1023 1203 2013 2103", 6);
      },
      kUpdates);
}

// Two threads with two additions each: 4!/(2!2!) orders.
TEST(ReadModifyWriteTest, TwoAdditionsEach) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              r[0] = x.fetch_add(1, rlx);
              r[1] = x.fetch_add(1, rlx);
            },
            [&] {
              r[2] = x.fetch_add(1, rlx);
              r[3] = x.fetch_add(1, rlx);
            });
      },
      "0123 0213 0312 1203 1302 2301", 6);
}

TEST(ReadModifyWriteTest, TwoExchanges) {
  for_each(
      [](order u0, order u1) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] { r[0] = x.exchange(1, u0); },
                      [&] { r[1] = x.exchange(2, u1); });
              r[2] = x.load(rlx);
            },
            "012 201", 2);
      },
      kUpdates, kUpdates);
}

// No store comes between the two halves: never 2 left, the store of 1 lost.
TEST(ReadModifyWriteTest, AdditionAndStore) {
  for_each(
      [](order u, order w) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] { r[0] = x.fetch_add(2, u); },
                      [&] { x.store(1, w); });
              r[1] = x.load(rlx);
            },
            "01 13", 2);
      },
      kUpdates, kStores);
}

// A load and a store are no read-modify-write: additions get lost. If both read
// 0, co is free; if one reads the other's, it overwrites that.
TEST(ReadModifyWriteTest, LoadAndStoreAreTwoSteps) {
  for_each(
      [](order load, order store) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              const auto add = [&](int& seen) {
                seen = x.load(load);
                x.store(seen + 1, store);
              };
              threads([&] { add(r[0]); }, [&] { add(r[1]); });
              r[2] = x.load(rlx);
            },
            "001 012 102", 4);
      },
      kLoads, kStores);
}

// A reader sees one of the values, in the order of co.
TEST(ReadModifyWriteTest, ReaderOfAdditions) {
  for_each(
      [](order u, order load) {
        // Two orders of the updates; six pairs of places for the reader.
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              threads([&] { x.fetch_add(1, u); }, [&] { x.fetch_add(2, u); },
                      [&] {
                        r[0] = x.load(load);
                        r[1] = x.load(load);
                      });
            },
            "00 01 02 03 11 13 22 23 33", 12);
      },
      kUpdates, kLoads);
}

// fetch_add(0) as a load "of the latest value": it is before or after the store
// in co. That orders nothing else, unless it synchronizes.
TEST(ReadModifyWriteTest, AdditionOfZeroAsALoad) {
  for_each(
      [](order wy, order uy, order ux) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(1, wy);
              },
              [&] {
                r[0] = y.fetch_add(0, uy);
                r[1] = x.fetch_add(0, ux);
              });
        };
        if (releases(wy) && acquires(uy))
          expect(program, all(2) - "10", 3);
        else
          expect(program, all(2), 4);
      },
      kStores, kUpdates, kUpdates);
}

// It is a write as well: it releases. Thread 1 sees thread 0's x if it reads
// the 0 that thread 0 has put in the place of the 0.
TEST(ReadModifyWriteTest, AdditionOfZeroAsAStore) {
  for_each(
      [](order u0, order u1) {
        // Either update may be first. If it is thread 0's, x is 1 where they
        // synchronize; if thread 1's, x is free.
        const bool sync = releases(u0) && acquires(u1);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.fetch_add(0, u0);
                  },
                  [&] {
                    r[0] = y.fetch_add(0, u1);
                    r[1] = x.load(rlx);
                  });
            },
            "00 01", sync ? 3 : 4);
      },
      kUpdates, kUpdates);
}

// An update of one object within those of another: nothing in between.
TEST(ReadModifyWriteTest, OperandReadFromAnotherObject) {
  // x is 0, or the 5 of thread 1; then y gets x + 1 added.
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads([&] { r[0] = y.fetch_add(x.load(rlx) + 1, rlx); },
                [&] {
                  x.store(5, rlx);
                  r[1] = y.fetch_add(1, rlx);
                });
        r[2] = y.load(rlx);
      },
      // Thread 0 first: it adds 1 or 6; last: the same.
      "012 067 102 107", 4);
}

}  // namespace
}  // namespace syncxx_test::litmus
