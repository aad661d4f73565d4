// SPDX-License-Identifier: Apache-2.0
//
// The oracle against what is known: counts that can be worked out by hand, the
// examples of the papers, and two other ways to find the same graphs.
#include "tests/model/oracle/axioms.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/model/oracle/cross_check.h"
#include "tests/model/oracle/program.h"
#include "tests/model/oracle/random_program.h"

namespace syncxx_test::oracle {
namespace {

constexpr auto rlx = std::memory_order_relaxed;
constexpr auto acq = std::memory_order_acquire;
constexpr auto rel = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto sc = std::memory_order_seq_cst;

constexpr int x = 0;
constexpr int y = 1;
constexpr int z = 2;

std::uint64_t count(const program& p) { return enumerate(p).complete; }

// Whether some complete execution leaves these registers, all threads' in one
// row.
bool allows(const program& p, const std::vector<int>& registers) {
  for (const auto& outcome : enumerate(p).outcomes) {
    const std::vector<int> head(
        outcome.begin(),
        outcome.begin() + static_cast<std::ptrdiff_t>(registers.size()));
    if (head == registers) return true;
  }
  return false;
}

// Store buffering. `between` is put between the store and the load.
program store_buffering(std::memory_order write, std::memory_order read,
                        const thread& between = {}) {
  program p{2, {{store(x, 1, write)}, {store(y, 1, write)}}};
  for (auto& t : p.threads) t.insert(t.end(), between.begin(), between.end());
  p.threads[0].push_back(load(y, read, 0));
  p.threads[1].push_back(load(x, read, 0));
  return p;
}

program message_passing(std::memory_order write, std::memory_order read) {
  return {2,
          {{store(x, 1, rlx), store(y, 1, write)},
           {load(y, read, 0), load(x, rlx, 1)}}};
}

// Independent reads of independent writes.
program iriw(std::memory_order write, std::memory_order read,
             const thread& between = {}) {
  program p{2,
            {{store(x, 1, write)},
             {load(x, read, 0)},
             {load(y, read, 0)},
             {store(y, 1, write)}}};
  for (const std::size_t t : {1U, 2U}) {
    auto& ops = p.threads[t];
    ops.insert(ops.end(), between.begin(), between.end());
  }
  p.threads[1].push_back(load(y, read, 1));
  p.threads[2].push_back(load(x, read, 1));
  return p;
}

TEST(CountTest, StoreBuffering) {
  EXPECT_EQ(count(store_buffering(rlx, rlx)), 4U);
  EXPECT_EQ(count(store_buffering(rel, acq)), 4U);
  EXPECT_EQ(count(store_buffering(sc, sc)), 3U);
  EXPECT_EQ(count(store_buffering(rlx, rlx, {fence(sc)})), 3U);
  EXPECT_EQ(count(store_buffering(rlx, rlx, {fence(acq_rel)})), 4U);
  EXPECT_EQ(count(store_buffering(sc, rlx)), 4U);
  EXPECT_EQ(count(store_buffering(rlx, sc)), 4U);
}

TEST(CountTest, MessagePassing) {
  EXPECT_EQ(count(message_passing(rlx, rlx)), 4U);
  EXPECT_EQ(count(message_passing(rel, acq)), 3U);
  EXPECT_EQ(count(message_passing(sc, sc)), 3U);
}

TEST(CountTest, TwoPlusTwoWrites) {
  const auto two_plus_two = [](std::memory_order order) {
    return program{2,
                   {{store(x, 1, order), store(y, 2, order)},
                    {store(y, 1, order), store(x, 2, order)}}};
  };
  EXPECT_EQ(count(two_plus_two(rlx)), 4U);
  EXPECT_EQ(count(two_plus_two(rel)), 4U);
  EXPECT_EQ(count(two_plus_two(sc)), 3U);
}

TEST(CountTest, IndependentReads) {
  EXPECT_EQ(count(iriw(rel, acq)), 16U);
  EXPECT_EQ(count(iriw(rlx, rlx)), 16U);
  EXPECT_EQ(count(iriw(sc, sc)), 15U);
  EXPECT_EQ(count(iriw(rlx, rlx, {fence(sc)})), 15U);
}

TEST(CountTest, FetchAddsArePermuted) {
  std::uint64_t factorial = 1;
  for (std::size_t n = 1; n <= 4; ++n) {
    factorial *= n;
    const program adds{1, std::vector<thread>(n, {fetch_add(x, 1, rlx, 0)})};
    EXPECT_EQ(count(adds), factorial);
    program and_store = adds;
    and_store.threads.push_back({store(x, 42, rel)});
    if (n == 4) break;  // that is enough
    EXPECT_EQ(count(and_store), factorial * (n + 1));
  }
}

TEST(CountTest, LoadsChooseFreely) {
  for (std::size_t n = 1; n <= 4; ++n) {
    program p{1, std::vector<thread>(n, {load(x, acq, 0)})};
    p.threads.push_back({store(x, 42, rel)});
    EXPECT_EQ(count(p), std::uint64_t{1} << n);
  }
}

// A location's history has (stores)! orders and each load (stores + 1) choices.
TEST(CountTest, StoresAndLoadsOfOneLocation) {
  const program p{1,
                  {{store(x, 1, rlx)},
                   {store(x, 2, rlx)},
                   {store(x, 3, rlx)},
                   {load(x, rlx, 0)}}};
  EXPECT_EQ(count(p), 24U);
  // Two loads of one thread must not go back in that history.
  const program two_loads{
      1, {{store(x, 1, rlx)}, {load(x, rlx, 0), load(x, rlx, 1)}}};
  EXPECT_EQ(count(two_loads), 3U);
}

TEST(CountTest, OneCasWins) {
  for (std::size_t n = 2; n <= 4; ++n) {
    const program p{1, std::vector<thread>(n, {cas(x, 0, 1, rlx, rlx, 0)})};
    EXPECT_EQ(count(p), n);  // the losers read the winner's write
  }
}

program ticket_lock(std::size_t threads, std::memory_order unlock) {
  const int next = x;
  const int serving = y;
  return {
      2, std::vector<thread>(threads, {fetch_add(next, 1, rlx, 0),
                                       await_register(serving, 0, acq, 1),
                                       store_register(serving, 0, 1, unlock)})};
}

TEST(CountTest, TicketLock) {
  EXPECT_EQ(count(ticket_lock(2, rel)), 2U);
  EXPECT_EQ(count(ticket_lock(3, rel)), 6U);
  EXPECT_EQ(enumerate(ticket_lock(3, rel)).blocked, 0U);
  // Each owner has read what the one before wrote, so coherence alone orders
  // the stores.
  EXPECT_EQ(count(ticket_lock(2, rlx)), 2U);
}

TEST(AwaitTest, BlocksWhereItIsNotSatisfied) {
  const program p{2,
                  {{await_eq(x, 1, acq, 0), load(y, rlx, 1)},
                   {store(y, 1, rlx), store(x, 1, rel)}}};
  const summary s = enumerate(p);
  EXPECT_EQ(s.complete, 1U);
  EXPECT_EQ(s.outcomes, (std::set<std::vector<int>>{{1, 1, 1, 1}}));
  EXPECT_EQ(s.blocked, 0U);

  const program never{1, {{await_eq(x, 2, acq, 0)}, {store(x, 1, rel)}}};
  EXPECT_EQ(enumerate(never).complete, 0U);
  EXPECT_EQ(enumerate(never).blocked, 1U);

  // The 1 can be missed: it is overwritten.
  const program missed{
      1, {{await_eq(x, 1, acq, 0)}, {store(x, 1, rel), store(x, 2, rel)}}};
  EXPECT_EQ(enumerate(missed).complete, 1U);
  EXPECT_EQ(enumerate(missed).blocked, 1U);

  const program not_zero{1, {{await_ne(x, 0, acq, 0)}, {store(x, 1, rel)}}};
  EXPECT_EQ(enumerate(not_zero).complete, 1U);
  EXPECT_EQ(enumerate(not_zero).blocked, 0U);
}

TEST(AwaitTest, TwoThreadsCanWaitForEachOther) {
  const program p{2,
                  {{await_eq(x, 1, acq, 0), store(y, 1, rel)},
                   {await_eq(y, 1, acq, 0), store(x, 1, rel)}}};
  EXPECT_EQ(enumerate(p).complete, 0U);
  EXPECT_EQ(enumerate(p).blocked, 1U);
}

TEST(ProgramTest, JumpsAndRegisters) {
  // if (r0 != 1) { r1 = fetch_add(y, 5); y = r1 + 7; }
  const program p{2,
                  {{load(x, rlx, 0), skip_if_eq(0, 1, 2),
                    fetch_add(y, 5, rlx, 1), store_register(y, 1, 7, rlx)},
                   {store(x, 1, rlx)}}};
  EXPECT_EQ(enumerate(p).outcomes,
            (std::set<std::vector<int>>{{0, 0, 1, 7}, {1, 0, 1, 0}}));
  EXPECT_EQ(to_string(p),
            "atomic<int> x0{0}, x1{0};\n"
            "thread 0:\n"
            "  r0 = x0.load(relaxed);\n"
            "  if (r0 == 1) goto L4;\n"
            "  r1 = x1.fetch_add(5, relaxed);\n"
            "  x1.store(r1 + 7, relaxed);\n"
            " L4:\n"
            "thread 1:\n"
            "  x0.store(1, relaxed);\n");
}

TEST(ProgramTest, AFailedCasIsALoadOfItsFailureOrder) {
  const auto passing = [](std::memory_order failure) {
    return program{2,
                   {{store(x, 1, rlx), store(y, 1, rel)},
                    {cas(y, 0, 2, rlx, failure, 0), load(x, rlx, 1)}}};
  };
  EXPECT_TRUE(allows(passing(rlx), {1, 0}));
  EXPECT_FALSE(allows(passing(acq), {1, 0}));
  EXPECT_FALSE(allows(passing(sc), {1, 0}));
  EXPECT_TRUE(allows(passing(acq), {1, 1}));
  EXPECT_TRUE(allows(passing(acq), {0, 0}));
}

// Enumeration never gets as far as a cycle of po and rf; the axiom is there all
// the same.
TEST(ConsistentTest, JudgesAGraphMadeByHand) {
  const event_id write_x{1, 1};
  const event_id write_y{0, 1};
  const auto read = [](int location, event_id w) {
    return event{.kind = event_kind::read, .location = location, .source = w};
  };
  const auto write = [](int location) {
    return event{.kind = event_kind::write, .location = location};
  };
  graph g;
  g.coherence = {{{kInitialThread, x}, write_x},
                 {{kInitialThread, y}, write_y}};
  g.threads = {{read(x, write_x), write(y)}, {read(y, write_y), write(x)}};
  EXPECT_FALSE(consistent(g));
  g.threads[1][0].source = {kInitialThread, y};
  EXPECT_TRUE(consistent(g));

  g.threads[0].resize(61);
  EXPECT_THROW(consistent(g), std::length_error);
}

TEST(LimitTest, GivesUp) {
  const program p = iriw(rlx, rlx);
  EXPECT_FALSE(enumerate(p, 10).has_value());
  EXPECT_EQ(enumerate(p, 100000)->complete, 16U);
}

TEST(LitmusTest, MessagePassing) {
  EXPECT_TRUE(allows(message_passing(rlx, rlx), {1, 0}));
  EXPECT_TRUE(allows(message_passing(rel, rlx), {1, 0}));
  EXPECT_TRUE(allows(message_passing(rlx, acq), {1, 0}));
  EXPECT_FALSE(allows(message_passing(rel, acq), {1, 0}));
  EXPECT_FALSE(allows(message_passing(sc, sc), {1, 0}));
}

TEST(LitmusTest, FencesSynchronize) {
  const auto passing = [](thread write, thread read) {
    program p{2, {{store(x, 1, rlx)}, std::move(read)}};
    p.threads[0].insert(p.threads[0].end(), write.begin(), write.end());
    p.threads[1].push_back(load(x, rlx, 1));
    return p;
  };
  const std::memory_order fences[] = {acq, rel, acq_rel, sc};
  for (const auto f : fences) {
    const bool releases = f != acq;
    const bool acquires = f != rel;
    const thread fence_store = {fence(f), store(y, 1, rlx)};
    const thread load_fence = {load(y, rlx, 0), fence(f)};
    EXPECT_EQ(allows(passing(fence_store, {load(y, acq, 0)}), {1, 0}),
              !releases);
    EXPECT_EQ(allows(passing({store(y, 1, rel)}, load_fence), {1, 0}),
              !acquires);
    EXPECT_EQ(allows(passing(fence_store, {load(y, rlx, 0), fence(acq)}),  //
                     {1, 0}),
              !releases);
    EXPECT_TRUE(allows(passing({store(y, 1, rlx), fence(f)},  //
                               {load(y, acq, 0)}),
                       {1, 0}));
    EXPECT_TRUE(allows(passing({store(y, 1, rel)}, {fence(f), load(y, rlx, 0)}),
                       {1, 0}));
  }
}

TEST(LitmusTest, NothingComesFromThinAir) {
  for (const auto read : {rlx, acq, sc}) {
    for (const auto write : {rlx, rel, sc}) {
      const program p{2,
                      {{load(x, read, 0), store(y, 1, write)},
                       {load(y, read, 0), store(x, 1, write)}}};
      EXPECT_FALSE(allows(p, {1, 1}));
      EXPECT_EQ(count(p), 3U);
    }
  }
}

TEST(LitmusTest, ReleaseSequences) {
  // C++20: the thread's own later store does not continue the sequence.
  const program own_store{
      2,
      {{store(x, 1, rlx), store(y, 1, rel), store(y, 2, rlx)},
       {load(y, acq, 0), load(x, rlx, 1)}}};
  EXPECT_TRUE(allows(own_store, {2, 0}));
  EXPECT_FALSE(allows(own_store, {1, 0}));

  // A read-modify-write does, of any thread and whatever its order.
  const program own_rmw{
      2,
      {{store(x, 1, rlx), store(y, 1, rel), fetch_add(y, 1, rlx, 0)},
       {load(y, acq, 0), load(x, rlx, 1)}}};
  EXPECT_FALSE(allows(own_rmw, {1, 2, 0}));
  const program other_rmw{2,
                          {{store(x, 1, rlx), store(y, 1, rel)},
                           {fetch_add(y, 1, rlx, 0), fetch_add(y, 1, rlx, 1)},
                           {load(y, acq, 0), load(x, rlx, 1)}}};
  EXPECT_FALSE(allows(other_rmw, {1, 2, 3, 0}));
  EXPECT_TRUE(allows(other_rmw, {1, 2, 3, 1}));
  // Not if the release comes after the read-modify-writes.
  EXPECT_TRUE(allows(other_rmw, {0, 1, 2, 0}));

  const program other_store{2,
                            {{store(x, 1, rlx), store(y, 1, rel)},
                             {await_eq(y, 1, rlx, 0), store(y, 2, rlx)},
                             {load(y, acq, 0), load(x, rlx, 1)}}};
  EXPECT_TRUE(allows(other_store, {1, 2, 0}));
}

TEST(LitmusTest, IndependentReads) {
  const std::vector<int> split = {1, 0, 1, 0};
  EXPECT_TRUE(allows(iriw(rel, acq), split));
  EXPECT_FALSE(allows(iriw(sc, sc), split));
  EXPECT_TRUE(allows(iriw(rel, sc), split));
  EXPECT_TRUE(allows(iriw(rlx, acq, {fence(acq_rel)}), split));
  EXPECT_FALSE(allows(iriw(rlx, rlx, {fence(sc)}), split));
}

// The examples of Lahav et al., by the names that they have there.

TEST(Rc11Test, IriwAcqSc) {
  const program p{2,
                  {{store(x, 1, sc)},
                   {load(x, acq, 0), load(y, sc, 1)},
                   {load(y, acq, 0), load(x, sc, 1)},
                   {store(y, 1, sc)}}};
  EXPECT_TRUE(allows(p, {1, 0, 1, 0}));  // C11 forbade it
}

TEST(Rc11Test, Z6U) {
  const auto z6u = [](std::memory_order add) {
    return program{2,
                   {{store(x, 1, sc), store(y, 1, rel)},
                    {fetch_add(y, 1, add, 0), load(y, rlx, 1)},
                    {store(y, 3, sc), load(x, sc, 0)}}};
  };
  EXPECT_TRUE(allows(z6u(sc), {1, 3, 0}));  // C11 forbade it
  EXPECT_TRUE(allows(z6u(rlx), {1, 3, 0}));
}

// As Z6.U, but hb leaves the first thread's location and comes back from
// another one: then it does order the SC events.
TEST(Rc11Test, HbBetweenOtherLocationsOrdersScEvents) {
  const auto chain = [](std::memory_order write, std::memory_order read) {
    return program{3,
                   {{store(x, 1, sc), store(z, 1, write)},
                    {load(z, read, 0), load(y, sc, 1)},
                    {store(y, 1, sc), load(x, sc, 0)}}};
  };
  EXPECT_FALSE(allows(chain(rel, acq), {1, 0, 0}));
  EXPECT_TRUE(allows(chain(rlx, acq), {1, 0, 0}));
}

TEST(Rc11Test, ReadWriteCausality) {
  // RWC+syncs
  const auto rwc = [](const thread& first, const thread& second) {
    program p{2, {{store(x, 1, rlx)}, {load(x, rlx, 0)}, {store(y, 1, rlx)}}};
    p.threads[1].insert(p.threads[1].end(), first.begin(), first.end());
    p.threads[2].insert(p.threads[2].end(), second.begin(), second.end());
    p.threads[1].push_back(load(y, rlx, 1));
    p.threads[2].push_back(load(x, rlx, 0));
    return p;
  };
  EXPECT_FALSE(allows(rwc({fence(sc)}, {fence(sc)}), {1, 0, 0}));
  EXPECT_TRUE(allows(rwc({fence(acq_rel)}, {fence(sc)}), {1, 0, 0}));
  EXPECT_TRUE(allows(rwc({fence(sc)}, {fence(acq_rel)}), {1, 0, 0}));
  // W+RWC
  const program w_rwc{3,
                      {{store(x, 1, rlx), store(y, 1, rel)},
                       {load(y, acq, 0), fence(sc), load(z, rlx, 1)},
                       {store(z, 1, rlx), fence(sc), load(x, rlx, 0)}}};
  EXPECT_FALSE(allows(w_rwc, {1, 0, 0}));
}

TEST(Rc11Test, FencesOrderWritesToo) {
  const auto two_plus_two = [](const thread& between) {
    program p{2, {{store(x, 1, rlx)}, {store(y, 1, rlx)}}};
    for (auto& t : p.threads) {
      t.insert(t.end(), between.begin(), between.end());
    }
    p.threads[0].push_back(store(y, 2, rlx));
    p.threads[1].push_back(store(x, 2, rlx));
    return p;
  };
  const std::vector<int> both_first = {1, 1};
  EXPECT_TRUE(allows(two_plus_two({}), both_first));
  EXPECT_TRUE(allows(two_plus_two({fence(acq_rel)}), both_first));
  EXPECT_FALSE(allows(two_plus_two({fence(sc)}), both_first));
}

// SC accesses and SC fences also see each other.
TEST(Rc11Test, AnScAccessAgainstAnScFence) {
  const program p{2,
                  {{store(x, 1, sc), load(y, sc, 0)},
                   {store(y, 1, rlx), fence(sc), load(x, rlx, 0)}}};
  EXPECT_FALSE(allows(p, {0, 0}));
  program weaker = p;
  weaker.threads[0][1].order = acq;
  EXPECT_TRUE(allows(weaker, {0, 0}));
}

// Exchanges of two locations are no barrier, even SC ones. Read-modify-writes
// of one location are: one of the two reads from the other.
TEST(Rc11Test, StoreBufferingWithExchanges) {
  const auto exchanges = [](std::memory_order order, std::memory_order read) {
    return program{2,
                   {{exchange(x, 1, order, 0), load(y, read, 1)},
                    {exchange(y, 1, order, 0), load(x, read, 1)}}};
  };
  EXPECT_TRUE(allows(exchanges(acq_rel, acq), {0, 0, 0, 0}));
  EXPECT_TRUE(allows(exchanges(sc, acq), {0, 0, 0, 0}));
  EXPECT_FALSE(allows(exchanges(sc, sc), {0, 0, 0, 0}));
  const program same_location{
      3,
      {{store(x, 1, rlx), fetch_add(z, 0, acq_rel, 0), load(y, rlx, 1)},
       {store(y, 1, rlx), fetch_add(z, 0, acq_rel, 0), load(x, rlx, 1)}}};
  EXPECT_FALSE(allows(same_location, {0, 0, 0, 0}));
}

std::set<graph> complete_graphs(const program& p) {
  std::set<graph> graphs;
  const auto found = executions(p, 200000);
  if (!found) {
    ADD_FAILURE() << "too large:\n" << to_string(p);
    return graphs;
  }
  for (const execution& e : *found) {
    if (e.blocked) continue;
    EXPECT_TRUE(graphs.insert(e.events).second);
  }
  return graphs;
}

std::string difference(const std::set<graph>& a, const std::set<graph>& b) {
  std::string text;
  for (const graph& g : a) {
    if (!b.contains(g)) text += "only the first has\n" + to_string(g);
  }
  for (const graph& g : b) {
    if (!a.contains(g)) text += "only the second has\n" + to_string(g);
  }
  return text;
}

TEST(CrossCheckTest, GuessingFindsTheSameGraphs) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const program p = random_program(seed, limits{.max_total = 7});
    const auto guessed = graphs_by_guessing(p, 5000);
    if (!guessed) continue;
    const auto found = complete_graphs(p);
    ASSERT_EQ(found == *guessed, true)
        << "seed " << seed << "\n"
        << to_string(p) << difference(found, *guessed);
    ++compared;
  }
  EXPECT_GT(compared, 1500);
}

