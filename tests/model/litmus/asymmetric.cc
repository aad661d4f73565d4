// SPDX-License-Identifier: Apache-2.0
//
// Asymmetric fences (P1202R5). A heavy fence is atomic_thread_fence; a light
// one is that towards heavy ones alone. So where a fence of one kind stands
// instead of a seq_cst one, a psc edge between two fences counts unless one of
// them is light and the other is not heavy.
#include <sync/asymmetric_fence.h>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

enum class kind { none, plain, light, heavy };
constexpr std::array kKinds{kind::none, kind::plain, kind::light, kind::heavy};
constexpr std::array kAsymmetric{kind::light, kind::heavy};

const char* name(kind k) {
  return k == kind::none    ? "none"
         : k == kind::plain ? "plain"
         : k == kind::light ? "light"
                            : "heavy";
}

void fence(kind k, order o) {
  if (k == kind::plain) syncxx::atomic_thread_fence(o);
  if (k == kind::light) syncxx::asymmetric_thread_fence_light(o);
  if (k == kind::heavy) syncxx::asymmetric_thread_fence_heavy(o);
}

constexpr bool full(kind k) { return k == kind::plain || k == kind::heavy; }
// Whether the two order each other.
constexpr bool meet(kind a, kind b) {
  return (full(a) && full(b)) || (a == kind::light && b == kind::heavy) ||
         (a == kind::heavy && b == kind::light);
}

TEST(AsymmetricFenceTest, StoreBuffering) {
  for_each(
      [](kind f0, kind f1) {
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(f0, sc);
                    r[0] = y.load(rlx);
                  },
                  [&] {
                    y.store(1, rlx);
                    fence(f1, sc);
                    r[1] = x.load(rlx);
                  });
            },
            meet(f0, f1) ? all(2) - "00" : all(2), meet(f0, f1) ? 3 : 4);
      },
      kKinds, kKinds);
}

// Only seq_cst fences are in S.
TEST(AsymmetricFenceTest, StoreBufferingWithWeakerFences) {
  for_each(
      [](order light, order heavy) {
        const bool forbidden = all_sc(light, heavy);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(kind::light, light);
                    r[0] = y.load(rlx);
                  },
                  [&] {
                    y.store(1, rlx);
                    fence(kind::heavy, heavy);
                    r[1] = x.load(rlx);
                  });
            },
            forbidden ? all(2) - "00" : all(2), forbidden ? 3 : 4);
      },
      kFences, kFences);
}

// A light fence does not order against seq_cst accesses, a heavy one does.
TEST(AsymmetricFenceTest, StoreBufferingBesideSeqCstAccesses) {
  for_each(
      [](kind k) {
        const bool forbidden = full(k);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(k, sc);
                    r[0] = y.load(rlx);
                  },
                  [&] {
                    y.store(1, sc);
                    r[1] = x.load(sc);
                  });
            },
            forbidden ? all(2) - "00" : all(2), forbidden ? 3 : 4);
      },
      kKinds);
}

// A ring of three. The cycle leads from each fence to the next: it is none
// where two light ones meet.
TEST(AsymmetricFenceTest, StoreBufferingInARing) {
  for_each(
      [](kind f0, kind f1, kind f2) {
        const bool forbidden = meet(f0, f1) && meet(f1, f2) && meet(f2, f0);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0}, z{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(f0, sc);
                    r[0] = y.load(rlx);
                  },
                  [&] {
                    y.store(1, rlx);
                    fence(f1, sc);
                    r[1] = z.load(rlx);
                  },
                  [&] {
                    z.store(1, rlx);
                    fence(f2, sc);
                    r[2] = x.load(rlx);
                  });
            },
            forbidden ? all(3) - "000" : all(3), forbidden ? 7 : 8);
      },
      kKinds, kKinds, kKinds);
}

