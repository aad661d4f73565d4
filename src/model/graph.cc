// SPDX-License-Identifier: Apache-2.0
#include "graph.h"

#include <algorithm>
#include <cstring>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

namespace {

// Clocks are worked on four threads at a time.
using four = std::int32_t __attribute__((vector_size(16)));
constexpr std::size_t kFour = 4;

four load(const std::uint32_t* p) noexcept {
  four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
void store(std::uint32_t* p, four v) noexcept { std::memcpy(p, &v, sizeof v); }

void copy(std::uint32_t* to, const std::uint32_t* from,
          std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i < n; i += kFour) store(to + i, load(from + i));
}
void join(std::uint32_t* into, const std::uint32_t* from,
          std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i < n; i += kFour) {
    const four a = load(into + i), b = load(from + i);
    store(into + i, a < b ? b : a);
  }
}
void zero(std::uint32_t* to, std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i < n; i += kFour) store(to + i, four{});
}

}  // namespace

void graph::clear() noexcept {
  events_.clear();
  threads_.resize(0);
  in_use_.clear();
  notes_.clear();
  for (const location_id l : used_) {
    locations_[l].co.clear();
    locations_[l].reads.clear();
    locations_[l].used = false;
  }
  used_.clear();
  uses_sc_ = false;
}

thread_number graph::add_thread(thread_number wanted) {
  thread_number t = 0;
  while (t < in_use_.size() && in_use_[t]) ++t;
  if (wanted != kNone) t = wanted;
  while (t >= in_use_.size()) {
    threads_.add();
    in_use_.push_back(false);
    notes_.emplace_back();
  }
  in_use_[t] = true;
  return t;
}

// The first access to a location.
void graph::use(location_id l) {
  if (l >= locations_.size()) locations_.resize(l + 1);
  if (last_.size() < locations_.size() * stride_)
    last_.resize(locations_.size() * stride_);
  locations_[l].used = true;
  used_.push_back(l);
  std::fill_n(&last(l, 0), stride_, kNone);
}

// What an acquire fence acquires: all that the reads before it have read from.
// (What an acquire fence before it has acquired is in hb.)
void graph::acquire_reads(std::uint32_t* into,
                          const event& fence) const noexcept {
  const vec<event_id>& po = threads_[fence.thread];
  for (std::uint32_t i = fence.index - 1; i > 0; --i) {
    const event& e = events_[po[i - 1]];
    if (e.is_read() && e.rf < kInitial) join(into, clock(e.rf, 2), stride_);
    if (e.what == kind::fence && acquires(e.order) && !e.is_light()) return;
  }
}

// What an asymmetric acquire fence acquires besides: a light one synchronizes
// with the heavy release fences before what the reads before it have read from,
// or before a write whose release sequence that continues; a heavy one with the
// light ones. (So rare that no clocks are kept for it.)
void graph::acquire_fences(std::uint32_t* into,
                           const event& fence) const noexcept {
  const vec<event_id>& po = threads_[fence.thread];
  for (std::uint32_t i = fence.index - 1; i > 0; --i) {
    const event& e = events_[po[i - 1]];
    if (e.what == kind::fence && e.access == fence.access && acquires(e.order))
      return;  // has acquired what is before it
    if (!e.is_read()) continue;
    for (event_id w = e.rf; w < kInitial;) {
      const event& from = events_[w];
      const std::uint32_t release = fence.is_light() ? from.heavy : from.light;
      if (release != 0)
        join(into, clock(threads_[from.thread][release - 1], 0), stride_);
      w = from.what == kind::update_write ? from.rf : kNone;
    }
  }
}

