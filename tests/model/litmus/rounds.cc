// SPDX-License-Identifier: Apache-2.0
//
// Loops that go round a number of times, and look at what others write. Here a
// look that only goes round is an execution of its own: the next round is
// another state. (Loops that wait: waiting.cc.)
#include <memory>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// n looks at the most: it gives up, or sees the flag at one of them.
TEST(RoundsTest, GivesUp) {
  for (const int looks : {1, 2, 3, 7, 20, 70}) {
    expect(
        [=](registers& r) {
          atomic<int> flag{0};
          threads([&] { flag.store(1, rlx); },
                  [&] {
                    r[0] = 0;
                    for (int i = 0; i < looks; ++i) {
                      if (flag.load(rlx) == 1) {
                        r[0] = 1;
                        break;
                      }
                    }
                  });
        },
        "0 1", static_cast<std::uint64_t>(looks) + 1);
  }
}

// After that it waits, on the same flag: looks in vain, then the wait. Or it
// goes another way, and comes back to look at the flag.
TEST(RoundsTest, GivesUpAndWaits) {
  expect(
      [](registers& r) {
        atomic<int> flag{0};
        threads([&] { flag.store(1, rlx); },
                [&] {
                  r[0] = 0;
                  for (int i = 0; i < 3 && flag.load(rlx) == 0; ++i) ++r[0];
                  while (flag.load(rlx) == 0) {
                  }
                });
      },
      "0 1 2 3", 4);
}

// Tries for a lock: the other thread has it, or not, and gives it back.
TEST(RoundsTest, TriesThreeTimes) {
  expect_outcomes(
      [](registers& r) {
        atomic<int> lock{0};
        cell<int> count(0);
        threads(
            [&] {
              while (lock.exchange(1, acq) != 0) {
              }
              count = count + 1;
              lock.store(0, rel);
            },
            [&] {
              for (int i = 0; i < 3; ++i) {
                if (lock.exchange(1, acq) != 0) continue;
                count = count + 1;
                lock.store(0, rel);
                return;
              }
            });
        r[0] = count;
      },
      "1 2");
}

// Counts the rounds of a loop that sees another value each time.
TEST(RoundsTest, RoundsWithNews) {
  // Looks until 3; sees the values in between, or leaves some of them out.
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              x.store(1, rlx);
              x.store(2, rlx);
              x.store(3, rlx);
            },
            [&] {
              r[0] = 0;
              int last = 0;
              while (last != 3) {
                int now;
                while ((now = x.load(rlx)) == last) {
                }
                last = now;
                ++r[0];
              }
            });
      },
      "1 2 3", 4);
}

// A function that looks: one place in the code for all the looks. What the
// first one sees stays known; only the loop behind it waits.
[[gnu::noinline]] int look(const atomic<int>& x) { return x.load(rlx); }

TEST(RoundsTest, ForAChange) {
  // r[0]: what is seen first, r[1]: what then is something else.
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              x.store(1, rlx);
              x.store(2, rlx);
            },
            [&] {
              const int first = look(x);
              r[0] = first;
              if (first == 2) return;
              int now;
              while ((now = look(x)) == first) {
              }
              r[1] = now;
            });
      },
      "01 02 12 2-", 4);
}

TEST(RoundsTest, ForTheFlagAgain) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads([&] { x.store(1, rlx); },
                [&] {
                  r[0] = look(x);
                  while (look(x) == 0) {
                  }
                });
      },
      "0 1", 2);
}

// Three looks, whatever they see, and then the wait.
TEST(RoundsTest, LooksThreeTimesAndWaits) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              for (int i = 0; i < 3; ++i) r[i] = look(x);
              while (look(x) != 2) {
              }
            },
            [&] {
              x.store(1, rlx);
              x.store(2, rlx);
            });
      },
      "000 001 002 011 012 022 111 112 122 222", 10);
}

// It waits for what is neither 0 nor 4. The same reads without a loop, but
// where it would go round again, give what is to be seen.
TEST(RoundsTest, SeesFourBeforeIt) {
  const auto program = [](registers& r, bool loops) {
    atomic<int> x{0};
    threads([&] { x.store(3, rlx); },
            [&] {
              r[0] = look(x);
              int now = look(x);
              while (loops && (now == 0 || now == 4)) now = look(x);
              model::assume(now != 0 && now != 4);
              r[1] = now;
            },
            [&] {
              x.store(4, rlx);
              r[2] = look(x);
              x.store(2, rlx);
            });
  };
  recorder seen, allowed;
  const auto check = [&program](recorder& all, bool loops) {
    return run([&all, &program, loops] {
      registers r;
      program(r, loops);
      all.add(r);
    });
  };
  const model::result waits = check(seen, true);
  const model::result assumes = check(allowed, false);
  EXPECT_STREQ(to_string(waits.what), "ok") << waits.message;
  EXPECT_EQ(seen.words(3), allowed.words(3));
  EXPECT_EQ(waits.executions, assumes.executions);
}

// That it has waited is remembered: in a register, in the frame of the thread
// that has started it, on the heap, and outside of the test.
TEST(RoundsTest, RemembersThatItHasWaited) {
  const auto see = [](registers& r, bool& flag, int& result) {
    atomic<int> x{0};
    threads([&] { x.store(1, rlx); },
            [&] {
              bool waited = false;
              while (x.load(rlx) == 0) flag = waited = true;
              r[0] = waited ? 1 : 0;
            });
    result = flag ? 1 : 0;
  };
  expect(
      [&](registers& r) {
        bool flag = false;
        see(r, flag, r[1]);
      },
      "00 11", 2);
  expect(
      [&](registers& r) {
        const auto flag = std::make_unique<bool>(false);
        see(r, *flag, r[1]);
      },
      "00 11", 2);
  bool outside = false;
  expect(
      [&](registers& r) {
        outside = false;
        see(r, outside, r[1]);
      },
      "00 11", 2);
}

}  // namespace
}  // namespace syncxx_test::litmus
