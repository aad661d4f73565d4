// SPDX-License-Identifier: Apache-2.0
//
// Executions are built one operation at a time, in every order, each read from
// every write that is there already and each write at every place in co; a
// graph that several orders lead to is kept once. This finds all of them:
//
//   - po ∪ rf is acyclic, so the operations of a consistent graph have an order
//     in which each comes after those it needs. (The two events of a
//     read-modify-write can be neighbours there: the write needs nothing more.)
//   - What has been built at each point of that order is consistent. It has
//     some of the events, and between these the same po, rf, co and rmw, so
//     each derived relation is a part of the one of the whole graph, and an
//     axiom ("irreflexive", "empty", "acyclic") that holds for the whole holds
//     for the part. Inconsistent graphs can therefore be dropped at once.
//
// Nothing is inferred but that; each graph is held against all the axioms.
#include "tests/model/oracle/axioms.h"

#include <array>
#include <bit>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <utility>

namespace syncxx_test::oracle {
namespace {

// Events are numbered; a set of them is a bit mask.
constexpr std::size_t kMaxEvents = 64;
using event_set = std::uint64_t;

constexpr event_set bit(std::size_t e) { return event_set{1} << e; }

class relation {
 public:
  explicit relation(std::size_t size) : size_(size) {}

  static relation identity(std::size_t size) {
    relation r(size);
    for (std::size_t e = 0; e < size; ++e) r.add(e, e);
    return r;
  }

  void add(std::size_t from, std::size_t to) { rows_[from] |= bit(to); }

  bool empty() const {
    for (std::size_t e = 0; e < size_; ++e) {
      if (rows_[e] != 0) return false;
    }
    return true;
  }

  bool irreflexive() const {
    for (std::size_t e = 0; e < size_; ++e) {
      if (rows_[e] & bit(e)) return false;
    }
    return true;
  }

  bool acyclic() const { return closure().irreflexive(); }

  friend relation operator|(relation a, const relation& b) {
    for (std::size_t e = 0; e < a.size_; ++e) a.rows_[e] |= b.rows_[e];
    return a;
  }

  friend relation operator&(relation a, const relation& b) {
    for (std::size_t e = 0; e < a.size_; ++e) a.rows_[e] &= b.rows_[e];
    return a;
  }

  friend relation operator-(relation a, const relation& b) {
    for (std::size_t e = 0; e < a.size_; ++e) a.rows_[e] &= ~b.rows_[e];
    return a;
  }

  // Composition: first a, then b.
  friend relation operator*(const relation& a, const relation& b) {
    relation r(a.size_);
    for (std::size_t e = 0; e < a.size_; ++e) {
      for (event_set rest = a.rows_[e]; rest != 0; rest &= rest - 1) {
        r.rows_[e] |= b.rows_[static_cast<std::size_t>(std::countr_zero(rest))];
      }
    }
    return r;
  }

  relation inverse() const {
    relation r(size_);
    for (std::size_t from = 0; from < size_; ++from) {
      for (std::size_t to = 0; to < size_; ++to) {
        if (rows_[from] & bit(to)) r.add(to, from);
      }
    }
    return r;
  }

  // One or more steps.
  relation closure() const {
    relation r = *this;
    for (std::size_t via = 0; via < size_; ++via) {
      for (std::size_t e = 0; e < size_; ++e) {
        if (r.rows_[e] & bit(via)) r.rows_[e] |= r.rows_[via];
      }
    }
    return r;
  }

  // No step or one.
  relation optional() const { return identity(size_) | *this; }

  relation from(event_set s) const {
    relation r = *this;
    for (std::size_t e = 0; e < size_; ++e) {
      if (!(s & bit(e))) r.rows_[e] = 0;
    }
    return r;
  }

  relation to(event_set s) const {
    relation r = *this;
    for (std::size_t e = 0; e < size_; ++e) r.rows_[e] &= s;
    return r;
  }

