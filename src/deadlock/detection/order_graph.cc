// SPDX-License-Identifier: Apache-2.0
#include "order_graph.h"

#include <bit>
#include <utility>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

std::uint64_t mixed(std::uint64_t h, std::uint64_t next) noexcept {
  h = (std::rotl(h, 23) + next + 1) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 32);
}

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

}  // namespace

// --- Locks and edges ---------------------------------------------------------

lock_id order_graph::add_lock() noexcept {
  const lock_id lock = nodes_.add({});
  if (lock == 0) return 0;
  node& n = nodes_[lock];
  n.serial = ++last_serial_;
  n.rank = ++last_rank_;
  n.group = n.next_of_group = lock;
  return lock;
}

void order_graph::remove_lock(lock_id lock) noexcept {
  node& n = nodes_[lock];
  while (n.first_out != 0) remove_edge(n.first_out);
  while (n.first_in != 0) remove_edge(n.first_in);
  leave_group(lock);
  n.serial = 0;
  nodes_.remove(lock);
}

lock_id order_graph::group_of(lock_id lock) noexcept {
  while (nodes_[lock].group != lock) {
    node& n = nodes_[lock];
    n.group = nodes_[n.group].group;
    lock = n.group;
  }
  return lock;
}

// The others stay together, though they may not be strongly connected any more:
// that costs searches that find nothing.
void order_graph::leave_group(lock_id lock) noexcept {
  const lock_id group = group_of(lock);
  const lock_id next = nodes_[lock].next_of_group;
  if (next == lock) return;
  const lock_id first = group == lock ? next : group;
  nodes_[first].rank = nodes_[group].rank;
  lock_id last = next;
  for (lock_id member = next; member != lock;
       member = nodes_[member].next_of_group) {
    nodes_[member].group = first;
    last = member;
  }
  nodes_[last].next_of_group = next;
}

