// SPDX-License-Identifier: Apache-2.0
//
// What the checker knows of each kind of object.
#ifndef SYNCXX_SRC_DEADLOCK_KINDS_H_
#define SYNCXX_SRC_DEADLOCK_KINDS_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// The words for what can go wrong with a lock.
struct words {
  const char* locked_twice;
  const char* unlocked_by_stranger;
  const char* unlocked_while_free;
  const char* destroyed_while_held;
};

// Null: a kind without an owner.
const words* words_for(object_kind kind) noexcept;

// Semaphores and what is counted like them.
bool counts(object_kind kind) noexcept;
bool is_semaphore(object_kind kind) noexcept;
// Locks whose waiters do not sleep.
bool is_spinlock(object_kind kind) noexcept;
bool is_condition(object_kind kind) noexcept;
// One of many owners at a time.
bool is_share(object_kind kind) noexcept;
// Those know by themselves who holds them, also in the child of a fork.
bool names_owner(object_kind kind) noexcept;
// An end of the thread that holds them is no mistake.
bool is_robust(object_kind kind) noexcept;
// Whether the forking thread holds in the child what it held in the parent. The
// others are made anew there, at the same address.
bool is_kept_by_child(object_kind kind) noexcept;
// Whether other processes may use it, as far as it says so itself.
bool is_process_shared(const void* object, object_kind kind) noexcept;

// A reader that comes while a writer waits, waits behind it.
bool prefers_writers(const void* shared, object_kind kind) noexcept;

// Whether anybody holds a lock, by its own word.
bool is_locked(const void* lock, object_kind kind) noexcept;
std::uint32_t readers_of(const void* shared_mutex) noexcept;

// Whether a thread that holds a lock as `held` waits for itself if it asks for
// the same lock as `asked`. (A reader that reads again deadlocks only if a
// writer comes in between.)
bool waits_for_itself(object_kind asked, object_kind held) noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_KINDS_H_
