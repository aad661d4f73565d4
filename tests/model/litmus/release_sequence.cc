// SPDX-License-Identifier: Apache-2.0
//
// Release sequences, as they are since C++20 ([intro.races]/5, P0982): a
// release store and the read-modify-writes that follow it in co, by whomever
// and of whatever order. A later store of the same thread ends it.
//
// All are message passing: x is the data, y the flag.
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// Before C++20 the relaxed store of the same thread continued the sequence, and
// 20 was forbidden.
TEST(ReleaseSequenceTest, StoreOfTheSameThreadEndsIt) {
  for_each(
      [](order first, order second, order ry) {
        outcomes allowed = outcomes("0 1 2") * "0 1";
        std::uint64_t executions = 6;
        if (releases(first) && acquires(ry)) {
          allowed = allowed - "10";
          --executions;
        }
        if (releases(second) && acquires(ry)) {
          allowed = allowed - "20";
          --executions;
        }
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(1, first);
                    y.store(2, second);
                  },
                  [&] {
                    r[0] = y.load(ry);
                    r[1] = x.load(rlx);
                  });
            },
            allowed, executions);
      },
      kStores, kStores, kLoads);
}

TEST(ReleaseSequenceTest, ReadModifyWriteOfTheSameThreadContinuesIt) {
  for_each(
      [](order first, order u, order ry) {
        outcomes allowed = outcomes("0 1 2") * "0 1";
        std::uint64_t executions = 6;
        if (releases(first) && acquires(ry)) {
          allowed = allowed - "10";
          --executions;
        }
        // An update that releases by itself does as well.
        if ((releases(first) || releases(u)) && acquires(ry)) {
          allowed = allowed - "20";
          --executions;
        }
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(1, first);
                    y.fetch_add(1, u);
                  },
                  [&] {
                    r[0] = y.load(ry);
                    r[1] = x.load(rlx);
                  });
            },
            allowed, executions);
      },
      kStores, kUpdates, kLoads);
}

// r[2]: what the update of the third thread has read. If that is 0, it is
// before the store in co, and the store of 2 follows its 1; if 2, it writes 3.
TEST(ReleaseSequenceTest, ReadModifyWriteOfAnotherThreadContinuesIt) {
  for_each(
      [](order w, order u, order ry) {
        const bool sync = releases(w) && acquires(ry);
        const outcomes never("200 202 302");
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(2, w);
                  },
                  [&] { r[2] = y.fetch_add(1, u); },
                  [&] {
                    r[0] = y.load(ry);
                    r[1] = x.load(rlx);
                  });
            },
            outcomes("000 010 100 110 210 002 012 212 312") +
                (sync ? outcomes() : never),
            sync ? 9 : 12);
      },
      kStores, kUpdates, kLoads);
}

// The other kinds of read-modify-write. Each turns 2 into 3 if it comes after
// the store (and 0 into another value).
TEST(ReleaseSequenceTest, AllReadModifyWritesContinueIt) {
  const auto expect_with = [](auto update) {
    expect(
        [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(2, rel);
              },
              [&] { r[2] = update(y); },
              [&] {
                const int seen = y.load(acq);
                r[0] = seen == 2 || seen == 3 ? seen : 0;
                r[1] = x.load(rlx);
              });
        },
        "000 010 210 002 012 212 312", 9);
  };
  expect_with([](auto& y) { return y.fetch_or(1, rlx); });
  expect_with([](auto& y) { return y.fetch_xor(1, rlx); });
  expect_with([](auto& y) { return y.fetch_sub(-1, rlx); });
  expect_with([](auto& y) { return y.fetch_add(1, rlx); });
  // 0 stays 0 or becomes 1. (An exchange for 3 would tell less.)
  const auto expect_exchange = [](auto exchange) {
    expect_outcomes(
        [=](registers& r) {
          atomic<int> x{0}, y{0};
          threads(
              [&] {
                x.store(1, rlx);
                y.store(2, rel);
              },
              [&] { r[2] = exchange(y); },
              [&] {
                r[0] = y.load(acq);
                r[1] = x.load(rlx);
              });
        },
        "000 010 300 310 210 002 012 212 312");
  };
  expect_exchange([](auto& y) { return y.exchange(3, rlx); });
  expect_exchange([](auto& y) {
    int old = y.load(rlx);
    while (!y.compare_exchange_strong(old, 3, rlx, rlx)) {
    }
    return old;
  });
}

// A compare-exchange that fails writes nothing; one that succeeds continues
// the sequence, whatever its order.
TEST(ReleaseSequenceTest, CompareExchange) {
  for_each(
      [](order success, order failure) {
        // It fails on 0; then y is 0 or 2. It turns 2 into 3.
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(2, rel);
                  },
                  [&] {
                    int expected = 2;
                    r[2] = y.compare_exchange_strong(expected, 3, success,
                                                     failure);
                  },
                  [&] {
                    r[0] = y.load(acq);
                    r[1] = x.load(rlx);
                  });
            },
            "000 010 210 001 011 211 311", 7);
      },
      kUpdates, kLoads);
}

