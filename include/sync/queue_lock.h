// SPDX-License-Identifier: Apache-2.0
//
// queue_lock: a queue lock of one word with the interface of a mutex.
//
// Choose it for short sections that many threads want at once, where nobody may
// be overtaken. Waiters stand in a queue, each at a place of its own on its own
// stack; only the first of them looks at the lock. Those behind it sleep if it
// takes long, so that it also does where threads outnumber the CPUs. Choose
// mcs_lock where a hand-over must cost no more than one line's way and there is
// a place for a node; ticket_lock for a few threads and four bytes; mutex where
// throughput counts more than order: a lock that anybody may take does not wait
// for the one whose turn it is.
//
// Promises
//   size      8 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: lock 1 atomic RMW, unlock 1; unlock never makes a
//             syscall and never waits
//   progress  blocking; first come, first served. The first in the queue spins
//             for some microseconds, then gives the CPU away between two looks;
//             the others sleep in the end
//   ordering  unlock() synchronizes with the lock() that follows it
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock() has released it, even if that call has not returned;
//             nothing is kept for each thread
//   fork      in the child: construct anew; do not use the parent's state
//   waits     block and try; not bounded
//   errors    see <sync/misuse.h>
//
// std::lock and std::scoped_lock over several hardly get on where threads wait
// for each of them (who tries one that has a line fails, and joins that line):
// lock several one after the other, everywhere in the same order.
//
// A signal handler may use one that the code it interrupts does not use. Any
// number may be held at once and unlocked in any order.
//
// Meets Cpp17Mutex ([thread.mutex.requirements.mutex]). Reference: the queue is
// the one of Linux's qspinlock (W. Long, P. Zijlstra, 2014) and K42's lock: a
// place is needed only while its thread waits. Design:
// docs/design/queue_lock.md. Model test: tests/model/queue_lock_model.cc.
// Stress: stress/queue_lock_stress.cc.
#ifndef SYNCXX_QUEUE_LOCK_H_
#define SYNCXX_QUEUE_LOCK_H_

#include <cstdint>

#include <sync/detail/annotations.h>
#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

namespace syncxx::inline SYNCXX_ABI {

class SYNCXX_CAPABILITY("queue_lock") queue_lock {
 public:
  constexpr queue_lock() noexcept = default;
  queue_lock(const queue_lock&) = delete;
  queue_lock& operator=(const queue_lock&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~queue_lock() { detail::hook_destroyed(this, kKind); }
#endif

  // Blocks until the lock is owned. The caller must not own it.
  void lock() SYNCXX_ACQUIRE() {
    detail::hook_attempt(this, kKind);
    if (!take()) [[unlikely]] {
      detail::hook_wait_begin(this, kKind, detail::waits::committed);
      lock_slow();
      detail::hook_wait_end(this, kKind);
    }
    detail::hook_acquired(this, kKind);
  }

  // Never blocks; fails only if the lock is owned or threads wait for it.
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) {
    // A look first: a failed exchange would take the line from the owner.
    if (word_.load(detail::memory_order_relaxed) != kFree || !take())
      return false;
    detail::hook_acquired(this, kKind);
    return true;
  }

  // The caller must own the lock.
  void unlock() SYNCXX_RELEASE() {
    detail::hook_releasing(this, kKind);
    // [QL2] release; pairs with [QL1], [QL4], [QL10].
    word_.fetch_sub(kLocked, detail::memory_order_release);
  }

 private:
  static constexpr auto kKind = detail::object_kind::queue_lock;
  struct waiter;

  bool take() noexcept {
    std::uintptr_t free = kFree;
    // [QL1] acquire; pairs with [QL2].
    return word_.compare_exchange_strong(free, kLocked,
                                         detail::memory_order_acquire,
                                         detail::memory_order_relaxed);
  }
  SYNCXX_COLD void lock_slow() noexcept;
  static void await_front(waiter& self) noexcept;
  void take_as_front(waiter& self) noexcept;

  //  word_            | meaning                    | left by
  //  kFree            | free                       | lock -> kLocked [QL1]
  //  kLocked          | owned; nobody waits        | unlock [QL2] -> kFree,
  //                   |                            | waiter [QL3] -> itself
  //  waiter | kLocked | owned; this one is the     | unlock [QL2] -> waiter,
  //                   | last of those that wait    | waiter [QL3] -> itself
  //  waiter           | free for the first of      | the first one [QL4] ->
  //                   | those that wait            | kLocked, … | kLocked
  //
  // I1: the waiters from the first one to the one in word_ are a list, in the
  //     order of [QL3]; a link is missing only between [QL3] and the [QL5] that
  //     follows it.
  // I2: while word_ names a waiter, nobody but the first one sets kLocked.
  // I3: an owner is not in the list: word_ does not say who it is.
  static constexpr std::uintptr_t kFree = 0;
  static constexpr std::uintptr_t kLocked = 1;

  detail::atomic<std::uintptr_t> word_{kFree};
};

static_assert(SYNCXX_IN_RELACY || sizeof(queue_lock) == 8);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_QUEUE_LOCK_H_
