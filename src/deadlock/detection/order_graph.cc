// SPDX-License-Identifier: Apache-2.0
#include "order_graph.h"

#include <utility>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// --- Contexts ----------------------------------------------------------------

lock_id order_graph::add_lock() noexcept { return groups_.add_lock(); }

// What was taken with it held is forgotten with it, but not that it can be
// reached from what was held before.
void order_graph::remove_lock(lock_id lock) noexcept {
  while (const std::uint32_t c = groups_.tag_of_lock(lock)) {
    for (std::uint32_t d = contexts_[c].first_child; d != 0;
         d = contexts_[d].next_sibling) {
      if (contexts_[d].has_edges)
        add_edges(contexts_[c].parent, contexts_[d].lock);
    }
    remove_below(c);
  }
  while (const std::uint32_t e = groups_.first_out(lock)) remove_edge(e);
  while (const std::uint32_t e = groups_.first_in(lock)) remove_edge(e);
  groups_.remove_lock(lock);
}

std::uint64_t order_graph::key_of(const context& c) noexcept {
  const std::uint64_t key =
      mixed(mixed(c.parent, c.lock),
            (std::uint64_t{c.where} << 3) |
                (static_cast<std::uint64_t>(c.how) << 1) | c.waited);
  return key != 0 ? key : 1;
}

// 0: there is no memory.
std::uint32_t order_graph::find_or_add(const context& wanted) noexcept {
  const std::uint64_t key = key_of(wanted);
  if (const std::uint32_t known = context_by_key_.find(key)) {
    const context& c = contexts_[known];
    // (Two of 2^64 keys are the same: the second context is left out.)
    return c.parent == wanted.parent && c.lock == wanted.lock ? known : 0;
  }
  if (contexts_.in_use() >= kMostContexts) return 0;
  const std::uint32_t c = contexts_.add(wanted);
  if (c == 0) return 0;
  if (!context_by_key_.add(key, c)) {
    contexts_.remove(c);
    return 0;
  }
  context& added = contexts_[c];
  added.version = ++last_version_;
  std::uint32_t& first = groups_.tag_of_lock(wanted.lock);
  added.next_of_lock = first;
  if (first != 0) contexts_[first].previous_of_lock = c;
  first = c;
  if (wanted.parent != 0) {
    context& parent = contexts_[wanted.parent];
    added.next_sibling = parent.first_child;
    if (parent.first_child != 0)
      contexts_[parent.first_child].previous_sibling = c;
    parent.first_child = c;
  }
  return c;
}

void order_graph::remove_leaf(std::uint32_t number) noexcept {
  const context& c = contexts_[number];
  context_by_key_.remove(key_of(c));
  if (c.next_of_lock != 0)
    contexts_[c.next_of_lock].previous_of_lock = c.previous_of_lock;
  (c.previous_of_lock != 0 ? contexts_[c.previous_of_lock].next_of_lock
                           : groups_.tag_of_lock(c.lock)) = c.next_of_lock;
  if (c.next_sibling != 0)
    contexts_[c.next_sibling].previous_sibling = c.previous_sibling;
  if (c.previous_sibling != 0)
    contexts_[c.previous_sibling].next_sibling = c.next_sibling;
  else if (c.parent != 0)
    contexts_[c.parent].first_child = c.next_sibling;
  for (std::uint32_t u = c.first_use.next; u != 0;)
    uses_.remove(std::exchange(u, uses_[u].next));
  contexts_[number].version = 0;
  contexts_.remove(number);
}

void order_graph::remove_below(std::uint32_t root) noexcept {
  for (std::uint32_t c = root;;) {
    while (contexts_[c].first_child != 0) c = contexts_[c].first_child;
    const std::uint32_t parent = contexts_[c].parent;
    remove_leaf(c);
    if (c == root) return;
    c = parent;
  }
}