std::uint32_t order_graph::find_or_add_edge(lock_id from, lock_id to) noexcept {
  const std::uint64_t ends = (std::uint64_t{from} << 32) | to;
  if (const std::uint32_t known = edge_by_ends_.find(ends)) return known;
  const std::uint32_t e = edges_.add({});
  if (e == 0) return 0;
  if (!edge_by_ends_.add(ends, e)) {
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

void order_graph::remove_edge(std::uint32_t e) noexcept {
  edge& gone = edges_[e];
  if (gone.next_out != 0) edges_[gone.next_out].previous_out = gone.previous_out;
  if (gone.next_in != 0) edges_[gone.next_in].previous_in = gone.previous_in;
  (gone.previous_out != 0 ? edges_[gone.previous_out].next_out
                          : nodes_[gone.from].first_out) = gone.next_out;
  (gone.previous_in != 0 ? edges_[gone.previous_in].next_in
                         : nodes_[gone.to].first_in) = gone.next_in;
  edge_by_ends_.remove((std::uint64_t{gone.from} << 32) | gone.to);
  for (std::uint32_t o = gone.first_occasion; o != 0;) {
    const std::uint32_t next = occasions_[o].next;
    release(occasions_[o].set);
    occasions_.remove(o);
    o = next;
  }
  edges_.remove(e);
}

// --- The topological order of the groups -------------------------------------

// There is a new edge. Those from a lower to a higher group change nothing.
void order_graph::connect(lock_id from, lock_id to) noexcept {
  const lock_id a = group_of(from);
  const lock_id b = group_of(to);
  if (a == b || nodes_[a].rank < nodes_[b].rank) return;
  ++searches_;
  const bool circle = search_forward(b, a);
  search_backward(a, nodes_[b].rank);
  reorder(circle ? a : 0);
}

// forward_: the groups below `goal` that can be reached from `from`. True: so
// can `goal`.
bool order_graph::search_forward(lock_id from, lock_id goal) noexcept {
  bool reached = false;
  forward_.clear();
  const auto visit = [&](lock_id group) {
    node& n = nodes_[group];
    if (group == goal) reached = true;
    if (n.seen_forward == searches_ || n.rank >= nodes_[goal].rank) return;
    n.seen_forward = searches_;
    if (!forward_.push(group)) ++left_out_;
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
void order_graph::search_backward(lock_id from, std::uint64_t lowest) noexcept {
  backward_.clear();
  const auto visit = [&](lock_id group) {
    node& n = nodes_[group];
    if (n.seen_backward == searches_ || n.rank < lowest) return;
    n.seen_backward = searches_;
    if (!backward_.push(group)) ++left_out_;
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

// The groups found share out their ranks anew: first those that lead to the
// edge, then what its circles have joined into one group with `joined` (0:
// there is no circle), then those that it leads to.
void order_graph::reorder(lock_id joined) noexcept {
  const auto by_rank = [this](lock_id a, lock_id b) {
    return nodes_[a].rank < nodes_[b].rank;
  };
  const auto is_joined = [&](lock_id group) {
    const node& n = nodes_[group];
    return joined != 0 && (group == joined || (n.seen_forward == searches_ &&
                                               n.seen_backward == searches_));
  };
  sort(forward_, by_rank);
  sort(backward_, by_rank);
  ranks_.clear();
  for (std::uint32_t i = 0; i < forward_.size(); ++i)
    ranks_.push(nodes_[forward_[i]].rank);
  for (std::uint32_t i = 0; i < backward_.size(); ++i) {
    if (nodes_[backward_[i]].seen_forward != searches_)
      ranks_.push(nodes_[backward_[i]].rank);
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

void order_graph::merge(lock_id into, lock_id group) noexcept {
  if (into == group) return;
  nodes_[group].group = into;
  std::swap(nodes_[into].next_of_group, nodes_[group].next_of_group);
}

// --- Sets of locks held ------------------------------------------------------

// 0: there is no memory.
std::uint32_t order_graph::intern(std::span<const held_lock> held) noexcept {
  const std::uint32_t begin = set_locks_.size();
  for (const held_lock& h : held) {
    if (!set_locks_.push({nodes_[h.lock].serial, h.how})) {
      while (set_locks_.size() > begin) set_locks_.pop();
      return 0;
    }
    for (std::uint32_t i = set_locks_.size() - 1;
         i > begin && set_locks_[i].serial < set_locks_[i - 1].serial; --i)
      std::swap(set_locks_[i], set_locks_[i - 1]);
  }
  const auto size = static_cast<std::uint32_t>(held.size());
  std::uint64_t hash = size + 1;
  for (std::uint32_t i = begin; i < set_locks_.size(); ++i)
    hash = mixed(hash, (set_locks_[i].serial << 2) |
                           static_cast<std::uint64_t>(set_locks_[i].how));
  const auto drop = [&] {
    while (set_locks_.size() > begin) set_locks_.pop();
  };
  for (;; ++hash) {
    if (hash == 0) continue;
    const std::uint32_t known = set_by_hash_.find(hash);
    if (known == 0) break;
    if (!is_same(sets_[known], {hash, begin, size, 0})) continue;
    drop();
    ++sets_[known].uses;
    return known;
  }
  const std::uint32_t set = sets_.add({hash, begin, size, 1});
  if (set == 0 || !set_by_hash_.add(hash, set)) {
    if (set != 0) sets_.remove(set);
    drop();
    return 0;
  }
  return set;
}

void order_graph::release(std::uint32_t set) noexcept {
  set_head& s = sets_[set];
  if (--s.uses != 0) return;
  set_by_hash_.remove(s.hash);
  if (s.first + s.size == set_locks_.size()) {
    for (std::uint32_t i = 0; i < s.size; ++i) set_locks_.pop();
  }
  sets_.remove(set);
}

bool order_graph::is_same(const set_head& a, const set_head& b) const noexcept {
  return a.size == b.size && is_subset(a, b);
}

bool order_graph::is_subset(const set_head& small,
                            const set_head& large) const noexcept {
  std::uint32_t j = 0;
  for (std::uint32_t i = 0; i < small.size; ++i, ++j) {
    const set_lock& wanted = set_locks_[small.first + i];
    while (j < large.size && set_locks_[large.first + j].serial < wanted.serial)
      ++j;
    if (j == large.size) return false;
    const set_lock& there = set_locks_[large.first + j];
    if (there.serial != wanted.serial || there.how != wanted.how) return false;
  }
  return true;
}

// Whether two threads cannot hold the two sets at the same time.
bool order_graph::is_gated(std::uint32_t a, std::uint32_t b) const noexcept {
  const set_head& s = sets_[a];
  const set_head& t = sets_[b];
  for (std::uint32_t i = 0, j = 0; i < s.size && j < t.size;) {
    const set_lock& x = set_locks_[s.first + i];
    const set_lock& y = set_locks_[t.first + j];
    if (x.serial == y.serial && exclude_each_other(x.how, y.how)) return true;
    if (x.serial <= y.serial) ++i;
    if (y.serial <= x.serial) ++j;
  }
  return false;
}

// --- Occasions ---------------------------------------------------------------

// False: nothing is new. Else `as` is what is.
bool order_graph::note(std::uint32_t e, const moment_of& now, std::uint32_t set,
                       const held_lock& from, hold how, std::uint32_t where,
                       chosen& as) noexcept {
  std::uint32_t count = 0;
  std::uint32_t same = 0;
  for (std::uint32_t o = edges_[e].first_occasion; o != 0;
       o = occasions_[o].next, ++count) {
    occasion& known = occasions_[o];
    if (known.from_how != from.how || known.to_how != how) continue;
    if (known.set == set) same = o;
    if (!is_subset(sets_[known.set], sets_[set])) continue;
    for (std::uint32_t i = 0; i < known.threads; ++i) {
      if (known.by[i].thread == now.thread &&
          (known.by[i].first == now.time || known.by[i].last == now.time))
        return false;
    }
  }
  if (same == 0) {
    const std::uint32_t o = count < kMostOccasions ? occasions_.add({}) : 0;
    if (o == 0) {
      ++left_out_;
      return false;
    }
    occasions_[o].next = edges_[e].first_occasion;
    occasions_[o].set = set;
    occasions_[o].from_how = from.how;
    occasions_[o].to_how = how;
    ++sets_[set].uses;
    edges_[e].first_occasion = same = o;
  }
  occasion& here = occasions_[same];
  as = {e, same, 0, true};
  while (as.by < here.threads && here.by[as.by].thread != now.thread) ++as.by;
  if (as.by < here.threads) {
    here.by[as.by].last = now.time;
    here.by[as.by].from_where = from.where;
    here.by[as.by].to_where = where;
    return true;
  }
  if (here.threads < kThreads) {
    here.by[here.threads++] = {now.thread, now.time, now.time, from.where,
                               where};
    return true;
  }
  as.by = kMany;
  return !std::exchange(here.by_many, true);
}

void order_graph::wait(const moment_of& now, std::span<const held_lock> held,
                       lock_id wanted, hold how, std::uint32_t where) noexcept {
  if (held.empty()) return;
  const std::uint32_t set = intern(held);
  if (set == 0) {
    ++left_out_;
    return;
  }
  for (const held_lock& h : held) {
    if (h.lock == wanted) continue;
    const std::uint32_t e = find_or_add_edge(h.lock, wanted);
    chosen fresh;
    if (e == 0) {
      ++left_out_;
    } else if (note(e, now, set, h, how, where, fresh) &&
               group_of(h.lock) == group_of(wanted)) {
      search_circles(fresh);
    }
  }
  release(set);
}

// --- Circles -----------------------------------------------------------------

moment_of order_graph::when(const chosen& c) const noexcept {
  const auto& by = occasions_[c.occasion].by[c.by];
  return {by.thread, c.last_time ? by.last : by.first};
}

// Whether the two may happen at once.
bool order_graph::fits(const chosen& c, const chosen& other) const noexcept {
  if (is_gated(occasions_[c.occasion].set, occasions_[other.occasion].set))
    return false;
  if (c.by == kMany || other.by == kMany) return true;
  const moment_of a = when(c);
  const moment_of b = when(other);
  return a.thread != b.thread && !ordered_(context_, a, b) &&
         !ordered_(context_, b, a);
}

// Whether it may come next on the path.
bool order_graph::fits(const chosen& c) const noexcept {
  const occasion& next = occasions_[c.occasion];
  if (!exclude_each_other(
          occasions_[path_[path_.size() - 1].occasion].to_how, next.from_how))
    return false;
  for (std::uint32_t i = 0; i < path_.size(); ++i) {
    if (!fits(c, path_[i])) return false;
  }
  return true;
}

order_graph::chosen order_graph::first_of(lock_id at) const noexcept {
  const std::uint32_t e = nodes_[at].first_out;
  if (e == 0) return {};
  const std::uint32_t o = edges_[e].first_occasion;
  const chosen c{e, o, 0, false};
  return o != 0 ? c : after(c);
}

order_graph::chosen order_graph::after(chosen c) const noexcept {
  if (c.occasion != 0) {
    const occasion& o = occasions_[c.occasion];
    if (c.by != kMany) {
      if (!c.last_time && o.by[c.by].first != o.by[c.by].last)
        return {c.edge, c.occasion, c.by, true};
      if (c.by + 1 < o.threads) return {c.edge, c.occasion, c.by + 1, false};
      if (o.by_many) return {c.edge, c.occasion, kMany, false};
    }
    if (o.next != 0) return {c.edge, o.next, 0, false};
  }
  for (std::uint32_t e = edges_[c.edge].next_out; e != 0;
       e = edges_[e].next_out) {
    if (edges_[e].first_occasion != 0)
      return {e, edges_[e].first_occasion, 0, false};
  }
  return {};
}

// All ways on from the new occasion, within its group, that lead back to it.
void order_graph::search_circles(const chosen& first) noexcept {
  const edge begin = edges_[first.edge];
  const lock_id group = group_of(begin.from);
  path_.clear();
  levels_.clear();
  std::uint32_t steps = 0;
  if (!path_.push(first) || !levels_.push({begin.to, first_of(begin.to)}))
    return;
  nodes_[begin.to].on_path = true;
  while (!levels_.empty()) {
    level& top = levels_.back();
    const chosen c = top.next;
    if (c.edge == 0 || ++steps > kMostSteps) {
      if (c.edge != 0 && steps == kMostSteps + 1) ++left_out_;
      nodes_[top.at].on_path = false;
      levels_.pop();
      path_.pop();
      continue;
    }
    top.next = after(c);
    const lock_id to = edges_[c.edge].to;
    if (nodes_[to].on_path || group_of(to) != group || !fits(c)) continue;
    if (to == begin.from) {
      if (!exclude_each_other(occasions_[c.occasion].to_how,
                              occasions_[first.occasion].from_how))
        continue;
      if (!path_.push(c)) continue;
      found_circle();
      path_.pop();
    } else if (path_.push(c)) {
      if (levels_.push({to, first_of(to)}))
        nodes_[to].on_path = true;
      else
        path_.pop();
    }
  }
}

order_link order_graph::link(const chosen& c) const noexcept {
  const edge& e = edges_[c.edge];
  const occasion& o = occasions_[c.occasion];
  const auto& by = o.by[c.by == kMany ? 0 : c.by];
  return {e.from,        e.to,      o.from_how,
          o.to_how,      {by.thread, c.last_time ? by.last : by.first},
          by.from_where, by.to_where};
}

// path_ is one; the same locks in the same order are told of once.
void order_graph::found_circle() noexcept {
  std::uint32_t lowest = 0;
  const auto serial = [this](std::uint32_t i) {
    return nodes_[edges_[path_[i % path_.size()].edge].from].serial;
  };
  for (std::uint32_t i = 1; i < path_.size(); ++i) {
    if (serial(i) < serial(lowest)) lowest = i;
  }
  std::uint64_t key = path_.size();
  for (std::uint32_t i = 0; i < path_.size(); ++i)
    key = mixed(key, serial(lowest + i));
  key |= 1;
  if (found_before_.find(key) != 0 || !found_before_.add(key, 1)) return;
  links_.clear();
  for (std::uint32_t i = 0; i < path_.size(); ++i) {
    if (!links_.push(link(path_[i]))) return;
  }
  found_(context_, links_);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
