// SPDX-License-Identifier: Apache-2.0
//
// The checker of locks: what it is told, and what follows.
//
// The hooks of the library's own primitives come here (misuse.cc), and the
// interposed functions of `syncxx watch` (src/deadlock/preload/). Each function
// is called by the thread that does what is told, without any lock of the
// checker. None allocates with malloc; all keep errno.
#ifndef SYNCXX_SRC_DEADLOCK_CHECKER_H_
#define SYNCXX_SRC_DEADLOCK_CHECKER_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "report/place.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::checker {

// What the caller is to do. The checker has printed what there is to print.
enum class verdict : std::uint8_t {
  none,   // nothing was found
  go_on,  // something was, and the program goes on
  raise,  // throw std::system_error (preload: return the errno value)
  end,    // std::abort()
};

// Whether a wait can end without what it waits for: at a time, by a stop
// request (waits::bounded). Such a wait is no part of a certain deadlock.

// Switches the checker on (preload: before any other call). The environment
// says what follows: SYNCXX_DEADLOCK=off|report|abort|throw.
void begin() noexcept;

// --- Locks and semaphores ----------------------------------------------------

// About to acquire, perhaps to block.
verdict attempt(const void* object, object_kind kind, waits how,
                const call_site& site) noexcept;
// Has acquired: after attempt(), or without (a try, or on the way out of a
// condition variable's wait).
void acquired(const void* object, object_kind kind,
              const call_site& site) noexcept;
// About to release. raise: do not.
verdict releasing(const void* object, object_kind kind,
                  const call_site& site) noexcept;
// About to block, after attempt(), since it could not be had at once. raise: do
// not block; the thread is a deadlock's victim (EDEADLK).
verdict wait_begin(const void* object, object_kind kind, waits how,
                   const call_site& site) noexcept;
void wait_end(const void* object, object_kind kind) noexcept;
// About to be destroyed, or its memory to be given back.
verdict destroyed(const void* object, object_kind kind,
                  const call_site& site) noexcept;
// The same for whatever lies in [begin, begin + size): free(), munmap().
void memory_released(const void* begin, std::size_t size,
                     const call_site& site) noexcept;

// --- Condition variables -----------------------------------------------------
//
// A wait is: condition_wait(), releasing() of the mutex, wait_begin() of the
// condition variable, wait_end(), acquired() of the mutex.

verdict condition_wait(const void* condition, object_kind kind,
                       const void* mutex, object_kind mutex_kind, waits how,
                       const call_site& site) noexcept;
void notified(const void* condition, object_kind kind,
              const call_site& site) noexcept;

// --- Threads -----------------------------------------------------------------

using thread_serial = std::uint64_t;  // 0: none

// The calling thread is about to create another; the answer is for that one.
thread_serial creating_thread() noexcept;
// The calling thread begins: what creating_thread() has said in its creator.
// `os_handle` is its pthread_t.
void thread_begins(thread_serial serial, std::uintptr_t os_handle) noexcept;
// It has been, and may have ended already. (If it could not be created there is
// nothing to tell.)
void created(thread_serial serial, std::uintptr_t os_handle) noexcept;
// The calling thread ends: after the destructors of its thread_local objects.
verdict thread_ends() noexcept;
// About to wait for another's end / has done so.
verdict joining(std::uintptr_t os_handle, const call_site& site) noexcept;
void joined(std::uintptr_t os_handle, bool has_ended) noexcept;

// --- The rest ----------------------------------------------------------------

// The primitive itself has found a misuse. `skip` calls from `site` outwards
// are the library's.
verdict misused(const void* object, object_kind kind, const char* what,
                int errno_code, const call_site& site, unsigned skip) noexcept;
// About to be made anew in the child of a fork.
void made_anew(const void* object, object_kind kind) noexcept;

// --- On demand ---------------------------------------------------------------

// Who holds what, who waits for what and since when, to stderr (or
// SYNCXX_DEADLOCK_LOG). For a thread of its own or a handler's helper: not
// async-signal-safe.
void dump() noexcept;
// The same to an open file.
void dump_to(int fd) noexcept;

}  // namespace detail::checker
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_CHECKER_H_