// Programs whose every access is seq_cst have the executions of sequential
// consistency and no others.
TEST(CrossCheckTest, ScAccessesAreSequentiallyConsistent) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    program p = random_program(seed, limits{.max_total = 7});
    for (auto& ops : p.threads) {
      for (op& o : ops) o.order = o.failure = sc;
    }
    const auto found = complete_graphs(p);
    const auto interleaved = graphs_by_interleaving(p);
    ASSERT_EQ(found == interleaved, true)
        << "seed " << seed << "\n"
        << to_string(p) << difference(found, interleaved);
  }
}

// So have those with an SC fence between any two operations of a thread.
TEST(CrossCheckTest, ScFencesRestoreSequentialConsistency) {
  const limits l{.max_total = 6, .fences = false, .control_flow = false};
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    program p = random_program(seed, l);
    for (auto& ops : p.threads) {
      thread fenced;
      for (const op& o : ops) {
        if (!fenced.empty()) fenced.push_back(fence(sc));
        fenced.push_back(o);
      }
      ops = fenced;
    }
    const auto found = complete_graphs(p);
    const auto interleaved = graphs_by_interleaving(p);
    ASSERT_EQ(found == interleaved, true)
        << "seed " << seed << "\n"
        << to_string(p) << difference(found, interleaved);
  }
}

