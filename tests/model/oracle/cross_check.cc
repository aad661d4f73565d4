// SPDX-License-Identifier: Apache-2.0
//
// The axioms are written here a second time, as statements about single events
// instead of as relation algebra. Where co is total and each rmw atomic, the
// place of an event in its location's history (its own place in co for a write,
// that of its source for a read) says all there is to say about eco, and
// coherence becomes the four shapes CoWW, CoRW, CoWR and CoRR.
#include "tests/model/oracle/cross_check.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace syncxx_test::oracle {
namespace {

using matrix = std::vector<std::vector<bool>>;

matrix square(std::size_t size) {
  return matrix(size, std::vector<bool>(size, false));
}

// Takes away again and again what nothing left points to.
bool has_cycle(const matrix& edges) {
  std::vector<bool> left(edges.size(), true);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t e = 0; e < edges.size(); ++e) {
      if (!left[e]) continue;
      bool pointed_to = false;
      for (std::size_t f = 0; f < edges.size(); ++f) {
        if (left[f] && edges[f][e]) pointed_to = true;
      }
      if (!pointed_to) {
        left[e] = false;
        changed = true;
      }
    }
  }
  return std::find(left.begin(), left.end(), true) != left.end();
}

struct node {
  int thread = kInitialThread;
  int index = 0;
  event_kind kind = event_kind::write;
  int location = -1;
  std::memory_order order = std::memory_order_relaxed;
  bool ends_rmw = false;
  std::size_t source = 0;  // of a read
  std::size_t place = 0;   // in the history of the location
};

class judge {
 public:
  explicit judge(const graph& g) {
    const int locations = static_cast<int>(g.coherence.size());
    for (int x = 0; x < locations; ++x) {
      nodes_.push_back({.index = x, .location = x});
    }
    for (std::size_t t = 0; t < g.threads.size(); ++t) {
      for (std::size_t i = 0; i < g.threads[t].size(); ++i) {
        const event& e = g.threads[t][i];
        nodes_.push_back({.thread = static_cast<int>(t),
                          .index = static_cast<int>(i),
                          .kind = e.kind,
                          .location = e.location,
                          .order = e.order,
                          .ends_rmw = e.ends_rmw});
      }
    }
    for (const auto& order : g.coherence) {
      for (std::size_t i = 0; i < order.size(); ++i) {
        nodes_[find(order[i])].place = i;
      }
    }
    for (node& v : nodes_) {
      if (v.kind != event_kind::read) continue;
      v.source = find(g.threads[static_cast<std::size_t>(v.thread)]
                               [static_cast<std::size_t>(v.index)]
                                   .source);
      v.place = nodes_[v.source].place;
    }
  }

  bool allowed() {
    if (from_thin_air() || !atomic()) return false;
    find_hb();
    return coherent() && sequentially_consistent();
  }

 private:
  std::size_t size() const { return nodes_.size(); }

  std::size_t find(event_id id) const {
    std::size_t e = 0;
    while (nodes_[e].thread != id.thread || nodes_[e].index != id.index) ++e;
    return e;
  }

  bool is(std::size_t e, event_kind kind) const {
    return nodes_[e].kind == kind;
  }
  bool sc(std::size_t e) const {
    return nodes_[e].order == std::memory_order_seq_cst;
  }
  bool sc_fence(std::size_t e) const {
    return sc(e) && is(e, event_kind::fence);
  }

  bool po(std::size_t a, std::size_t b) const {
    if (nodes_[a].thread == kInitialThread) {
      return nodes_[b].thread != kInitialThread;
    }
    return nodes_[a].thread == nodes_[b].thread &&
           nodes_[a].index < nodes_[b].index;
  }

  bool same_location(std::size_t a, std::size_t b) const {
    return !is(a, event_kind::fence) && !is(b, event_kind::fence) &&
           nodes_[a].location == nodes_[b].location;
  }

  bool rf(std::size_t a, std::size_t b) const {
    return is(b, event_kind::read) && nodes_[b].source == a;
  }

  // Whether the history of a location has a before b. A read comes after its
  // source and before the next write.
  bool eco(std::size_t a, std::size_t b) const {
    if (a == b || !same_location(a, b)) return false;
    if (nodes_[a].place != nodes_[b].place) {
      return nodes_[a].place < nodes_[b].place;
    }
    return is(a, event_kind::write) && is(b, event_kind::read);
  }

  // co or fr
  bool overwritten_by(std::size_t a, std::size_t b) const {
    return eco(a, b) && is(b, event_kind::write);
  }

  bool from_thin_air() const {
    matrix needs = square(size());
    for (std::size_t a = 0; a < size(); ++a) {
      for (std::size_t b = 0; b < size(); ++b) {
        needs[a][b] = po(a, b) || rf(a, b);
      }
    }
    return has_cycle(needs);
  }

