// SPDX-License-Identifier: Apache-2.0
//
// Random mode, replay strings, the preemption bound, and the shortest failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <sync/asymmetric_fence.h>
#include <sync/atomic.h>
#include <sync/condition_variable.h>
#include <sync/model/check.h>
#include <sync/mutex.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using syncxx::atomic;
using syncxx::cell;
using syncxx::memory_order;

constexpr memory_order rlx = syncxx::memory_order_relaxed;
constexpr memory_order sc = syncxx::memory_order_seq_cst;

model::options at_random(std::uint64_t executions, std::uint64_t seed = 1) {
  model::options o;
  o.search = model::options::mode::random;
  o.max_executions = executions;
  o.seed = seed;
  return o;
}

void store_buffering(memory_order order) {
  atomic<int> x{0}, y{0};
  int a = 0, b = 0;
  model::thread t([&] {
    x.store(1, order);
    a = y.load(order);
  });
  model::thread u([&] {
    y.store(1, order);
    b = x.load(order);
  });
  t.join();
  u.join();
  model::require(a + b != 0, "one sees the other");
}

void lost_update() {
  atomic<int> n{0};
  const auto add = [&] { n.store(n.load() + 1); };
  { model::thread a(add), b(add); }
  model::require(n.load() == 2, "both count");
}

void deadlock() {
  syncxx::mutex a, b;
  const auto both = [](syncxx::mutex& first, syncxx::mutex& second) {
    first.lock();
    second.lock();
    second.unlock();
    first.unlock();
  };
  model::thread t([&] { both(a, b); });
  both(b, a);
}

void waiting_in_vain() {
  atomic<int> flag{0};
  model::thread t([&] {
    while (flag.load() == 0) {
    }
  });
  flag.store(0);
}

void data_race() {
  atomic<bool> ready{false};
  cell<int> message(0);
  model::thread t([&] {
    message = 42;
    ready.store(true, rlx);
  });
  if (ready.load(rlx)) model::require(message == 42);
}

struct failing {
  const char* name;
  void (*test)();
  model::verdict what;
};
const failing kFailing[] = {
    {"StoreBuffering", [] { store_buffering(rlx); },
     model::verdict::assertion_failed},
    {"LostUpdate", lost_update, model::verdict::assertion_failed},
    {"Deadlock", deadlock, model::verdict::deadlock},
    {"WaitingInVain", waiting_in_vain, model::verdict::livelock},
    {"DataRace", data_race, model::verdict::data_race},
};

class SearchModel : public ::testing::TestWithParam<failing> {};