// kStride: that of the clocks, or 0.
template <std::uint32_t kStride>
[[gnu::always_inline]] inline void graph::fill_clocks_of(event_id id,
                                                         event_id po) noexcept {
  const std::uint32_t n = kStride != 0 ? kStride : stride_;
  event& e = events_[id];
  std::uint32_t* const hb = clock(id, 0);
  std::uint32_t* const porf = clock(id, 1);
  std::uint32_t* const view = clock(id, 2);
  if (po == kNone) {
    zero(hb, 2 * n);
    static_cast<carried&>(e) = {};
  } else {
    copy(hb, clock(po, 0), 2 * n);
    static_cast<carried&>(e) = events_[po];
  }
  hb[e.thread] = porf[e.thread] = e.index;
  const bool depends = e.rf < kInitial && e.what != kind::update_write;
  if (depends) {
    if (!lean_) join(porf, clock(e.rf, 1), n);
    e.time = std::max(e.time, events_[e.rf].time);
    e.disturbed |= events_[e.rf].disturbed;
    e.clocked |= events_[e.rf].clocked;
  }
  switch (e.what) {
    case kind::read:
    case kind::update_read:
      // A sleep begins with the look at the word.
      if (e.what == kind::update_read
              ? po == kNone || !events_[po].begins_sleep()
              : e.begins_sleep())
        ++e.open;
      if (depends && acquires(e.order)) join(hb, clock(e.rf, 2), n);
      break;
    case kind::write:
    case kind::update_write:
      if (e.what == kind::update_write) --e.open;
      if (releases(e.order)) {
        copy(view, hb, n);
      } else if (e.release != 0) {
        copy(view, clock(threads_[e.thread][e.release - 1], 0), n);
      } else {
        zero(view, n);
      }
      // The release sequence goes on through read-modify-writes.
      if (e.what == kind::update_write && e.rf < kInitial)
        join(view, clock(e.rf, 2), n);
      break;
    case kind::fence:
      if (e.is_light()) {
        if (acquires(e.order)) acquire_fences(hb, e);
        if (releases(e.order)) e.light = e.index;
        break;
      }
      if (acquires(e.order)) acquire_reads(hb, e);
      if (releases(e.order)) e.release = e.index;
      if (!e.is_heavy()) break;
      if (acquires(e.order)) acquire_fences(hb, e);
      if (releases(e.order)) e.heavy = e.index;
      break;
    case kind::start:
    case kind::join:
      if (depends) join(hb, clock(e.rf, 0), n);
      break;
    case kind::choice:
      e.clocked |= e.access == access_kind::clock;
      if (e.access == access_kind::rest) {
        e.clocked = true;
        ++e.time;
      }
      if (e.data.lo == 0) break;
      e.disturbed |= e.access == access_kind::disturbance;
      if (e.access == access_kind::clock ||
          e.access == access_kind::timed_sleep)
        ++e.time;
      break;
    default:
      break;
  }
  if (lean_) return;
  const auto mix = [&e](std::uint64_t x) {
    e.past = (e.past ^ x) * 0xff51afd7ed558ccdu;
    e.past ^= e.past >> 32;
  };
  e.past = po == kNone ? e.thread + 1u : events_[po].past;
  mix(static_cast<std::uint64_t>(e.what) | (std::uint64_t{e.location} << 8) |
      (std::uint64_t{e.guessed} << 40));
  mix(e.data.lo ^ (e.data.hi << 1));
  mix(depends ? events_[e.rf].past : e.rf);
}

[[gnu::noinline]] void graph::fill_many(event_id id, event_id po) noexcept {
  fill_clocks_of<0>(id, po);
}

void graph::fill_clocks(event_id id) noexcept { fill_many(id, before(id)); }

event_id graph::add(const event& given, std::uint32_t place) {
  const event_id id = size();
  events_.push_back(given);
  event& e = events_.back();
  vec<event_id>& po = threads_[e.thread];
  const event_id before = po.empty() ? kNone : po.back();
  po.push_back(id);
  e.index = static_cast<std::uint32_t>(po.size());
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
  make_clocks();
  if (stride_ == kFour) {
    fill_clocks_of<kFour>(id, before);
  } else {
    fill_many(id, before);
  }
  return id;
}

[[gnu::noinline]] void graph::insert_in_co(vec<event_id>& co, event_id write,
                                           std::uint32_t place) {
  co.insert(co.begin() + place, write);
  for (std::size_t i = place + 1; i < co.size(); ++i) ++events_[co[i]].co;
}

void graph::complete() noexcept {
  lean_ = false;
  for (event_id id = 0; id < size(); ++id) fill_clocks(id);
}

