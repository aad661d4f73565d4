// SPDX-License-Identifier: Apache-2.0
//
// Random programs, most of them with something to wait for. What comes of one
// at random comes of it where all is explored; what fails, fails in the same
// way by its replay string, however it was found. And those in which that was
// not so.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <sync/atomic.h>
#include <sync/model/check.h>

namespace syncxx_test {
namespace {

namespace model = syncxx::model;
using syncxx::memory_order;
using syncxx::memory_order_acquire;
using syncxx::memory_order_relaxed;
using syncxx::memory_order_release;

struct step {
  enum class kind : std::uint8_t {
    store,
    add,
    await,         // until the word is the value
    await_either,  // or the other one is 2
    lock,          // exchanges until it finds another than 1
    exchange,      // weakly, until it succeeds
    sleep,         // while the word is the value
    wake,
    look
  };
  kind what{};
  std::size_t word = 0;
  std::uint32_t value = 0;
  unsigned form = 0;
  bool ordered = false;
};
using program = std::vector<std::vector<step>>;

// Of the first so many kinds.
program random_program(unsigned seed, unsigned kinds) {
  std::mt19937 random(seed);
  const auto below = [&random](unsigned n) {
    return static_cast<unsigned>(random() % n);
  };
  program p(2 + below(2));
  for (auto& steps : p) {
    steps.resize(1 + below(3));
    for (step& s : steps)
      s = {static_cast<step::kind>(below(kinds)), below(2), below(3), below(4),
           below(2) == 1};
  }
  return p;
}

std::string text_of(const program& p) {
  std::ostringstream out;
  for (const auto& steps : p) {
    out << "thread:";
    for (const step& s : steps)
      out << " {" << static_cast<int>(s.what) << ", " << s.word << ", "
          << s.value << ", " << s.form << ", " << s.ordered << '}';
    out << '\n';
  }
  return out.str();
}

using words = std::array<syncxx::atomic<std::uint32_t>, 2>;

// What it has seen.
std::uint32_t exchange(syncxx::atomic<std::uint32_t>& word, const step& s) {
  std::uint32_t seen = 0;
  while (!word.compare_exchange_weak(seen, s.value, memory_order_acquire,
                                     memory_order_relaxed)) {
    if ((s.form & 1) != 0) seen = 0;
    if ((s.form & 2) != 0 && seen == 2) return 100;
  }
  return seen;
}

std::uint32_t perform(words& all, const step& s) {
  auto& word = all.at(s.word);
  auto& other = all.at(1 - s.word);
  const memory_order reads =
      s.ordered ? memory_order_acquire : memory_order_relaxed;
  const memory_order writes =
      s.ordered ? memory_order_release : memory_order_relaxed;
  std::uint32_t seen = 0;
  switch (s.what) {
    case step::kind::store:
      word.store(s.value, writes);
      return 0;
    case step::kind::add:
      return word.fetch_add(1, memory_order_relaxed);
    case step::kind::await:
      while (word.load(reads) != s.value) {
      }
      return 0;
    case step::kind::await_either:
      while ((seen = word.load(reads)) < s.value)
        if ((s.form & 2) != 0 && other.load(memory_order_relaxed) == 2)
          return 100;
      return seen;
    case step::kind::lock:
      while ((seen = word.exchange(1, memory_order_acquire)) == 1) {
      }
      return seen;
    case step::kind::exchange:
      return exchange(word, s);
    case step::kind::sleep:
      word.wait(s.value, reads);
      return 0;
    case step::kind::wake:
      if ((s.form & 1) == 0) word.store(s.value, writes);
      word.notify_all();
      return 0;
    case step::kind::look:
      return word.load(reads);
  }
  return 0;
}

// What each step has seen, and what is left in the words.
using outcome = std::vector<std::uint32_t>;

outcome run(const program& p) {
  words all{};
  std::vector<outcome> seen(p.size());
  {
    const auto body = [&](std::size_t thread) {
      for (const step& s : p[thread]) seen[thread].push_back(perform(all, s));
    };
    std::vector<model::thread> crew;
    for (std::size_t i = 1; i < p.size(); ++i)
      crew.emplace_back([&body, i] { body(i); });
    body(0);
  }
  outcome whole;
  for (const outcome& one : seen)
    whole.insert(whole.end(), one.begin(), one.end());
  for (auto& word : all) whole.push_back(word.load(memory_order_relaxed));
  return whole;
}

model::result outcomes(const program& p, const model::options& how,
                       std::set<outcome>& seen) {
  // (Outside of the test, and not to be forgotten with an execution.)
  return model::check([&p, &seen] { seen.insert(run(p)); }, how);
}

// Exhaustively, then at random. False: it fails, or there is too much of it.
bool sees_all(const program& p, unsigned seed) {
  std::set<outcome> all, some;
  model::options how;
  how.max_executions = 20000;
  if (!outcomes(p, how, all)) return false;
  how.search = model::options::mode::random;
  how.seed = seed;
  how.max_executions = 600;
  const model::result r = outcomes(p, how, some);
  EXPECT_TRUE(r) << r.message;
  EXPECT_TRUE(std::includes(all.begin(), all.end(), some.begin(), some.end()))
      << "at random there are " << some.size() << " outcomes, explored "
      << all.size();
  return true;
}

void see_all(unsigned first, unsigned last) {
  int explored = 0;
  for (unsigned seed = first; seed < last; ++seed) {
    const program p = random_program(seed, 9);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + text_of(p));
    if (sees_all(p, seed)) ++explored;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(explored, 0);
}

TEST(RandomPrograms, SeeAllOutcomes) { see_all(0, 3000); }
TEST(RandomPrograms, LongSeeAllOutcomes) { see_all(3000, 60000); }

// Whether it has failed.
bool fails_as_replayed(const program& p, const model::options& how) {
  const auto body = [&p] { run(p); };
  const model::result first = model::check(body, how);
  if (first || first.what == model::verdict::bound_reached) return false;
  model::options again;
  again.replay = first.replay;
  const model::result second = model::check(body, again);
  EXPECT_EQ(static_cast<int>(second.what), static_cast<int>(first.what))
      << second.message << "\ninstead of\n"
      << first.message << "\nby " << first.replay;
  EXPECT_EQ(second.message, first.message);
  return true;
}

void fail_as_replayed(unsigned first, unsigned last) {
  int failures = 0;
  for (unsigned seed = first; seed < last; ++seed) {
    const program p = random_program(seed, 8);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + text_of(p));
    model::options how;
    how.max_executions = 30000;
    if (fails_as_replayed(p, how)) ++failures;
    how.max_executions = 100;
    how.seed = seed;
    how.search = model::options::mode::random;
    if (fails_as_replayed(p, how)) ++failures;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(failures, 0);
}

TEST(RandomPrograms, FailAsReplayed) { fail_as_replayed(0, 300); }
TEST(RandomPrograms, LongFailAsReplayed) { fail_as_replayed(300, 4000); }

// The exchange before, in the same place in the code, was taken for a round of
// it that had failed.
TEST(RandomPrograms, AnExchangeThatChangesNothingIsNoFailedRound) {
  const program p{{{step::kind::exchange, 1, 0, 2, false},
                   {step::kind::exchange, 1, 2, 0, true}}};
  const model::result r = model::check([&p] { run(p); });
  EXPECT_TRUE(r) << r.message;
}

// The last thing that its thread did before it went round in vain changed
// nothing, but decides what becomes of it.
TEST(RandomPrograms, WhatCameBeforeTheLoopIsNoPartOfIt) {
  const program p{{{step::kind::exchange, 1, 0, 2, true},
                   {step::kind::lock, 1, 0, 1, true}},
                  {{step::kind::store, 1, 0, 2, false}},
                  {{step::kind::exchange, 1, 1, 0, true}}};
  model::options how;
  how.search = model::options::mode::random;
  how.max_executions = 3000;
  EXPECT_TRUE(fails_as_replayed(p, how));
}

// An exchange that only leads back is a read while exploring.
TEST(RandomPrograms, AnExchangeInVainIsNoStep) {
  const program p{
      {{step::kind::store, 0, 1, 2, false}, {step::kind::lock, 1, 1, 2, true}},
      {{step::kind::lock, 0, 2, 0, true}, {step::kind::store, 0, 0, 2, false}},
      {{step::kind::await, 1, 1, 3, true},
       {step::kind::store, 0, 2, 0, false}}};
  EXPECT_TRUE(fails_as_replayed(p, {}));
}

// The await comes at once behind the store that the other's look is to see:
// what was known of its waiting in vain was kept for the case that it does.
TEST(RandomPrograms, AnAwaitBehindAWriteHidesNothing) {
  const program p{{{step::kind::look, 0, 0, 0, false},
                   {step::kind::store, 1, 1, 0, false},
                   {step::kind::wake, 1, 0, 1, false}},
                  {{step::kind::store, 0, 1, 0, false},
                   {step::kind::await, 1, 0, 0, false}},
                  {{step::kind::sleep, 1, 0, 0, false},
                   {step::kind::store, 1, 0, 0, false}}};
  EXPECT_TRUE(sees_all(p, 1));
}

// A loop that waits, and then sleeps.
TEST(RandomPrograms, ASleepBehindALookIsADeadlock) {
  const program p{
      {{step::kind::sleep, 0, 2, 1, true}, {step::kind::sleep, 0, 0, 0, true}},
      {{step::kind::wake, 0, 1, 3, false},
       {step::kind::await, 1, 0, 0, false}}};
  const model::result r = model::check([&p] { run(p); });
  EXPECT_EQ(static_cast<int>(r.what),
            static_cast<int>(model::verdict::deadlock))
      << r.message;
}

}  // namespace
}  // namespace syncxx_test