 private:
  std::size_t size_;
  std::array<event_set, kMaxEvents> rows_{};
};

constexpr bool acquires(std::memory_order order) {
  return order == std::memory_order_acquire ||
         order == std::memory_order_consume ||
         order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

constexpr bool releases(std::memory_order order) {
  return order == std::memory_order_release ||
         order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

// The graph as sets and relations over numbered events: first the initial
// writes, then one thread after the other.
struct numbered_graph {
  explicit numbered_graph(const graph& g);

  std::size_t number(event_id e) const {
    return e.thread == kInitialThread
               ? static_cast<std::size_t>(e.index)
               : first[static_cast<std::size_t>(e.thread)] +
                     static_cast<std::size_t>(e.index);
  }

  std::vector<std::size_t> first;  // the first event of each thread
  std::size_t size;
  event_set reads = 0;
  event_set writes = 0;
  event_set fences = 0;
  event_set acquiring = 0;  // order is acquire or stronger
  event_set releasing = 0;
  event_set sc = 0;
  relation po, same_location, rf, co, rmw;
};

std::size_t count_events(const graph& g) {
  std::size_t size = g.coherence.size();
  for (const auto& events : g.threads) size += events.size();
  if (size > kMaxEvents) throw std::length_error("too many events");
  return size;
}

numbered_graph::numbered_graph(const graph& g)
    : size(count_events(g)),
      po(size),
      same_location(size),
      rf(size),
      co(size),
      rmw(size) {
  const std::size_t initial = g.coherence.size();
  std::size_t next = initial;
  for (const auto& events : g.threads) {
    first.push_back(next);
    next += events.size();
  }

  std::vector<int> location(size, -1);
  for (std::size_t x = 0; x < initial; ++x) {
    location[x] = static_cast<int>(x);
    writes |= bit(x);
    for (std::size_t e = initial; e < size; ++e) po.add(x, e);
  }
  for (std::size_t t = 0; t < g.threads.size(); ++t) {
    const auto& events = g.threads[t];
    for (std::size_t i = 0; i < events.size(); ++i) {
      const event& v = events[i];
      const std::size_t e = first[t] + i;
      for (std::size_t j = i + 1; j < events.size(); ++j) {
        po.add(e, first[t] + j);
      }
      if (acquires(v.order)) acquiring |= bit(e);
      if (releases(v.order)) releasing |= bit(e);
      if (v.order == std::memory_order_seq_cst) sc |= bit(e);
      if (v.kind == event_kind::fence) {
        fences |= bit(e);
        continue;
      }
      location[e] = v.location;
      if (v.kind == event_kind::read) {
        reads |= bit(e);
        rf.add(number(v.source), e);
      } else {
        writes |= bit(e);
        if (v.ends_rmw) rmw.add(e - 1, e);
      }
    }
  }
  for (std::size_t a = 0; a < size; ++a) {
    for (std::size_t b = 0; b < size; ++b) {
      if (location[a] >= 0 && location[a] == location[b]) {
        same_location.add(a, b);
      }
    }
  }
  for (const auto& order : g.coherence) {
    for (std::size_t a = 0; a < order.size(); ++a) {
      for (std::size_t b = a + 1; b < order.size(); ++b) {
        co.add(number(order[a]), number(order[b]));
      }
    }
  }
}

// How far an execution has got. Registers and positions follow from the graph.
struct state {
  graph events;
  std::vector<std::size_t> next;  // the op each thread has to do
  std::vector<std::vector<int>> registers;
  auto operator<=>(const state&) const = default;
};

bool done(const program& p, const state& s, std::size_t t) {
  return s.next[t] >= p.threads[t].size();
}

// Takes the jumps that the thread stands at.
void take_jumps(const program& p, state& s, std::size_t t) {
  while (!done(p, s, t)) {
    const op& o = p.threads[t][s.next[t]];
    if (o.kind != op_kind::skip_if_eq) return;
    const int r = s.registers[t][static_cast<std::size_t>(o.source_register)];
    s.next[t] += 1 + (r == o.value ? static_cast<std::size_t>(o.expected) : 0);
  }
}

state initial_state(const program& p) {
  state s;
  s.events.threads.resize(p.threads.size());
  for (int x = 0; x < p.locations; ++x) {
    s.events.coherence.push_back({event_id{kInitialThread, x}});
  }
  s.next.resize(p.threads.size(), 0);
  for (std::size_t t = 0; t < p.threads.size(); ++t) {
    s.registers.emplace_back(register_count(p.threads[t]), 0);
    take_jumps(p, s, t);
  }
  return s;
}

// The states that one operation of thread t leads to; those that are
// inconsistent are among them.
class stepper {
 public:
  stepper(const program& p, const state& s, std::size_t t)
      : program_(p), state_(s), thread_(t), op_(p.threads[t][s.next[t]]) {}

  std::vector<state> run() && {
    switch (op_.kind) {
      case op_kind::fence: {
        state s = state_;
        append(s, {.kind = event_kind::fence, .order = op_.order});
        finish(std::move(s));
        break;
      }
      case op_kind::store:
        write_everywhere(state_, operand(op_, registers()), false);
        break;
      default:
        for (const event_id w : order_of(state_)) read_from(w);
    }
    return std::move(results_);
  }

 private:
  const std::vector<int>& registers() const {
    return state_.registers[thread_];
  }

  const std::vector<event_id>& order_of(const state& s) const {
    return s.events.coherence[static_cast<std::size_t>(op_.location)];
  }

  event_id append(state& s, const event& e) const {
    auto& events = s.events.threads[thread_];
    events.push_back(e);
    return {static_cast<int>(thread_), static_cast<int>(events.size()) - 1};
  }

  void finish(state s) {
    ++s.next[thread_];
    take_jumps(program_, s, thread_);
    results_.push_back(std::move(s));
  }

  void read_from(event_id w) {
    const int value = value_of(state_.events, w);
    if (is_await(op_.kind) && !await_satisfied(op_, registers(), value)) return;
    const rmw_effect effect = is_rmw(op_.kind)
                                  ? effect_of(op_, registers(), value)
                                  : rmw_effect{false, 0};
    const bool failed = is_cas(op_.kind) && !effect.writes;
    state s = state_;
    append(s, {.kind = event_kind::read,
               .location = op_.location,
               .order = failed ? op_.failure : op_.order,
               .value = value,
               .source = w});
    s.registers[thread_][static_cast<std::size_t>(op_.target_register)] = value;
    if (effect.writes) {
      write_everywhere(s, effect.value, true);
    } else {
      finish(std::move(s));
    }
  }

  void write_everywhere(const state& before, int value, bool ends_rmw) {
    for (std::size_t at = 1; at <= order_of(before).size(); ++at) {
      state s = before;
      const event_id w = append(s, {.kind = event_kind::write,
                                    .location = op_.location,
                                    .order = op_.order,
                                    .value = value,
                                    .ends_rmw = ends_rmw});
      auto& co = s.events.coherence[static_cast<std::size_t>(op_.location)];
      co.insert(co.begin() + static_cast<std::ptrdiff_t>(at), w);
      finish(std::move(s));
    }
  }

  const program& program_;
  const state& state_;
  std::size_t thread_;
  const op& op_;
  std::vector<state> results_;
};

bool all_done(const program& p, const state& s) {
  for (std::size_t t = 0; t < p.threads.size(); ++t) {
    if (!done(p, s, t)) return false;
  }
  return true;
}

bool stuck(const program& p, const state& s) {
  for (std::size_t t = 0; t < p.threads.size(); ++t) {
    if (done(p, s, t)) continue;
    const op& o = p.threads[t][s.next[t]];
    if (!is_await(o.kind)) return false;
    const auto& co = s.events.coherence[static_cast<std::size_t>(o.location)];
    const int last = value_of(s.events, co.back());
    if (await_satisfied(o, s.registers[t], last)) return false;
  }
  return !all_done(p, s);
}

execution ended(const state& s, bool blocked) {
  execution e{s.events, {}, blocked};
  for (const auto& registers : s.registers) {
    e.outcome.insert(e.outcome.end(), registers.begin(), registers.end());
  }
  for (const auto& order : s.events.coherence) {
    e.outcome.push_back(value_of(s.events, order.back()));
  }
  return e;
}

}  // namespace

int value_of(const graph& g, event_id write) {
  if (write.thread == kInitialThread) return 0;
  return g
      .threads[static_cast<std::size_t>(write.thread)]
              [static_cast<std::size_t>(write.index)]
      .value;
}

std::string to_string(const graph& g) {
  const auto name = [](event_id e) {
    return e.thread == kInitialThread
               ? std::string("init")
               : std::to_string(e.thread) + "." + std::to_string(e.index);
  };
  std::string text;
  for (std::size_t t = 0; t < g.threads.size(); ++t) {
    for (std::size_t i = 0; i < g.threads[t].size(); ++i) {
      const event& e = g.threads[t][i];
      text += name({static_cast<int>(t), static_cast<int>(i)});
      text += e.kind == event_kind::fence   ? " F "
              : e.kind == event_kind::write ? " W "
                                            : " R ";
      text += to_string(e.order);
      if (e.kind != event_kind::fence) {
        text +=
            " x" + std::to_string(e.location) + " = " + std::to_string(e.value);
      }
      if (e.ends_rmw) text += " (rmw)";
      if (e.kind == event_kind::read) text += " from " + name(e.source);
      text += "\n";
    }
  }
  for (std::size_t x = 0; x < g.coherence.size(); ++x) {
    text += "co x" + std::to_string(x) + ":";
    for (const event_id w : g.coherence[x]) text += " " + name(w);
    text += "\n";
  }
  return text;
}

bool consistent(const graph& g) {
  const numbered_graph n(g);
  const relation& po = n.po;
  const relation& rf = n.rf;
  const relation& co = n.co;
  const relation fr = rf.inverse() * co;
  const relation eco = (rf | co | fr).closure();
  const event_set sc_fences = n.sc & n.fences;

  if (!(po | rf).acyclic()) return false;
  if (!(n.rmw & (fr * co)).empty()) return false;

  // rs = [W];(rf;rmw)^*
  const relation rs = (rf * n.rmw).closure().optional().from(n.writes);
  // sw = [E>=rel];([F];po)^?;rs;rf;[R];(po;[F])^?;[E>=acq]
  const relation sw = (po.from(n.fences).optional() * rs * rf.to(n.reads) *
                       po.to(n.fences).optional())
                          .from(n.releasing)
                          .to(n.acquiring);
  const relation hb = (po | sw).closure();
  if (!hb.irreflexive() || !(hb * eco).irreflexive()) return false;

  const relation po_elsewhere = po - n.same_location;
  const relation scb = po | (po_elsewhere * hb * po_elsewhere) |
                       (hb & n.same_location) | co | fr;
  // [E^sc] ∪ [F^sc];hb^?  and its mirror image
  const relation id = relation::identity(n.size);
  const relation enter = id.from(n.sc) | hb.optional().from(sc_fences);
  const relation leave = id.from(n.sc) | hb.optional().to(sc_fences);
  const relation psc_base = enter * scb * leave;
  const relation psc_fence = (hb | hb * eco * hb).from(sc_fences).to(sc_fences);
  return (psc_base | psc_fence).acyclic();
}

std::optional<std::vector<execution>> executions(const program& p,
                                                 std::uint64_t max_graphs) {
  std::vector<execution> ends;
  std::uint64_t looked_at = 0;
  // All states that are the same number of operations away from the start.
  std::set<state> level{initial_state(p)};
  while (!level.empty()) {
    std::set<state> next_level;
    for (const state& s : level) {
      if (all_done(p, s)) {
        ends.push_back(ended(s, false));
        continue;
      }
      if (stuck(p, s)) ends.push_back(ended(s, true));
      for (std::size_t t = 0; t < p.threads.size(); ++t) {
        if (done(p, s, t)) continue;
        for (state& after : stepper(p, s, t).run()) {
          if (next_level.contains(after)) continue;
          if (++looked_at > max_graphs) return std::nullopt;
          if (consistent(after.events)) next_level.insert(std::move(after));
        }
      }
    }
    level = std::move(next_level);
  }
  return ends;
}

std::optional<summary> enumerate(const program& p, std::uint64_t max_graphs) {
  const auto ends = executions(p, max_graphs);
  if (!ends) return std::nullopt;
  summary result;
  for (const execution& e : *ends) {
    if (e.blocked) {
      ++result.blocked;
    } else {
      ++result.complete;
      result.outcomes.insert(e.outcome);
    }
  }
  return result;
}

summary enumerate(const program& p) {
  return *enumerate(p, std::numeric_limits<std::uint64_t>::max());
}

}  // namespace syncxx_test::oracle
