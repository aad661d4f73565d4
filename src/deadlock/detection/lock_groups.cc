// SPDX-License-Identifier: Apache-2.0
#include "lock_groups.h"

#include <utility>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// Heap sort: the row is no contiguous memory, and may be long.
template <class T, class Less>
void sort(segments<T>& row, Less less) noexcept {
  const auto sift = [&](std::uint32_t at, std::uint32_t size) {
    for (std::uint32_t child; (child = 2 * at + 1) < size; at = child) {
      if (child + 1 < size && less(row[child], row[child + 1])) ++child;
      if (!less(row[at], row[child])) return;
      std::swap(row[at], row[child]);
    }
  };
  for (std::uint32_t i = row.size() / 2; i-- > 0;) sift(i, row.size());
  for (std::uint32_t n = row.size(); n-- > 1;) {
    std::swap(row[0], row[n]);
    sift(0, n);
  }
}

std::uint64_t ends(lock_id from, lock_id to) noexcept {
  return (std::uint64_t{from} << 32) | to;
}

}  // namespace

lock_id lock_groups::add_lock() noexcept {
  const lock_id lock = nodes_.add({});
  if (lock == 0) return 0;
  node& n = nodes_[lock];
  n.serial = ++last_serial_;
  n.rank = ++last_rank_;
  n.group = n.next_of_group = lock;
  n.size = 1;
  return lock;
}

void lock_groups::remove_lock(lock_id lock) noexcept {
  leave_group(lock);
  nodes_[lock].serial = 0;
  nodes_.remove(lock);
}

lock_id lock_groups::group_of(lock_id lock) noexcept {
  while (nodes_[lock].group != lock) {
    node& n = nodes_[lock];
    n.group = nodes_[n.group].group;
    lock = n.group;
  }
  return lock;
}

// The others stay together, though they may not be strongly connected any more:
// that costs searches that find nothing.
void lock_groups::leave_group(lock_id lock) noexcept {
  const lock_id group = group_of(lock);
  const lock_id next = nodes_[lock].next_of_group;
  if (next == lock) return;
  const lock_id first = group == lock ? next : group;
  nodes_[first].rank = nodes_[group].rank;
  nodes_[first].size = nodes_[group].size - 1;
  lock_id last = next;
  for (lock_id member = next; member != lock;
       member = nodes_[member].next_of_group) {
    nodes_[member].group = first;
    last = member;
  }
  nodes_[last].next_of_group = next;
}

std::uint32_t lock_groups::find_edge(lock_id from, lock_id to) const noexcept {
  return edge_by_ends_.find(ends(from, to));
}

std::uint32_t lock_groups::find_or_add_edge(lock_id from, lock_id to) noexcept {
  joined_.clear();
  if (const std::uint32_t known = find_edge(from, to)) return known;
  const std::uint32_t e = edges_.add({});
  if (e == 0) return 0;
  if (!edge_by_ends_.add(ends(from, to), e)) {
    edges_.remove(e);
    return 0;
  }
  node& out = nodes_[from];
  node& in = nodes_[to];
  edges_[e] = {from, to, out.first_out, 0, in.first_in, 0, 0};
  if (out.first_out != 0) edges_[out.first_out].previous_out = e;
  if (in.first_in != 0) edges_[in.first_in].previous_in = e;
  out.first_out = in.first_in = e;
  connect(from, to);
  return e;
}

void lock_groups::remove_edge(std::uint32_t e) noexcept {
  const edge& gone = edges_[e];
  if (gone.next_out != 0)
    edges_[gone.next_out].previous_out = gone.previous_out;
  if (gone.next_in != 0) edges_[gone.next_in].previous_in = gone.previous_in;
  (gone.previous_out != 0 ? edges_[gone.previous_out].next_out
                          : nodes_[gone.from].first_out) = gone.next_out;
  (gone.previous_in != 0 ? edges_[gone.previous_in].next_in
                         : nodes_[gone.to].first_in) = gone.next_in;
  edge_by_ends_.remove(ends(gone.from, gone.to));
  edges_.remove(e);
}

// --- The topological order of the groups -------------------------------------

// There is a new edge. Those from a lower to a higher group change nothing.
void lock_groups::connect(lock_id from, lock_id to) noexcept {
  const lock_id a = group_of(from);
  const lock_id b = group_of(to);
  if (a == b || nodes_[a].rank < nodes_[b].rank) return;
  ++searches_;
  const bool circle = search_forward(b, a);
  search_backward(a, nodes_[b].rank);
  if (circle) note_joined(a);
  reorder(circle ? a : 0);
}

