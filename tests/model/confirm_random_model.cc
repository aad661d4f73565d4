// SPDX-License-Identifier: Apache-2.0
//
// Rounds that come to nothing, in random programs: two or three threads with up
// to six operations on two words, among them loops that confirm and waits with
// a deadline, as slow paths have them. See confirm_model.cc.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <random>
#include <sstream>
#include <vector>

#include <sync/atomic.h>
#include <sync/detail/futex.h>

#include "src/futex/sleeper.h"
#include "tests/model/support/checks.h"
#include "tests/model/support/written.h"

namespace syncxx_test {
namespace {

using syncxx::memory_order;
using syncxx::memory_order_relaxed;
using syncxx::detail::confirm;

constexpr std::size_t kMostSteps = 3;

struct step {
  enum class kind : std::uint8_t { store, add, loop, look, wait, wake };
  kind what{};
  int word = 0;
  std::uint32_t value = 0;
  int form = 0;
  memory_order order{};
};
using program = std::vector<std::vector<step>>;

std::ostream& operator<<(std::ostream& out, const program& p) {
  static constexpr std::array kNames = {"store", "add",  "loop",
                                        "look",  "wait", "wake"};
  for (const auto& steps : p) {
    out << "thread:";
    for (const step& s : steps)
      out << ' ' << kNames.at(static_cast<std::size_t>(s.what)) << "(word "
          << s.word << ", value " << s.value << ", form " << s.form
          << ", order " << static_cast<int>(s.order) << ')';
    out << '\n';
  }
  return out;
}

enum class sleeps : bool { no, yes };
program random_program(unsigned seed, sleeps with) {
  static constexpr std::array kOrders = {
      syncxx::memory_order_relaxed, syncxx::memory_order_acquire,
      syncxx::memory_order_release, syncxx::memory_order_acq_rel};
  using kind = step::kind;
  static constexpr std::array kKinds = {
      kind::store, kind::store, kind::add,  kind::loop, kind::loop, kind::loop,
      kind::loop,  kind::look,  kind::wait, kind::wait, kind::wake, kind::wake};
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t n) { return random() % n; };
  program p(2 + below(2));
  for (auto& steps : p) {
    steps.resize(1 + below(p.size() == 2 ? kMostSteps : 2));
    for (step& s : steps) {
      s.what = kKinds.at(below(with == sleeps::yes ? kKinds.size() : 8));
      s.word = static_cast<int>(below(2));
      s.value = static_cast<std::uint32_t>(below(3));
      s.form = static_cast<int>(below(4));
      s.order = kOrders.at(below(kOrders.size()));
    }
  }
  return p;
}

struct shared_state {
  std::array<syncxx::detail::futex_word, 2> words{};
  // Each step's, so that what it has seen belongs to what is compared.
  std::array<syncxx::atomic<std::uint32_t>, 3 * kMostSteps> results{};
};

// A loop that confirms: ends by another value, looks at the other word, or
// writes one value alone.
std::uint32_t loop(shared_state& o, const step& s) {
  auto& word = o.words.at(static_cast<std::size_t>(s.word));
  auto& other = o.words.at(static_cast<std::size_t>(1 - s.word));
  std::uint32_t seen = 0, next = 0;
  do {
    seen = word.load(memory_order_relaxed);
    next = seen + 1;
    if (s.form == 1 && seen == s.value) return 100 + seen;
    if (s.form == 2) next += other.load(memory_order_relaxed);
    if (s.form == 3) next = s.value;
  } while (!confirm(word, seen, next, s.order));
  return seen;
}

// A slow path: sleeps, in two forms with a mark in the word.
std::uint32_t wait(shared_state& o, const step& s) {
  auto& word = o.words.at(static_cast<std::size_t>(s.word));
  syncxx::detail::sleeper self(
      syncxx::detail::deadline::after(std::chrono::seconds(1)), nullptr);
  for (;;) {
    std::uint32_t seen = word.load(memory_order_relaxed);
    if ((s.form & 1) != 0 ? seen == s.value : seen >= s.value) return seen;
    if (self.must_leave()) return 50 + seen;
    if ((s.form & 2) != 0) {
      if (!confirm(word, seen, seen | 8, memory_order_relaxed)) continue;
      seen |= 8;
    }
    self.sleep(word, seen);
  }
}

std::uint32_t perform(shared_state& o, const step& s) {
  auto& word = o.words.at(static_cast<std::size_t>(s.word));
  const bool acquires = s.order == syncxx::memory_order_acquire;
  const bool releases = s.order == syncxx::memory_order_release;
  switch (s.what) {
    case step::kind::store:
      word.store(s.value, releases ? s.order : memory_order_relaxed);
      return 0;
    case step::kind::add:
      return word.fetch_add(1, s.order);
    case step::kind::loop:
      return loop(o, s);
    case step::kind::look:
      return word.load(acquires ? s.order : memory_order_relaxed);
    case step::kind::wait:
      return wait(o, s);
    default:  // wake
      syncxx::detail::unpark(
          &word, (s.form & 1) != 0 ? 1 : syncxx::detail::kAllSleepers);
      return 0;
  }
}

void run(const program& p) {
  shared_state o;
  const auto body = [&o, &p](std::size_t thread) {
    std::size_t at = thread * kMostSteps;
    for (const step& s : p[thread])
      o.results.at(at++).store(perform(o, s), memory_order_relaxed);
  };
  std::vector<model::thread> crew;
  for (std::size_t i = 1; i < p.size(); ++i)
    crew.emplace_back([&body, i] { body(i); });
  body(0);
}

void expect_the_same_of(unsigned programs, sleeps with) {
  for (unsigned seed = 0; seed < programs; ++seed) {
    const program p = random_program(seed, with);
    std::ostringstream text;
    text << "seed " << seed << '\n' << p;
    SCOPED_TRACE(text.str());
    expect_the_same([&p] { run(p); }, fewer::not_always);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(ConfirmRandomModel, Loops) { expect_the_same_of(300, sleeps::no); }
TEST(ConfirmRandomModel, LoopsAndSleeps) {
  expect_the_same_of(250, sleeps::yes);
}
TEST(ConfirmRandomModel, LongLoopsAndSleeps) {
  expect_the_same_of(3000, sleeps::yes);
}

}  // namespace
}  // namespace syncxx_test
