// SPDX-License-Identifier: Apache-2.0
//
// What a thread does over and over: it takes a lock in an order that it has
// taken it in before, and gives it back. Each function says false where the
// checker proper (checker.h) has to be told. (What need not even call is in
// sync/detail/hook_self.h.)
//
// A lock that the thread holds is never in its table of what it knows in this
// context (order.cc), nor is one for which anything was found: so nothing is
// overlooked. A semaphore that is no lock any more has been forgotten.
#ifndef SYNCXX_SRC_DEADLOCK_CHECKER_FAST_H_
#define SYNCXX_SRC_DEADLOCK_CHECKER_FAST_H_

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "detection/order.h"
#include "detection/threads.h"
#include "report/place.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::checker {

// Signal handlers that come in between find the thread in the checker.
SYNCXX_ALWAYS_INLINE bool attempt_known(const void* object, object_kind kind,
                                        call_site site) noexcept {
  hook_record* const record = t_self.outside;
  if (record == nullptr || record->entries_epoch.load(memory_order_relaxed) !=
                               threads::g_fast_epoch.load(memory_order_relaxed))
    return false;
  t_self.outside = nullptr;
  __asm__ __volatile__("" ::: "memory");
  const bool known = order::enter_known(*static_cast<thread_record*>(record),
                                        object, kind, site);
  __asm__ __volatile__("" ::: "memory");
  t_self.outside = record;
  return known;
}

// Of a lock, which is not the one taken last.
inline bool releasing_known(const void* object, object_kind kind) noexcept {
  hook_record* const record = t_self.outside;
  if (record == nullptr || record->entries_epoch.load(memory_order_relaxed) !=
                               threads::g_fast_epoch.load(memory_order_relaxed))
    return false;
  t_self.outside = nullptr;
  __asm__ __volatile__("" ::: "memory");
  auto& me = *static_cast<thread_record*>(record);
  const bool removed = me.remove_near(token_of(object, kind));
  if (removed) me.note_released(object);
  __asm__ __volatile__("" ::: "memory");
  t_self.outside = record;
  return removed;
}

}  // namespace detail::checker
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_CHECKER_FAST_H_
