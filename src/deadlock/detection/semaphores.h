// SPDX-License-Identifier: Apache-2.0
//
// Which semaphores are used as locks.
//
// One that starts with a single token, and that each thread gives back itself,
// is a lock: it is held, and taken in an order. One that is ever released by a
// thread that has not acquired it is a signal, and is held by nobody.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_SEMAPHORES_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_SEMAPHORES_H_

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::semaphores {

// The calling thread is about to acquire it, or has (`taken`: 1). As far as is
// known it is used as a lock.
bool is_lock(const void* semaphore, object_kind kind, unsigned taken) noexcept;
// Some thread has acquired it and given it back.
bool is_proved(const void* semaphore) noexcept;
// The calling thread is about to release it. True: that has proved it a lock.
bool releasing(const void* semaphore, object_kind kind) noexcept;
void forget(const void* semaphore) noexcept;
void forget_all() noexcept;

void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

}  // namespace detail::semaphores
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_SEMAPHORES_H_
