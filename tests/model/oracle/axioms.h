// SPDX-License-Identifier: Apache-2.0
//
// Every execution that C++20 allows a small program, found without cleverness.
//
// The model is RC11 (Lahav, Vafeiadis, Kang, Hur and Dreyer, "Repairing
// Sequential Consistency in C/C++11", PLDI 2017) with the release sequences of
// C++20: a write is followed by read-modify-writes alone (P0982).
#ifndef SYNCXX_TESTS_MODEL_ORACLE_AXIOMS_H_
#define SYNCXX_TESTS_MODEL_ORACLE_AXIOMS_H_

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/model/oracle/program.h"

namespace syncxx_test::oracle {

// The initial write of location x is {kInitialThread, x}.
inline constexpr int kInitialThread = -1;

struct event_id {
  int thread = kInitialThread;
  int index = 0;
  auto operator<=>(const event_id&) const = default;
};

enum class event_kind { read, write, fence };

// A successful read-modify-write is a read and, next in the thread, a write.
// Both carry the order of the operation.
struct event {
  event_kind kind = event_kind::fence;
  int location = 0;
  std::memory_order order = std::memory_order_relaxed;
  int value = 0;
  bool ends_rmw = false;  // a write: the event before it is its read
  event_id source = {};   // a read: the write it reads from
  auto operator<=>(const event&) const = default;
};

// The events of each thread in program order (each read with its rf edge), and
// co: the writes to each location in order, the initial one first.
struct graph {
  std::vector<std::vector<event>> threads;
  std::vector<std::vector<event_id>> coherence;
  auto operator<=>(const graph&) const = default;
};

int value_of(const graph& g, event_id write);

std::string to_string(const graph& g);

// Whether the graph obeys the axioms. At most 64 events, the initial ones
// among them; std::length_error beyond.
bool consistent(const graph& g);

// An execution that has run to its end: all threads are done, or the rest wait
// in vain.
struct execution {
  graph events;
  std::vector<int> outcome;
  bool blocked = false;
  auto operator<=>(const execution&) const = default;
};

// All consistent executions, each once, in the order of their graphs. Blocked
// ones are among them: each thread that is not done stands at an await that the
// co-last write of its location does not satisfy. Nothing if more than
// `max_graphs` graphs and prefixes of graphs have to be looked at.
std::optional<std::vector<execution>> executions(const program& p,
                                                 std::uint64_t max_graphs);

struct summary {
  // Consistent graphs in which all threads are done.
  std::uint64_t complete = 0;
  // What these end with: the registers of all threads, then the co-last value
  // of each location.
  std::set<std::vector<int>> outcomes;
  // Graphs that are stuck; not among the complete ones.
  std::uint64_t blocked = 0;
};

summary enumerate(const program& p);
std::optional<summary> enumerate(const program& p, std::uint64_t max_graphs);

}  // namespace syncxx_test::oracle

#endif  // SYNCXX_TESTS_MODEL_ORACLE_AXIOMS_H_
