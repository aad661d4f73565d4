// SPDX-License-Identifier: Apache-2.0
//
// Containers outside of a test in which it collects what it has seen. They grow
// in its executions, some of which are cut short, and keep their memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sync/atomic.h>
#include <sync/model/check.h>

#include "tests/model/support/checks.h"
#include "tests/model/support/outcomes.h"

namespace syncxx_test {
namespace {

using syncxx::atomic;
using ::testing::ElementsAre;

constexpr auto rlx = syncxx::memory_order_relaxed;

model::options at_random(std::uint64_t executions) {
  model::options how;
  how.search = model::options::mode::random;
  how.max_executions = executions;
  return how;
}

using pair = outcome;

TEST(Outside, ASetCollectsOutcomes) {
  std::set<pair> seen;
  expect_ok([&] { seen.insert(store_buffering()); });
  EXPECT_EQ(seen, kFour);
  seen.clear();
  const model::result r =
      model::check([&] { seen.insert(store_buffering()); }, at_random(1000));
  EXPECT_STREQ(to_string(r.what), "ok") << r.message;
  EXPECT_EQ(seen, kFour);
}

TEST(Outside, VectorsMapsAndStringsCollectOutcomes) {
  std::vector<pair> list;
  std::map<std::string, std::vector<std::string>> table;
  expect_ok([&] {
    const auto [a, b] = store_buffering();
    list.emplace_back(a, b);
    // (Too long for the objects themselves.)
    table["of the first thread: " + std::to_string(a)].push_back(
        "of the second thread, beside it: " + std::to_string(b));
  });
  EXPECT_EQ(std::set<pair>(list.begin(), list.end()), kFour);
  EXPECT_EQ(list.size(), 4u);
  ASSERT_EQ(table.size(), 2u);
  for (const auto& [key, values] : table) {
    EXPECT_EQ(key.substr(0, 21), "of the first thread: ");
    EXPECT_EQ(values.size(), 2u);
    for (const std::string& v : values)
      EXPECT_EQ(v.substr(0, 33), "of the second thread, beside it: ");
  }
}

// In an object of the heap, and in a static one.
struct collector {
  std::set<pair> seen;
};
collector g_collector;

TEST(Outside, WhereverTheContainerLies) {
  const auto mine = std::make_unique<collector>();
  static std::set<pair> fixed;
  expect_ok([&] {
    const pair p = store_buffering();
    mine->seen.insert(p);
    fixed.insert(p);
    g_collector.seen.insert(p);
  });
  EXPECT_EQ(mine->seen, kFour);
  EXPECT_EQ(fixed, kFour);
  EXPECT_EQ(g_collector.seen, kFour);
}

class OutsideFixture : public ::testing::Test {
 protected:
  std::set<pair> seen_;
};
TEST_F(OutsideFixture, ASetCollectsOutcomes) {
  expect_ok([&] { seen_.insert(store_buffering()); });
  EXPECT_EQ(seen_, kFour);
}

TEST(Outside, SurvivesTheNextCheck) {
  std::set<pair> first, second;
  expect_ok([&] { first.insert(store_buffering()); });
  expect_ok([&] { second.insert(store_buffering()); });
  EXPECT_EQ(first, kFour);
  EXPECT_EQ(second, kFour);
  // What one check has allocated another may delete.
  expect_ok([&] {
    first.clear();
    second.insert(store_buffering());
  });
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(second, kFour);
}

TEST(Outside, OneContainerForTwoChecks) {
  std::set<int> seen;
  const auto collect = [&](int first) {
    expect_ok([&, first] { seen.insert(first + 2 * model::choose(50)); });
  };
  collect(0);
  collect(1);
  collect(0);
  ASSERT_EQ(seen.size(), 100u);
  int expected = 0;
  for (const int n : seen) EXPECT_EQ(n, expected++);
}

// Those that are cut short: after the insertion, by an assumption; in the midst
// of it, where the value is made.
TEST(Outside, ExecutionsAreCutShort) {
  std::multiset<pair> seen;
  const model::result r = model::check([&] {
    const pair p = store_buffering();
    seen.insert(p);
    std::vector<int> unused(10);  // alive at the end as well
    model::assume(p.first == p.second);
  });
  EXPECT_STREQ(to_string(r.what), "ok") << r.message;
  EXPECT_EQ(r.executions, 2u);
  EXPECT_EQ(r.blocked, 2u);
  EXPECT_EQ(std::set<pair>(seen.begin(), seen.end()), kFour);
}

TEST(Outside, AnInsertionIsCutShort) {
  struct outcome {
    explicit outcome(const atomic<int>& x) : value(x) {
      model::assume(value != 1);
      for (int i = 0; i < value; ++i) name += "a name that grows";
    }
    int value;
    std::string name;
    bool operator<(const outcome& other) const { return value < other.value; }
  };
  std::set<outcome> seen;
  std::vector<outcome> list;
  std::set<std::pair<int, int>> both;
  const model::result r = model::check([&] {
    atomic<int> x(0);
    model::thread t([&] {
      x.store(1, rlx);
      x.store(2, rlx);
      x.store(3, rlx);
    });
    const int first = seen.emplace(x).first->value;
    both.emplace(first, list.emplace_back(x).value);
  });
  EXPECT_STREQ(to_string(r.what), "ok") << r.message;
  std::vector<int> values;
  for (const outcome& o : seen) values.push_back(o.value);
  EXPECT_THAT(values, ElementsAre(0, 2, 3));
  // (Some are run again: the two reads look like rounds of a loop.)
  EXPECT_GE(list.size(), r.executions);
  EXPECT_EQ(both.size(), r.executions) << "each ends otherwise";
}

// The first execution that fills it is cut short, and so are many before.
TEST(Outside, GrowsLateInExecutionsThatAreCutShort) {
  std::set<int> seen;
  const model::result r = model::check([&] {
    const auto alive = std::make_unique<std::vector<int>>(4);
    const int n = model::choose(500);
    if (n > 400) seen.insert(n);
    model::assume(false);
  });
  EXPECT_STREQ(to_string(r.what), "ok") << r.message;
  EXPECT_EQ(seen.size(), 99u);
  int expected = 401;
  for (const int n : seen) EXPECT_EQ(n, expected++);
}

// A log of one execution, which keeps its memory: the same test allocates in
// the first one only. What comes afterwards lies where it lay.
TEST(Outside, MemoryIsKeptAndUsedAgain) {
  std::vector<int> log;
  std::set<std::vector<int>> logs;
  expect_ok([&] {
    log.clear();
    const auto n = std::make_unique<atomic<int>>(0);
    {
      model::thread t([&] {
        for (int i = 0; i < 3; ++i) log.push_back(1);
        const auto mine = std::make_unique<atomic<int>>(0);
        mine->fetch_add(n->fetch_add(1), rlx);
        log.push_back(2);
        n->fetch_add(mine->load());
      });
      n->fetch_add(10);
    }
    const auto last = std::make_unique<atomic<int>>(n->load());
    logs.insert({last->load()});
  });
  EXPECT_EQ(log.size(), 4u);
  EXPECT_EQ(logs.size(), 2u);  // 11 + 0, 11 + 10
}

// All of it is there when the check is over, however much.
TEST(Outside, MuchIsKept) {
  std::map<int, std::string> seen;
  expect_ok([&] {
    const int n = model::choose(3000);
    seen[n] = "the string of number " + std::to_string(n);
  });
  ASSERT_EQ(seen.size(), 3000u);
  for (const auto& [n, s] : seen)
    ASSERT_EQ(s, "the string of number " + std::to_string(n));
}

// What only the test itself points to is leaked all the same.
TEST(Outside, LeaksAreStillFound) {
  std::set<pair> seen;
  expect_verdict(model::verdict::leak, [&] {
    const pair p = store_buffering();
    seen.insert(p);
    if (p == pair(0, 0)) {
      int* volatile const lost = new int(1);
      model::require(*lost == 1);
    }
  });
}

// A stale pointer to what has atomics in it keeps nothing.
atomic<int>* g_shared = nullptr;
TEST(Outside, GlobalPointersAreNoOwners) {
  expect_ok([&] {
    g_shared = new atomic<int>(0);
    int seen = 0;
    {
      model::thread t([&] { g_shared->store(1, rlx); });
      seen = g_shared->load(rlx);
    }
    model::assume(seen == 1);
    delete g_shared;
  });
}

}  // namespace
}  // namespace syncxx_test