// The sequence goes on through the updates of two threads; what is before the
// store in co does not belong to it. The store puts 4, the updates add 1 and 2.
TEST(ReleaseSequenceTest, TwoReadModifyWritesOfOtherThreads) {
  for_each(
      [](order w, order u) {
        // In each of the six orders what is read before the store (0 among it)
        // leaves x free. The store is first, second and third twice each.
        const bool sync = releases(w);
        const outcomes before = outcomes("0 1 2 3") * "0 1";
        const outcomes after =
            outcomes("4 5 6 7") * (sync ? outcomes("1") : outcomes("0 1"));
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(4, w);
                  },
                  [&] { y.fetch_add(1, u); }, [&] { y.fetch_add(2, u); },
                  [&] {
                    r[0] = y.load(acq);
                    r[1] = x.load(rlx);
                  });
            },
            before + after, sync ? 2 * (5 + 6 + 7) : 6 * 8);
      },
      kStores, kUpdates);
}

// The store of another thread ends it, and an update of that store belongs to
// that store alone: 30 is allowed (the update made 3 of the other's 2).
TEST(ReleaseSequenceTest, StoreOfAnotherThreadEndsIt) {
  expect_outcomes(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              x.store(1, rlx);
              y.store(5, rel);
            },
            [&] { y.store(2, rlx); }, [&] { y.fetch_add(1, rlx); },
            [&] {
              r[0] = y.load(acq);
              r[1] = x.load(rlx);
            });
      },
      "00 01 10 11 20 21 30 31 51 61");
}

// A relaxed update passes on the message of the store that it reads, and not
// what its own thread has written: that takes an update that releases.
TEST(ReleaseSequenceTest, UpdatePublishesOnlyIfItReleases) {
  for_each(
      [](order u) {
        // y: 2 is stored, 1 is added. x: the storer's data, z: the updater's.
        // If the update is first, 1 is its value, and 2 that of the store.
        const bool own = releases(u);
        const outcomes z = own ? outcomes("1") : outcomes("0 1");
        const outcomes any("0 1");
        const outcomes nothing = outcomes("0") * any * any;
        const outcomes store = outcomes("2") * "1" * any;
        const outcomes update_first = outcomes("1") * any * z;
        const outcomes update_last = outcomes("3") * "1" * z;
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0}, z0{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(2, rel);
                  },
                  [&] {
                    z0.store(1, rlx);
                    y.fetch_add(1, u);
                  },
                  [&] {
                    r[0] = y.load(acq);
                    r[1] = x.load(rlx);
                    r[2] = z0.load(rlx);
                  });
            },
            nothing + store + update_first + update_last,
            own ? (4 + 2 + 2) + (4 + 2 + 1) : (4 + 4 + 2) + (4 + 2 + 2));
      },
      kUpdates);
}

// A release fence heads the hypothetical sequence of every later store
// ([atomics.fences]/2): unlike after a release store, 2 carries the message
// also when a plain store wrote it.
TEST(ReleaseSequenceTest, OfAFence) {
  for_each(
      [](order f, bool update) {
        const bool sync = releases(f);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(f);
                    y.store(1, rlx);
                    if (update)
                      y.fetch_add(1, rlx);
                    else
                      y.store(2, rlx);
                  },
                  [&] {
                    r[0] = y.load(acq);
                    r[1] = x.load(rlx);
                  });
            },
            sync ? outcomes("00 01 11 21") : outcomes("0 1 2") * "0 1",
            sync ? 4 : 6);
      },
      kFences, kNoYes);
}

// From the fence of one thread through the relaxed update of a second to the
// fence of a third.
TEST(ReleaseSequenceTest, FromFenceToFenceThroughAnUpdate) {
  for_each(
      [](order f0, order u, order f1) {
        const bool sync = releases(f0) && acquires(f1);
        const outcomes never("200 202 302");
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(f0);
                    y.store(2, rlx);
                  },
                  [&] { r[2] = y.fetch_add(1, u); },
                  [&] {
                    r[0] = y.load(rlx);
                    fence(f1);
                    r[1] = x.load(rlx);
                  });
            },
            outcomes("000 010 100 110 210 002 012 212 312") +
                (sync ? outcomes() : never),
            sync ? 9 : 12);
      },
      kFences, kUpdates, kFences);
}

// A chain of two sequences: the update reads one, acquires nothing, and still
// the message of the first store comes through, but not into the updater.
TEST(ReleaseSequenceTest, UpdaterItselfSeesTheDataOnlyIfItAcquires) {
  for_each(
      [](order u) {
        // The update reads 0 (then x is free) or 2 (x is 1 if it acquires).
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    y.store(2, rel);
                  },
                  [&] {
                    r[0] = y.fetch_add(1, u);
                    r[1] = x.load(rlx);
                  });
            },
            acquires(u) ? outcomes("00 01 21") : outcomes("00 01 20 21"),
            acquires(u) ? 3 : 4);
      },
      kUpdates);
}

}  // namespace
}  // namespace syncxx_test::litmus