// A ring of four in which light and heavy fences alternate.
TEST(AsymmetricFenceTest, StoreBufferingInARingOfFour) {
  for_each(
      [](kind last) {
        const bool forbidden = last == kind::heavy;
        expect(
            [=](registers& r) {
              atomic<int> x[4]{};
              const auto turn = [&](std::size_t i, kind k) {
                x[i].store(1, rlx);
                fence(k, sc);
                r[i] = x[(i + 1) % 4].load(rlx);
              };
              threads([&] { turn(0, kind::light); },
                      [&] { turn(1, kind::heavy); },
                      [&] { turn(2, kind::light); }, [&] { turn(3, last); });
            },
            forbidden ? all(4) - "0000" : all(4), forbidden ? 15 : 16);
      },
      kAsymmetric);
}

// Message passing. A release fence and an acquire fence that meet synchronize.
TEST(AsymmetricFenceTest, MessagePassing) {
  for_each(
      [](kind f0, order o0, kind f1, order o1) {
        const bool synchronizes = meet(f0, f1) && releases(o0) && acquires(o1);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(f0, o0);
                    y.store(1, rlx);
                  },
                  [&] {
                    r[0] = y.load(rlx);
                    fence(f1, o1);
                    r[1] = x.load(rlx);
                  });
            },
            synchronizes ? all(2) - "10" : all(2), synchronizes ? 3 : 4);
      },
      kKinds, kFences, kKinds, kFences);
}

// The same with an access in place of one of the fences: a light fence alone is
// nothing to it.
TEST(AsymmetricFenceTest, MessagePassingToOrFromAnAccess) {
  for_each(
      [](kind f, bool fence_first) {
        const bool synchronizes = full(f);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    if (fence_first) fence(f, rel);
                    y.store(1, fence_first ? rlx : rel);
                  },
                  [&] {
                    r[0] = y.load(fence_first ? acq : rlx);
                    if (!fence_first) fence(f, acq);
                    r[1] = x.load(rlx);
                  });
            },
            synchronizes ? all(2) - "10" : all(2), synchronizes ? 3 : 4);
      },
      kKinds, kNoYes);
}

// Plain data, handed over by fences.
TEST(AsymmetricFenceTest, MessagePassingOfACell) {
  for_each(
      [](kind f0, kind f1) {
        expect_verdict(
            [=] {
              atomic<int> ready{0};
              cell<int> message(0);
              threads(
                  [&] {
                    message = 1;
                    fence(f0, rel);
                    ready.store(1, rlx);
                  },
                  [&] {
                    if (ready.load(rlx) == 0) return;
                    fence(f1, acq);
                    model::require(message == 1, "handed over");
                  });
            },
            meet(f0, f1) ? verdict::ok : verdict::data_race);
      },
      kKinds, kKinds);
}

// What comes before a fence in happens-before comes with it: thread 0's light
// fence, a heavy one behind it in the same thread, any acquire.
TEST(AsymmetricFenceTest, ALightFenceHandsOverThroughAHeavyOneOnly) {
  for_each(
      [](bool heavy_between) {
        expect_verdict(
            [=] {
              atomic<int> ready{0}, go{0};
              cell<int> message(0);
              threads(
                  [&] {
                    message = 1;
                    fence(kind::light, rel);
                    ready.store(1, rlx);
                  },
                  [&] {
                    if (ready.load(rlx) == 0) return;
                    fence(heavy_between ? kind::heavy : kind::plain, acq);
                    go.store(1, rel);
                  },
                  [&] {
                    if (go.load(acq) == 0) return;
                    model::require(message == 1, "handed over");
                  });
            },
            heavy_between ? verdict::ok : verdict::data_race);
      },
      kNoYes);
}

// An update in between continues the release sequence that the store would
// head, a store does not.
TEST(AsymmetricFenceTest, ReleaseSequence) {
  for_each(
      [](kind f0, kind f1, bool update) {
        const bool synchronizes = update && meet(f0, f1);
        expect_verdict(
            [=] {
              atomic<int> ready{0};
              cell<int> message(0);
              threads(
                  [&] {
                    message = 1;
                    fence(f0, rel);
                    ready.store(1, rlx);
                  },
                  [&] {
                    if (update)
                      ready.fetch_add(2, rlx);
                    else if (ready.load(rlx) == 1)
                      ready.store(3, rlx);
                  },
                  [&] {
                    if (ready.load(rlx) != 3) return;
                    fence(f1, acq);
                    model::require(message == 1, "handed over");
                  });
            },
            synchronizes ? verdict::ok : verdict::data_race);
      },
      kAsymmetric, kAsymmetric, kNoYes);
}

