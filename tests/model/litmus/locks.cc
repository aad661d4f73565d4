// SPDX-License-Identifier: Apache-2.0
//
// Locks that spin, of one word and of loads and stores alone, around a counter
// that is a cell: a lock that lets two in, or the next one without having
// synchronized, is a data race.
#include <utility>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

struct exchange_lock {
  void lock(order o) {
    while (word.exchange(1, o) != 0) {
    }
  }
  atomic<int> word{0};
};
struct compare_exchange_lock {
  void lock(order o) {
    int expected;
    do {
      expected = 0;
    } while (!word.compare_exchange_strong(expected, 1, o, rlx));
  }
  atomic<int> word{0};
};
struct weak_lock {
  void lock(order o) {
    int expected = 0;
    while (!word.compare_exchange_weak(expected, 1, o, rlx)) expected = 0;
  }
  atomic<int> word{0};
};
// Looks before it tries.
struct patient_lock {
  void lock(order o) {
    do {
      while (word.load(rlx) != 0) {
      }
    } while (word.exchange(1, o) != 0);
  }
  atomic<int> word{0};
};
// Tries before it looks.
struct eager_lock {
  void lock(order o) {
    while (word.exchange(1, o) != 0) {
      while (word.load(rlx) != 0) {
      }
    }
  }
  atomic<int> word{0};
};

template <class Lock>
std::function<void()> counting(int n, order lock, order unlock) {
  return [=] {
    Lock mutex;
    cell<int> count(0);
    {
      std::vector<model::thread> all;
      for (int i = 0; i < n; ++i) {
        all.emplace_back([&] {
          mutex.lock(lock);
          count = count + 1;
          mutex.word.store(0, unlock);
        });
      }
    }
    model::require(count == n, "all have counted");
  };
}

template <class Lock>
class SpinLocksTest : public testing::Test {};
class lock_names {
 public:
  template <class T>
  static std::string GetName(int i) {
    const char* const names[] = {"Exchange", "CompareExchange", "Weak",
                                 "Patient", "Eager"};
    return names[i];
  }
};
using locks = testing::Types<exchange_lock, compare_exchange_lock, weak_lock,
                             patient_lock, eager_lock>;
TYPED_TEST_SUITE(SpinLocksTest, locks, lock_names);

TYPED_TEST(SpinLocksTest, MutualExclusion) {
  for_each(
      [](order lock, order unlock) {
        expect_verdict(counting<TypeParam>(2, lock, unlock),
                       acquires(lock) && releases(unlock) ? verdict::ok
                                                          : verdict::data_race);
      },
      kUpdates, kStores);
}

TYPED_TEST(SpinLocksTest, MutualExclusionOfThree) {
  expect_verdict(counting<TypeParam>(3, acq, rel), verdict::ok);
}

// Who has not unlocked cannot lock.
TYPED_TEST(SpinLocksTest, LockedTwice) {
  expect_verdict(
      [] {
        TypeParam mutex;
        mutex.lock(acq);
        mutex.lock(acq);
      },
      verdict::livelock);
}

// Whoever is first, second, … is explored, and nothing else: r[i] is when
// thread i has had the lock. The other ways to the same order differ in what
// the looks of a waiter have seen; the patient and the eager lock look more
// than once.
template <class Lock>
auto ranking(bool third) {
  return [=](registers& r) {
    Lock mutex;
    cell<int> next(0);
    const auto side = [&](int& rank) {
      mutex.lock(acq);
      rank = next;
      next = rank + 1;
      mutex.word.store(0, rel);
    };
    if (third)
      threads([&] { side(r[0]); }, [&] { side(r[1]); }, [&] { side(r[2]); });
    else
      threads([&] { side(r[0]); }, [&] { side(r[1]); });
  };
}

TYPED_TEST(SpinLocksTest, TwoInEitherOrder) {
  expect_outcomes(ranking<TypeParam>(false), "01 10");
}

TYPED_TEST(SpinLocksTest, ThreeInAnyOrder) {
  expect_outcomes(ranking<TypeParam>(true), "012 021 102 120 201 210");
}

// (Not of compare_exchange_lock: clang puts a copy of the first round in front
// of the loop, where it cannot be told from a look that does not wait.)
TEST(NumberOfOrdersTest, OfLocking) {
  expect(ranking<exchange_lock>(false), "01 10", 2, kSomeBlocked);
  expect(ranking<exchange_lock>(true), "012 021 102 120 201 210", 6,
         kSomeBlocked);
}

// One slot, empty (0) or full (1). A producer waits until it can fill it, two
// consumers until they can empty it; each of them gets one of two things.
TEST(NumberOfOrdersTest, OfTwoConsumers) {
  for_each(
      [](bool producer_first) {
        const auto program = [=](registers& r) {
          atomic<int> slot{0};
          cell<int> taken(0);
          const auto swap = [&](int from, int to) {
            int expected = from;
            while (!slot.compare_exchange_strong(expected, to, acq_rel, rlx))
              expected = from;
          };
          const auto produce = [&] {
            swap(0, 1);
            swap(0, 1);
          };
          const auto consume = [&](int& rank) {
            swap(1, 2);
            rank = taken;
            taken = rank + 1;
            slot.store(0, rel);
          };
          if (producer_first)
            threads(
                produce, [&] { consume(r[0]); }, [&] { consume(r[1]); });
          else
            threads([&] { consume(r[0]); }, [&] { consume(r[1]); }, produce);
        };
        expect(program, "01 10", 2, kSomeBlocked);
      },
      kNoYes);
}

