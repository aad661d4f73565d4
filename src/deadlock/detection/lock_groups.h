// SPDX-License-Identifier: Apache-2.0
//
// Which locks can be reached from which: a directed graph whose strongly
// connected locks are kept together in groups, and those in a topological
// order. An edge from a lower to a higher group costs nothing.
//
// Pearce and Kelly, "A Dynamic Topological Sort Algorithm for Directed Acyclic
// Graphs", ACM JEA 11, 2007; Bender, Fineman, Gilbert and Tarjan, "A New
// Approach to Incremental Cycle Detection and Related Problems", ACM TALG
// 12(2), 2016.
//
// Not thread-safe. Without memory it knows less.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_GROUPS_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_GROUPS_H_

#include <cstddef>
#include <cstdint>

#include <sync/detail/config.h>

#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

using lock_id = std::uint32_t;  // 0: none

class lock_groups {
 public:
  constexpr lock_groups() noexcept = default;
  lock_groups(const lock_groups&) = delete;
  lock_groups& operator=(const lock_groups&) = delete;

  // 0: there is no memory.
  lock_id add_lock() noexcept;
  // Its edges must have been removed.
  void remove_lock(lock_id lock) noexcept;

  // 0: there is no memory. Locks that the edge has brought into a group with
  // others are in joined() afterwards, but for those of the largest group.
  std::uint32_t find_or_add_edge(lock_id from, lock_id to) noexcept;
  std::uint32_t find_edge(lock_id from, lock_id to) const noexcept;
  void remove_edge(std::uint32_t e) noexcept;
  segments<lock_id>& joined() noexcept { return joined_; }

  lock_id group_of(lock_id lock) noexcept;
  bool are_together(lock_id a, lock_id b) noexcept {
    return group_of(a) == group_of(b);
  }

  // Never given out again.
  std::uint64_t serial(lock_id lock) const noexcept {
    return nodes_[lock].serial;
  }
  std::uint32_t first_out(lock_id lock) const noexcept {
    return nodes_[lock].first_out;
  }
  std::uint32_t first_in(lock_id lock) const noexcept {
    return nodes_[lock].first_in;
  }
  std::uint32_t next_out(std::uint32_t e) const noexcept {
    return edges_[e].next_out;
  }
  std::uint32_t next_in(std::uint32_t e) const noexcept {
    return edges_[e].next_in;
  }
  lock_id from(std::uint32_t e) const noexcept { return edges_[e].from; }
  lock_id to(std::uint32_t e) const noexcept { return edges_[e].to; }
  // What the owner of the graph keeps for a lock and for an edge: 0, false at
  // first.
  std::uint32_t& tag_of_lock(lock_id lock) noexcept { return nodes_[lock].tag; }
  bool& mark(lock_id lock) noexcept { return nodes_[lock].mark; }
  // Whether more than one thread takes it; false until they have been told of.
  bool is_shared(lock_id lock) const noexcept { return nodes_[lock].shared; }
  // True: it was not known that more than one does.
  bool note_thread(lock_id lock, std::uint64_t thread) noexcept {
    node& n = nodes_[lock];
    if (n.shared || n.thread == thread) return false;
    if (n.thread != 0) return n.shared = true;
    n.thread = thread;
    return false;
  }
  // Whether a reader that comes while a writer waits, waits behind it.
  bool& puts_writers_first(lock_id lock) noexcept {
    return nodes_[lock].writers_first;
  }
  bool is_alone(lock_id lock) const noexcept {
    return nodes_[lock].next_of_group == lock;
  }
  std::uint32_t& tag(std::uint32_t e) noexcept { return edges_[e].tag; }
  std::uint32_t tag(std::uint32_t e) const noexcept { return edges_[e].tag; }

  std::uint32_t locks() const noexcept { return nodes_.in_use(); }
  std::uint32_t edges() const noexcept { return edges_.in_use(); }

 private:
  struct node {
    std::uint64_t serial;  // 0: free
    std::uint64_t rank;    // of a group, in its first lock
    lock_id group;         // towards the group's first lock
    lock_id next_of_group;
    std::uint32_t size;  // of a group, in its first lock
    std::uint32_t first_out, first_in;
    std::uint32_t tag;
    bool mark;
    bool shared;  // more than one thread takes it
    bool writers_first;
    std::uint64_t thread;                       // the first that did
    std::uint32_t seen_forward, seen_backward;  // by the last search
  };
  struct edge {
    lock_id from, to;
    std::uint32_t next_out, previous_out, next_in, previous_in;
    std::uint32_t tag;
  };

  void leave_group(lock_id lock) noexcept;
  void connect(lock_id from, lock_id to) noexcept;
  bool search_forward(lock_id from, lock_id goal) noexcept;
  void search_backward(lock_id from, std::uint64_t lowest) noexcept;
  void note_joined(lock_id goal) noexcept;
  void reorder(lock_id joined) noexcept;
  bool is_on_circle(lock_id group) const noexcept {
    return nodes_[group].seen_forward == searches_ &&
           nodes_[group].seen_backward == searches_;
  }
  void merge(lock_id into, lock_id group) noexcept;

  numbered_pool<node> nodes_;
  numbered_pool<edge> edges_;
  key_table edge_by_ends_;
  segments<lock_id> forward_, backward_, joined_;
  segments<std::uint64_t> ranks_;
  std::uint64_t last_serial_ = 0;
  std::uint64_t last_rank_ = 0;
  std::uint32_t searches_ = 0;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_GROUPS_H_