// False: nothing is new.
bool order_graph::note_use(context& c, const moment_of& now) noexcept {
  std::uint32_t count = 0;
  for (use* u = &c.first_use; u->thread != 0; u = &uses_[u->next]) {
    if (u->thread == now.thread) {
      if (u->first == now.time || u->last == now.time) return false;
      u->last = now.time;
      return true;
    }
    ++count;
    if (u->next == 0) break;
  }
  if (count == 0) {
    c.first_use = {now.thread, now.time, now.time, 0};
    return true;
  }
  if (count == kThreads) {  // the oldest goes, but for the first
    std::uint32_t last = c.first_use.next;
    std::uint32_t before = 0;
    while (uses_[last].next != 0) last = uses_[before = last].next;
    uses_[before].next = 0;
    uses_[last] = {now.thread, now.time, now.time, c.first_use.next};
    c.first_use.next = last;
    return true;
  }
  const std::uint32_t added =
      uses_.add({now.thread, now.time, now.time, c.first_use.next});
  if (added == 0) {
    ++left_out_;
    return false;
  }
  c.first_use.next = added;
  return true;
}

// f(moment): the first and last times of each thread.
template <class F>
void order_graph::for_each_use(const context& c, F f) const noexcept {
  if (c.first_use.thread == 0) return;
  for (const use* u = &c.first_use;; u = &uses_[u->next]) {
    f(moment_of{u->thread, u->first});
    if (u->last != u->first) f(moment_of{u->thread, u->last});
    if (u->next == 0) break;
  }
}

order_graph::context_ref order_graph::enter(const moment_of& now,
                                            context_ref in, lock_id lock,
                                            hold how, taken by,
                                            std::uint32_t where,
                                            bool waited_then) noexcept {
  context wanted{};
  if (in.number != 0 && contexts_[in.number].version == in.version)
    wanted.parent = in.number;
  wanted.lock = lock;
  wanted.where = where;
  wanted.how = how;
  wanted.waited = by == taken::known ? waited_then : by == taken::waited;
  const std::uint32_t c = find_or_add(wanted);
  if (c == 0) {
    ++left_out_;
    return {};
  }
  const context_ref entered{c, contexts_[c].version};
  if (by == taken::known) return entered;
  budget_ = kMostBroughtIn;
  const bool shared_now = groups_.note_thread(lock, now.thread);
  if (shared_now && !groups_.is_alone(lock)) bring_in(lock);
  if (by != taken::waited) return entered;
  if (!contexts_[c].has_edges) {
    add_edges(wanted.parent, lock);
    contexts_[c].has_edges = true;
  }
  if (!note_use(contexts_[c], now)) return entered;
  if (how == hold::exclusive && groups_.puts_writers_first(lock) &&
      may_be_in_circle(lock))
    search_behind_writers(lock);
  if (wanted.parent != 0 && may_be_in_circle(lock)) bring_in(c, &now);
  return entered;
}

// --- Edges -------------------------------------------------------------------

// From the locks of the contexts from `above` on outwards.
void order_graph::add_edges(std::uint32_t above, lock_id to) noexcept {
  for (; above != 0; above = contexts_[above].parent) {
    const lock_id from = contexts_[above].lock;
    if (from != to) {
      if (groups_.find_or_add_edge(from, to) == 0) ++left_out_;
      if (!groups_.joined().empty()) {
        joined_.clear();
        for (std::uint32_t i = 0; i < groups_.joined().size(); ++i)
          static_cast<void>(joined_.push(groups_.joined()[i]));
        for (std::uint32_t i = 0; i < joined_.size(); ++i) {
          if (may_be_in_circle(joined_[i])) bring_in(joined_[i]);
        }
      }
    }
    if (contexts_[above].waited && from != to) return;
  }
}

