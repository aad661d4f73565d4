// SPDX-License-Identifier: Apache-2.0
//
// Contention statistics: which locks are taken, how often, and who waits.
//
// Choose it to find the lock that a program stands in line for. In the hooked
// library (syncxx::hooks) it counts, for each class of locks, the acquisitions,
// how many of them had to wait, and for how long locks were waited for and
// held. Off at first. It does not need the checker of deadlocks to be on, nor
// off.
//
// A class of locks is what set_lock_class() says; else what set_lock_name()
// says; else all locks of one kind that were first acquired at one place in the
// program. (Both are in <sync/deadlock.h>.)
//
// The environment, read when the program starts:
//   SYNCXX_LOCKSTAT=1            count, and print the table when it ends
//   SYNCXX_LOCKSTAT_LOG=FILE     the table is appended to it, not to stderr
//   SYNCXX_LOCKSTAT_JSON=FILE    the same as a line of JSON
//   SYNCXX_LOCKSTAT_ROWS=N|all   rows of the table; 20
//   SYNCXX_LOCKSTAT_HOLDS=N      time the holds of every Nth acquisition of a
//                                thread; 1: of all; 0: of none
//
// What counts: locks of all kinds, and semaphores (which nobody holds). The
// inner levels of a recursive lock do not, nor does what a condition variable,
// an event, a latch or a barrier is waited for. A condition variable's wait
// ends with an acquisition of its mutex. The readers of a biased_shared_mutex
// tell nobody. In the child of a fork all counts begin anew; those of threads
// that have ended stay.
//
// Any thread may call any of this at any time; counts of a thread that runs may
// be seen a moment late. What is found too much for the tables is counted all
// the same, in the row "others". In the plain library everything here is there,
// and does nothing. Design, costs and the JSON: docs/design/lock_stat.md.
#ifndef SYNCXX_LOCK_STAT_H_
#define SYNCXX_LOCK_STAT_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace lock_stat {

// Durations, and how they are spread.
struct durations {
  static constexpr std::size_t kBuckets = 40;

  std::uint64_t count = 0;
  std::chrono::nanoseconds total{0};
  std::chrono::nanoseconds max{0};
  // buckets[i]: less than 2^i ns, and not less than half of that. The last has
  // what is longer, too.
  std::array<std::uint64_t, kBuckets> buckets{};

  // What the share `p` (0 to 1) of the durations does not exceed, rounded up to
  // the bucket's end, but not beyond max. Zero where there are none.
  std::chrono::nanoseconds percentile(double p) const noexcept;
};

// Where locks of a class were waited for.
struct site {
  std::string place;     // "file:line", or "module+0xoffset"
  std::string function;  // "": not known
  std::uint64_t waits = 0;
  std::chrono::nanoseconds total{0};
  std::chrono::nanoseconds max{0};
};

struct lock_class {
  std::string name;      // given by the program, or the place; "others"
  std::string function;  // the place's; "": not known
  bool is_named = false;
  std::string kind;         // "mutex", "shared_mutex", …
  std::uint64_t locks = 0;  // how many have been of this class so far
  std::uint64_t acquisitions = 0;
  std::uint64_t shared = 0;     // of them by readers
  std::uint64_t contended = 0;  // of them after a wait
  durations wait;           // also waits that were given up: count - contended
  durations hold;           // of those that were timed (hold_sampling)
  std::vector<site> sites;  // by total, the longest first
};

// All of it. Classes are in the order of what their locks were waited for in
// total, then of their acquisitions.
struct report {
  std::chrono::nanoseconds time{0};  // since the counts began
  unsigned hold_sampling = 1;        // holds timed: one in this many; 0: none
  // Acquisitions that no class has: of threads that had ended already, or for
  // want of memory.
  std::uint64_t missed = 0;
  std::vector<lock_class> classes;
};

// Rows of a table.
inline constexpr std::size_t all_rows = ~std::size_t{0};
inline constexpr std::size_t default_rows = 20;

#if SYNCXX_HOOKED

// Begins to count, or stops. What was counted stays. Locks that are held at
// that moment are not timed.
void enable(bool on = true) noexcept;
inline void disable() noexcept { enable(false); }
bool is_enabled() noexcept;

// All counts are zero.
void reset() noexcept;

// Every nth acquisition of a thread has its hold timed: that costs two readings
// of the clock. 0: none. Overrides SYNCXX_LOCKSTAT_HOLDS.
void set_hold_sampling(unsigned n) noexcept;

// What was counted so far. Reads debug information, for the places: not to be
// called often, nor in a signal handler. Throws std::bad_alloc.
report snapshot();

// The same as a table for people, and as JSON (one line).
std::string text(std::size_t rows = default_rows);
std::string json();

// Writes the table to SYNCXX_LOCKSTAT_LOG or stderr, and the line of JSON to
// SYNCXX_LOCKSTAT_JSON if that is set.
void print(std::size_t rows = default_rows) noexcept;

#else

inline void enable(bool = true) noexcept {}
inline void disable() noexcept {}
inline bool is_enabled() noexcept { return false; }
inline void reset() noexcept {}
inline void set_hold_sampling(unsigned) noexcept {}
inline report snapshot() { return {}; }
inline std::string text(std::size_t = default_rows) { return {}; }
inline std::string json() { return {}; }
inline void print(std::size_t = default_rows) noexcept {}

#endif

inline std::chrono::nanoseconds durations::percentile(double p) const noexcept {
  const auto wanted = static_cast<double>(count) * p;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets[i];
    if (seen == 0 || static_cast<double>(seen) < wanted) continue;
    const std::chrono::nanoseconds end{(std::int64_t{1} << i) - 1};
    return i == kBuckets - 1 || end > max ? max : end;
  }
  return max;
}

}  // namespace lock_stat
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_LOCK_STAT_H_
