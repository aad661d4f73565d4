// SPDX-License-Identifier: Apache-2.0
//
// RC11's axiom SC: acyclic(psc_base | psc_F), where
//   scb      = po | (po|!=loc ; hb ; po|!=loc) | hb|loc | co | fr
//   psc_base = ([E.sc] | [F.sc];hb?) ; scb ; ([E.sc] | hb?;[F.sc])
//   psc_F    = [F.sc] ; (hb | hb;eco;hb) ; [F.sc]
// over the seq_cst accesses E.sc and fences F.sc (PLDI 2017, section 3.3).
//
// Of the asymmetric fences heavy ones are in F.sc, and light ones are, too, but
// for this: an edge that begins or ends at a light fence counts only if a heavy
// one is at its other end.
#include <algorithm>

#include "graph.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

class sc_order {
 public:
  explicit sc_order(const graph& g) : g_(g) {
    nodes_.clear();
    marked_.assign(g.size(), false);
    for (event_id id = 0; id < g.size(); ++id) {
      const event& e = g.at(id);
      if (e.order != memory_order_seq_cst) continue;
      if (is_access(e) || e.what == kind::fence) nodes_.push_back(id);
    }
  }

  bool acyclic() {
    const std::size_t n = nodes_.size();
    if (n < 2) return true;
    if (next_.size() < n) next_.resize(n);
    for (std::size_t i = 0; i < n; ++i) find_successors(i);
    // Kahn: take away what nothing precedes.
    vec<std::uint32_t>& preceding = preceding_;
    preceding.assign(n, 0);
    for (std::size_t i = 0; i < n; ++i)
      for (const std::uint32_t j : next_[i]) ++preceding[j];
    vec<std::uint32_t>& free = free_;
    free.clear();
    for (std::uint32_t i = 0; i < n; ++i)
      if (preceding[i] == 0) free.push_back(i);
    std::size_t taken = 0;
    while (!free.empty()) {
      const std::uint32_t i = free.back();
      free.pop_back();
      ++taken;
      for (const std::uint32_t j : next_[i])
        if (--preceding[j] == 0) free.push_back(j);
    }
    return taken == n;
  }

  // The same where there was no cycle before `added`, an event that nothing
  // depends on yet: then a new one leads through it, as a node, or through a
  // fence that happens before it.
  bool acyclic_through(event_id added) {
    const std::size_t n = nodes_.size();
    if (n < 2) return true;
    if (next_.size() < n) next_.resize(n);
    seen_.assign(n, visit::none);
    for (std::uint32_t i = 0; i < n; ++i) {
      const event_id id = nodes_[i];
      const bool leads_on =
          id == added || (g_.at(id).what == kind::fence && hb(id, added));
      if (leads_on && !search(i)) return false;
    }
    return true;
  }

 private:
  enum class visit : std::uint8_t { none, on_the_way, done };

  // Depth first; false: a cycle.
  bool search(std::uint32_t from) {
    if (seen_[from] == visit::done) return true;
    path_.clear();
    const auto enter = [&](std::uint32_t i) {
      find_successors(i);
      seen_[i] = visit::on_the_way;
      path_.push_back(i);
    };
    for (enter(from); !path_.empty();) {
      const std::uint32_t i = path_.back();
      if (next_[i].empty()) {
        seen_[i] = visit::done;
        path_.pop_back();
        continue;
      }
      const std::uint32_t j = next_[i].back();
      next_[i].pop_back();
      if (seen_[j] == visit::on_the_way) return false;
      if (seen_[j] == visit::none) enter(j);
    }
    return true;
  }

  static bool is_access(const event& e) { return e.is_read() || e.is_write(); }
  bool hb(event_id a, event_id b) const {
    return a != b && g_.hb(b)[g_.at(a).thread] >= g_.at(a).index;
  }
  static bool same_location(const event& a, const event& b) {
    return is_access(a) && is_access(b) && a.location == b.location;
  }
  void mark(event_id id) {
    if (marked_[id]) return;
    marked_[id] = true;
    reached_.push_back(id);
  }
  std::uint32_t co_place(const event& e) const {
    return e.is_write() ? e.co : g_.place_of(e.rf);
  }

  static bool ordered(const event& a, const event& b) {
    return (!a.is_light() || b.is_heavy()) && (!b.is_light() || a.is_heavy());
  }

