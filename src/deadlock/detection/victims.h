// SPDX-License-Identifier: Apache-2.0
//
// Which thread of a deadlock is to give up, and by what one that sleeps is
// woken to do so.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_VICTIMS_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_VICTIMS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include <sync/deadlock.h>
#include <sync/detail/config.h>
#include <sync/detail/thread.h>

#include "threads.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::victims {

// The calling thread is about to wait, without end. Whether that wait may be
// called off: then it has what it takes. Allocates with malloc, as the
// exception would; in the checker, so that the allocator's locks are not told.
bool prepare() noexcept;
// With which a wait that has been opened is made.
const stop_token* token() noexcept;
// That wait is over. True: it has been called off.
bool ends(thread_record& me) noexcept;
// That token has been used, or is about to be: the next wait has another. To be
// called when nobody reads the record for it.
void used() noexcept;
// Under the searchers' lock, when a request has been made: what wakes the
// thread. It may be used at any time; a later wait has nothing to do with it.
stop_source waker(const thread_record& victim) noexcept;
// The calling thread ends.
void thread_ends() noexcept;

// Whether a function of the program's chooses: no lock of the checker may be
// held then.
bool by_program() noexcept;
// The one of these that is to give up; one that can. Their number: none can.
std::size_t choose(std::span<deadlock_thread> circle,
                   bool may_ask_program) noexcept;

// Around fork().
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

}  // namespace detail::victims
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_VICTIMS_H_
