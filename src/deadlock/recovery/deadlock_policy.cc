// SPDX-License-Identifier: Apache-2.0
//
// lock_manager: who waits for whom, and who makes way.
//
// The wait-for graph. A transaction that waits, for a mode of a key, waits for
//   - all others that hold the key in an incompatible mode, and as a newcomer
//   - all whose conversions wait, and
//   - all newcomers before it that want an incompatible mode, or one that is
//     not weaker than what it wants.
// It cannot be granted before each of these has ended, been granted, or given
// up; so a cycle is a deadlock, also one that leads through the queue. What is
// left out (a newcomer before it that wants the same or less, compatible) would
// add nothing: whoever that one waits for this one waits for as well, or for
// somebody from whom a way leads there.
//
// detect. A cycle comes up only when an edge is added from a transaction that
// waits to one that waits. Grants add edges to the granted one alone, which
// does not wait; what leaves a queue takes edges away. So a new cycle goes
// through the one that has just begun to wait, and a search from there finds it
// (C: while the mutex is free the graph has no cycle). The search goes by
// breadth, so that it finds a shortest cycle: no member has an edge across it,
// and each of them, aborted, would break it. As long as there is another cycle
// after the victims chosen so far it goes on; nobody is aborted before it has
// ended, and if the searching one is a victim, it is the only one.
//
// wait_die, wound_wait (Rosenkrantz, Stearns, Lewis 1978). Each edge between
// two that are active leads from the older to the younger (wait_die), or from
// the younger to the older (wound_wait): no cycle. The paper has locks without
// conversions, where edges come from the one that begins to wait. Here also who
// waits already may have to wait for one more, whose conversion waits or has
// been granted: then all who wait for that key are looked at (recheck).
#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <sync/lock_manager.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

using abort_report = transaction_aborted::report;

bool is_older(const transaction_core& a, const transaction_core& b) noexcept {
  return a.number() < b.number();
}

// Whether modes of a queue have been seen in this search; from now on they
// have.
bool seen_before(std::uint64_t& seen_in, std::uint8_t& seen_by, unsigned what,
                 std::uint64_t search) noexcept {
  if (search == 0) return false;
  if (std::exchange(seen_in, search) != search) seen_by = 0;
  const auto bit = static_cast<std::uint8_t>(1U << what);
  const bool seen = (seen_by & bit) != 0;
  seen_by = static_cast<std::uint8_t>(seen_by | bit);
  return seen;
}

}  // namespace

// Calls f for each one that the owner of `r` waits for until it returns true.
// In a search (not 0) those may be left out for which f has been called, from a
// newcomer of the same queue: so a search takes as many steps as there are
// requests in the queues that it comes by, times the number of modes.
template <class F>
bool lock_table::any_blocker(lock_request& r, F f, std::uint64_t search) const {
  lock_queue& queue = *r.queue;
  const auto mode = static_cast<unsigned>(r.wanted);
  if (r.held || !seen_before(queue.seen_in, queue.seen_by, mode, search)) {
    for (lock_request* h = queue.holders.first(); h != nullptr;
         h = queue.holders.next(*h)) {
      if (h != &r && !compatible(h->mode, r.wanted) && f(*h->owner))
        return true;
    }
  }
  if (r.held) return false;
  if (!seen_before(queue.seen_in, queue.seen_by, kLockModes, search)) {
    for (lock_request* c = queue.conversions.first(); c != nullptr;
         c = queue.conversions.next(*c)) {
      if (f(*c->owner)) return true;
    }
  }
  for (lock_request* p = queue.newcomers.prev(r); p != nullptr;
       p = queue.newcomers.prev(*p)) {
    if (seen_before(p->walked_in, p->walked_by, mode, search)) break;
    const bool weaker = supremum(p->wanted, r.wanted) == r.wanted;
    if ((!weaker || !compatible(p->wanted, r.wanted)) && f(*p->owner))
      return true;
  }
  return false;
}

// `t` has begun to wait: that must not be, or complete, a cycle.
void lock_table::make_way(transaction_core& t) {
  if (options_.policy == deadlock_policy::detect) {
    break_cycles(t);
  } else {
    while (t.pending_ != nullptr && avoid(*t.pending_)) {
    }
  }
}

// --- Detection ---------------------------------------------------------------

// The last one of a shortest cycle from `t`, before which the search_parent_s
// lead back to it; or null.
transaction_core* lock_table::find_cycle(transaction_core& t) noexcept {
  ++search_;
  t.searched_in_ = search_;
  t.search_parent_ = t.search_next_ = nullptr;
  transaction_core* last = &t;
  for (transaction_core* u = &t; u != nullptr; u = u->search_next_) {
    if (u->pending_ == nullptr || u->doomed_) continue;
    const auto visit = [&](transaction_core& b) {
      if (&b == &t) return true;
      if (std::exchange(b.searched_in_, search_) != search_) {
        b.search_parent_ = u;
        b.search_next_ = nullptr;
        last = last->search_next_ = &b;
      }
      return false;
    };
    if (any_blocker(*u->pending_, visit, search_)) return u;
  }
  return nullptr;
}