  bool atomic() const {
    for (std::size_t e = 0; e < size(); ++e) {
      if (nodes_[e].ends_rmw && nodes_[e].place != nodes_[e - 1].place + 1) {
        return false;
      }
    }
    return true;
  }

  // The events that make a read synchronize with whom it reads from: itself,
  // if it acquires, and the acquire fences after it.
  std::vector<std::size_t> acquirers(std::size_t read) const {
    std::vector<std::size_t> found;
    for (std::size_t e = 0; e < size(); ++e) {
      const std::memory_order order = nodes_[e].order;
      if (order == std::memory_order_relaxed ||
          order == std::memory_order_release) {
        continue;
      }
      if (e == read || (is(e, event_kind::fence) && po(read, e))) {
        found.push_back(e);
      }
    }
    return found;
  }

  std::vector<std::size_t> releasers(std::size_t write) const {
    std::vector<std::size_t> found;
    for (std::size_t e = 0; e < size(); ++e) {
      const std::memory_order order = nodes_[e].order;
      if (order != std::memory_order_release &&
          order != std::memory_order_acq_rel &&
          order != std::memory_order_seq_cst) {
        continue;
      }
      if (e == write || (is(e, event_kind::fence) && po(e, write))) {
        found.push_back(e);
      }
    }
    return found;
  }

  void find_hb() {
    hb_ = square(size());
    for (std::size_t a = 0; a < size(); ++a) {
      for (std::size_t b = 0; b < size(); ++b) hb_[a][b] = po(a, b);
    }
    for (std::size_t read = 0; read < size(); ++read) {
      if (!is(read, event_kind::read)) continue;
      // The read is in the release sequence of its source, and while that
      // ends a read-modify-write, in those of what was read there.
      std::size_t write = nodes_[read].source;
      for (bool more = true; more;) {
        for (const std::size_t from : releasers(write)) {
          for (const std::size_t to : acquirers(read)) hb_[from][to] = true;
        }
        more = nodes_[write].ends_rmw;
        if (more) write = nodes_[write - 1].source;
      }
    }
    for (std::size_t via = 0; via < size(); ++via) {
      for (std::size_t a = 0; a < size(); ++a) {
        for (std::size_t b = 0; b < size(); ++b) {
          if (hb_[a][via] && hb_[via][b]) hb_[a][b] = true;
        }
      }
    }
  }

  bool coherent() const {
    for (std::size_t a = 0; a < size(); ++a) {
      if (hb_[a][a]) return false;
      for (std::size_t b = 0; b < size(); ++b) {
        if (!hb_[a][b] || !same_location(a, b)) continue;
        // After a write or a read comes a later write; a read may also see the
        // write itself, or what the earlier read saw.
        const bool ordered = is(b, event_kind::write)
                                 ? nodes_[a].place < nodes_[b].place
                                 : nodes_[a].place <= nodes_[b].place;
        if (!ordered) return false;
      }
    }
    return true;
  }

  bool sequentially_consistent() const {
    // half[a][c]: a is po before some event elsewhere that is hb before c
    matrix half = square(size());
    matrix scb = square(size());
    for (std::size_t a = 0; a < size(); ++a) {
      for (std::size_t b = 0; b < size(); ++b) {
        if (!po(a, b) || same_location(a, b)) continue;
        for (std::size_t c = 0; c < size(); ++c) {
          if (hb_[b][c]) half[a][c] = true;
        }
      }
    }
    for (std::size_t a = 0; a < size(); ++a) {
      for (std::size_t b = 0; b < size(); ++b) {
        scb[a][b] = po(a, b) || overwritten_by(a, b) ||
                    (hb_[a][b] && same_location(a, b));
        for (std::size_t c = 0; c < size(); ++c) {
          if (half[a][c] && po(c, b) && !same_location(c, b)) scb[a][b] = true;
        }
      }
    }
    matrix psc = square(size());
    for (std::size_t a = 0; a < size(); ++a) {
      for (std::size_t b = 0; b < size(); ++b) {
        psc[a][b] =
            sc(a) && sc(b) && (base_edge(scb, a, b) || fence_edge(a, b));
      }
    }
    return !has_cycle(psc);
  }

  bool base_edge(const matrix& scb, std::size_t a, std::size_t b) const {
    for (std::size_t c = 0; c < size(); ++c) {
      if (c != a && !(sc_fence(a) && hb_[a][c])) continue;
      for (std::size_t d = 0; d < size(); ++d) {
        if (d != b && !(sc_fence(b) && hb_[d][b])) continue;
        if (scb[c][d]) return true;
      }
    }
    return false;
  }