// Both searches find it, and what they find can be run again.
TEST_P(SearchModel, IsFoundAndReplayed) {
  for (const bool random : {false, true}) {
    const model::result r = model::check(
        GetParam().test, random ? at_random(10'000) : model::options());
    EXPECT_STREQ(to_string(r.what), to_string(GetParam().what)) << r.message;
    EXPECT_NE(r.timeline, "");
    ASSERT_NE(r.replay, "");
    model::options again;
    again.replay = r.replay;
    const model::result replayed = model::check(GetParam().test, again);
    EXPECT_STREQ(to_string(replayed.what), to_string(r.what)) << r.replay;
    EXPECT_EQ(replayed.executions, r.what == model::verdict::leak ? 1u : 0u);
    EXPECT_EQ(replayed.replay, r.replay);
  }
}

INSTANTIATE_TEST_SUITE_P(Failures, SearchModel, ::testing::ValuesIn(kFailing),
                         [](const auto& each) { return each.param.name; });

TEST(RandomSearch, RunsAsManyAsIsSaid) {
  const auto test = [] { store_buffering(sc); };
  EXPECT_EQ(model::check(test, at_random(123)).executions, 123u);
  EXPECT_EQ(model::check(test, at_random(0)).executions, 10'000u);
}

TEST(RandomSearch, DependsOnTheSeedAlone) {
  const auto outcomes = [](std::uint64_t seed) {
    std::vector<int> out;
    const auto test = [&out] {
      atomic<int> x{0};
      model::thread t([&] { x.store(1, rlx); });
      model::thread u([&] { x.store(2, rlx); });
      out.push_back(x.load(rlx) + model::choose(3) * 10);
    };
    out.reserve(1000);
    EXPECT_TRUE(model::check(test, at_random(200, seed)));
    return out;
  };
  const std::vector<int> first = outcomes(7);
  EXPECT_EQ(outcomes(7), first);
  EXPECT_NE(outcomes(8), first);
}

// Stale reads, writes that come late in co, spurious failures: all outcomes of
// the memory model, and no others.
TEST(RandomSearch, SeesEveryOutcome) {
  std::vector<int> seen(64, 0);
  const auto test = [&seen] {
    atomic<int> x{0}, y{0};
    int r[4] = {};
    {
      model::thread t([&] {
        x.store(1, rlx);
        y.store(2, rlx);
        r[0] = x.load(rlx);
      });
      model::thread u([&] {
        y.store(1, rlx);
        x.store(2, rlx);
        r[1] = y.load(rlx);
      });
    }
    r[2] = x.load(rlx);
    r[3] = y.load(rlx);
    ++seen[static_cast<std::size_t>((r[2] - 1) * 8 + (r[3] - 1) * 4 +
                                    (r[0] - 1) * 2 + (r[1] - 1))];
  };
  EXPECT_TRUE(model::check(test, at_random(20'000)));
  const std::vector<int> sampled = seen;
  std::fill(seen.begin(), seen.end(), 0);
  EXPECT_TRUE(model::check(test));
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_EQ(sampled[i] != 0, seen[i] != 0) << i;
}

// Sequential consistency holds in random mode as well.
TEST(RandomSearch, KeepsToTheModel) {
  EXPECT_TRUE(model::check([] { store_buffering(sc); }, at_random(20'000)));
}

// Asymmetric fences order at random what they order for good.
TEST(RandomSearch, OrdersAsymmetricFences) {
  using fence = void (*)(memory_order, const model::engine::source&);
  const fence heavy = [](memory_order o, const auto& at) {
    syncxx::asymmetric_thread_fence_heavy(o, at);
  };
  const fence light = [](memory_order o, const auto& at) {
    syncxx::asymmetric_thread_fence_light(o, at);
  };
  const auto here = model::engine::source::current();
  for (const fence f : {heavy, light}) {
    for (const fence g : {heavy, light}) {
      bool both_old = false;
      const auto store_buffering = [&] {
        atomic<int> x{0}, y{0};
        int a = 0;
        model::thread t([&] {
          x.store(1, rlx);
          f(sc, here);
          a = y.load(rlx);
        });
        y.store(1, rlx);
        g(sc, here);
        const int b = x.load(rlx);
        t.join();
        both_old |= a == 0 && b == 0;
      };
      EXPECT_TRUE(model::check(store_buffering, at_random(20'000)));
      EXPECT_EQ(both_old, f == light && g == light);
      // By way of another's update, too.
      const auto message_passing = [&] {
        cell<int> message(0);
        atomic<int> flag{0};
        model::thread t([&] {
          message = 1;
          f(syncxx::memory_order_release, here);
          flag.store(1, rlx);
        });
        model::thread u([&] { flag.fetch_add(1, rlx); });
        if (flag.load(rlx) == 2) {
          g(syncxx::memory_order_acquire, here);
          model::require(message == 1, "it has come");
        }
      };
      const model::result r = model::check(message_passing, at_random(20'000));
      EXPECT_STREQ(to_string(r.what),
                   f == light && g == light ? "data_race" : "ok");
    }
  }
}

// Loops that confirm have all their rounds at random: they come to an end, and
// what is wrong with them is found in both ways.
TEST(RandomSearch, GoesRoundWhereOthersConfirm) {
  const auto count = [](memory_order order) {
    return [=] {
      atomic<int> word{0};
      cell<int> message(0);
      const auto add = [&](int n) {
        int seen = 0;
        do {
          seen = word.load(rlx);
        } while (!syncxx::detail::confirm(word, seen, seen + n, order));
        return seen;
      };
      {
        model::thread t([&] {
          message = 1;
          add(10);
        });
        model::thread u([&] { add(1); });
        if (add(1) >= 10) model::require(message == 1, "it has come");
      }
      model::require(word.load(rlx) == 12, "all have counted");
    };
  };
  const auto right = count(syncxx::memory_order_acq_rel);
  const auto wrong = count(rlx);
  for (const model::options& how : {model::options(), at_random(10'000)}) {
    const model::result r = model::check(right, how);
    EXPECT_STREQ(to_string(r.what), "ok") << r.message;
    EXPECT_EQ(r.blocked, 0u);
    EXPECT_STREQ(to_string(model::check(wrong, how).what), "data_race");
  }
  EXPECT_EQ(model::check(right, at_random(10'000)).executions, 10'000u);
}

// A bug of depth 3 among threads enough to make exhausting it hopeless: two
// threads have to stop at the right places, and a third to come in between.
TEST(RandomSearch, FindsWhatIsTooBigToExhaust) {
  const auto test = [] {
    atomic<int> step{0}, noise{0};
    std::vector<model::thread> crew;
    for (int i = 0; i < 4; ++i)
      crew.emplace_back([&] {
        for (int n = 0; n < 5; ++n) noise.fetch_add(1, rlx);
      });
    crew.emplace_back([&] {
      if (step.load() == 0) step.store(1);
      noise.fetch_add(1, rlx);
      if (step.load() == 2) step.store(3);
    });
    crew.emplace_back([&] {
      if (step.load() == 1) {
        noise.fetch_add(1, rlx);
        step.store(2);
      }
    });
    crew.clear();
    model::require(step.load() != 3, "nobody gets that far");
  };
  const model::result r = model::check(test, at_random(20'000));
  EXPECT_STREQ(to_string(r.what), "assertion_failed");
}

TEST(RandomSearch, RunsThePrimitives) {
  const auto test = [] {
    syncxx::mutex m;
    syncxx::condition_variable_any ready;
    bool go = false;
    cell<int> through(0);
    const auto wait = [&] {
      m.lock();
      while (!go) ready.wait(m);
      through = through + 1;
      m.unlock();
    };
    {
      model::thread a(wait), b(wait), c(wait);
      m.lock();
      go = true;
      m.unlock();
      ready.notify_all();
    }
    model::require(through == 3, "all get through");
  };
  const model::result r = model::check(test, at_random(2'000));
  EXPECT_STREQ(to_string(r.what), "ok") << r.message;
  EXPECT_EQ(r.executions, 2'000u);
}

// --- Bounds and strings ------------------------------------------------------

TEST(PreemptionBound, LeavesOutWhatNeedsMore) {
  model::options o;
  o.preemption_bound = 0;
  const model::result none = model::check(lost_update, o);
  EXPECT_STREQ(to_string(none.what), "ok");
  EXPECT_EQ(none.executions, 2u);  // one thread after the other
  o.preemption_bound = 1;
  EXPECT_STREQ(to_string(model::check(lost_update, o).what),
               "assertion_failed");
}

TEST(PreemptionBound, DoesNotCountWaiting) {
  model::options o;
  o.preemption_bound = 0;
  const auto test = [] {
    syncxx::mutex m;
    cell<int> n(0);
    const auto add = [&] {
      m.lock();
      n = n + 1;
      m.unlock();
    };
    model::thread t(add), u(add);
  };
  const model::result r = model::check(test, o);
  EXPECT_STREQ(to_string(r.what), "ok");
  EXPECT_EQ(r.executions, 2u);
  EXPECT_LT(r.executions, model::check(test).executions);
}

TEST(MaxExecutions, IsABound) {
  model::options o;
  o.max_executions = 3;
  const model::result r = model::check([] { store_buffering(sc); }, o);
  EXPECT_STREQ(to_string(r.what), "bound_reached");
  EXPECT_EQ(r.executions + r.blocked, 3u);
}

TEST(Replay, ComplainsOfAStringThatDoesNotFit) {
  model::options o;
  for (const char* wrong : {"hello", "1 0", "1 0z3", "1 x+1", "2 0+1"}) {
    o.replay = wrong;
    const model::result r = model::check(lost_update, o);
    EXPECT_STREQ(to_string(r.what), "misuse") << wrong;
    EXPECT_NE(r.message.find(wrong), std::string::npos) << r.message;
  }
  o.replay = "1 7+3";
  EXPECT_STREQ(to_string(model::check(lost_update, o).what), "misuse");
}

// What the failing thread does not depend on is left out, and so is the detour
// that the search took.
TEST(Counterexample, IsShort) {
  const auto test = [] {
    atomic<int> x{0}, noise{0};
    model::thread a([&] {
      for (int i = 0; i < 3; ++i) noise.fetch_add(1, rlx);
    });
    model::thread b([&] { x.store(1, rlx); });
    model::require(x.load(rlx) == 0, "nothing has happened");
  };
  const model::result r = model::check(test, at_random(1'000));
  EXPECT_STREQ(to_string(r.what), "assertion_failed");
  EXPECT_EQ(r.timeline.find("noise"), std::string::npos) << r.timeline;
}

}  // namespace
}  // namespace syncxx_test
