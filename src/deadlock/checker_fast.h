// SPDX-License-Identifier: Apache-2.0
//
// What a thread does over and over: it takes a lock in an order that it has
// taken it in before, and gives back the one taken last. Each function says
// false where the checker proper (checker.h) has to be told.
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

// Null: not in this way. Signal handlers that come in between find the thread
// in the checker.
inline thread_record* fast_record() noexcept {
  thread_record* const me = t_self.record;
  return me != nullptr && !t_self.busy &&
                 me->entries_epoch ==
                     threads::g_fast_epoch.load(memory_order_relaxed)
             ? me
             : nullptr;
}

inline bool attempt_known(const void* object, object_kind kind,
                          const call_site& site) noexcept {
  thread_record* const me = fast_record();
  if (me == nullptr) return false;
  t_self.busy = true;
  __asm__ __volatile__("" ::: "memory");
  const bool known = order::enter_known(*me, object, kind, site);
  __asm__ __volatile__("" ::: "memory");
  t_self.busy = false;
  return known;
}

inline bool acquired_known(const void* object, object_kind kind) noexcept {
  thread_record* const me = fast_record();
  if (me == nullptr || !order::is_expected(*me, object, kind)) return false;
  t_self.busy = true;
  __asm__ __volatile__("" ::: "memory");
  const bool added = me->add_near(object, kind, me->expected.where,
                                  me->entries_epoch, me->expected.context);
  if (added) me->expected.object = nullptr;
  __asm__ __volatile__("" ::: "memory");
  t_self.busy = false;
  return added;
}

inline bool releasing_known(const void* object, object_kind kind) noexcept {
  // What is given to a semaphore is noted.
  thread_record* const me =
      kind != object_kind::semaphore ? fast_record() : nullptr;
  if (me == nullptr) return false;
  t_self.busy = true;
  __asm__ __volatile__("" ::: "memory");
  const bool removed = me->remove_last(object, kind);
  if (removed) me->note_released(object);
  __asm__ __volatile__("" ::: "memory");
  t_self.busy = false;
  return removed;
}

}  // namespace detail::checker
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_CHECKER_FAST_H_
