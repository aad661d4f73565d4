// SPDX-License-Identifier: Apache-2.0
//
// Who holds what: the table beside the locks, which keep their size.
//
// A record is kept for each lock that is held (for each of its readers), and
// for each semaphore and latch the last two operations that gave something.
// Records are written after a lock has been taken and removed before it is
// given back, both by its owner: a record that is there is true. One that is
// missing says nothing (the lock may have been taken while nobody listened).
// Two things leave a record that is not true, and both are rare and wrong: a
// lock that the thread holds is given back by a signal handler that comes while
// the thread is in the checker; a lock's memory is used again while it is held
// and without its destructor. The next owner's record replaces it.
//
// Memory: a node for each lock that is held, and for each semaphore and latch
// that is alive and has been used, as many as there were at one time at most.
//
// Nothing here allocates with malloc, and nothing is ever destroyed: the table
// serves locks inside of allocators, and in static destructors.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_OWNERSHIP_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_OWNERSHIP_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "../report/place.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// What the checker keeps for each thread.
struct thread_state {
  // Never that of another thread, also of an ended one; kept in the child of a
  // fork. 0: not given yet.
  std::uint64_t serial = 0;
  int tid = 0;  // the kernel's number, since there is a serial
  // At least as many as there are records of locks that this thread holds.
  std::uint32_t held = 0;
  // In the checker: events (of signal handlers, of what the checker calls) are
  // not for it.
  bool busy = false;
  // Between a fork's handlers: this thread has locked the whole table.
  bool owns_table = false;
};

// In the static TLS block: access never allocates.
extern thread_local constinit thread_state t_self
    __attribute__((tls_model("initial-exec")));

// A thread that is in the checker; false if it was in it already: a signal
// handler, or what the checker itself calls. Such events are not for it.
class entrance {
 public:
  entrance() noexcept : entered_(!t_self.busy) {
    t_self.busy = true;
    __asm__ __volatile__("" ::: "memory");  // a handler sees it from here
  }
  entrance(const entrance&) = delete;
  entrance& operator=(const entrance&) = delete;
  ~entrance() {
    __asm__ __volatile__("" ::: "memory");
    if (entered_) t_self.busy = false;
  }
  explicit operator bool() const noexcept { return entered_; }

 private:
  const bool entered_;
};

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

// The calling thread `now.thread` has taken `lock`.
void took(const void* lock, const operation& now) noexcept;

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

// Drops what is known of `object`.
void forget(const void* object) noexcept;

// The same; if that was who holds it, true and the record.
bool forget(const void* lock, object_kind kind, operation& holder) noexcept;

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
