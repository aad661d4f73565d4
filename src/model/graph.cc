// SPDX-License-Identifier: Apache-2.0
#include "graph.h"

#include <algorithm>

#include "clocks.h"
#include "lean_graph.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

void graph::clear() noexcept {
  events_.clear();
  thread_count_ = 0;
  for (const location_id l : used_) {
    place_list& at = locations_[l];
    at.co.clear();
    at.reads.clear();
    at.used = false;
  }
  used_.clear();
  uses_sc_ = false;
  lean_ = false;
}

// For the next event.
[[gnu::noinline]] void graph::grow() {
  events_.reserve(2 * events_.capacity() + 16);
  clocks_.reserve(events_.capacity() * 3 * stride_);
}

void graph::drop_unused_parts() noexcept {
  while (!threads_[thread_count_ - 1].in_use) --thread_count_;
}

thread_number graph::add_thread(thread_number wanted) {
  thread_number t = 0;
  while (t < thread_count_ && threads_[t].in_use) ++t;
  if (wanted != kNone) t = wanted;
  while (t >= thread_count_) add_part();
  threads_[t].in_use = true;
  return t;
}

// The first access to a location.
void graph::use(location_id l) {
  if (l >= location_count_) [[unlikely]] {
    locations_.resize(l + 1);
    location_count_ = l + 1;
    last_.resize(std::size_t{location_count_} * stride_);
  }
  locations_[l].used = true;
  used_.push_back(l);
  event_id* const last = &this->last(l, 0);
  for (thread_number t = 0; t < stride_; t += clocks::kFour)
    clocks::store(last + t, clocks::four{} - 1);  // kNone
}

// What an acquire fence acquires: all that the reads before it have read from.
// (What an acquire fence before it has acquired is in hb.)
void graph::acquire_reads(std::uint32_t* into, event& fence) const noexcept {
  const pile<event_id>& po = of_thread(fence.thread);
  for (std::uint32_t i = fence.index - 1; i > 0; --i) {
    const event& e = events_[po[i - 1]];
    if (e.is_read() && e.rf < kInitial) {
      clocks::join(into, clock(e.rf, 2), stride_);
      fence.time = std::max(fence.time, events_[e.rf].time);
    }
    if (e.what == kind::fence && acquires(e.order) && !e.is_light()) return;
  }
}

// The last fence of that kind that releases, up to an event's, in its thread.
event_id graph::last_release(const event& from, access_kind of) const noexcept {
  const pile<event_id>& po = of_thread(from.thread);
  for (std::uint32_t i = from.index; i > 0; --i) {
    const event& e = events_[po[i - 1]];
    if (e.what == kind::fence && e.access == of && releases(e.order))
      return po[i - 1];
  }
  return kNone;
}

// What an asymmetric acquire fence acquires besides: a light one synchronizes
// with the heavy release fences before what the reads before it have read from,
// or before a write whose release sequence that continues; a heavy one with the
// light ones. (So rare that no clocks are kept for it.)
void graph::acquire_fences(std::uint32_t* into,
                           const event& fence) const noexcept {
  const bool light = fence.is_light();
  const access_kind other =
      light ? access_kind::heavy_fence : access_kind::light_fence;
  const pile<event_id>& po = of_thread(fence.thread);
  for (std::uint32_t i = fence.index - 1; i > 0; --i) {
    const event& e = events_[po[i - 1]];
    if (e.what == kind::fence && e.access == fence.access && acquires(e.order))
      return;  // has acquired what is before it
    if (!e.is_read()) continue;
    for (event_id w = e.rf; w < kInitial;) {
      const event& from = events_[w];
      if (light ? from.heavy : from.light)
        clocks::join(into, clock(last_release(from, other), 0), stride_);
      w = from.what == kind::update_write ? from.rf : kNone;
    }
  }
}

[[gnu::noinline]] void graph::fill_many(event_id id, event_id po) noexcept {
  event& e = events_[id];
  fill_clocks_of<0, false>(e, id, po, e.what, e.thread, e.index);
}

[[gnu::noinline]] void graph::fill_many_lean(event_id id,
                                             event_id po) noexcept {
  event& e = events_[id];
  fill_clocks_of<0, true>(e, id, po, e.what, e.thread, e.index);
}

