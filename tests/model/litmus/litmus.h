// SPDX-License-Identifier: Apache-2.0
//
// Litmus tests: small programs whose every outcome is known.
//
//   const auto store_buffering = [](registers& r) {
//     atomic<int> x{0}, y{0};
//     threads([&] { x.store(1, rlx); r[0] = y.load(rlx); },
//             [&] { y.store(1, rlx); r[1] = x.load(rlx); });
//   };
//   expect(store_buffering, "00 01 10 11", 4);
//
// An outcome is a word with a digit for each register, from r[0] on; "-" is a
// register that the program has not set. expect() asks for exactly the outcomes
// given, and for the number of executions: consistent graphs, which differ in
// what a read reads from (rf) or in the order of the writes to an object (co),
// also where nobody looks.
//
// The model is RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer: "Repairing Sequential
// Consistency in C/C++11", PLDI 2017) with the release sequences of C++20. The
// words of RC11 that the comments use:
//   po   program order; rf, co as above; fr: from a read to the writes that are
//        in co after what it reads
//   sw   synchronizes-with; hb happens-before, made of po and sw
//   eco  rf, co, fr and their compositions: the order at one object
//   coherence: there is no hb;eco cycle
//   scb  po | (po to another object; hb; po from another object)
//        | hb at one object | co | fr
//   psc  what the axiom SC wants to be acyclic: scb between seq_cst accesses,
//        where a seq_cst fence stands for what is hb before or after it; and
//        between seq_cst fences hb;eco;hb, too
// Where C++20 [atomics.order] forbids more than RC11 the comments say so.
#ifndef SYNCXX_TESTS_MODEL_LITMUS_LITMUS_H_
#define SYNCXX_TESTS_MODEL_LITMUS_LITMUS_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include <sync/atomic.h>
#include <sync/model/check.h>

namespace syncxx_test::litmus {

namespace model = syncxx::model;
using model::verdict;
using syncxx::atomic;
using syncxx::cell;

using order = syncxx::memory_order;
inline constexpr order rlx = syncxx::memory_order_relaxed;
inline constexpr order acq = syncxx::memory_order_acquire;
inline constexpr order rel = syncxx::memory_order_release;
inline constexpr order acq_rel = syncxx::memory_order_acq_rel;
inline constexpr order sc = syncxx::memory_order_seq_cst;

// What each kind of operation may have. A relaxed fence has no effect
// ([atomics.fences]/5): it stands for none.
inline constexpr std::array kLoads{rlx, acq, sc};
inline constexpr std::array kStores{rlx, rel, sc};
inline constexpr std::array kUpdates{rlx, acq, rel, acq_rel, sc};
inline constexpr std::array kFences{rlx, acq, rel, acq_rel, sc};
// Where the difference between the others has no part in the reasoning.
inline constexpr std::array kWeakOrSc{rlx, sc};
inline constexpr std::array kNoYes{false, true};

constexpr bool acquires(order o) { return o == acq || o == acq_rel || o == sc; }
constexpr bool releases(order o) { return o == rel || o == acq_rel || o == sc; }
template <class... Orders>
constexpr bool all_sc(Orders... o) {
  return ((o == sc) && ...);
}

inline const char* name(order o) {
  return o == rlx       ? "rlx"
         : o == acq     ? "acq"
         : o == rel     ? "rel"
         : o == acq_rel ? "acq_rel"
                        : "sc";
}
inline const char* name(bool b) { return b ? "yes" : "no"; }
inline std::string name(int i) { return std::to_string(i); }

// for_each(f, list, ...): f(item, ...) for all combinations of the lists'
// items. Failures name the combination.
template <class F>
void for_each_combination(const F& f) {
  f();
}
template <class F, class List, class... Lists>
void for_each_combination(const F& f, const List& list, const Lists&... rest) {
  for (const auto item : list)
    for_each_combination([&](auto... more) { f(item, more...); }, rest...);
}
template <class F, class... Lists>
void for_each(const F& f, const Lists&... lists) {
  for_each_combination(
      [&](auto... items) {
        if (testing::Test::HasFatalFailure()) return;
        std::string text;
        ((text += (text.empty() ? "" : ", ") + std::string(name(items))), ...);
        SCOPED_TRACE(text);
        f(items...);
      },
      lists...);
}

inline constexpr std::size_t kRegisters = 8;

// What a program has read.
class registers {
 public:
  int& operator[](std::size_t i) {
    model::require(i < kRegisters, "too many registers");
    return value_[i];
  }
  const std::array<int, kRegisters>& values() const { return value_; }

