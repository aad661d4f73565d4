// SPDX-License-Identifier: Apache-2.0
//
// Who holds what, and who has given what: questions about misuse.
//
// Locks that are held are in the records of their threads (threads.h). For each
// semaphore, latch and barrier that is alive and has been used a table keeps
// the last two operations that gave something.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_OWNERSHIP_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_OWNERSHIP_H_

#include <cstddef>
#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "../report/place.h"
#include "threads.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Who did something, and where.
struct operation {
  std::uint64_t thread = 0;  // its serial; 0: nobody did
  std::uint32_t epoch = 0;
  object_kind kind{};
  int tid = 0;  // for people only
  place at;
};

// By the calling thread, now.
void describe(operation& now, object_kind kind, const call_site& site,
              unsigned skip = 0) noexcept;

namespace ownership {

// Drops entries of `me`, the calling thread, that are of another epoch (those
// are the oldest), and the latest ones if others have taken them away. False:
// listening is just about to begin, or to end.
bool tidy(thread_record& me) noexcept;

enum class giver { owner, stranger, unknown };

// The calling thread is about to give `lock` back. Removes the record if it is
// the owner's; says who holds the lock if it is another's.
giver gives(const void* lock, object_kind kind, operation& holder) noexcept;

// The same for one of many shares, of which there are shares(lock) at a time. A
// stranger only if there is a record of each.
giver gives_share(const void* lock, object_kind kind,
                  std::uint32_t (*shares)(const void* lock),
                  operation& holder) noexcept;

// The record of who holds `lock`, of the caller's if there are more; false if
// there is none.
bool find_holder(const void* lock, object_kind kind,
                 operation& holder) noexcept;

// Whether the calling thread is known to hold `lock`.
bool is_mine(const void* lock, object_kind kind) noexcept;

// The calling thread `now.thread` gives something to a semaphore or a latch.
void gave(const void* object, const operation& now) noexcept;

// What the calling thread was about to give has been refused: it never gave.
void refused(const void* object, object_kind kind) noexcept;

// The last two operations that gave, latest first; nobody's where there is
// none. False: nothing is known of `object`.
bool find_last(const void* object, object_kind kind, operation& latest,
               operation& before) noexcept;

// Drops what is known of `object`, whoever holds it.
void forget(const void* object) noexcept;

// The same; if that was who holds it, true and who.
bool forget(const void* lock, object_kind kind, operation& holder) noexcept;

// The locks in [begin, begin + size) that are held, `most` of them at most.
std::uint32_t find_held(const void* begin, std::size_t size, const void** locks,
                        object_kind* kinds, std::uint32_t most) noexcept;

// Drops what is known of who has given something to `object`.
void forget_given(const void* object) noexcept;
// The calling thread's entry, if there is one.
bool remove_mine(const void* lock, object_kind kind) noexcept;

// What an entry of some thread says.
void read(const thread_record& of, const held_lock& h,
          operation& holder) noexcept;
// Whether nothing but the order of locks is looked at where they are taken and
// given back as before.
void allow_fast(bool allow) noexcept;

// Listening has begun / has ended. Records from before mean nothing afterwards:
// what happened in between was not seen. To be called after the hooks have been
// switched on / off, by one thread at a time.
void begin_epoch() noexcept;
void end_epoch() noexcept;

// Around fork(): no other thread is inside the table while it is copied. In
// the child, what the threads held that it does not have is unknown.
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

}  // namespace ownership
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_OWNERSHIP_H_
