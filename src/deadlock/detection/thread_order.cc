// SPDX-License-Identifier: Apache-2.0
#include "thread_order.h"

#if SYNCXX_HOOKED

#include <algorithm>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

thread_order::info* thread_order::find(std::uint64_t serial) noexcept {
  const std::uint32_t i = by_serial_.find(serial);
  return i != 0 ? &all_[i] : nullptr;
}

thread_order::info* thread_order::find_or_add(std::uint64_t serial) noexcept {
  if (info* const known = find(serial)) return known;
  if (all_.in_use() >= kMost) return nullptr;
  info fresh{};
  fresh.serial = serial;
  const std::uint32_t i = all_.add(fresh);
  if (i == 0) return nullptr;
  if (!by_serial_.add(serial, i)) {
    all_.remove(i);
    return nullptr;
  }
  return &all_[i];
}

void thread_order::note(const thread_record& me) noexcept {
  if (info* const i = find_or_add(me.serial())) i->tid = me.tid();
}

void thread_order::note_declaration(std::uint64_t serial) noexcept {
  static_cast<void>(find_or_add(serial));
}

void thread_order::created(const thread_record& creator,
                           std::uint64_t serial) noexcept {
  note(creator);
  info* const i = find_or_add(serial);
  if (i == nullptr) return;
  i->creator = creator.serial();
  i->created_at = creator.time;
  if (info* const parent = find(creator.serial()))
    parent->precedes_up_to = std::max(parent->precedes_up_to, creator.time + 1);
}

void thread_order::joined(const thread_record& by,
                          std::uint64_t serial) noexcept {
  info* const i = find_or_add(by.serial());
  info* const ended = find(serial);
  if (i == nullptr || ended == nullptr) return;
  ended->precedes_up_to = ~0u;
  const std::uint32_t j = joins_.add({serial, by.time, i->first_join});
  if (j != 0) i->first_join = j;
}

void thread_order::visit(const moment_of& at) noexcept {
  info* const i = find(at.thread);
  if (i == nullptr || (i->asked == questions_ && i->up_to >= at.time)) return;
  i->asked = questions_;
  i->up_to = at.time;
  static_cast<void>(to_visit_.push(at));
}

// Backwards from b: its creator's moments up to the creation, and all of those
// that it, or its creator by then, has joined.
bool thread_order::is_before(const moment_of& a, const moment_of& b) noexcept {
  const info* const first = find(a.thread);
  if (first == nullptr || find(b.thread) == nullptr) return true;
  // Most threads have neither created one since, nor been joined.
  if (a.time >= first->precedes_up_to) return false;
  ++questions_;
  to_visit_.clear();
  visit(b);
  for (std::uint32_t v = 0; v < to_visit_.size(); ++v) {
    const moment_of at = to_visit_[v];
    if (v != 0 && at.thread == a.thread && a.time <= at.time) return true;
    const info& i = *find(at.thread);
    for (std::uint32_t j = i.first_join; j != 0; j = joins_[j].next) {
      if (joins_[j].time <= at.time) visit({joins_[j].thread, ~0u});
    }
    if (i.creator != 0) visit({i.creator, i.created_at});
  }
  return false;
}

int thread_order::tid_of(std::uint64_t serial) const noexcept {
  const std::uint32_t i = by_serial_.find(serial);
  return i != 0 ? all_[i].tid : 0;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
