// SPDX-License-Identifier: Apache-2.0
//
// The safety check of bankers_allocator: who holds what and may still ask for
// what, and an order in which all can finish. One thread at a time; no locks.
// Design: docs/design/bankers_allocator.md. Code:
// src/deadlock/avoidance/bankers_core.cc.
#ifndef SYNCXX_DETAIL_BANKERS_CORE_H_
#define SYNCXX_DETAIL_BANKERS_CORE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Amounts are signed, so that a loss may leave less than nothing, and so small
// that no sum or difference of two overflows.
using amount = std::int64_t;
inline constexpr std::uint64_t kMostUnits = (std::uint64_t{1} << 62) - 1;

// I1: available + the sum of what is held = total, for each resource.
// I2: exactly the customers that hold something are in the list.
// I3: while is_safe(), the list is a safe sequence: each customer's need is
//     covered by what is available and what those before it hold; and no claim
//     is beyond the total. So those who hold nothing can finish after it.
class bankers_core {
 public:
  using slot = std::uint32_t;

  explicit bankers_core(std::span<const std::uint64_t> total);

  std::size_t resources() const noexcept { return resources_; }
  // Of what there is now, below zero after a loss.
  const amount* total() const noexcept { return total_.data(); }
  const amount* available() const noexcept { return available_.data(); }
  const amount* need(slot s) const noexcept { return &rows_[row_of(s)]; }
  const amount* held(slot s) const noexcept { return need(s) + stride_; }
  amount claim(slot s, std::size_t resource) const noexcept {
    return need(s)[resource] + held(s)[resource];
  }
  bool holds_any(slot s) const noexcept { return links_[s].next != kNone; }
  bool is_safe() const noexcept { return safe_; }

  // A customer, who holds nothing. May throw std::bad_alloc; nothing else here
  // does. What is given to the functions below has been checked: amounts do
  // not go beyond need, what is held, or kMostUnits.
  slot join(std::span<const std::uint64_t> claim);
  // Takes back all that it holds.
  void leave(slot s) noexcept;

  // Takes `request` out of what is available if that leaves a safe state. Not
  // from an unsafe one.
  bool take(slot s, std::span<const std::uint64_t> request) noexcept;
  // Whether take() would, changing nothing.
  bool could_take(slot s, std::span<const std::uint64_t> request) noexcept;
  void give(slot s, std::span<const std::uint64_t> part) noexcept;
  // Another claim, if that leaves a safe state. In an unsafe one, if no part of
  // it is raised.
  bool set_claim(slot s, std::span<const std::uint64_t> claim) noexcept;
  void set_total(std::span<const std::uint64_t> total) noexcept;
  // As take(), whatever comes of it: a state from elsewhere. check()
  // afterwards.
  void put(slot s, std::span<const std::uint64_t> held) noexcept;
  // Finds out anew whether the state is safe.
  void check() noexcept;

 private:
  static constexpr slot kHead = 0;  // of the list; no customer
  static constexpr slot kNone = ~slot{0};
  struct link {
    slot next = kNone;
    slot prev = kNone;
  };
  // Of a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): who waits for
  // one resource, by how much of it is needed.
  struct heap_node {
    amount key = 0;
    slot child = kNone;
    slot sibling = kNone;
  };
  // Where a run has come to.
  struct outcome {
    bool reached;  // the goal
    slot last;     // the last one that finished in its place in the list
    slot rest;     // the first one that has not been looked at
  };

  std::size_t row_of(slot s) const noexcept {
    return std::size_t{s} * 2 * stride_;
  }
  amount* need_of(slot s) noexcept { return &rows_[row_of(s)]; }
  amount* held_of(slot s) noexcept { return need_of(s) + stride_; }

  template <class F>
  auto by_width(F&& f) noexcept;
  template <std::size_t W>
  outcome run(slot who, const amount* goal) noexcept;
  template <std::size_t W>
  void finish(slot s) noexcept;
  template <std::size_t W>
  bool park_or_finish(slot s) noexcept;
  template <std::size_t W>
  void wake() noexcept;
  slot merge(slot a, slot b) noexcept;
  void push(slot s, std::size_t resource) noexcept;
  slot pop(std::size_t resource) noexcept;
  bool can_finish(slot who, bool keep) noexcept;
  void remember(slot who, outcome at) noexcept;
  void insert_after(slot at, slot s) noexcept;
  void unlink(slot s) noexcept;
  void load(std::span<const std::uint64_t> from) noexcept;
  bool has_all(const amount* what, const amount* of) const noexcept;
  bool claims_fit() const noexcept;

  std::size_t resources_;
  std::size_t stride_;  // a row's width: so many that a kernel fits
  bool safe_ = true;
  std::vector<amount> total_, available_;
  std::vector<amount> rows_;  // for each slot what it needs, and what it holds
  std::vector<link> links_;
  std::vector<slot> free_;
  std::vector<bool> used_;

  // Of a run. There is room for all slots: it allocates nothing.
  std::vector<amount> asked_, goal_, work_;
  std::vector<amount> least_;  // the least need in each heap, or kNever
  std::vector<slot> root_;
  std::vector<heap_node> heap_;
  std::vector<slot> late_;   // who could not finish in its place
  std::vector<slot> done_;   // who finished since the first of them
  std::vector<bool> waits_;  // is one of late_, and has not finished
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_BANKERS_CORE_H_