void lock_table::break_cycles(transaction_core& t) {
  struct victim {
    transaction_core* who;
    std::shared_ptr<const abort_report> why;
  };
  std::vector<victim> victims;
  const auto spare_all = [&] {
    for (const victim& v : victims) v.who->doomed_ = false;
  };
  try {
    while (transaction_core* const last = find_cycle(t)) {
      deadlock_cycle found = describe(t, *last);
      const std::size_t place = choose(found);
      transaction_core* who = last;
      for (std::size_t i = found.members_.size() - 1; i > place; --i)
        who = who->search_parent_;
      auto why = std::make_shared<abort_report>();
      why->transaction = who->number_;
      why->reason = deadlock_policy::detect;
      why->text = cycle_text(found.members_, place);
      why->cycle = std::move(found.members_);
      if (who == &t) {
        spare_all();
        victims.assign(1, {who, std::move(why)});
        break;
      }
      victims.push_back({who, std::move(why)});
      who->doomed_ = true;
    }
  } catch (...) {
    spare_all();
    throw;
  }
  spare_all();
  for (victim& v : victims) abort(*v.who, std::move(v.why));
  statistics_.deadlocks += victims.size();
}

deadlock_cycle lock_table::describe(const transaction_core& t,
                                    const transaction_core& last) const {
  deadlock_cycle found(*this);
  const transaction_core* next = &t;
  for (const transaction_core* u = &last; u != nullptr; u = u->search_parent_) {
    found.members_.push_back(describe_wait(*u, *next));
    next = u;
  }
  std::reverse(found.members_.begin(), found.members_.end());
  return found;
}

// `t` waits for `next`.
deadlock_member lock_table::describe_wait(const transaction_core& t,
                                          const transaction_core& next) const {
  const lock_request& r = *t.pending_;
  deadlock_member m;
  m.transaction = t.number_;
  m.name = t.name();
  m.priority = t.priority();
  m.locks_held = t.locks_;
  m.key = text(*r.queue);
  m.wanted = r.wanted;
  const lock_request* const held = find_held(next, *r.queue);
  m.next_holds = held != nullptr && !compatible(held->mode, r.wanted);
  m.next_mode = m.next_holds ? held->mode : next.pending_->wanted;
  return m;
}

// The victim's place in the cycle.
std::size_t lock_table::choose(const deadlock_cycle& found) const {
  const std::vector<deadlock_member>& cycle = found.members();
  if (options_.choose_victim) {
    const std::size_t place = options_.choose_victim(found);
    if (place < cycle.size()) return place;
    throw std::system_error(
        EINVAL, std::generic_category(),
        "syncxx: choose_victim of a lock_manager returned " +
            std::to_string(place) + " for a cycle of " +
            std::to_string(cycle.size()) + ": it must return a place in it");
  }
  const auto is_better = [&](const deadlock_member& a,
                             const deadlock_member& b) {
    if (options_.victim == victim_policy::fewest_locks &&
        a.locks_held != b.locks_held) {
      return a.locks_held < b.locks_held;
    }
    if (options_.victim == victim_policy::lowest_priority &&
        a.priority != b.priority) {
      return a.priority < b.priority;
    }
    return a.transaction > b.transaction;
  };
  return static_cast<std::size_t>(
      std::min_element(cycle.begin(), cycle.end(), is_better) - cycle.begin());
}

// --- Avoidance ---------------------------------------------------------------

// Aborts one that must make way so that `waiting` may wait, and returns whether
// there was one. Who is not active never waits again: waiting for it is safe.
bool lock_table::avoid(lock_request& waiting) noexcept {
  transaction_core& t = *waiting.owner;
  const bool wounds = options_.policy == deadlock_policy::wound_wait;
  transaction_core* other = nullptr;
  any_blocker(waiting, [&](transaction_core& b) {
    if (b.state_ != transaction_state::active) return false;
    if (wounds ? !is_older(t, b) : !is_older(b, t)) return false;
    other = &b;
    return true;
  });
  if (other == nullptr) return false;
  transaction_core& aborted = wounds ? *other : t;
  ++(wounds ? statistics_.wounds : statistics_.deaths);
  abort(aborted, about(aborted, waiting, *other));
  return true;
}

// All who wait for a key, until one was aborted: that makes the queue, or
// another one, dirty, and this one is to be looked at again.
void lock_table::avoid_all(lock_queue& queue) noexcept {
  if (options_.policy == deadlock_policy::detect) return;
  const auto any = [&](auto& waiting) {
    for (lock_request* r = waiting.first(); r != nullptr; r = waiting.next(*r))
      if (avoid(*r)) return true;
    return false;
  };
  if (!any(queue.conversions) && !any(queue.newcomers)) return;
  queue.recheck = true;
  mark_dirty(queue);
}

std::shared_ptr<const abort_report> lock_table::about(
    const transaction_core& aborted, const lock_request& waiting,
    const transaction_core& other) const noexcept {
  const bool wounded = options_.policy == deadlock_policy::wound_wait;
  try {
    auto why = std::make_shared<abort_report>();
    why->transaction = aborted.number_;
    why->reason = options_.policy;
    const std::string wish = std::string(to_string(waiting.wanted)) +
                             " of key " + text(*waiting.queue);
    if (wounded) {
      why->text = "wound-wait: " + waiting.owner->label() +
                  ", which is older, wants " + wish + " and would wait for " +
                  aborted.label();
    } else {
      why->text = "wait-die: " + aborted.label() + " wants " + wish +
                  " and would wait for " + other.label() + ", which is older";
    }
    return why;
  } catch (...) {  // no memory, or the key's operator<<: without the details
    static const abort_report kWounded{
        0, deadlock_policy::wound_wait, {}, "wound-wait"};
    static const abort_report kDead{
        0, deadlock_policy::wait_die, {}, "wait-die"};
    return {std::shared_ptr<void>(), wounded ? &kWounded : &kDead};
  }
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