// `lock` is in a group with others, and taken by several threads, and one of
// this is new: the edges from them and to them get their occasions. (Each lock
// of a circle is held by one thread and wanted by another.) No circle is
// complete yet: all this would have been true of its locks before.
void order_graph::bring_in(lock_id lock) noexcept {
  for (std::uint32_t c = groups_.tag_of_lock(lock); c != 0;
       c = contexts_[c].next_of_lock) {
    bring_in(c, nullptr);
    bring_in_below(c);
  }
}

bool order_graph::may_be_in_circle(lock_id lock) noexcept {
  return (groups_.is_shared(lock) || all_) && !groups_.is_alone(lock);
}
bool order_graph::may_be_in_circle(lock_id other, lock_id with) noexcept {
  return (groups_.is_shared(other) || all_) &&
         groups_.are_together(other, with);
}

// The contexts below `root`, as far as their locks are in its group.
void order_graph::bring_in_below(std::uint32_t root) noexcept {
  const lock_id lock = contexts_[root].lock;
  std::uint32_t c = root;
  for (;;) {
    if (contexts_[c].first_child != 0) {
      c = contexts_[c].first_child;
    } else {
      while (c != root && contexts_[c].next_sibling == 0)
        c = contexts_[c].parent;
      if (c == root) return;
      c = contexts_[c].next_sibling;
    }
    const context& below = contexts_[c];
    if (below.first_use.thread == 0 || below.lock == lock ||
        !may_be_in_circle(below.lock, lock))
      continue;
    const std::uint32_t set = set_of(c);
    if (set == 0) continue;
    for_each_use(below, [&](const moment_of& when) {
      add_occasion(root, c, when, set, false);
    });
    sets_.release(set);
  }
}

// The edges that end in context c, within the group of its lock: occasions for
// all its uses, or for `now` and then the circles are searched.
void order_graph::bring_in(std::uint32_t c, const moment_of* now) noexcept {
  const lock_id lock = contexts_[c].lock;
  std::uint32_t set = 0;
  for (std::uint32_t above = contexts_[c].parent; above != 0;
       above = contexts_[above].parent) {
    const lock_id from = contexts_[above].lock;
    if (from == lock || !may_be_in_circle(from, lock)) continue;
    if (set == 0) set = set_of(c);
    if (set == 0) return;
    if (now != nullptr) {
      add_occasion(above, c, *now, set, true);
    } else {
      for_each_use(contexts_[c], [&](const moment_of& when) {
        add_occasion(above, c, when, set, false);
      });
    }
  }
  if (set != 0) sets_.release(set);
}

// What is held in the context that c is in.
std::uint32_t order_graph::set_of(std::uint32_t c) noexcept {
  std::uint32_t set = 0;
  bool complete = true;
  for (std::uint32_t above = contexts_[c].parent; above != 0 && complete;
       above = contexts_[above].parent) {
    complete = sets_.add(
        {groups_.serial(contexts_[above].lock), contexts_[above].how});
  }
  if (complete) set = sets_.intern();
  if (set == 0) ++left_out_;
  return set;
}

void order_graph::add_occasion(std::uint32_t from, std::uint32_t to,
                               const moment_of& when, std::uint32_t set,
                               bool search) noexcept {
  const std::uint32_t e =
      budget_ == 0
          ? 0
          : groups_.find_or_add_edge(contexts_[from].lock, contexts_[to].lock);
  if (e != 0) --budget_;
  if (e == 0) {
    ++left_out_;
    return;
  }
  chosen fresh;
  if (note(e, when, set, contexts_[from], contexts_[to], fresh) && search)
    search_circles(fresh);
}

void order_graph::remove_edge(std::uint32_t e) noexcept {
  for (std::uint32_t o = groups_.tag(e); o != 0;) {
    const std::uint32_t next = occasions_[o].next;
    sets_.release(occasions_[o].set);
    occasions_.remove(o);
    o = next;
  }
  groups_.remove_edge(e);
}