void graph::pop() noexcept {
  const event_id id = size() - 1;
  const event& e = events_[id];
  if (e.is_read() || e.is_write()) {
    place_list& l = locations_[e.location];
    last(e.location, e.thread) = e.previous;
    if (e.is_read()) {
      l.reads.pop_back();
    } else {
      l.co.erase(l.co.begin() + (e.co - 1));
      for (std::size_t i = e.co - 1; i < l.co.size(); ++i)
        --events_[l.co[i]].co;
    }
  }
  threads_[e.thread].pop_back();
  if (e.await) {
    notes_[e.thread] = {e.index, e.memo, e.since, e.stuck};
  } else if (notes_[e.thread].index > e.index) {
    notes_[e.thread] = {};
  }
  if (e.what == kind::create) {
    in_use_[e.location] = false;
    while (!in_use_.back()) {
      in_use_.pop_back();
      threads_.remove();
      notes_.pop_back();
    }
  }
  events_.pop_back();
  forget_awaits(size());
}

// Of a graph's first event, on which no await depends.
static constexpr std::uint32_t kAlways = 1;

// What was found out when the graph had more than `size` events.
void graph::forget_awaits(std::uint32_t size) noexcept {
  for (await_note& note : notes_) {
    if (note.since <= size) continue;
    if (note.stuck > size) note.stuck = 0;
    note.since = note.stuck == kAlways ? 0 : note.stuck;
  }
}

void graph::choose(event_id choice, std::uint64_t alternative) noexcept {
  forget_awaits(choice);
  events_[choice].data.lo = alternative;
  notes_[events_[choice].thread] = {};
  fill_clocks(choice);
}

void graph::read_from(event_id read, event_id write,
                      const value& data) noexcept {
  forget_awaits(read);
  notes_[events_[read].thread] = {};
  events_[read].rf = write;
  events_[read].data = data;
  fill_clocks(read);
}

void graph::move_in_co(event_id write, std::uint32_t place) noexcept {
  event& e = events_[write];
  vec<event_id>& co = locations_[e.location].co;
  co.erase(co.begin() + (e.co - 1));
  co.insert(co.begin() + place, write);
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
  threads_.resize(from.threads_.size());
  in_use_.assign(from.threads_.size(), false);
  in_use_[0] = true;
  notes_ = from.notes_;
  lean_ = from.lean_;
  uses_sc_ = from.uses_sc_;
  if (locations_.size() < from.locations_.size())
    locations_.resize(from.locations_.size());
  renumber.assign(from.size(), kNone);
  for (event_id id = 0; id < from.size(); ++id) {
    if (!keep[id]) continue;
    const event_id mine = size();
    renumber[id] = mine;
    event e = from.events_[id];
    // What a kept read reads from may come later (a revisit): see below.
    if (e.previous != kNone) e.previous = renumber[e.previous];
    threads_[e.thread].push_back(mine);
    if (e.is_read() || e.is_write()) {
      place_list& l = location(e.location);
      last(e.location, e.thread) = mine;
      if (e.is_read()) l.reads.push_back(mine);
    }
    if (e.what == kind::create) in_use_[e.location] = true;
    events_.push_back(e);
    make_clocks();
    copy(clock(mine, 0), from.clock(id, 0), 3 * stride_);
  }
  for (event& e : events_)
    if (e.rf < kInitial) e.rf = renumber[e.rf];
  for (location_id l = 0; l < from.locations_.size(); ++l) {
    vec<event_id>& co = locations_[l].co;
    for (const event_id w : from.locations_[l].co) {
      if (!keep[w]) continue;
      co.push_back(renumber[w]);
      events_[renumber[w]].co = static_cast<std::uint32_t>(co.size());
    }
  }
  for (thread_number t = 0; t < threads_.size(); ++t) {
    const std::size_t kept = threads_[t].size();
    if (kept < from.threads_[t].size()) {
      notes_[t] = {};
      const event& next = from.events_[from.threads_[t][kept]];
      if (next.await) notes_[t] = {next.index, next.memo, 0, 0};
    } else {
      notes_[t].since = 0;
      if (notes_[t].stuck != 0) notes_[t].stuck = kAlways;
    }
  }
  while (!in_use_.back()) {
    in_use_.pop_back();
    threads_.remove();
    notes_.pop_back();
  }
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
  for (const vec<event_id>& po : threads_) {
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
