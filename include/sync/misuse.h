// SPDX-License-Identifier: Apache-2.0
//
// What happens when a primitive is misused.
//
// The plain library finds what costs nothing to find (the last seven below)
// and throws std::system_error with the code named. The hooked
// library (syncxx::hooks) keeps a table of who holds what and where it was
// taken, and finds all of these:
//   - unlock by a thread that does not hold the lock    EPERM
//   - a second lock() of a non-recursive lock           EDEADLK
//   - an mcs_lock's node that has not locked it, or is
//     in use already, or goes while it is in use        EPERM, EDEADLK, EBUSY
//   - destruction of a lock that is held                EBUSY
//   - more than 32767 threads at a ticket_lock          EAGAIN
//   - a semaphore released past max()                   EOVERFLOW
//   - a latch counted down below zero, a negative number
//     counted down or released                          EINVAL
//   - an arrival that a barrier does not expect, a wait
//     with a token of another                           EINVAL
//   - a wait() or cancel_wait() of an event_count that
//     nobody has prepared                               EPERM
//   - call_once from inside of its own call             EDEADLK
//   - a wait on a condition variable (or
//     notify_all_at_thread_exit) with a lock that does
//     not own its mutex                                 EPERM
// It prints both places, that of the misuse and that of the operation it
// conflicts with, and then does as misuse_action says.
//
// Under the model checker (syncxx::model) each of these is verdict::misuse;
// with misuse_action::throw_exception or off the checker does not look, and
// what the plain library finds throws.
#ifndef SYNCXX_MISUSE_H_
#define SYNCXX_MISUSE_H_

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {

enum class misuse_action {
  off,              // do not look (what the plain library finds still throws)
  report,           // print, and go on as the plain library would
  abort,            // print, then std::abort(): the default
  throw_exception,  // print, then throw std::system_error with the code above;
                    // a destructor cannot throw and aborts (a guard's unlock
                    // in its destructor ends in std::terminate)
};

// Thread-safe; not for signal handlers. Takes effect for operations that begin
// afterwards. Overrides the environment variable
// SYNCXX_DEADLOCK=off|report|abort|throw, which is read when the program
// starts. In the plain library it has no effect.
#if SYNCXX_HOOKED || SYNCXX_MODELLED
void set_misuse_action(misuse_action action) noexcept;
misuse_action get_misuse_action() noexcept;
#else
inline void set_misuse_action(misuse_action) noexcept {}
inline misuse_action get_misuse_action() noexcept { return misuse_action::off; }
#endif

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_MISUSE_H_