// False: nothing is new. Else `as` is what is.
bool order_graph::note(std::uint32_t e, const moment_of& now, std::uint32_t set,
                       const context& from, const context& to,
                       chosen& as) noexcept {
  std::uint32_t count = 0;
  std::uint32_t same = 0;
  for (std::uint32_t o = groups_.tag(e); o != 0;
       o = occasions_[o].next, ++count) {
    occasion& known = occasions_[o];
    if (known.from_how != from.how || known.to_how != to.how) continue;
    if (known.set == set) same = o;
    if (!sets_.is_subset(known.set, set)) continue;
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
    occasions_[o].next = groups_.tag(e);
    occasions_[o].set = set;
    occasions_[o].from_how = from.how;
    occasions_[o].to_how = to.how;
    sets_.use(set);
    groups_.tag(e) = same = o;
  }
  occasion& here = occasions_[same];
  as = {e, same, 0, true};
  while (as.by < here.threads && here.by[as.by].thread != now.thread) ++as.by;
  if (as.by < here.threads) {
    here.by[as.by].last = now.time;
    here.by[as.by].from_where = from.where;
    here.by[as.by].to_where = to.where;
    return true;
  }
  if (as.by == kThreads) {
    here.replaced =
        static_cast<std::uint8_t>(here.replaced % (kThreads - 1) + 1);
    as.by = here.replaced;
  } else {
    ++here.threads;
  }
  here.by[as.by] = {now.thread, now.time, now.time, from.where, to.where};
  return true;
}

// --- Circles -----------------------------------------------------------------

moment_of order_graph::when(const chosen& c) const noexcept {
  const auto& by = occasions_[c.occasion].by[c.by];
  return {by.thread, c.last_time ? by.last : by.first};
}

// Whether the two may happen at once.
bool order_graph::fits(const chosen& c, const chosen& other) const noexcept {
  if (all_) return true;
  if (sets_.exclude_each_other(occasions_[c.occasion].set,
                               occasions_[other.occasion].set))
    return false;
  const moment_of a = when(c);
  const moment_of b = when(other);
  return a.thread != b.thread && !ordered_(context_, a, b) &&
         !ordered_(context_, b, a);
}

// Whether it may come next on the path.
bool order_graph::fits(const chosen& c) noexcept {
  if (!closes(path_[path_.size() - 1], c)) return false;
  for (std::uint32_t i = 0; i < path_.size(); ++i) {
    if (!fits(c, path_[i])) return false;
  }
  return true;
}

order_graph::chosen order_graph::first_of(lock_id at) const noexcept {
  const std::uint32_t e = groups_.first_out(at);
  if (e == 0) return {};
  const std::uint32_t o = groups_.tag(e);
  const chosen c{e, o, 0, false};
  return o != 0 ? c : after(c);
}

order_graph::chosen order_graph::after(chosen c) const noexcept {
  if (c.occasion != 0) {
    const occasion& o = occasions_[c.occasion];
    if (!c.last_time && o.by[c.by].first != o.by[c.by].last)
      return {c.edge, c.occasion, c.by, true};
    if (c.by + 1 < o.threads) return {c.edge, c.occasion, c.by + 1, false};
    if (o.next != 0) return {c.edge, o.next, 0, false};
  }
  for (std::uint32_t e = groups_.next_out(c.edge); e != 0;
       e = groups_.next_out(e)) {
    if (groups_.tag(e) != 0) return {e, groups_.tag(e), 0, false};
  }
  return {};
}

// Whether a thread that waits as `before` says is kept out by one that holds as
// `next` does, with the threads of the path.
bool order_graph::closes(const chosen& before, const chosen& next) noexcept {
  const hold wanted = occasions_[before.occasion].to_how;
  if (exclude_each_other(wanted, occasions_[next.occasion].from_how))
    return true;
  const lock_id lock = groups_.to(before.edge);
  return wanted == hold::shared && groups_.puts_writers_first(lock) &&
         has_writer(lock);
}

