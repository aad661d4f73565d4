// SPDX-License-Identifier: Apache-2.0
//
// Operations thrown together at random hardly ever show what an order or a
// fence is for: most axioms could go and a thousand such programs would behave
// as before. So one half of the programs has the shape of a litmus test. Its
// threads stand in a circle; each accesses one location or two, the last of
// which the next thread accesses first (as in Alglave et al., "Herding Cats",
// 2014). And each program has a taste in orders, so that the strong ones meet.
#include "tests/model/oracle/random_program.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <utility>
#include <vector>

namespace syncxx_test::oracle {
namespace {

enum class taste { any, acquire_release, sc, fences };

class generator {
 public:
  generator(std::uint64_t seed, const limits& l)
      : bits_(seed), limits_(l), taste_(pick_taste()), left_(l.max_total) {}

  program run() {
    int threads = between(limits_.min_threads, limits_.max_threads);
    if (limits_.fourth_thread && threads == limits_.max_threads &&
        chance(1, 4)) {
      ++threads;
    }
    return threads > 1 && chance(3, 4) ? circle(threads) : heap(threads);
  }

 private:
  // <random>'s engines are the same everywhere, its distributions are not.
  int below(int n) {
    return static_cast<int>(bits_() % static_cast<std::uint64_t>(n));
  }

  int between(int low, int high) {
    return high <= low ? low : low + below(high - low + 1);
  }

  bool chance(int n, int of) { return below(of) < n; }

  template <typename T>
  T any_of(const std::vector<T>& choices) {
    return choices[static_cast<std::size_t>(
        below(static_cast<int>(choices.size())))];
  }

  taste pick_taste() {
    std::vector<taste> tastes = {taste::any, taste::acquire_release};
    if (limits_.sc) tastes.insert(tastes.end(), 2, taste::sc);
    if (limits_.fences) tastes.insert(tastes.end(), 2, taste::fences);
    return any_of(tastes);
  }

  // One of relaxed, `orders` (the last is the strongest) and seq_cst.
  std::memory_order pick_order(std::vector<std::memory_order> orders) {
    if (chance(4, 5)) {
      if (taste_ == taste::fences) return std::memory_order_relaxed;
      if (taste_ == taste::acquire_release) return orders.back();
      if (taste_ == taste::sc) return std::memory_order_seq_cst;
    }
    orders.push_back(std::memory_order_relaxed);
    if (limits_.sc) orders.push_back(std::memory_order_seq_cst);
    return any_of(orders);
  }

  std::memory_order load_order() {
    return pick_order({std::memory_order_acquire});
  }

  op make_fence() {
    std::vector<std::memory_order> orders = {std::memory_order_acquire,
                                             std::memory_order_release,
                                             std::memory_order_acq_rel};
    if (limits_.sc) orders.insert(orders.end(), 3, std::memory_order_seq_cst);
    return fence(any_of(orders));
  }

  op_kind pick_access() {
    std::vector<op_kind> kinds(6, op_kind::load);
    kinds.insert(kinds.end(), 6, op_kind::store);
    const auto allow = [&](bool allowed, int weight, op_kind kind) {
      if (!allowed) return;
      kinds.insert(kinds.end(), static_cast<std::size_t>(weight), kind);
    };
    allow(limits_.rmw, 1, op_kind::exchange);
    allow(limits_.rmw, 2, op_kind::fetch_add);
    allow(limits_.cas, 1, op_kind::cas_strong);
    allow(limits_.cas, 1, op_kind::cas_weak_no_spurious);
    allow(limits_.awaits, 1,
          chance(1, 3) ? op_kind::await_eq : op_kind::await_ne);
    allow(limits_.await_cas, 4, op_kind::await_cas);
    return any_of(kinds);
  }

  // `registers` of the thread are taken; a read gets the next one.
  op make_access(op_kind kind, int location, int registers) {
    op o;
    o.kind = kind;
    o.location = location;
    o.target_register = is_read(kind) ? registers : 0;
    if (kind == op_kind::store) {
      o.order = pick_order({std::memory_order_release});
    } else if (is_rmw(kind)) {
      o.order =
          pick_order({std::memory_order_acquire, std::memory_order_release,
                      std::memory_order_acq_rel});
    } else {
      o.order = load_order();
    }
    if (is_cas(kind) || kind == op_kind::await_cas) {
      o.failure = load_order();
      o.expected = chance(1, 2) ? 0 : between(1, 3);
    }
    if (kind == op_kind::load) return o;
    o.value = between(1, 3);
    // As a lock that is given back, mostly.
    if (limits_.await_cas && kind == op_kind::await_cas && chance(3, 4))
      o.expected = 0;
    if (limits_.await_cas && kind == op_kind::store && chance(2, 3)) {
      o.value = 0;
      return o;
    }
    if (kind == op_kind::await_ne && chance(2, 3)) o.value = 0;
    if (limits_.data_flow && registers > 0 && chance(1, 6)) {
      o.value_from_register = true;
      o.source_register = below(registers);
      o.value = below(2);
    }
    return o;
  }

