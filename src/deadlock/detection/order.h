// SPDX-License-Identifier: Apache-2.0
//
// The check of the order in which locks are taken: from the events of threads
// to the graph (order_graph.h), and from its circles to findings.
//
// What a thread does over and over is found in a table of its own, and costs no
// shared write: the context that it is in, the lock and the place say which
// context it is in next. A lock that is destroyed changes a number that is part
// of the key, so that another at its address is a new lock.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "../report/place.h"
#include "order_graph.h"
#include "threads.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::order {

// The calling thread, `me`, is about to take `lock`, and may have to wait for
// it; or has it already (tried). What it finds goes to me.expected.
enum class result : std::uint8_t {
  known,   // the thread has done the same before
  fresh,   // it has not
  circle,  // and the order seen so far may end in a deadlock: report_found()
};
result enter(thread_record& me, const void* lock, object_kind kind,
           order_graph::taken by, const call_site& site) noexcept;

// Whether me.expected is what enter() has found for this lock, with the locks
// held that are held now.
bool is_expected(thread_record& me, const void* lock,
                 object_kind kind) noexcept;

// Tells what the calling thread has found, without any lock held. True: at
// least one finding was told, and not suppressed.
bool report_found() noexcept;

// A semaphore is used as a lock. True: so there are findings to tell of that
// were in doubt.
bool proved(const void* semaphore) noexcept;

// A lock's memory is something else from now on.
void forget(const void* lock) noexcept;
// The locks known in [begin, begin + size), `most` of them at most.
std::uint32_t find_locks(const void* begin, std::size_t size,
                         const void** locks, object_kind* kinds,
                         std::uint32_t most) noexcept;
// The same as forget() of each.
void forget(const void* begin, std::size_t size) noexcept;

// `first` is to be taken before `second`, wherever both are held; the same for
// classes of locks.
void declare(const void* first, const void* second,
             const call_site& site) noexcept;
void declare(std::string_view first, std::string_view second,
             const call_site& site) noexcept;
// To which class a lock belongs; "": to none.
void set_class(const void* lock, std::string_view name) noexcept;

// --- The order of threads ----------------------------------------------------

void thread_created(thread_record& creator, std::uint64_t serial) noexcept;
void thread_joined(thread_record& by, std::uint64_t serial) noexcept;

// Around fork(): the child knows what the parent knew.
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

// Circles are told of also where they can't happen: gates, one thread, threads
// that never run at the same time.
void report_all(bool all) noexcept;

}  // namespace detail::order
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_H_