// With all of its threads known.
bool order_graph::is_closed() noexcept {
  for (std::uint32_t i = 0; i < path_.size(); ++i) {
    if (!closes(path_[i], path_[(i + 1) % path_.size()])) return false;
  }
  return true;
}

// Whether one more thread may wait to write. (One for each such lock: that two
// locks want two threads is not looked at.)
bool order_graph::has_writer(lock_id lock) noexcept {
  std::uint32_t looked_at = 0;
  for (std::uint32_t c = groups_.tag_of_lock(lock);
       c != 0 && ++looked_at < kMostOccasions; c = contexts_[c].next_of_lock) {
    const context& writer = contexts_[c];
    if (writer.how != hold::exclusive || writer.first_use.thread == 0) continue;
    const std::uint32_t set = set_of(c);
    if (set == 0) continue;
    bool may = false;
    for_each_use(writer, [&](const moment_of& when) {
      may = may || may_wait_there(when, set);
    });
    sets_.release(set);
    if (may) return true;
  }
  return false;
}

bool order_graph::may_wait_there(const moment_of& writer,
                                 std::uint32_t set) noexcept {
  for (std::uint32_t i = 0; i < path_.size(); ++i) {
    const chosen& c = path_[i];
    if (sets_.exclude_each_other(set, occasions_[c.occasion].set)) return false;
    const moment_of other = when(c);
    if (other.thread == writer.thread || ordered_(context_, other, writer) ||
        ordered_(context_, writer, other))
      return false;
  }
  return true;
}

// There is a new writer: what readers have done before may be in a circle now.
void order_graph::search_behind_writers(lock_id lock) noexcept {
  for (std::uint32_t e = groups_.first_in(lock); e != 0;
       e = groups_.next_in(e)) {
    for (std::uint32_t o = groups_.tag(e); o != 0; o = occasions_[o].next) {
      if (occasions_[o].to_how != hold::shared) continue;
      for (std::uint32_t by = 0; by < occasions_[o].threads; ++by)
        search_circles({e, o, by, true});
    }
  }
}

// All ways on from the new occasion, within its group, that lead back to it.
void order_graph::search_circles(const chosen& first) noexcept {
  const lock_id goal = groups_.from(first.edge);
  const lock_id start = groups_.to(first.edge);
  path_.clear();
  levels_.clear();
  std::uint32_t steps = 0;
  if (!path_.push(first) || !levels_.push({start, first_of(start)})) return;
  groups_.mark(start) = true;
  while (!levels_.empty()) {
    level& top = levels_.back();
    const chosen c = top.next;
    if (c.edge == 0 || ++steps > kMostSteps) {
      if (c.edge != 0 && steps == kMostSteps + 1) ++left_out_;
      groups_.mark(top.at) = false;
      levels_.pop();
      path_.pop();
      continue;
    }
    top.next = after(c);
    const lock_id to = groups_.to(c.edge);
    if (groups_.mark(to) || !groups_.are_together(to, goal) || !fits(c))
      continue;
    if (to == goal) {
      if (!path_.push(c)) continue;
      if (is_closed()) found_circle();
      path_.pop();
    } else if (path_.push(c)) {
      if (levels_.push({to, first_of(to)}))
        groups_.mark(to) = true;
      else
        path_.pop();
    }
  }
}

order_link order_graph::link(const chosen& c) const noexcept {
  const occasion& o = occasions_[c.occasion];
  const auto& by = o.by[c.by];
  return {groups_.from(c.edge),
          groups_.to(c.edge),
          o.from_how,
          o.to_how,
          {by.thread, c.last_time ? by.last : by.first},
          by.from_where,
          by.to_where};
}

// path_ is one; the same locks in the same order are told of once.
void order_graph::found_circle() noexcept {
  std::uint32_t lowest = 0;
  const auto serial = [this](std::uint32_t i) {
    return groups_.serial(groups_.from(path_[i % path_.size()].edge));
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