void graph::fill_clocks(event_id id) noexcept { fill_many(id, before(id)); }

event_id graph::add(const event& given, std::uint32_t place) {
  const event_id id = size();
  event& e = draft();
  if (&e != &given) e = given;
  events_.extend();
  pile<event_id>& po = threads_[e.thread].po;
  const event_id before = po.empty() ? kNone : po.back();
  po.push_back(id);
  e.index = po.size();
  e.previous = kNone;
  uses_sc_ |= e.order == memory_order_seq_cst;
  if (e.is_read() || e.is_write()) {
    place_list& l = location(e.location);
    event_id& last = this->last(e.location, e.thread);
    e.previous = last;
    last = id;
    if (e.is_read()) {
      uses_sc_ |= e.success == memory_order_seq_cst ||
                  e.failure == memory_order_seq_cst;
      l.reads.push_back(id);
    } else {
      e.co = place + 1;
      if (place == l.co.size()) {
        l.co.push_back(id);
      } else {
        insert_in_co(l.co, id, place);
      }
    }
  }
  if (stride_ == clocks::kFour) {
    fill_clocks_of<clocks::kFour, false>(e, id, before, e.what, e.thread,
                                         e.index);
  } else {
    fill_many(id, before);
  }
  return id;
}

[[gnu::noinline]] void graph::insert_in_co(pile<event_id>& co, event_id write,
                                           std::uint32_t place) {
  co.insert(place, write);
  for (std::uint32_t i = place + 1; i < co.size(); ++i) ++events_[co[i]].co;
}

void graph::complete() noexcept {
  if (!lean_) return;
  lean_ = false;
  for (event_id id = 0; id < size(); ++id) {
    const event& e = events_[id];
    if (e.is_read()) locations_[e.location].reads.push_back(id);
    fill_clocks(id);
  }
}

void graph::pop() noexcept {
  const event_id id = size() - 1;
  const event& e = events_[id];
  if (e.is_read() || e.is_write()) {
    place_list& l = locations_[e.location];
    last(e.location, e.thread) = e.previous;
    if (e.is_read()) {
      if (!lean_) l.reads.pop_back();
    } else {
      l.co.erase(e.co - 1);
      for (std::uint32_t i = e.co - 1; i < l.co.size(); ++i)
        --events_[l.co[i]].co;
    }
  }
  thread_part& part = threads_[e.thread];
  part.po.pop_back();
  if (e.await) {
    part.note = {e.index, e.memo, e.since, e.stuck};
  } else if (part.note.index > e.index) {
    part.note = {};
  }
  if (e.what == kind::create) {
    threads_[e.location].in_use = false;
    drop_unused_parts();
  }
  events_.pop_back();
  forget_awaits(size());
}

// Of a graph's first event, on which no await depends.
static constexpr std::uint32_t kAlways = 1;

void graph::forget_awaits(std::uint32_t size) noexcept {
  for (thread_number t = 0; t < thread_count_; ++t) {
    await_note& note = threads_[t].note;
    if (note.since <= size) continue;
    if (note.stuck > size) note.stuck = 0;
    note.since = note.stuck == kAlways ? 0 : note.stuck;
  }
}

void graph::choose(event_id choice, std::uint64_t alternative) noexcept {
  forget_awaits(choice);
  events_[choice].data.lo = alternative;
  threads_[events_[choice].thread].note = {};
  fill_clocks(choice);
}

void graph::read_from(event_id read, event_id write,
                      const value& data) noexcept {
  forget_awaits(read);
  threads_[events_[read].thread].note = {};
  events_[read].rf = write;
  events_[read].data = data;
  fill_clocks(read);
}

void graph::move_in_co(event_id write, std::uint32_t place) noexcept {
  event& e = events_[write];
  pile<event_id>& co = locations_[e.location].co;
  co.erase(e.co - 1);
  co.insert(place, write);
  for (std::uint32_t i = 0; i < co.size(); ++i) events_[co[i]].co = i + 1;
  forget_awaits(write);
}

