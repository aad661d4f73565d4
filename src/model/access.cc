// SPDX-License-Identifier: Apache-2.0
//
// What the test does to atomics, as events.
#include <algorithm>
#include <cstdlib>

#include "engine.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// A compare-exchange is a read with one order, or the first half of an update
// with another, depending on what it reads. An update that only leads back to
// itself changes nothing: a read.
void checker::settle_kind(event& e, const value& data,
                          bool guessed) const noexcept {
  e.data = data;
  e.guessed = guessed;
  if (e.access == access_kind::load || e.access == access_kind::futex) return;
  e.vain = e.await && !guessed && known(e.memo, data) == knowledge::failing;
  const bool exchange = e.access == access_kind::compare_exchange_weak ||
                        e.access == access_kind::compare_exchange_strong;
  const bool succeeds = !exchange || (data == e.expected && !guessed);
  e.what = succeeds && !e.vain ? kind::update_read : kind::read;
  e.order = succeeds ? e.success : e.failure;
}

value checker::perform_exploring(const access& a, const void* site) noexcept {
  current_->site = site;
  const location_id l = memory_.atomic(a.address, a.size);
  if (current_->following) [[unlikely]] {
    if (current_->sifting) return sift_next(a, l);
    if (current_->idle) return follow_idle(a, l);
  }
  switch (a.what) {
    case access_kind::load:
      return read(a, l, false);
    case access_kind::store:
      write(a, l);
      return {};
    case access_kind::compare_exchange_weak:
    case access_kind::compare_exchange_strong: {
      const value old = read(a, l, true);
      if (current_->following) {
        if (current_->sifting) exchanged_ = old == a.expected;
        // In the round that is followed it has changed nothing.
        else if (exchanged_ && a.operand != old)
          give_up_following();
        return old;
      }
      const event& e = g_->at(g_->of_thread(self_)[current_->done - 1]);
      exchanged_ = e.what == kind::update_read;
      if (exchanged_) modify(a, l, a.operand);
      return old;
    }
    default: {
      const value old = read(a, l, true);
      const value next = a.update(old, a.operand);
      if (current_->following && !current_->sifting && next != old)
        give_up_following();  // as above
      modify(a, l, next);
      return old;
    }
  }
}

void checker::not_initialized(const access& a) noexcept {
  fail(verdict::uninitialized_read, [&] {
    return "read of the atomic at " + hex(a.address) +
           ", which nobody has initialized, at " + place(a.where);
  });
}

value checker::read(const access& a, location_id l, bool updates,
                    location_id queue) {
  if (guide_.on()) return read_guided(a, l, updates, queue);
  if (sieve_.found.empty() || a.what == access_kind::futex) [[likely]]
    return read_next(a, l, updates, queue);
  const std::uint32_t index = note_head(a);
  const value v = read_next(a, l, updates, queue);
  if (index != kNone) current_->heads[index].behind = world();
  return v;
}

value checker::read_next(const access& a, location_id l, bool updates,
                         location_id queue) {
  thread_state& me = *current_;
  if (replaying()) {
    event& e = logged(kind::read, l, &a);
    const event_id from = e.rf;
    const bool last = me.done + 1 == g_->of_thread(self_).size();
    const fingerprint head = last && e.await ? state() : kNoFingerprint;
    need(from);
    event& again = g_->at(g_->of_thread(self_)[me.done]);
    settle_kind(again, data_of(l, from), again.guessed);
    ++me.done;
    me.stuck = again.stuck != 0;
    stay_if_vain(again);
    return last && again.await ? sift(g_->last_of(self_), head) : again.data;
  }
  if (me.sifting) give_up_following();
  if (me.following || (a.what != access_kind::futex && suspicious(a, l)))
    return follow(a, l);
  const fingerprint head = await_sites_.empty() || a.what == access_kind::futex
                               ? kNoFingerprint
                               : state();
  wait_turn();
  event e = fresh(updates ? kind::update_read : kind::read);
  describe(e, a, l, me.site);
  e.queue = queue;
  if (!memory_.at(l).initialized && g_->co(l).empty()) not_initialized(a);
  if (a.confirms && looked_at(l, a.expected)) return confirm(e);
  const graph::await_note& note = g_->awaits(self_);
  if (note.index == me.done + 1) {
    e.await = true;
    e.memo = note.memo;
    e.since = note.since;
    e.stuck = note.stuck;
  } else if (!await_sites_.empty() && await_sites_.contains(e.call())) {
    e.await = true;
    e.memo = memo_here();
  }
  while (!add_read(e)) {
    if (!e.await) {  // overslept
      if (falls_asleep(e)) wake_up_out_of_date();
      end_run(outcome::dropped);
    }
    // No value lets it go on: until another thread writes one.
    g_->note_await(self_, {me.done + 1, e.memo, g_->size(), e.stuck});
    e.since = g_->size();
    me.pending = e;
    block(obstacle::await, l);
  }
  const event& added = g_->at(g_->last_of(self_));
  need(added.rf);
  event& now = g_->at(g_->of_thread(self_)[me.done - 1]);
  settle_kind(now, data_of(l, now.rf), now.guessed);
  stay_if_vain(now);
  return now.await ? sift(g_->last_of(self_), head) : now.data;
}

