// SPDX-License-Identifier: Apache-2.0
//
// The checker against the oracle: for random programs both must find the same
// number of executions and the same outcomes, and the checker each once.
//
// SYNCXX_MODEL_SEEDS=FIRST:COUNT tries others than the usual seeds.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <vector>

#include <sync/atomic.h>
#include <sync/model/check.h>

#include "tests/model/oracle/axioms.h"
#include "tests/model/oracle/random_program.h"

namespace {

using namespace syncxx;
namespace oracle = syncxx_test::oracle;

constexpr std::size_t kMostThreads = 5;
constexpr std::size_t kMostRegisters = 16;
constexpr std::size_t kMostLocations = 4;
using outcome = std::array<int, kMostThreads * kMostRegisters + kMostLocations>;

struct state {
  std::array<syncxx::atomic<int>, kMostLocations> x{};
  std::array<std::array<int, kMostRegisters>, kMostThreads> registers{};
};

void run_thread(const oracle::thread& ops, state& s, std::size_t number) {
  // The oracle's functions take a vector; this one allocates nothing anew.
  std::vector<int> reg(kMostRegisters);
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const oracle::op& o = ops[i];
    auto& x = s.x[static_cast<std::size_t>(o.location)];
    auto& target = reg[static_cast<std::size_t>(o.target_register)];
    switch (o.kind) {
      case oracle::op_kind::load:
        target = x.load(o.order);
        break;
      case oracle::op_kind::store:
        x.store(oracle::operand(o, reg), o.order);
        break;
      case oracle::op_kind::exchange:
        target = x.exchange(oracle::operand(o, reg), o.order);
        break;
      case oracle::op_kind::fetch_add:
        target = x.fetch_add(oracle::operand(o, reg), o.order);
        break;
      case oracle::op_kind::cas_strong:
      case oracle::op_kind::cas_weak_no_spurious: {
        const int desired = oracle::operand(o, reg);
        int expected = o.expected;
        x.compare_exchange_strong(expected, desired, o.order, o.failure);
        target = expected;
        break;
      }
      case oracle::op_kind::fence:
        syncxx::atomic_thread_fence(o.order);
        break;
      case oracle::op_kind::await_eq:
      case oracle::op_kind::await_ne: {
        const int wanted = oracle::operand(o, reg);
        int read = 0;
        do {
          read = x.load(o.order);
        } while ((read == wanted) != (o.kind == oracle::op_kind::await_eq));
        target = read;
        break;
      }
      case oracle::op_kind::await_cas: {
        const int desired = oracle::operand(o, reg);
        int expected;
        do {
          expected = o.expected;
        } while (
            !x.compare_exchange_strong(expected, desired, o.order, o.failure));
        target = expected;
        break;
      }
      case oracle::op_kind::skip_if_eq:
        if (reg[static_cast<std::size_t>(o.source_register)] == o.value)
          i += static_cast<std::size_t>(o.expected);
        break;
    }
  }
  for (std::size_t i = 0; i < kMostRegisters; ++i)
    s.registers[number][i] = reg[i];
}

// The outcomes that the checker finds, in the oracle's form.
struct found {
  model::result result;
  std::set<std::vector<int>> outcomes;
};

found explore(const oracle::program& p) {
  std::vector<outcome> seen(1 << 12);  // not to be enlarged within a test
  std::size_t count = 0;
  found f;
  f.result = model::check([&] {
    state s;
    {
      std::array<model::thread, kMostThreads> threads;
      for (std::size_t t = 0; t < p.threads.size(); ++t)
        threads[t] =
            model::thread([&p, &s, t] { run_thread(p.threads[t], s, t); });
    }
    outcome o{};
    for (std::size_t t = 0; t < kMostThreads; ++t)
      for (std::size_t i = 0; i < kMostRegisters; ++i)
        o[t * kMostRegisters + i] = s.registers[t][i];
    for (std::size_t l = 0; l < kMostLocations; ++l)
      o[kMostThreads * kMostRegisters + l] = s.x[l].load(memory_order_relaxed);
    for (std::size_t i = 0; i < count; ++i)
      if (seen[i] == o) return;
    if (count < seen.size()) seen[count++] = o;
  });
  for (std::size_t n = 0; n < count; ++n) {
    std::vector<int> values;
    for (std::size_t t = 0; t < p.threads.size(); ++t)
      for (std::size_t i = 0; i < oracle::register_count(p.threads[t]); ++i)
        values.push_back(seen[n][t * kMostRegisters + i]);
    for (int l = 0; l < p.locations; ++l)
      values.push_back(
          seen[n][kMostThreads * kMostRegisters + static_cast<std::size_t>(l)]);
    f.outcomes.insert(values);
  }
  return f;
}

void compare(std::uint64_t first, std::uint64_t count,
             const oracle::limits& limits) {
  setenv("SYNCXX_MODEL_DUPLICATES", "1", 1);
  std::uint64_t compared = 0;
  int failures = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const oracle::program p = oracle::random_program(seed, limits);
    const auto expected = oracle::enumerate(p, 20'000);
    if (!expected) continue;
    ++compared;
    const found f = explore(p);
    // A program that may get stuck is one that the checker complains of.
    const bool stuck = f.result.what == model::verdict::livelock ||
                       f.result.what == model::verdict::deadlock;
    bool good = f.result.what == model::verdict::ok
                    ? expected->blocked == 0 &&
                          f.result.executions == expected->complete &&
                          f.outcomes == expected->outcomes
                    : stuck && expected->blocked != 0;
    EXPECT_TRUE(good) << "seed " << seed << ": "
                      << model::to_string(f.result.what) << " "
                      << f.result.message << ", " << f.result.executions
                      << " executions with " << f.outcomes.size()
                      << " outcomes; the oracle: " << expected->complete
                      << " with " << expected->outcomes.size() << ", "
                      << expected->blocked << " stuck\n"
                      << oracle::to_string(p);
    if (!good && ++failures == 3) break;
  }
  unsetenv("SYNCXX_MODEL_DUPLICATES");
  EXPECT_GT(compared, count / 2);
}

struct seeds {
  std::uint64_t first = 1;
  std::uint64_t count = 1500;
};

seeds seeds_to_try() {
  seeds s;
  if (const char* text = std::getenv("SYNCXX_MODEL_SEEDS")) {
    unsigned long long first = 0, count = 0;
    if (std::sscanf(text, "%llu:%llu", &first, &count) == 2) s = {first, count};
  }
  return s;
}

TEST(OracleTest, EverythingTogether) {
  const seeds s = seeds_to_try();
  compare(s.first, s.count, oracle::limits{});
}

TEST(OracleTest, WithoutAwaits) {
  const seeds s = seeds_to_try();
  oracle::limits l;
  l.awaits = false;
  compare(s.first + 1'000'000, s.count, l);
}

// Locks and the like.
TEST(OracleTest, AwaitedUpdates) {
  const seeds s = seeds_to_try();
  oracle::limits l;
  l.await_cas = true;
  l.fences = l.sc = l.control_flow = false;
  l.max_locations = 2;
  compare(s.first + 3'000'000, s.count, l);
}

TEST(OracleTest, ManyAwaits) {
  const seeds s = seeds_to_try();
  oracle::limits l;
  l.fences = l.sc = l.control_flow = false;
  l.max_locations = 2;
  compare(s.first + 2'000'000, s.count, l);
}

}  // namespace
