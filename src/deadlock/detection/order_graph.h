// SPDX-License-Identifier: Apache-2.0
//
// The order in which locks are taken, and what in it may end in a deadlock.
//
// A thread that holds a and waits for b makes the edge a -> b. A deadlock is
// possible where edges form a circle such that for each of them there is an
// occasion (who, when, with which locks held) and for all of these
//   - the threads are different ones,
//   - no two hold the same lock in ways that exclude each other (a gate),
//   - none is ordered before another by the creation and the end of threads,
//   - the way in which each waits excludes the way in which the next holds.
// (Havelund, "Using Runtime Analysis to Guide Model Checking of Java Programs",
// SPIN 2000; Bensalem and Havelund, "Dynamic Deadlock Analysis of
// Multi-threaded Programs", HVC 2005.)
//
// So that a new edge costs little, strongly connected locks are kept together,
// and those groups in a topological order (Pearce and Kelly, "A Dynamic
// Topological Sort Algorithm for Directed Acyclic Graphs", ACM JEA 11, 2007;
// Bender, Fineman, Gilbert and Tarjan, "A New Approach to Incremental Cycle
// Detection and Related Problems", ACM TALG 12(2), 2016). An edge from a lower
// to a higher group closes no circle, and nothing is searched.
//
// Not thread-safe. Without memory it knows less, and says nothing wrong.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_GRAPH_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include <sync/detail/config.h>

#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

using lock_id = std::uint32_t;  // 0: none

enum class hold : std::uint8_t { shared, upgrade, exclusive };

constexpr bool exclude_each_other(hold a, hold b) noexcept {
  return a == hold::exclusive || b == hold::exclusive ||
         (a == hold::upgrade && b == hold::upgrade);
}

struct held_lock {
  lock_id lock;
  hold how;
  std::uint32_t where;  // for the report: not looked at
};

// On a thread's own clock, which its creations and joins of others advance.
struct moment_of {
  std::uint64_t thread;
  std::uint32_t time;
};

// One occasion of an edge, as a part of a circle.
struct order_link {
  lock_id held;
  lock_id wanted;
  hold held_how;
  hold wanted_how;
  moment_of when;
  std::uint32_t held_where;
  std::uint32_t wanted_where;
};

class order_graph {
 public:
  // Whether `a` comes before `b` in every run, by what is known of threads.
  using order_of_moments = bool (*)(void* context, const moment_of& a,
                                    const moment_of& b);
  // A circle that has not been found before; its first link is the new one.
  using when_found = void (*)(void* context,
                              const segments<order_link>& circle);

  order_graph(order_of_moments ordered, when_found found,
              void* context) noexcept
      : ordered_(ordered), found_(found), context_(context) {}
  order_graph(const order_graph&) = delete;
  order_graph& operator=(const order_graph&) = delete;

  lock_id add_lock() noexcept;
  void remove_lock(lock_id lock) noexcept;

  // A thread that holds `held` waits for `wanted`, or has got it after it might
  // have had to wait.
  void wait(const moment_of& now, std::span<const held_lock> held,
            lock_id wanted, hold how, std::uint32_t where) noexcept;

  std::uint32_t locks() const noexcept { return nodes_.in_use(); }
  std::uint32_t edges() const noexcept { return edges_.in_use(); }
  // Searches that were given up, and occasions that there was no room for.
  std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  struct node {
    std::uint64_t serial;  // never given out again; 0: free
    std::uint64_t rank;    // of a group, in its first lock
    lock_id group;         // towards the group's first lock
    lock_id next_of_group;
    std::uint32_t first_out, first_in;
    std::uint32_t seen_forward, seen_backward;  // by the last search
    bool on_path;
  };
  struct edge {
    lock_id from, to;
    std::uint32_t next_out, previous_out, next_in, previous_in;
    std::uint32_t first_occasion;
  };
  // Who took the two with one set of locks held. A thread's first and last time
  // stand for those in between.
  static constexpr std::uint32_t kThreads = 6;
  struct occasion {
    std::uint32_t next;
    std::uint32_t set;
    hold from_how, to_how;
    std::uint8_t threads;
    bool by_many;  // more than kThreads
    struct {
      std::uint64_t thread;
      std::uint32_t first, last;
      std::uint32_t from_where, to_where;
    } by[kThreads];
  };
  struct set_head {
    std::uint64_t hash;
    std::uint32_t first, size;  // in set_locks_, sorted by serial
    std::uint32_t uses;
  };
  struct set_lock {
    std::uint64_t serial;
    hold how;
  };
  struct chosen {
    std::uint32_t edge, occasion;
    std::uint32_t by;  // kMany: some thread, at some time
    bool last_time;
  };
  // Of a search: the links that begin with one lock.
  struct level {
    lock_id at;
    chosen next;  // edge 0: there are no more
  };
  static constexpr std::uint32_t kMany = ~0u;
  static constexpr std::uint32_t kMostOccasions = 32;  // of an edge
  static constexpr std::uint32_t kMostSteps = 100'000;  // of a search

  lock_id group_of(lock_id lock) noexcept;
  std::uint32_t find_or_add_edge(lock_id from, lock_id to) noexcept;
  void remove_edge(std::uint32_t e) noexcept;
  void leave_group(lock_id lock) noexcept;

  // False: a group can be left only towards higher ones, as before.
  void connect(lock_id from, lock_id to) noexcept;
  bool search_forward(lock_id from, lock_id goal) noexcept;
  void search_backward(lock_id from, std::uint64_t above) noexcept;
  void reorder(lock_id from) noexcept;
  void merge(lock_id into, lock_id group) noexcept;

  std::uint32_t intern(std::span<const held_lock> held) noexcept;
  void release(std::uint32_t set) noexcept;
  bool is_same(const set_head& a, const set_head& b) const noexcept;
  bool is_subset(const set_head& small, const set_head& large) const noexcept;
  bool is_gated(std::uint32_t a, std::uint32_t b) const noexcept;
  bool note(std::uint32_t e, const moment_of& now, std::uint32_t set,
            const held_lock& from, hold how, std::uint32_t where,
            chosen& as) noexcept;

  void search_circles(const chosen& first) noexcept;
  chosen first_of(lock_id at) const noexcept;
  chosen after(chosen c) const noexcept;
  bool fits(const chosen& c) const noexcept;
  bool fits(const chosen& c, const chosen& other) const noexcept;
  moment_of when(const chosen& c) const noexcept;
  order_link link(const chosen& c) const noexcept;
  void found_circle() noexcept;

  const order_of_moments ordered_;
  const when_found found_;
  void* const context_;

  numbered_pool<node> nodes_;
  numbered_pool<edge> edges_;
  numbered_pool<occasion> occasions_;
  numbered_pool<set_head> sets_;
  segments<set_lock> set_locks_;
  key_table edge_by_ends_;
  key_table set_by_hash_;
  key_table found_before_;
  segments<lock_id> forward_, backward_;
  segments<std::uint64_t> ranks_;
  segments<chosen> path_;
  segments<level> levels_;
  segments<order_link> links_;
  std::uint64_t last_serial_ = 0;
  std::uint64_t last_rank_ = 0;
  std::uint32_t searches_ = 0;
  std::uint32_t steps_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_GRAPH_H_
