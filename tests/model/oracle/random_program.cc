// SPDX-License-Identifier: Apache-2.0
#include "tests/model/oracle/random_program.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

namespace syncxx_test::oracle {
namespace {

class generator {
 public:
  generator(std::uint64_t seed, const limits& l) : bits_(seed), limits_(l) {}

  program run() {
    program p;
    p.locations = between(1, limits_.max_locations);
    int threads = between(limits_.min_threads, limits_.max_threads);
    if (limits_.fourth_thread && threads == limits_.max_threads &&
        chance(1, 8)) {
      ++threads;
    }
    int left = limits_.max_total;
    for (int t = 0; t < threads; ++t) {
      const int owed = threads - t - 1;  // one operation to each still to come
      const int most = std::min(limits_.max_operations, left - owed);
      p.threads.push_back(make_thread(p.locations, between(1, most)));
      left -= static_cast<int>(p.threads.back().size());
    }
    return p;
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

  std::memory_order pick(std::vector<std::memory_order> orders) {
    if (limits_.sc) orders.push_back(std::memory_order_seq_cst);
    return orders[static_cast<std::size_t>(
        below(static_cast<int>(orders.size())))];
  }

  std::memory_order load_order() {
    return pick({std::memory_order_relaxed, std::memory_order_acquire});
  }

  std::memory_order rmw_order() {
    return pick({std::memory_order_relaxed, std::memory_order_acquire,
                 std::memory_order_release, std::memory_order_acq_rel});
  }

  op_kind pick_kind(bool has_register, int ops_after) {
    std::vector<op_kind> kinds(4, op_kind::load);
    kinds.insert(kinds.end(), 4, op_kind::store);
    const auto allow = [&](bool allowed, op_kind kind) {
      if (allowed) kinds.push_back(kind);
    };
    allow(limits_.rmw, op_kind::exchange);
    allow(limits_.rmw, op_kind::fetch_add);
    allow(limits_.cas, op_kind::cas_strong);
    allow(limits_.cas, op_kind::cas_weak_no_spurious);
    allow(limits_.fences, op_kind::fence);
    allow(limits_.fences, op_kind::fence);
    allow(limits_.awaits, chance(1, 3) ? op_kind::await_eq : op_kind::await_ne);
    const bool can_jump = limits_.control_flow && has_register && ops_after > 0;
    allow(can_jump, op_kind::skip_if_eq);
    allow(can_jump, op_kind::skip_if_eq);
    return kinds[static_cast<std::size_t>(
        below(static_cast<int>(kinds.size())))];
  }

  op make_op(int locations, int registers, int ops_after) {
    op o;
    o.kind = pick_kind(registers > 0, ops_after);
    o.target_register = is_read(o.kind) ? registers : 0;
    o.source_register = registers > 0 ? below(registers) : 0;
    if (o.kind == op_kind::skip_if_eq) {
      o.value = below(2);
      o.expected = between(1, std::min(2, ops_after));
      return o;
    }
    if (o.kind == op_kind::fence) {
      o.order = pick({std::memory_order_acquire, std::memory_order_release,
                      std::memory_order_acq_rel});
      return o;
    }
    o.location = below(locations);
    o.value = between(1, 3);
    if (o.kind == op_kind::store) {
      o.order = pick({std::memory_order_relaxed, std::memory_order_release});
    } else if (is_rmw(o.kind)) {
      o.order = rmw_order();
    } else {
      o.order = load_order();
    }
    if (is_cas(o.kind)) {
      o.failure = load_order();
      o.expected = chance(1, 2) ? 0 : between(1, 3);
    }
    if (o.kind == op_kind::await_ne && chance(2, 3)) o.value = 0;
    if (o.kind == op_kind::load) {
      o.value = 0;
    } else if (limits_.data_flow && registers > 0 && chance(1, 4)) {
      o.value_from_register = true;
      o.value = below(2);
    }
    return o;
  }

  thread make_thread(int locations, int size) {
    thread ops;
    int registers = 0;
    for (int i = 0; i < size; ++i) {
      ops.push_back(make_op(locations, registers, size - 1 - i));
      if (is_read(ops.back().kind)) ++registers;
    }
    return ops;
  }

  std::mt19937_64 bits_;
  const limits& limits_;
};

}  // namespace

program random_program(std::uint64_t seed, const limits& l) {
  return generator(seed, l).run();
}

}  // namespace syncxx_test::oracle
