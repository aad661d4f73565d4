// SPDX-License-Identifier: Apache-2.0
//
// How an event gets into a graph, for those who add many (graph.cc, and
// guided.cc, where the kind is a constant).
#ifndef SYNCXX_SRC_MODEL_LEAN_GRAPH_H_
#define SYNCXX_SRC_MODEL_LEAN_GRAPH_H_

#include <algorithm>

#include "clocks.h"
#include "graph.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// `e` is the event `id`, of that kind, thread and index, and `po` the one
// before it.
template <std::uint32_t kStride, bool kLean>
[[gnu::always_inline]] inline void graph::fill_clocks_of(
    event& e, event_id id, event_id po, kind what, thread_number t,
    std::uint32_t index) noexcept {
  const std::uint32_t n = kStride != 0 ? kStride : stride_;
  // (Known to stay where they are.)
  event* const events = events_.begin();
  std::uint32_t* const all = clocks_.begin();
  const auto clock = [&](event_id of, unsigned which) {
    return all + (std::size_t{of} * 3 + which) * n;
  };
  std::uint32_t* const hb = clock(id, 0);
  std::uint32_t* const porf = clock(id, 1);
  std::uint32_t* const view = clock(id, 2);
  if (po == kNone) {
    clocks::zero(hb, kLean ? n : 2 * n);
    static_cast<carried&>(e) = {};
  } else {
    clocks::copy(hb, clock(po, 0), kLean ? n : 2 * n);
    static_cast<carried&>(e) = events[po];
  }
  hb[t] = index;
  if (!kLean) porf[t] = index;
  const bool may_depend = what == kind::read || what == kind::update_read ||
                          what == kind::start || what == kind::join ||
                          what == kind::resume;
  const event_id rf = e.rf;
  const bool depends = may_depend && rf < kInitial;
  if (depends) {
    if (!kLean) clocks::join(porf, clock(rf, 1), n);
    const event& from = events[rf];
    // (Narrow stores would be waited for by the wide loads that copy them.)
    if ((from.time | std::uint32_t{from.disturbed} |
         std::uint32_t{from.clocked}) != 0) [[unlikely]] {
      // As the standard's: of two looks at a clock the later gives no less, if
      // one happens before the other.
      const bool orders = (what != kind::read && what != kind::update_read) ||
                          acquires(e.order);
      if (orders) e.time = std::max(e.time, from.time);
      e.disturbed |= from.disturbed;
      e.clocked |= from.clocked;
    }
  }
  switch (what) {
    case kind::read:
    case kind::update_read:
      // A sleep begins with the look at the word.
      if (what == kind::update_read ? po == kNone || !events[po].begins_sleep()
                                    : e.begins_sleep())
        ++e.open;
      if (depends && acquires(e.order)) clocks::join(hb, clock(rf, 2), n);
      break;
    case kind::write:
    case kind::update_write:
      if (what == kind::update_write) --e.open;
      if (releases(e.order)) {
        clocks::copy(view, hb, n);
      } else if (e.release != 0) {
        clocks::copy(view, clock(of_thread(t)[e.release - 1], 0), n);
      } else {
        clocks::zero(view, n);
      }
      // The release sequence goes on through read-modify-writes.
      if (what == kind::update_write && rf < kInitial)
        clocks::join(view, clock(rf, 2), n);
      break;
    case kind::fence:
      if (e.is_light()) {
        if (acquires(e.order)) acquire_fences(hb, e);
        e.light |= releases(e.order);
        break;
      }
      if (acquires(e.order)) acquire_reads(hb, e);
      if (releases(e.order)) e.release = index;
      if (!e.is_heavy()) break;
      if (acquires(e.order)) acquire_fences(hb, e);
      e.heavy |= releases(e.order);
      break;
    case kind::start:
    case kind::join:
      if (depends) clocks::join(hb, clock(rf, 0), n);
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
  if (kLean) return;
  const auto mix = [&e](std::uint64_t x) {
    e.past = (e.past ^ x) * 0xff51afd7ed558ccdu;
    e.past ^= e.past >> 32;
  };
  e.past = po == kNone ? e.thread + 1u : events[po].past;
  mix(static_cast<std::uint64_t>(e.what) | (std::uint64_t{e.location} << 8) |
      (std::uint64_t{e.guessed} << 40));
  mix(e.data.lo ^ (e.data.hi << 1));
  mix(depends ? events[rf].past : rf);
}

[[gnu::always_inline]] inline event_id graph::add_lean(event& e, kind what,
                                                       thread_number t,
                                                       place_list* l,
                                                       std::uint32_t place) {
  const event_id id = size();
  events_.extend();
  pile<event_id>& po = threads_[t].po;
  const std::uint32_t before = po.size();
  const event_id last_of_thread = before == 0 ? kNone : po[before - 1];
  po.push_back(id);
  e.index = before + 1;
  const bool reads = what == kind::read || what == kind::update_read;
  const bool writes = what == kind::write || what == kind::update_write;
  if (reads || writes) {
    event_id& last = this->last(e.location, t);
    e.previous = last;
    last = id;
    if (writes) {
      e.co = place + 1;
      if (place == l->co.size()) {
        l->co.push_back(id);
      } else {
        insert_in_co(l->co, id, place);
      }
    }
  }
  if (reads || writes || what == kind::fence)
    uses_sc_ |= e.order == memory_order_seq_cst;
  if (stride_ == clocks::kFour) [[likely]] {
    fill_clocks_of<clocks::kFour, true>(e, id, last_of_thread, what, t,
                                        before + 1);
  } else {
    fill_many_lean(id, last_of_thread);
  }
  return id;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_LEAN_GRAPH_H_
