// SPDX-License-Identifier: Apache-2.0
//
// Small algorithms whose needs are known: with the right orders all is well,
// and one that is too weak lets a data race in.
#include <sync/mutex.h>

#include <optional>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

verdict ok_if(bool right) { return right ? verdict::ok : verdict::data_race; }

// --- Counters ----------------------------------------------------------------

std::uint64_t factorial(std::uint64_t n) {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

// `add` in n threads; the sum is n.
template <class Add>
model::result count(int n, const Add& add) {
  return expect_verdict(
      [&] {
        atomic<int> x{0};
        {
          std::vector<model::thread> all;
          for (int i = 0; i < n; ++i) all.emplace_back([&] { add(x); });
        }
        model::require(x.load(rlx) == n, "none is lost");
      },
      verdict::ok);
}

// The failed exchange gives the value for the next one. The k-th to succeed
// (from 0) has first loaded one of the values 0 to k, and met those behind it
// in exchanges that failed, or left some of them out: all subsets of the values
// before k, the last exchange reading k. So 2^k ways for it, and
// n! 2^(0 + 1 + … + (n - 1)).
TEST(AlgorithmsTest, CounterThatGoesOnWithWhatItHasSeen) {
  for_each(
      [](bool weak) {
        for (int n = 2; n <= 4; ++n) {
          const model::result r = count(n, [=](atomic<int>& x) {
            int seen = x.load(rlx);
            while (!(weak ? x.compare_exchange_weak(seen, seen + 1, rlx)
                          : x.compare_exchange_strong(seen, seen + 1, rlx))) {
            }
          });
          EXPECT_EQ(r.executions, factorial(static_cast<unsigned>(n))
                                      << (n * (n - 1) / 2));
        }
      },
      kNoYes);
}

// It begins with 0, without a load. The k-th meets a subset of the values from
// 1 to k - 1, and then k; the first and the second have no choice.
TEST(AlgorithmsTest, CounterThatGuessesFirst) {
  for (int n = 2; n <= 4; ++n) {
    const model::result r = count(n, [](atomic<int>& x) {
      int seen = 0;
      while (!x.compare_exchange_strong(seen, seen + 1, rlx)) {
      }
    });
    EXPECT_EQ(r.executions, factorial(static_cast<unsigned>(n))
                                << ((n - 1) * (n - 2) / 2));
  }
}

// It loads again after each failure: a round that fails leads back to where it
// began, so that only the last one counts, in which both read the same write.
TEST(AlgorithmsTest, CounterThatLoadsAgain) {
  for_each(
      [](bool weak) {
        for (int n = 2; n <= 4; ++n) {
          const model::result r = count(n, [=](atomic<int>& x) {
            for (;;) {
              int seen = x.load(rlx);
              if (weak ? x.compare_exchange_weak(seen, seen + 1, rlx)
                       : x.compare_exchange_strong(seen, seen + 1, rlx))
                break;
            }
          });
          EXPECT_EQ(r.executions, factorial(static_cast<unsigned>(n))) << n;
        }
      },
      kNoYes);
}

// --- Locks -------------------------------------------------------------------

// The order of the tickets' counter has no part in it: it is drawn before.
TEST(AlgorithmsTest, TicketLock) {
  for_each(
      [](order draw, order look, order pass) {
        const model::result r = expect_verdict(
            [=] {
              atomic<int> next{0}, serving{0};
              cell<int> sum(0);
              const auto side = [&] {
                const int mine = next.fetch_add(1, draw);
                while (serving.load(look) != mine) {
                }
                sum = sum + 1;
                serving.store(mine + 1, pass);
              };
              threads(side, side);
              model::require(sum == 2);
            },
            ok_if(acquires(look) && releases(pass)));
        // Who draws first.
        if (r) {
          EXPECT_EQ(r.executions, 2u);
        }
      },
      kUpdates, kLoads, kStores);
}

// Each waits for the flag of the one before it.
TEST(AlgorithmsTest, QueueLock) {
  for_each(
      [](order join, order look, order pass) {
        const model::result r = expect_verdict(
            [=] {
              atomic<int> tail{0};
              atomic<int> locked[3]{0, 1, 1};  // 0: nobody's
              cell<int> sum(0);
              const auto side = [&](int me) {
                const int before = tail.exchange(me, join);
                while (locked[before].load(look) == 1) {
                }
                sum = sum + 1;
                locked[me].store(0, pass);
              };
              threads([&] { side(1); }, [&] { side(2); });
              model::require(sum == 2);
            },
            ok_if(acquires(look) && releases(pass)));
        // Who comes first.
        if (r) {
          EXPECT_EQ(r.executions, 2u);
        }
      },
      kUpdates, kLoads, kStores);
}

// Lamport's bakery for two. As in Dekker's algorithm each writes (that it is
// choosing, its number) and then reads the other's: with weaker orders both may
// see nobody there.
TEST(AlgorithmsTest, Bakery) {
  for_each(
      [](order store, order load) {
        expect_verdict(
            [=] {
              atomic<int> choosing[2]{}, number[2]{};
              cell<int> sum(0);
              const auto side = [&](int me) {
                const int other = 1 - me;
                choosing[me].store(1, store);
                const int mine = 1 + number[other].load(load);
                number[me].store(mine, store);
                choosing[me].store(0, store);
                while (choosing[other].load(load) == 1) {
                }
                for (;;) {
                  const int theirs = number[other].load(load);
                  if (theirs == 0 || theirs > mine ||
                      (theirs == mine && other > me))
                    break;
                }
                sum = sum + 1;
                number[me].store(0, rel);
              };
              threads([&] { side(0); }, [&] { side(1); });
              model::require(sum == 2);
            },
            ok_if(all_sc(store, load)));
      },
      kStores, kLoads);
}

// --- Publication -------------------------------------------------------------

struct thing {
  cell<int> value{42};
};

// Double-checked locking: made once, and seen as made. The look without the
// lock needs the acquire, the store within it the release.
TEST(AlgorithmsTest, DoubleCheckedLocking) {
  for_each(
      [](order look, order publish) {
        expect_verdict(
            [=] {
              syncxx::mutex m;
              atomic<thing*> made{nullptr};
              cell<int> times(0);
              const auto use = [&] {
                thing* it = made.load(look);
                if (it == nullptr) {
                  m.lock();
                  it = made.load(rlx);
                  if (it == nullptr) {
                    times = times + 1;
                    it = new thing;
                    made.store(it, publish);
                  }
                  m.unlock();
                }
                model::require(it->value == 42);
              };
              threads(use, use);
              model::require(times == 1, "made once");
              delete made.load(rlx);
            },
            ok_if(acquires(look) && releases(publish)));
      },
      kLoads, kStores);
}

// Without the second look it is made twice.
TEST(AlgorithmsTest, DoubleCheckedLockingCheckedOnce) {
  const model::result r = expect_verdict(
      [] {
        syncxx::mutex m;
        atomic<int> made{0};
        cell<int> times(0);
        const auto use = [&] {
          if (made.load(acq) != 0) return;
          m.lock();
          times = times + 1;
          made.store(1, rel);
          m.unlock();
        };
        threads(use, use);
        model::require(times == 1, "made once");
      },
      verdict::assertion_failed);
  EXPECT_NE(r.message.find("made once"), std::string::npos) << r.message;
}

// A queue of one writer and one reader, in a ring of two: indices that only one
// of them writes. What is read is what was written, in that order.
TEST(AlgorithmsTest, RingOfOneWriterAndOneReader) {
  for_each(
      [](order publish, order see, order give_back, order get_back) {
        const bool right = releases(publish) && acquires(see) &&
                           releases(give_back) && acquires(get_back);
        expect_verdict(
            [=] {
              cell<int> slots[1]{{0}};
              atomic<int> written{0}, read{0};
              threads(
                  [&] {
                    for (int i = 0; i < 2; ++i) {
                      while (i - read.load(get_back) == 1) {
                      }
                      slots[0] = i + 7;
                      written.store(i + 1, publish);
                    }
                  },
                  [&] {
                    for (int i = 0; i < 2; ++i) {
                      while (written.load(see) == i) {
                      }
                      model::require(slots[0] == i + 7, "in order");
                      read.store(i + 1, give_back);
                    }
                  });
            },
            ok_if(right));
      },
      kStores, kLoads, kStores, kLoads);
}

// A stack of nodes from the heap. Both push; then one of them takes all and
// looks into the nodes.
TEST(AlgorithmsTest, StackTakenAsAWhole) {
  struct node {
    cell<int> value;
    node* next = nullptr;
  };
  for_each(
      [](order push_order, order take_order) {
        expect_verdict(
            [=] {
              atomic<node*> head{nullptr};
              const auto push = [&](int value) {
                auto* const mine = new node{value};
                mine->next = head.load(rlx);
                while (!head.compare_exchange_strong(mine->next, mine,
                                                     push_order, rlx)) {
                }
              };
              const auto take = [&](int& total) {
                for (node* n = head.exchange(nullptr, take_order);
                     n != nullptr;) {
                  node* const gone = n;
                  total += n->value;
                  n = n->next;
                  delete gone;
                }
              };
              int early = 0, late = 0;
              threads([&] { push(1); },
                      [&] {
                        push(2);
                        take(early);
                      });
              take(late);
              model::require(early + late == 3 && early >= 2);
            },
            ok_if(releases(push_order) && acquires(take_order)));
      },
      kUpdates, kUpdates);
}

}  // namespace
}  // namespace syncxx_test::litmus
