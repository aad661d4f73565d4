// SPDX-License-Identifier: Apache-2.0
#include "interleaving.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// Of the search: for graphs of many threads, where each order will do.
constexpr std::uint64_t kMostSteps = 1u << 20;

// A thread runs as far as it can: to have done more never holds another up. So
// all that is to be chosen is which thread comes next where one has stopped.
class interleavings {
 public:
  interleavings(const graph& g, bool coherent)
      : g_(g), coherent_(coherent), done_(g.threads(), 0) {}

  // The fewest preemptions, or most + 1.
  std::uint32_t find(std::uint32_t most) {
    best_ = most + 1;
    turns_.clear();
    for (thread_number t = 0; t < g_.threads(); ++t) search(t, 0);
    return best_;
  }

  // The order that find() found, or just any.
  vec<event_id> order() {
    vec<event_id> out;
    const auto run = [&](thread_number t) {
      const std::uint32_t before = done_[t];
      advance(t);
      for (std::uint32_t i = before; i < done_[t]; ++i)
        out.push_back(g_.of_thread(t)[i]);
      return done_[t] != before;
    };
    for (const thread_number t : best_turns_) run(t);
    for (thread_number t = 0; t < g_.threads();) t = run(t) ? 0 : t + 1;
    return out;
  }

  // Whether there is an order, however many switches it has.
  bool exists() {
    bool moved = true;
    std::size_t left = g_.size();
    while (moved) {
      moved = false;
      for (thread_number t = 0; t < g_.threads(); ++t) {
        const std::uint32_t before = done_[t];
        advance(t);
        left -= done_[t] - before;
        moved |= done_[t] != before;
      }
    }
    done_.assign(g_.threads(), 0);
    return left == 0;
  }

 private:
  bool is_done(event_id id) const {
    return id >= kInitial || g_.at(id).index <= done_[g_.at(id).thread];
  }

  bool ready(const event& e, event_id id) const {
    if (e.what != kind::update_write && !is_done(e.rf)) return false;
    if (!coherent_ || (!e.is_read() && !e.is_write())) return true;
    const auto co = g_.co(e.location);
    // (Writes are done in the order of co.)
    if (e.is_read()) {  // nothing newer is there
      const std::uint32_t next = g_.place_of(e.rf);
      return next >= co.size() || co[next] == id || !is_done(co[next]);
    }
    // All that reads something older has done so: co comes before.
    if (e.co > 1 && !is_done(co[e.co - 2])) return false;
    for (const event_id r : g_.reads(e.location)) {
      if (g_.place_of(g_.at(r).rf) < e.co && !is_done(r)) return false;
    }
    return true;
  }

  // Does what can be done; an update as a whole or not at all.
  void advance(thread_number t) {
    const auto& po = g_.of_thread(t);
    std::uint32_t whole = done_[t];
    while (done_[t] < po.size() && ready(g_.at(po[done_[t]]), po[done_[t]])) {
      if (g_.at(po[done_[t]++]).open == 0) whole = done_[t];
    }
    if (done_[t] < po.size()) done_[t] = whole;
  }

  // Whether to leave the thread here is to interrupt it.
  bool interrupts(thread_number t) const {
    const auto& po = g_.of_thread(t);
    if (done_[t] == 0 || done_[t] == po.size()) return false;
    const event& next = g_.at(po[done_[t]]);
    return next.what != kind::join && next.what != kind::resume && !next.await;
  }

  void search(thread_number t, std::uint32_t spent) {
    if (spent >= best_ || ++steps_ > kMostSteps) return;
    const std::uint32_t before = done_[t];
    advance(t);
    if (done_[t] != before) {
      turns_.push_back(t);
      bool all = true;
      for (thread_number u = 0; u < g_.threads(); ++u)
        all &= done_[u] == g_.of_thread(u).size();
      if (all) {
        best_ = spent;
        best_turns_ = turns_;
      } else {
        const std::uint32_t then = spent + (interrupts(t) ? 1 : 0);
        for (thread_number u = 0; u < g_.threads(); ++u)
          if (u != t) search(u, then);
      }
      turns_.pop_back();
    }
    done_[t] = before;
  }

  const graph& g_;
  const bool coherent_;
  vec<std::uint32_t> done_;
  std::uint32_t best_ = 0;
  std::uint64_t steps_ = 0;
  vec<thread_number> turns_, best_turns_;
};

}  // namespace

std::uint32_t preemptions(const graph& g, std::uint32_t most) {
  const bool coherent = interleavings(g, true).exists();
  return interleavings(g, coherent).find(most);
}

vec<event_id> interleaving(const graph& g) {
  if (const auto& po = g.of_thread(0); g.threads() == 1)  // however long
    return {po.begin(), po.end()};
  constexpr std::uint32_t kFew = 4;
  interleavings all(g, interleavings(g, true).exists());
  all.find(kFew);
  return all.order();
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