 private:
  std::array<int, kRegisters> value_{-1, -1, -1, -1, -1, -1, -1, -1};
};

// A set of outcomes.
class outcomes {
 public:
  outcomes() = default;
  outcomes(const char* words) {
    std::istringstream in(words);
    for (std::string word; in >> word;) words_.insert(word);
  }
  void add(std::string word) { words_.insert(std::move(word)); }
  // The registers that it has digits for.
  std::size_t width() const {
    return words_.empty() ? 0 : words_.begin()->size();
  }
  friend outcomes operator+(outcomes a, const outcomes& b) {
    a.words_.insert(b.words_.begin(), b.words_.end());
    return a;
  }
  friend outcomes operator-(outcomes a, const outcomes& b) {
    for (const std::string& word : b.words_) {
      EXPECT_TRUE(a.words_.contains(word)) << word;
      a.words_.erase(word);
    }
    return a;
  }
  // Each of a followed by each of b.
  friend outcomes operator*(const outcomes& a, const outcomes& b) {
    outcomes product;
    for (const std::string& left : a.words_)
      for (const std::string& right : b.words_) product.add(left + right);
    return product;
  }
  bool operator==(const outcomes&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const outcomes& o) {
    for (const std::string& word : o.words_) out << word << ' ';
    return out;
  }

 private:
  std::set<std::string> words_;
};

// All words of `bits` zeros and ones.
inline outcomes all(int bits) {
  outcomes words("0 1");
  for (int i = 1; i < bits; ++i) words = words * "0 1";
  return words;
}

// Runs each function in a thread of its own; returns when all have ended.
template <class... Functions>
void threads(const Functions&... functions) {
  const model::thread each[] = {model::thread(functions)...};
}

inline void fence(order o) { syncxx::atomic_thread_fence(o); }
inline void sc_fence_if(bool there) {
  if (there) fence(sc);
}

// The outcomes that come while a check runs. What a test allocates there is
// lost after each execution; this does not allocate.
class recorder {
 public:
  void add(const registers& r) {
    const auto end = found_.begin() + static_cast<std::ptrdiff_t>(size_);
    if (std::find(found_.begin(), end, r.values()) != end) return;
    if (size_ < found_.size()) found_[size_++] = r.values();
  }
  void clear() { size_ = 0; }
  outcomes words(std::size_t width) const {
    EXPECT_LT(size_, found_.size());
    outcomes words;
    for (std::size_t i = 0; i < size_; ++i) {
      std::string word;
      for (const int v : found_[i])
        word += v == -1            ? '-'
                : v >= 0 && v <= 9 ? static_cast<char>('0' + v)
                                   : '?';
      EXPECT_EQ(word.find_first_not_of('-', width), std::string::npos) << word;
      words.add(word.substr(0, width));
    }
    return words;
  }

 private:
  std::array<std::array<int, kRegisters>, 512> found_{};
  std::size_t size_ = 0;
};

// No check here takes a second, in a program that is optimized and has no
// sanitizer; one without an end is killed.
inline constexpr unsigned kMostSeconds = 300;

// check(), with the debug mode that fails on an execution visited twice.
inline model::result run(const std::function<void()>& program,
                         const model::options& how = {}) {
  setenv("SYNCXX_MODEL_DUPLICATES", "1", 1);
  ::alarm(kMostSeconds);
  model::result r = model::check(program, how);
  ::alarm(0);
  unsetenv("SYNCXX_MODEL_DUPLICATES");
  return r;
}

// In random mode a program does what it may do, too.
inline void expect_some_at_random(const std::function<void()>& program) {
  model::options how;
  how.search = model::options::mode::random;
  how.max_executions = 50;
  const model::result r = model::check(program, how);
  EXPECT_STREQ(to_string(r.what), "ok") << "at random: " << r.message;
}

using where = model::engine::source;

// The program has these outcomes and no others. Returns what check() returned.
template <class Program>
model::result expect_outcomes(const Program& program, const outcomes& allowed,
                              const where& at = where::current()) {
  const testing::ScopedTrace trace(at.file, static_cast<int>(at.line),
                                   "expected here");
  recorder found;
  const std::function<void()> test = [&] {
    registers values;
    program(values);
    found.add(values);
  };
  model::result r = run(test);
  EXPECT_STREQ(to_string(r.what), "ok") << r.message;
  EXPECT_EQ(found.words(allowed.width()), allowed);
  found.clear();
  expect_some_at_random(test);
  EXPECT_EQ(allowed + found.words(allowed.width()), allowed) << "at random";
  return r;
}

// For programs that wait with updates: an update that has to wait blocks its
// execution, and how many of these there are is the checker's own affair.
inline constexpr std::uint64_t kSomeBlocked = ~std::uint64_t{0};

// `blocked`: executions in which a thread cannot go on; not among the others.
template <class Program>
void expect(const Program& program, const outcomes& allowed,
            std::uint64_t executions, std::uint64_t blocked = 0,
            const where& at = where::current()) {
  const model::result r = expect_outcomes(program, allowed, at);
  const testing::ScopedTrace trace(at.file, static_cast<int>(at.line),
                                   "expected here");
  EXPECT_EQ(r.executions, executions);
  if (blocked != kSomeBlocked) {
    EXPECT_EQ(r.blocked, blocked);
  }
}

// For programs without registers.
inline model::result expect_verdict(const std::function<void()>& program,
                                    verdict what,
                                    const where& at = where::current()) {
  const testing::ScopedTrace trace(at.file, static_cast<int>(at.line),
                                   "expected here");
  model::result r = run(program);
  EXPECT_STREQ(to_string(r.what), to_string(what)) << r.message;
  return r;
}

}  // namespace syncxx_test::litmus

#endif  // SYNCXX_TESTS_MODEL_LITMUS_LITMUS_H_
