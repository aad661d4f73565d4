// SPDX-License-Identifier: Apache-2.0
//
// Deadlocks that are there: threads of which each waits for ever for what the
// next one holds.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_WAIT_FOR_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_WAIT_FOR_H_

#include <sync/detail/config.h>

#include "threads.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::wait_for {

enum class result : std::uint8_t {
  nothing,
  reported,  // the calling thread is, or was, in a deadlock
  victim,    // and it is the one to give up: it does not wait any more
};

// The calling thread has just told that it waits. A deadlock is found by the
// thread whose wait closes the circle, at once. It, or the thread of the circle
// that the policy chooses (victims.h), gives up where that is asked for; its
// record's `found` says why in one line.
result check(thread_record& me, bool can_give_up) noexcept;
// Whoever has called off the calling thread's wait is done with the thread's
// record when this returns.
void settle() noexcept;

// If all known threads wait for ever now: has an eye on whether that lasts, and
// tells so once if these are all that there are. Nobody is left then who could
// end a wait.
// The same for notifications that were lost.
void watch() noexcept;

void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

}  // namespace detail::wait_for
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_WAIT_FOR_H_
