// SPDX-License-Identifier: Apache-2.0
//
// Load buffering: each thread reads what the other writes afterwards. RC11
// wants po and rf to be acyclic: it never shows, whatever the orders. (The
// plain shapes LB and 3.LB are in cycles.cc. C++20 allows it for relaxed
// accesses, in words that forbid to make values out of thin air.)
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

TEST(LoadBufferingTest, WithReadModifyWrites) {
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

// Nothing out of thin air: if each thread passes on what it has read, there is
// only 0. Three executions: at most one load reads the other's store of 0.
TEST(LoadBufferingTest, WithData) {
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
TEST(LoadBufferingTest, WithDataOnOneSide) {
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
TEST(LoadBufferingTest, WithControl) {
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
TEST(LoadBufferingTest, WithControlOnOneSide) {
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