// Whatever the orders, sequential consistency is allowed.
TEST(CrossCheckTest, InterleavingsAreAllowed) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const program p = random_program(seed, limits{.max_total = 7});
    const auto found = complete_graphs(p);
    for (const graph& g : graphs_by_interleaving(p)) {
      ASSERT_TRUE(found.contains(g)) << "seed " << seed << "\n"
                                     << to_string(p) << to_string(g);
    }
  }
}

TEST(RandomProgramTest, KeepsToItsLimits) {
  const limits bare{.max_locations = 1,
                    .rmw = false,
                    .cas = false,
                    .fences = false,
                    .awaits = false,
                    .sc = false,
                    .control_flow = false,
                    .data_flow = false};
  bool four_threads = false;
  std::set<op_kind> kinds;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    for (const auto& ops : random_program(seed, bare).threads) {
      for (const op& o : ops) {
        EXPECT_TRUE(o.kind == op_kind::load || o.kind == op_kind::store);
        EXPECT_NE(o.order, sc);
        EXPECT_EQ(o.location, 0);
        EXPECT_FALSE(o.value_from_register);
      }
    }
    const program p = random_program(seed, limits{});
    EXPECT_EQ(to_string(p), to_string(random_program(seed, limits{})));
    std::size_t total = 0;
    for (const auto& ops : p.threads) {
      EXPECT_GE(ops.size(), 1U);
      EXPECT_LE(ops.size(), 4U);
      total += ops.size();
      for (const op& o : ops) kinds.insert(o.kind);
    }
    EXPECT_LE(total, 9U);
    EXPECT_GE(p.threads.size(), 2U);
    EXPECT_LE(p.threads.size(), 4U);
    four_threads |= p.threads.size() == 4;
  }
  EXPECT_TRUE(four_threads);
  EXPECT_EQ(kinds.size(), 10U);
}

}  // namespace
}  // namespace syncxx_test::oracle
