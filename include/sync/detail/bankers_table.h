// SPDX-License-Identifier: Apache-2.0
//
// bankers_allocator without the width of its rows: customers, grants, and those
// who wait. Design: docs/design/bankers_allocator.md. Code:
// src/deadlock/avoidance/bankers_table.cc.
#ifndef SYNCXX_DETAIL_BANKERS_TABLE_H_
#define SYNCXX_DETAIL_BANKERS_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sync/detail/bankers_core.h>
#include <sync/detail/bankers_state.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/thread.h>
#include <sync/mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

struct bankers_waiter;

struct waiter_links {
  bankers_waiter* prev = nullptr;
  bankers_waiter* next = nullptr;
};

// Those who wait, linked through one of their members.
struct waiter_list {
  bankers_waiter* first = nullptr;
  bankers_waiter* last = nullptr;
};

// Invariants, while the mutex is free:
//   B1: the state is safe, or something was lost and nothing is granted.
//   B2: nobody waits who could be served: whose request leaves a safe state,
//       and who holds something, or is the elder, or there is no elder.
//   B3: the elder, if there is one, is whoever has waited longest, and as many
//       requests as patience says were served since that was so.
class bankers_table {
 public:
  // Who a handle stands for. Slots are used again, numbers are not.
  struct ticket {
    bankers_core::slot slot = 0;
    std::uint64_t number = 0;  // 0: nobody
  };

  bankers_table(amounts_view total, bankers_options options);
  bankers_table(const bankers_table&) = delete;
  bankers_table& operator=(const bankers_table&) = delete;
  ~bankers_table();  // NOLINT(bugprone-exception-escape)

  ticket join(amounts_view claim, std::string name, int priority);
  void leave(ticket who);
  std::vector<ticket> restore(const bankers_state& state);

  // False: the time has passed, or a stop was requested.
  bool acquire(ticket who, amounts_view request, deadline until,
               const stop_token* stop = nullptr);
  void release(ticket who, amounts_view part);
  // What a grant of `from` gives back: all, or a part of it. Takes it from
  // `from`. What its customer has released itself is not given back twice.
  void release_grant(ticket who, std::span<std::uint64_t> from) noexcept;
  void release_grant(ticket who, std::span<std::uint64_t> from,
                     amounts_view part);
  // The customer keeps what a grant had.
  void keep(ticket who, amounts_view granted) noexcept;

  bool change_claim(ticket who, amounts_view claim);
  void grow(amounts_view more);
  void shrink(amounts_view lost);

  std::string name(ticket who) const;
  // Into `to`.
  void claim(ticket who, std::span<std::uint64_t> to) const;
  void holding(ticket who, std::span<std::uint64_t> to) const;
  void available(std::span<std::uint64_t> to) const;
  void total(std::span<std::uint64_t> to) const;
  std::size_t resources() const noexcept { return core_.resources(); }
  std::size_t customers() const;
  std::size_t waiting() const;
  bool is_safe() const;
  bankers_state snapshot() const;
  bankers_blocking why_blocked(ticket who, const amounts_view* request) const;

 private:
  class section;
  struct record {
    std::string name;
    std::uint64_t number = 0;  // 0: the slot is free
    int priority = 0;
    unsigned waiting = 0;      // requests
    std::vector<amount> kept;  // of what it holds: no grant gives it back
  };

  ticket add(amounts_view claim, std::string name, int priority);
  void drop(ticket who) noexcept;
  const record& find(ticket who, const char* call) const;
  record& find(ticket who, const char* call);
  bool is_here(ticket who) const noexcept;
  std::string label(const record& c) const;
  void check_width(amounts_view amounts, const char* call,
                   const std::string& whose) const;
  void check_request(ticket who, const record& c, amounts_view request) const;
  void check_claim(amounts_view claim, const std::string& whose) const;
  void give(ticket who, amounts_view part) noexcept;

  bool may_pass(bankers_core::slot s) const noexcept;
  bool take(bankers_core::slot s, amounts_view request) noexcept;
  bool sleep(bankers_waiter& w, section& here, deadline until,
             const stop_token* stop);
  void enqueue(bankers_waiter& w) noexcept;
  void remove(bankers_waiter& w) noexcept;
  void note_grant() noexcept;
  bool serve_one(bankers_waiter& w) noexcept;
  void serve() noexcept;
  bankers_waiter* elder() const noexcept;
  bankers_state snapshot_locked(std::vector<bankers_core::slot>& order) const;

  mutable mutex mutex_;
  bankers_core core_;
  std::vector<record> records_;      // by slot
  std::vector<std::uint64_t> rest_;  // for release_grant()
  bankers_options options_;
  std::uint64_t joined_ = 0;
  std::size_t customers_ = 0;
  std::size_t waiting_ = 0;
  unsigned passed_ = 0;  // served since arrived_.first came to its place
  waiter_list arrived_;  // in the order in which they came
  waiter_list queue_;    // by priority, then in that order
  bankers_waiter* woken_ = nullptr;  // served; to be woken by section
};

// Throws: use of a customer that has left, or was moved from.
[[noreturn]] SYNCXX_COLD void no_customer();

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_BANKERS_TABLE_H_
