// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with one operation, by itself: each check tells what it
// finds, and says what follows.
#ifndef SYNCXX_SRC_DEADLOCK_CHECKS_H_
#define SYNCXX_SRC_DEADLOCK_CHECKS_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "checker.h"
#include "detection/ownership.h"
#include "detection/threads.h"
#include "report/finding.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::checks {

using checker::verdict;

deed to_deed(const operation& o, const void* object) noexcept;

// What follows when something was told; `raises`: it is one of those for which
// misuse_action::throw_exception throws.
verdict follow(bool told, bool raises) noexcept;
verdict tell(const finding& found) noexcept;

inline bool stops(verdict v) noexcept {
  return v == verdict::raise || v == verdict::end;
}

// The calling thread asks for a lock that it holds.
verdict relock(thread_record& me, const void* object, object_kind kind,
               const call_site& site) noexcept;
// A reader reads again, and a writer waits for it to end: the new reader waits
// for the writer.
verdict reentry(thread_record& me, const void* object, object_kind kind,
                const call_site& site) noexcept;
// A wait that sleeps, with a spinlock held: those who wait for the spinlock
// burn their CPUs meanwhile.
verdict under_spinlock(thread_record& me, const void* object, object_kind kind,
                       const call_site& site) noexcept;
// The calling thread is about to give back what it has held since `entry` says.
verdict long_hold(thread_record& me, const held_lock& entry,
                  const call_site& site) noexcept;
// The calling thread waits on a condition with `mutex`.
verdict wrong_mutex(thread_record& me, const void* condition, object_kind kind,
                    const void* mutex, const call_site& site) noexcept;
// It has notified one.
void notified(thread_record& me, const void* condition, object_kind kind,
              const call_site& site) noexcept;
void forget_notified(const void* condition) noexcept;
void forget_all_notified() noexcept;
// The calling thread waits, perhaps for a notification that came before and
// that it knows nothing of: then there shall be a watch for a while.
void may_be_lost(const void* condition, const void* mutex) noexcept;
bool want_watch() noexcept;
// Tells of threads that have waited for a second for such a one.
void lost_notifies() noexcept;

// In nanoseconds; 0: no lock is held too long.
std::int64_t long_hold_limit() noexcept;
void set_long_hold_limit(std::int64_t ns) noexcept;

// Around fork().
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

}  // namespace detail::checks
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_CHECKS_H_