  // Any operation. A jump if there is a register to look at and something to
  // leave out.
  op make_op(int locations, int registers, int ops_after) {
    if (limits_.fences && chance(1, 6)) return make_fence();
    if (limits_.control_flow && registers > 0 && ops_after > 0 &&
        chance(1, 6)) {
      return skip_if_eq(below(registers), below(2),
                        between(1, std::min(2, ops_after)));
    }
    return make_access(pick_access(), below(locations), registers);
  }

  // The operations that a thread may have when `others` are still to come.
  int budget(int others) const {
    return std::max(1, std::min(limits_.max_operations, left_ - others));
  }

  // Threads of operations that have nothing to do with each other.
  program heap(int threads) {
    program p;
    p.locations = between(1, limits_.max_locations);
    for (int t = 0; t < threads; ++t) {
      const int size = between(1, budget(threads - t - 1));
      thread ops;
      int registers = 0;
      for (int i = 0; i < size; ++i) {
        ops.push_back(make_op(p.locations, registers, size - 1 - i));
        if (is_read(ops.back().kind)) ++registers;
      }
      left_ -= size;
      p.threads.push_back(std::move(ops));
    }
    return p;
  }

  program circle(int threads) {
    const auto size = static_cast<std::size_t>(threads);
    // The accesses of each thread, one or two.
    std::vector<std::vector<op_kind>> kinds(size);
    for (auto& k : kinds) k = {pick_access(), pick_access()};
    const bool room = limits_.max_operations >= 2 && left_ >= 2 * threads;
    if (!room) {
      for (auto& k : kinds) k.pop_back();
    }
    for (int t = 2; room && t < threads; ++t) {
      if (chance(2, 3)) kinds[static_cast<std::size_t>(below(threads))] = {};
    }
    int steps = 0;
    for (auto& k : kinds) {
      if (k.empty()) k = {pick_access()};
      steps += static_cast<int>(k.size()) - 1;
    }
    // Two that meet in one location should not both be reads.
    for (std::size_t t = 0; t < size; ++t) {
      op_kind& first = kinds[(t + 1) % size].front();
      const op_kind last = kinds[t].back();
      if (is_read(last) && !is_rmw(last) && is_read(first) && !is_rmw(first)) {
        first = op_kind::store;
      }
    }

    program p;
    p.locations = std::max(1, std::min(steps, limits_.max_locations));
    int spare = left_;
    for (const auto& k : kinds) spare -= static_cast<int>(k.size());
    int location = 0;
    for (const auto& k : kinds) {
      thread ops;
      int registers = 0;
      const auto add = [&](const op& o) {
        ops.push_back(o);
        if (is_read(o.kind)) ++registers;
      };
      int extra = limits_.max_operations - static_cast<int>(k.size());
      const auto take = [&](int n, int of) {
        if (extra <= 0 || spare <= 0 || !chance(n, of)) return false;
        --extra;
        --spare;
        return true;
      };
      add(make_access(k[0], location, registers));
      // Weak writes after it end a release sequence, or continue one.
      const auto add_writes = [&](int n, int of) {
        while (take(n, of)) {
          add(make_access(
              limits_.rmw && chance(2, 3) ? op_kind::fetch_add : op_kind::store,
              location, registers));
          ops.back().order = std::memory_order_relaxed;
        }
      };
      if (k[0] != op_kind::load) add_writes(1, 10);
      if (k.size() == 2) {
        const int n = taste_ == taste::fences ? 9 : 2;
        if (limits_.fences && take(n, 10)) add(make_fence());
        if (take(1, 8)) add(make_op(p.locations, registers, 1));
        location = (location + 1) % p.locations;
        add(make_access(k[1], location, registers));
        if (k[1] == op_kind::store) add_writes(1, 4);
      }
      p.threads.push_back(std::move(ops));
    }
    return p;
  }

  std::mt19937_64 bits_;
  const limits& limits_;
  const taste taste_;
  int left_;
};

}  // namespace

program random_program(std::uint64_t seed, const limits& l) {
  return generator(seed, l).run();
}

}  // namespace syncxx_test::oracle