// Independent reads of independent writes.
TEST(AsymmetricFenceTest, Iriw) {
  for_each(
      [](kind f0, kind f1) {
        const bool forbidden = meet(f0, f1);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads([&] { x.store(1, rlx); }, [&] { y.store(1, rlx); },
                      [&] {
                        r[0] = x.load(rlx);
                        fence(f0, sc);
                        r[1] = y.load(rlx);
                      },
                      [&] {
                        r[2] = y.load(rlx);
                        fence(f1, sc);
                        r[3] = x.load(rlx);
                      });
            },
            forbidden ? all(4) - "1010" : all(4), forbidden ? 15 : 16);
      },
      kKinds, kKinds);
}

// A write, seen by another thread: RWC.
TEST(AsymmetricFenceTest, ReadToWriteCausality) {
  for_each(
      [](kind f1, kind f2) {
        const bool forbidden = meet(f1, f2);
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads([&] { x.store(1, rlx); },
                      [&] {
                        r[0] = x.load(rlx);
                        fence(f1, sc);
                        r[1] = y.load(rlx);
                      },
                      [&] {
                        y.store(1, rlx);
                        fence(f2, sc);
                        r[2] = x.load(rlx);
                      });
            },
            forbidden ? all(3) - "100" : all(3), forbidden ? 7 : 8);
      },
      kKinds, kKinds);
}

// R: the cycle leads through co. y is 2 in the end where thread 1 wrote last.
TEST(AsymmetricFenceTest, R) {
  for_each(
      [](kind f0, kind f1) {
        const bool forbidden = meet(f0, f1);
        const outcomes any("10 11 20 21");
        expect(
            [=](registers& r) {
              atomic<int> x{0}, y{0};
              threads(
                  [&] {
                    x.store(1, rlx);
                    fence(f0, sc);
                    y.store(1, rlx);
                  },
                  [&] {
                    y.store(2, rlx);
                    fence(f1, sc);
                    r[1] = x.load(rlx);
                  });
              r[0] = y.load(rlx);
            },
            forbidden ? any - "20" : any, forbidden ? 3 : 4);
      },
      kKinds, kKinds);
}

// Two light fences do not meet by way of a heavy one that another thread runs
// at some time: it would have to be in the cycle.
TEST(AsymmetricFenceTest, AHeavyFenceElsewhereIsNoHelp) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              x.store(1, rlx);
              fence(kind::light, sc);
              r[0] = y.load(rlx);
            },
            [&] {
              y.store(1, rlx);
              fence(kind::light, sc);
              r[1] = x.load(rlx);
            },
            [] { fence(kind::heavy, sc); });
      },
      all(2), 4);
}

// A lock biased towards its reader: who announces itself and still finds the
// bias may read; who has taken the bias away waits until nobody is announced.
TEST(AsymmetricFenceTest, BiasedReader) {
  for_each(
      [](kind reader, kind writer) {
        expect_verdict(
            [=] {
              atomic<int> biased{1}, reading{0};
              cell<int> data(0);
              threads(
                  [&] {
                    reading.store(1, rlx);
                    fence(reader, sc);
                    if (biased.load(rlx) != 0) static_cast<void>(data.get());
                    reading.store(0, rel);
                  },
                  [&] {
                    biased.store(0, rlx);
                    fence(writer, sc);
                    while (reading.load(acq) != 0) {
                    }
                    data = 1;
                  });
            },
            meet(reader, writer) ? verdict::ok : verdict::data_race);
      },
      kKinds, kKinds);
}

}  // namespace
}  // namespace syncxx_test::litmus