std::uint32_t graph::earliest(location_id l,
                              const std::uint32_t* hb) const noexcept {
  if (!is_used(l)) return 0;
  const event_id* const last = &last_[std::size_t{l} * stride_];
  std::uint32_t place = 0;
  const thread_number n = std::min(stride_, threads());
  for (thread_number t = 0; t < n; ++t) {
    event_id id = last[t];
    while (id != kNone && events_[id].index > hb[t]) id = events_[id].previous;
    if (id == kNone) continue;
    const event& e = events_[id];
    place = std::max(place, e.is_write() ? e.co : place_of(e.rf));
  }
  return place;
}

bool graph::overslept(event_id joins) const noexcept {
  const event& e = events_[joins];
  if (e.what != kind::update_read || e.index == 1) return false;
  const event& look = events_[before(joins)];
  return look.begins_sleep() &&
         earliest(look.location, hb(joins)) > place_of(look.rf);
}

event_id graph::updater(location_id l, std::uint32_t place) const noexcept {
  const std::span<const event_id> co = this->co(l);
  if (place >= co.size()) return kNone;
  const event_id next = co[place];
  const event& e = events_[next];
  if (e.what != kind::update_write) return kNone;
  return e.rf == at_place(l, place) ? next : kNone;
}

void graph::assign(const graph& from, const vec<bool>& keep,
                   vec<event_id>& renumber) {
  clear();
  for (thread_number t = 0; t < from.thread_count_; ++t) {
    add_part();
    threads_[t].note = from.threads_[t].note;
  }
  threads_[0].in_use = true;
  lean_ = from.lean_;
  uses_sc_ = from.uses_sc_;
  renumber.assign(from.size(), kNone);
  for (event_id id = 0; id < from.size(); ++id) {
    if (!keep[id]) continue;
    const event_id mine = size();
    renumber[id] = mine;
    event e = from.events_[id];
    // What a kept read reads from may come later (a revisit): see below.
    if (e.previous != kNone) e.previous = renumber[e.previous];
    threads_[e.thread].po.push_back(mine);
    if (e.is_read() || e.is_write()) {
      place_list& l = location(e.location);
      last(e.location, e.thread) = mine;
      if (e.is_read()) l.reads.push_back(mine);
    }
    if (e.what == kind::create) threads_[e.location].in_use = true;
    draft() = e;
    events_.extend();
    clocks::copy(clock(mine, 0), from.clock(id, 0), 3 * stride_);
  }
  for (event& e : events_)
    if (e.rf < kInitial) e.rf = renumber[e.rf];
  for (const location_id l : used_) {
    pile<event_id>& co = locations_[l].co;
    for (const event_id w : from.locations_[l].co) {
      if (!keep[w]) continue;
      co.push_back(renumber[w]);
      events_[renumber[w]].co = static_cast<std::uint32_t>(co.size());
    }
  }
  for (thread_number t = 0; t < thread_count_; ++t) {
    thread_part& part = threads_[t];
    const pile<event_id>& all = from.of_thread(t);
    const std::uint32_t kept = part.po.size();
    if (kept < all.size()) {
      part.note = {};
      const event& next = from.events_[all[kept]];
      if (next.await) part.note = {next.index, next.memo, 0, 0};
    } else {
      part.note.since = 0;
      if (part.note.stuck != 0) part.note.stuck = kAlways;
    }
  }
  drop_unused_parts();
}

std::uint64_t graph::hash() const {
  std::uint64_t h = 1469598103934665603u;
  const auto mix = [&h](std::uint64_t x) {
    h ^= x + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
  };
  const auto mix_event = [&](event_id id) {
    if (id >= kInitial) return mix(id);
    mix(events_[id].thread);
    mix(events_[id].index);
  };
  for (thread_number t = 0; t < thread_count_; ++t) {
    const pile<event_id>& po = of_thread(t);
    mix(po.size());
    for (const event_id id : po) {
      const event& e = events_[id];
      mix(static_cast<std::uint64_t>(e.what));
      mix(e.location);
      mix_event(e.rf);
      if (e.what == kind::choice) mix(e.data.lo);
      if (e.is_write()) mix(e.co);
    }
  }
  return h;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