  // Marks what follows `c` in co or fr.
  void mark_later_writes(event_id c) {
    const event& e = g_.at(c);
    if (!is_access(e)) return;
    const auto co = g_.co(e.location);
    for (std::size_t i = co_place(e); i < co.size(); ++i)
      if (co[i] != c) mark(co[i]);
  }

  // Marks what follows `c` in scb.
  void mark_scb(event_id c) {
    const event& e = g_.at(c);
    const auto& po = g_.of_thread(e.thread);
    for (std::size_t i = e.index; i < po.size(); ++i) mark(po[i]);
    mark_later_writes(c);
    // The first event behind c of another location: all that po|!=loc ; hb can
    // reach is reached from there.
    event_id away = kNone;
    for (std::size_t i = e.index; i < po.size() && away == kNone; ++i)
      if (!same_location(e, g_.at(po[i]))) away = po[i];
    for (thread_number t = 0; t < g_.threads(); ++t) {
      const event_id last = g_.last_of(t);
      if (t == e.thread || last == kNone || !hb(c, last)) continue;
      event_id entered = kNone;  // an event that hb reaches from `away`
      bool any = false;          // entered, with events of two locations
      for (const event_id d : g_.of_thread(t)) {
        const event& f = g_.at(d);
        if (same_location(e, f) && hb(c, d)) mark(d);
        if (entered != kNone && (any || !same_location(g_.at(entered), f)))
          mark(d);
        if (away != kNone && (d == away || hb(away, d))) {
          if (entered == kNone) {
            if (d != away) entered = d;
          } else if (!same_location(g_.at(entered), f)) {
            any = true;
          }
        }
      }
    }
  }

  void find_successors(std::size_t i) {
    const event_id a = nodes_[i];
    const bool fence = g_.at(a).what == kind::fence;
    reached_.clear();
    mark_scb(a);
    if (fence) {
      for (event_id c = 0; c < g_.size(); ++c)
        if (hb(a, c)) mark_scb(c);
    }
    vec<std::uint32_t>& out = next_[i];
    out.clear();
    for (std::uint32_t j = 0; j < nodes_.size(); ++j) {
      const event_id b = nodes_[j];
      if (!ordered(g_.at(a), g_.at(b))) continue;
      const bool to_fence = g_.at(b).what == kind::fence;
      bool edge = marked_[b];
      if (!edge && to_fence) {
        edge = std::any_of(reached_.begin(), reached_.end(),
                           [&](event_id d) { return hb(d, b); });
        if (!edge && fence) edge = hb(a, b) || fences_through_eco(a, b);
      }
      if (edge) out.push_back(j);
    }
    for (const event_id d : reached_) marked_[d] = false;
  }

  // [F] ; hb ; eco ; hb ; [F], eco being what orders accesses of one location:
  // rf, co, fr, and co;rf, fr;rf.
  bool fences_through_eco(event_id a, event_id b) const {
    for (event_id c = 0; c < g_.size(); ++c) {
      const event& e = g_.at(c);
      if (!is_access(e) || !hb(a, c)) continue;
      for (event_id d = 0; d < g_.size(); ++d) {
        const event& f = g_.at(d);
        if (c == d || !same_location(e, f) || !hb(d, b)) continue;
        if (eco(c, e, d, f)) return true;
      }
    }
    return false;
  }
  bool eco(event_id, const event& e, event_id, const event& f) const {
    const std::uint32_t from = co_place(e);
    const std::uint32_t to = co_place(f);
    // To a write: it comes later in co. To a read: what it reads from is the
    // write e itself or comes later; two reads of one write are not ordered.
    if (from != to) return from < to;
    return e.is_write() && f.is_read();
  }

  const graph& g_;
  // Kept from one to the next.
  static inline vec<event_id> nodes_;
  static inline vec<vec<std::uint32_t>> next_;
  static inline vec<char> marked_;
  static inline vec<event_id> reached_;
  static inline vec<std::uint32_t> preceding_;
  static inline vec<std::uint32_t> free_;
  static inline vec<visit> seen_;
  static inline vec<std::uint32_t> path_;
};

}  // namespace

bool graph::remains_sc_consistent() const {
  if (!uses_sc_) return true;
  return sc_order(*this).acyclic_through(size() - 1);
}

bool graph::sc_consistent() const {
  if (!uses_sc_) return true;
  return sc_order(*this).acyclic();
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
