// SPDX-License-Identifier: Apache-2.0
//
// bankers_allocator: what it tells of its customers, and of who waits.
#include <algorithm>
#include <cerrno>
#include <mutex>
#include <string>
#include <utility>

#include <sync/detail/bankers_table.h>

#include "bankers_waiter.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

std::string bankers_table::name(ticket who) const {
  const std::lock_guard lock(mutex_);
  return find(who, "name").name;
}

void bankers_table::claim(ticket who, std::span<std::uint64_t> to) const {
  const std::lock_guard lock(mutex_);
  find(who, "claim");
  for (std::size_t k = 0; k < to.size(); ++k)
    to[k] = as_count(core_.claim(who.slot, k));
}

void bankers_table::holding(ticket who, std::span<std::uint64_t> to) const {
  const std::lock_guard lock(mutex_);
  find(who, "holding");
  for (std::size_t k = 0; k < to.size(); ++k)
    to[k] = as_count(core_.held(who.slot)[k]);
}

void bankers_table::available(std::span<std::uint64_t> to) const {
  const std::lock_guard lock(mutex_);
  for (std::size_t k = 0; k < to.size(); ++k)
    to[k] = as_count(core_.available()[k]);
}

void bankers_table::total(std::span<std::uint64_t> to) const {
  const std::lock_guard lock(mutex_);
  for (std::size_t k = 0; k < to.size(); ++k)
    to[k] = as_count(core_.total()[k]);
}

std::size_t bankers_table::customers() const {
  const std::lock_guard lock(mutex_);
  return customers_;
}

std::size_t bankers_table::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

bool bankers_table::is_safe() const {
  const std::lock_guard lock(mutex_);
  return core_.is_safe();
}

// In the order in which they have joined: that of their slots in `order`.
bankers_state bankers_table::snapshot_locked(
    std::vector<bankers_core::slot>& order) const {
  for (bankers_core::slot s = 1; s < records_.size(); ++s) {
    if (records_[s].number != 0) order.push_back(s);
  }
  std::sort(order.begin(), order.end(), [&](auto a, auto b) {
    return records_[a].number < records_[b].number;
  });
  bankers_state state;
  const std::size_t m = resources();
  state.total.assign(core_.total(), core_.total() + m);
  for (const bankers_core::slot s : order) {
    bankers_state::customer c{records_[s].name, {}, {}};
    for (std::size_t k = 0; k < m; ++k)
      c.max.push_back(as_count(core_.claim(s, k)));
    c.holding.assign(core_.held(s), core_.held(s) + m);
    state.customers.push_back(std::move(c));
  }
  return state;
}

bankers_state bankers_table::snapshot() const {
  std::vector<bankers_core::slot> order;
  const std::lock_guard lock(mutex_);
  return snapshot_locked(order);
}

bankers_blocking bankers_table::why_blocked(ticket who,
                                            const amounts_view* request) const {
  bankers_state state;
  std::vector<std::uint64_t> asked;
  std::size_t index = 0;
  std::string first;
  {
    const std::lock_guard lock(mutex_);
    const record& c = find(who, "why_blocked");
    if (request != nullptr) {
      check_request(who, c, *request);
      asked.assign(request->begin(), request->end());
    } else {
      const bankers_waiter* w = arrived_.first;
      while (w != nullptr && w->who.slot != who.slot) w = w->arrival.next;
      if (w == nullptr) return {.text = label(c) + " does not wait"};
      asked.assign(w->request.begin(), w->request.end());
    }
    std::vector<bankers_core::slot> order;
    state = snapshot_locked(order);
    index = static_cast<std::size_t>(
        std::find(order.begin(), order.end(), who.slot) - order.begin());
    const bankers_waiter* const e = elder();
    if (e != nullptr && e->who.slot != who.slot && !may_pass(who.slot))
      first = records_[e->who.slot].name;
  }
  bankers_blocking why = state.why_blocked(index, asked);
  if (why.why == blocked_because::nothing && !first.empty()) {
    why.why = blocked_because::another_is_first;
    why.customers = {first};
    why.text = "customer '" + state.customers[index].name +
               "' holds nothing, and '" + first +
               "' has waited too long to be overtaken";
  }
  return why;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