// A token that is taken by an exchange and put down by a store; who gets it
// passes it on.
TEST(NumberOfOrdersTest, OfATokensOwners) {
  expect(
      [](registers& r) {
        atomic<int> token{0};
        cell<int> next(0);
        const auto side = [&](int& rank) {
          while (token.exchange(0, acq) == 0) {
          }
          rank = next;
          next = rank + 1;
          token.store(1, rel);
        };
        threads([&] { side(r[0]); }, [&] { side(r[1]); },
                [&] { token.store(1, rel); });
      },
      "01 10", 2, kSomeBlocked);
}

// Nobody passes it on: the second one waits in vain.
TEST(NumberOfOrdersTest, TokenKept) {
  expect_verdict(
      [] {
        atomic<int> token{0};
        const auto side = [&] {
          while (token.exchange(0, acq) == 0) {
          }
        };
        threads(side, side, [&] { token.store(1, rel); });
      },
      verdict::livelock);
}

// --- Locks of loads and stores -----------------------------------------------

// Peterson's, to the end. The waiting threads of the entry that PetersonsEntry
// (store_buffering.cc) explores; leaving takes a release.
std::function<void()> peterson(order flag_store, order turn_store,
                               order flag_load, order turn_load, order leave) {
  return [=] {
    atomic<int> flag[2]{}, turn{0};
    cell<int> count(0);
    const auto side = [&](int me) {
      const int other = 1 - me;
      flag[me].store(1, flag_store);
      turn.store(other, turn_store);
      while (flag[other].load(flag_load) == 1 &&
             turn.load(turn_load) == other) {
      }
      count = count + 1;
      flag[me].store(0, leave);
    };
    threads([&] { side(0); }, [&] { side(1); });
    model::require(count == 2);
  };
}

TEST(LocksOfLoadsAndStoresTest, Peterson) {
  // The second one in waits until the first one's flag is down, so that it has
  // to synchronize with the first one's leaving.
  for_each(
      [](order flag_store, order turn_store, order flag_load, order turn_load,
         order leave) {
        const bool right =
            all_sc(flag_store, turn_store, flag_load) && releases(leave);
        expect_verdict(
            peterson(flag_store, turn_store, flag_load, turn_load, leave),
            right ? verdict::ok : verdict::data_race);
      },
      kStores, kStores, kLoads, kLoads, kStores);
}

// Dekker's. Who sees the other's flag up and is not on turn takes its own down,
// waits for its turn and begins again.
TEST(LocksOfLoadsAndStoresTest, Dekker) {
  for_each(
      [](order flag_store, order flag_load) {
        expect_verdict(
            [=] {
              atomic<int> flag[2]{}, turn{0};
              cell<int> count(0);
              const auto side = [&](int me) {
                const int other = 1 - me;
                flag[me].store(1, flag_store);
                while (flag[other].load(flag_load) == 1) {
                  if (turn.load(rlx) == other) {
                    flag[me].store(0, rlx);
                    while (turn.load(rlx) == other) {
                    }
                    flag[me].store(1, flag_store);
                  }
                }
                count = count + 1;
                turn.store(other, rlx);
                flag[me].store(0, rel);
              };
              threads([&] { side(0); }, [&] { side(1); });
              model::require(count == 2);
            },
            all_sc(flag_store, flag_load) ? verdict::ok : verdict::data_race);
      },
      kStores, kLoads);
}

// Lamport's fast mutex (TOCS 5(1), 1987), for two. Who is alone writes x and y
// and sees nobody; else up[] says who may still be on that fast way. Who finds
// the lock taken begins again, once: the other one locks once.
struct fast_mutex_orders {
  order store_x = sc, load_y = sc, store_y = sc, load_x = sc;
  order wait_up = acq, leave_y = rel, leave_up = rel;
};
std::function<void()> fast_mutex(const fast_mutex_orders& o) {
  return [=] {
    atomic<int> up[3]{}, x{0}, y{0};
    cell<int> count(0);
    const auto side = [&](int me) {
      const int other = 3 - me;
      for (;;) {
        up[me].store(1, rlx);
        x.store(me, o.store_x);
        if (y.load(o.load_y) == 0) {
          y.store(me, o.store_y);
          if (x.load(o.load_x) == me) break;
          up[me].store(0, rlx);
          while (up[other].load(o.wait_up) == 1) {
          }
          if (y.load(rlx) == me) break;
        } else {
          up[me].store(0, rlx);
        }
        while (y.load(rlx) != 0) {
        }
      }
      count = count + 1;
      y.store(0, o.leave_y);
      up[me].store(0, o.leave_up);
    };
    threads([&] { side(1); }, [&] { side(2); });
    model::require(count == 2);
  };
}

// Store buffering of x and y: that each writes one and then reads the other.
TEST(LocksOfLoadsAndStoresTest, LamportsFastMutex) {
  for_each(
      [](order store_x, order load_y, order store_y, order load_x) {
        const bool right = all_sc(store_x, load_y, store_y, load_x);
        expect_verdict(fast_mutex({store_x, load_y, store_y, load_x}),
                       right ? verdict::ok : verdict::data_race);
      },
      kStores, kLoads, kStores, kLoads);
}

// The next one in has seen y put back, or has waited for up[].
TEST(LocksOfLoadsAndStoresTest, LamportsFastMutexLeft) {
  for_each(
      [](order wait_up, order leave_y, order leave_up) {
        const bool right =
            acquires(wait_up) && releases(leave_y) && releases(leave_up);
        expect_verdict(fast_mutex({sc, sc, sc, sc, wait_up, leave_y, leave_up}),
                       right ? verdict::ok : verdict::data_race);
      },
      kLoads, kStores, kStores);
}

}  // namespace
}  // namespace syncxx_test::litmus