// Adds a read that takes the first of its options; notes the others. False:
// there is none.
bool checker::add_read(event& e) {
  exploration& x = *x_;
  const auto first = static_cast<std::uint32_t>(x.options.size());
  options_of_read(e);
  for (std::uint32_t i = first; i < x.options.size(); ++i) {
    const option o = x.options[i];
    e.rf = o.from;
    settle_kind(e, data_of(e.location, o.from), o.guessed);
    const bool conflict =
        e.what == kind::update_read &&
        g_->updater(e.location, g_->place_of(o.from)) != kNone;
    const event_id id = add_event(e);
    // What reads the latest write is always consistent.
    const bool consistent =
        (i == first && !e.awaits_value()) || g_->sc_consistent();
    if (!consistent || g_->overslept(id)) {
      g_->pop();
      --current_->done;
      continue;
    }
    if (g_->at(id).open != 0) first_ = self_;
    current_->stuck = e.stuck != 0;
    if (i + 1 < x.options.size() || e.await || falls_asleep(e)) {
      alternative a;
      a.what = alternative::type::read;
      a.conflict = conflict;
      a.target = id;
      a.base = first;
      a.first = i + 1;
      a.last = static_cast<std::uint32_t>(x.options.size());
      x.work.push_back(a);
    } else {
      x.options.resize(first);
    }
    return true;
  }
  x.options.resize(first);
  return false;
}

void checker::modify(const access& a, location_id l, const value& data) {
  if (guide_.on()) return modify_guided(l, data);
  thread_state& me = *current_;
  if (replaying()) {
    event& e = logged(kind::update_write, l, &a);
    e.data = data;
    ++me.done;
    return;
  }
  if (me.following) return;
  wait_turn();
  event_id begun = g_->last_of(self_);
  while (g_->at(begun).what != kind::update_read || g_->at(begun).location != l)
    begun = g_->before(begun);
  event& e = g_->draft();
  const event& half = g_->at(begun);
  e = half;
  e.what = kind::update_write;
  e.await = e.confirms = false;
  e.memo = kNone;
  e.data = data;
  const std::uint32_t place = g_->place_of(half.rf);
  const event_id conflict = g_->updater(l, place);
  const event_id id = add_event(e, place);
  first_ = half_done();
  note_revisits(id, conflict);
  // Two updates of one write, or against SC: only what it revisits may be
  // consistent.
  if (conflict != kNone || !g_->sc_consistent()) {
    for (alternative& other : x_->work)
      if (other.what == alternative::type::read && other.target == begun)
        other.conflict = true;
    end_run(outcome::dropped);
  }
  wake_awaits(l, id);
}

void checker::write(const access& a, location_id l) {
  thread_state& me = *current_;
  if (replaying()) {
    event& e = logged(kind::write, l, &a);
    e.data = a.operand;
    ++me.done;
    return;
  }
  if (me.following) give_up_following();
  wait_turn();
  event& e = draft(kind::write);
  e.location = l;
  e.access = a.what;
  e.size = a.size;
  e.order = a.order;
  e.data = a.operand;
  e.site = current_->site;
  e.where = a.where;
  const auto places = static_cast<std::uint32_t>(g_->co(l).size());
  const std::uint32_t earliest = g_->earliest(l, past());
  const event_id id = add_event(e, places);
  const auto base = static_cast<std::uint32_t>(x_->options.size());
  for (std::uint32_t place = places; place-- > earliest;)
    if (g_->updater(l, place) == kNone) x_->options.push_back({place, false});
  push_alternatives(alternative::type::place, id, base);
  note_revisits(id, kNone);
  wake_awaits(l, id);
}

void checker::fence(memory_order order, const source& where,
                    access_kind what) noexcept {
  event e = fresh(kind::fence);
  e.access = what;
  e.order = order;
  e.where = where;
  if (order == memory_order_relaxed) return;
  if (!replaying() && current_->following) {
    follow_fence(e);
    return;
  }
  step(e);
}

// A write may be what a blocked thread waits for.
void checker::wake_awaits(location_id l, event_id write) noexcept {
  for (thread_number t = 0; t < threads_.size(); ++t) {
    thread_state& s = threads_[t];
    if (s.blocked != obstacle::await || s.on != l) continue;
    if (known(s.pending.memo, g_->at(write).data) == knowledge::failing)
      continue;
    s.blocked = obstacle::none;
  }
}

int checker::choose(int n, access_kind what, bool one_only) {
  if (guide_.on())
    return choose_guided(static_cast<std::uint32_t>(n), what, one_only);
  event e = fresh(kind::choice);
  e.location = static_cast<location_id>(n);
  e.access = what;
  thread_state& me = *current_;
  if (replaying()) {
    const event& then = logged(kind::choice, e.location, nullptr);
    ++me.done;
    return static_cast<int>(then.data.lo);
  }
  if (me.following) give_up_following();
  wait_turn();
  const event_id id = add_event(e);
  const auto base = static_cast<std::uint32_t>(x_->options.size());
  if (!one_only)
    for (std::uint32_t i = 1; i < e.location; ++i)
      x_->options.push_back({i, false});
  push_alternatives(alternative::type::choice, id, base);
  return 0;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