  bool fence_edge(std::size_t a, std::size_t b) const {
    if (!sc_fence(a) || !sc_fence(b)) return false;
    if (hb_[a][b]) return true;
    for (std::size_t c = 0; c < size(); ++c) {
      for (std::size_t d = 0; d < size(); ++d) {
        if (hb_[a][c] && eco(c, d) && hb_[d][b]) return true;
      }
    }
    return false;
  }

  std::vector<node> nodes_;
  matrix hb_;
};

// The ways in which one thread can run if each read may return any of the
// values that are thought possible. Sources are not filled in.
class guesser {
 public:
  guesser(const thread& ops, const std::vector<std::set<int>>& values)
      : ops_(ops), values_(values) {
    run(0, std::vector<int>(register_count(ops), 0), {});
  }

  const std::vector<std::vector<event>>& runs() const { return runs_; }
  // Everything that is written, also in a run that waits in vain.
  const std::set<std::pair<int, int>>& written() const { return written_; }

 private:
  void run(std::size_t at, std::vector<int> registers,
           std::vector<event> events) {
    if (at >= ops_.size()) {
      runs_.push_back(std::move(events));
      return;
    }
    const op& o = ops_[at];
    const auto source = static_cast<std::size_t>(o.source_register);
    if (o.kind == op_kind::skip_if_eq) {
      const bool jump = registers[source] == o.value;
      run(at + 1 + (jump ? static_cast<std::size_t>(o.expected) : 0),
          std::move(registers), std::move(events));
      return;
    }
    if (o.kind == op_kind::fence) {
      events.push_back({.kind = event_kind::fence, .order = o.order});
      run(at + 1, std::move(registers), std::move(events));
      return;
    }
    if (o.kind == op_kind::store) {
      write(o, operand(o, registers), false, events);
      run(at + 1, std::move(registers), std::move(events));
      return;
    }
    for (const int v : values_[static_cast<std::size_t>(o.location)]) {
      if (is_await(o.kind) && !await_satisfied(o, registers, v)) continue;
      std::vector<event> more = events;
      more.push_back(
          {.kind = event_kind::read,
           .location = o.location,
           .order = is_cas(o.kind) && v != o.expected ? o.failure : o.order,
           .value = v});
      if (is_rmw(o.kind)) {
        const rmw_effect effect = effect_of(o, registers, v);
        if (effect.writes) write(o, effect.value, true, more);
      }
      std::vector<int> after = registers;
      after[static_cast<std::size_t>(o.target_register)] = v;
      run(at + 1, std::move(after), std::move(more));
    }
  }

  void write(const op& o, int value, bool ends_rmw,
             std::vector<event>& events) {
    written_.emplace(o.location, value);
    events.push_back({.kind = event_kind::write,
                      .location = o.location,
                      .order = o.order,
                      .value = value,
                      .ends_rmw = ends_rmw});
  }

  const thread& ops_;
  const std::vector<std::set<int>>& values_;
  std::vector<std::vector<event>> runs_;
  std::set<std::pair<int, int>> written_;
};

// All rf and all co for one run of each thread.
class candidates {
 public:
  candidates(graph g, std::uint64_t& left, std::set<graph>& found)
      : graph_(std::move(g)), left_(left), found_(found) {
    for (std::size_t t = 0; t < graph_.threads.size(); ++t) {
      for (std::size_t i = 0; i < graph_.threads[t].size(); ++i) {
        const event& e = graph_.threads[t][i];
        const event_id id{static_cast<int>(t), static_cast<int>(i)};
        if (e.kind == event_kind::read) reads_.push_back(id);
        if (e.kind == event_kind::write) order_of(e.location).push_back(id);
      }
    }
    choose_sources(0);
  }

 private:
  std::vector<event_id>& order_of(int location) {
    return graph_.coherence[static_cast<std::size_t>(location)];
  }

  void choose_sources(std::size_t at) {
    if (left_ == 0) return;
    if (at == reads_.size()) {
      choose_orders(0);
      return;
    }
    event& read = graph_.threads[static_cast<std::size_t>(reads_[at].thread)]
                                [static_cast<std::size_t>(reads_[at].index)];
    const std::vector<event_id> writes = order_of(read.location);
    for (const event_id w : writes) {
      if (value_of(graph_, w) != read.value) continue;
      read.source = w;
      choose_sources(at + 1);
    }
  }

  void choose_orders(std::size_t location) {
    if (left_ == 0) return;
    if (location == graph_.coherence.size()) {
      --left_;
      if (judge(graph_).allowed()) found_.insert(graph_);
      return;
    }
    auto& order = graph_.coherence[location];
    std::sort(order.begin(), order.end());  // the initial write is the least
    do {
      choose_orders(location + 1);
    } while (std::next_permutation(order.begin() + 1, order.end()));
  }