// forward_: the groups below `goal` that can be reached from `from`. True: so
// can `goal`.
bool lock_groups::search_forward(lock_id from, lock_id goal) noexcept {
  bool reached = false;
  forward_.clear();
  const auto visit = [&](lock_id group) {
    node& n = nodes_[group];
    if (group == goal) reached = true;
    if (n.seen_forward == searches_ || n.rank >= nodes_[goal].rank) return;
    n.seen_forward = searches_;
    static_cast<void>(forward_.push(group));
  };
  visit(from);
  for (std::uint32_t i = 0; i < forward_.size(); ++i) {
    const lock_id group = forward_[i];
    lock_id member = group;
    do {
      for (std::uint32_t e = nodes_[member].first_out; e != 0;
           e = edges_[e].next_out)
        visit(group_of(edges_[e].to));
      member = nodes_[member].next_of_group;
    } while (member != group);
  }
  return reached;
}

// backward_: the groups from which `from` can be reached and that are not below
// `lowest`, itself included.
void lock_groups::search_backward(lock_id from, std::uint64_t lowest) noexcept {
  backward_.clear();
  const auto visit = [&](lock_id group) {
    node& n = nodes_[group];
    if (n.seen_backward == searches_ || n.rank < lowest) return;
    n.seen_backward = searches_;
    static_cast<void>(backward_.push(group));
  };
  visit(from);
  for (std::uint32_t i = 0; i < backward_.size(); ++i) {
    const lock_id group = backward_[i];
    lock_id member = group;
    do {
      for (std::uint32_t e = nodes_[member].first_in; e != 0;
           e = edges_[e].next_in)
        visit(group_of(edges_[e].from));
      member = nodes_[member].next_of_group;
    } while (member != group);
  }
}

// joined_: the locks of the groups that the circles run through, `goal` among
// them, but for those of the largest.
void lock_groups::note_joined(lock_id goal) noexcept {
  lock_id largest = goal;
  for (std::uint32_t i = 0; i < forward_.size(); ++i) {
    const lock_id group = forward_[i];
    if (is_on_circle(group) && nodes_[group].size > nodes_[largest].size)
      largest = group;
  }
  const auto add = [&](lock_id group) {
    if (group == largest) return;
    lock_id member = group;
    do {
      static_cast<void>(joined_.push(member));
      member = nodes_[member].next_of_group;
    } while (member != group);
  };
  add(goal);
  for (std::uint32_t i = 0; i < forward_.size(); ++i) {
    if (is_on_circle(forward_[i])) add(forward_[i]);
  }
}

// The groups found share out their ranks anew: first those that lead to the
// edge, then what its circles have joined into one group with `joined` (0:
// there is no circle), then those that it leads to.
void lock_groups::reorder(lock_id joined) noexcept {
  const auto by_rank = [this](lock_id a, lock_id b) {
    return nodes_[a].rank < nodes_[b].rank;
  };
  const auto is_joined = [&](lock_id group) {
    return joined != 0 && (group == joined || is_on_circle(group));
  };
  sort(forward_, by_rank);
  sort(backward_, by_rank);
  ranks_.clear();
  for (std::uint32_t i = 0; i < forward_.size(); ++i)
    static_cast<void>(ranks_.push(nodes_[forward_[i]].rank));
  for (std::uint32_t i = 0; i < backward_.size(); ++i) {
    if (nodes_[backward_[i]].seen_forward != searches_)
      static_cast<void>(ranks_.push(nodes_[backward_[i]].rank));
  }
  sort(ranks_, [](std::uint64_t a, std::uint64_t b) { return a < b; });
  std::uint32_t next = 0;
  for (std::uint32_t i = 0; i < backward_.size(); ++i) {
    if (!is_joined(backward_[i])) nodes_[backward_[i]].rank = ranks_[next++];
  }
  if (joined != 0) nodes_[joined].rank = ranks_[next++];
  for (std::uint32_t i = 0; i < forward_.size(); ++i) {
    const lock_id group = forward_[i];
    if (is_joined(group))
      merge(joined, group);
    else
      nodes_[group].rank = ranks_[next++];
  }
}

void lock_groups::merge(lock_id into, lock_id group) noexcept {
  if (into == group) return;
  nodes_[group].group = into;
  nodes_[into].size += nodes_[group].size;
  std::swap(nodes_[into].next_of_group, nodes_[group].next_of_group);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