  graph graph_;
  std::uint64_t& left_;
  std::set<graph>& found_;
  std::vector<event_id> reads_;
};

// One interleaving after the other, on one memory.
class interleaver {
 public:
  interleaver(const program& p, std::set<graph>& found)
      : program_(p), found_(found) {
    graph g;
    g.threads.resize(p.threads.size());
    std::vector<std::vector<int>> registers;
    for (const thread& t : p.threads) {
      registers.emplace_back(register_count(t), 0);
    }
    for (int x = 0; x < p.locations; ++x) {
      g.coherence.push_back({event_id{kInitialThread, x}});
    }
    run(g, std::vector<std::size_t>(p.threads.size(), 0), registers);
  }

 private:
  void run(const graph& g, const std::vector<std::size_t>& next,
           const std::vector<std::vector<int>>& registers) {
    bool all_done = true;
    for (std::size_t t = 0; t < next.size(); ++t) {
      if (next[t] >= program_.threads[t].size()) continue;
      all_done = false;
      graph after = g;
      auto next_after = next;
      auto registers_after = registers;
      if (step(program_.threads[t][next[t]], t, after, next_after[t],
               registers_after[t])) {
        run(after, next_after, registers_after);
      }
    }
    if (all_done) found_.insert(g);
  }

  static bool step(const op& o, std::size_t t, graph& g, std::size_t& next,
                   std::vector<int>& registers) {
    ++next;
    if (o.kind == op_kind::skip_if_eq) {
      const int r = registers[static_cast<std::size_t>(o.source_register)];
      if (r == o.value) next += static_cast<std::size_t>(o.expected);
      return true;
    }
    auto& events = g.threads[t];
    if (o.kind == op_kind::fence) {
      events.push_back({.kind = event_kind::fence, .order = o.order});
      return true;
    }
    auto& history = g.coherence[static_cast<std::size_t>(o.location)];
    const int old = value_of(g, history.back());
    if (is_await(o.kind) && !await_satisfied(o, registers, old)) return false;
    rmw_effect effect{o.kind == op_kind::store, operand(o, registers)};
    if (is_rmw(o.kind)) effect = effect_of(o, registers, old);
    if (is_read(o.kind)) {
      events.push_back(
          {.kind = event_kind::read,
           .location = o.location,
           .order = is_cas(o.kind) && !effect.writes ? o.failure : o.order,
           .value = old,
           .source = history.back()});
      registers[static_cast<std::size_t>(o.target_register)] = old;
    }
    if (effect.writes) {
      history.push_back({static_cast<int>(t), static_cast<int>(events.size())});
      events.push_back({.kind = event_kind::write,
                        .location = o.location,
                        .order = o.order,
                        .value = effect.value,
                        .ends_rmw = is_rmw(o.kind)});
    }
    return true;
  }

  const program& program_;
  std::set<graph>& found_;
};

}  // namespace

std::optional<std::set<graph>> graphs_by_guessing(
    const program& p, std::uint64_t max_candidates) {
  // What each location may hold: as po ∪ rf has no cycle, a value depends on
  // at most as many others as the program has operations.
  std::vector<std::set<int>> values(static_cast<std::size_t>(p.locations), {0});
  std::size_t rounds = 0;
  for (const thread& ops : p.threads) rounds += ops.size();
  for (; rounds > 0; --rounds) {
    auto more = values;
    for (const thread& ops : p.threads) {
      const guesser g(ops, values);
      if (g.runs().size() > max_candidates) return std::nullopt;
      for (const auto& [location, value] : g.written()) {
        more[static_cast<std::size_t>(location)].insert(value);
      }
    }
    if (more == values) break;
    values = std::move(more);
  }

  std::vector<graph> partial(1);
  partial[0].coherence.resize(values.size());
  for (std::size_t x = 0; x < values.size(); ++x) {
    partial[0].coherence[x].push_back({kInitialThread, static_cast<int>(x)});
  }
  for (const thread& ops : p.threads) {
    const guesser guesses(ops, values);
    std::vector<graph> longer;
    for (const graph& g : partial) {
      if (longer.size() > max_candidates) return std::nullopt;
      for (const auto& run : guesses.runs()) {
        longer.push_back(g);
        longer.back().threads.push_back(run);
      }
    }
    partial = std::move(longer);
  }
  std::set<graph> found;
  for (graph& g : partial) {
    candidates(std::move(g), max_candidates, found);
    if (max_candidates == 0) return std::nullopt;
  }
  return found;
}

std::set<graph> graphs_by_interleaving(const program& p) {
  std::set<graph> found;
  interleaver(p, found);
  return found;
}

}  // namespace syncxx_test::oracle
