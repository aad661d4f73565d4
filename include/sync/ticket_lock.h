// SPDX-License-Identifier: Apache-2.0
//
// ticket_lock: a spin lock that serves threads in the order in which they come.
//
// Choose it for sections of a few instructions, on a machine with a CPU for
// each thread, where nobody may be overtaken and four bytes a lock count. All
// that wait look at one word: with more than a few of them choose mcs_lock or
// queue_lock. Where threads may outnumber the CPUs choose mutex: the next in
// line is often one that does not run, and the lock stands idle until it does.
//
// Promises
//   size      4 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: lock 1 atomic RMW, unlock a plain store (0 RMW)
//   progress  blocking; first come, first served from lock()'s first step on.
//             Waiters pause in proportion to their place in the line; where
//             they outnumber the CPUs, or have waited in vain, they give the
//             CPU away between two looks
//   ordering  unlock() synchronizes with the lock() that follows it
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock() has released it
//   fork      in the child: construct anew; do not use the parent's state
//   waits     block and try; not bounded
//   errors    more than 32767 threads in line: lock() throws std::system_error
//             (resource_unavailable_try_again), and the line goes on without
//             that thread. See also <sync/misuse.h>
//
// std::lock and std::scoped_lock over several hardly get on where threads wait
// for each of them (who tries one that has a line fails, and joins that line):
// lock several one after the other, everywhere in the same order.
//
// A signal handler may use one that the code it interrupts does not use.
//
// Meets Cpp17Mutex ([thread.mutex.requirements.mutex]). Reference:
// Mellor-Crummey and Scott, "Algorithms for Scalable Synchronization on
// Shared-Memory Multiprocessors", ACM TOCS 1991 (ticket lock with proportional
// backoff). Design: docs/design/ticket_lock.md. Model test:
// tests/model/ticket_lock_model.cc. Stress: stress/ticket_lock_stress.cc.
#ifndef SYNCXX_TICKET_LOCK_H_
#define SYNCXX_TICKET_LOCK_H_

#include <cerrno>
#include <cstdint>

#include <sync/detail/annotations.h>
#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/hooks.h>
#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {

class SYNCXX_CAPABILITY("ticket_lock") ticket_lock {
 public:
  constexpr ticket_lock() noexcept = default;
  ticket_lock(const ticket_lock&) = delete;
  ticket_lock& operator=(const ticket_lock&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~ticket_lock() { detail::hook_destroyed(this, kKind); }
#endif

  // Takes a place in the line and spins until it is served. The caller must not
  // own the lock.
  void lock() SYNCXX_ACQUIRE() {
    detail::hook_attempt(this, kKind);
    // Relaxed: a ticket tells nothing but the place; what the last owner has
    // written comes with serving_.
    await_turn(next_.fetch_add(1, detail::memory_order_relaxed));
  }

  // Takes a place only if it is served at once.
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) {
    ticket mine = serving_.load(detail::memory_order_relaxed);
    // Relaxed: as in lock().
    if (!next_.compare_exchange_strong(mine, after(mine),
                                       detail::memory_order_relaxed,
                                       detail::memory_order_relaxed)) {
      return false;
    }
    await_turn(mine);  // it is served (I3)
    return true;
  }

  // The caller must own the lock.
  void unlock() SYNCXX_RELEASE() {
    detail::hook_releasing(this, kKind);
    // [TL2] release; pairs with [TL1]. The load reads the owner's own ticket
    // (I1).
    serving_.store(after(serving_.load(detail::memory_order_relaxed)),
                   detail::memory_order_release);
  }

 private:
  static constexpr auto kKind = detail::object_kind::ticket_lock;

  using ticket = std::uint16_t;
  // In line, with the one that is served. Half of the tickets, so that a thread
  // that comes too late knows it long before a ticket is there twice.
  static constexpr ticket kMostInLine = 0x7fff;

  static constexpr ticket after(ticket t) noexcept {
    return static_cast<ticket>(t + 1);
  }

  void await_turn(ticket mine) {
    detail::line_patience others;
    bool waits = false;
    // [TL1] acquire; pairs with [TL2].
    for (ticket now;
         (now = serving_.load(detail::memory_order_acquire)) != mine;) {
      if (!waits)
        detail::hook_wait_begin(this, kKind, detail::waits::committed);
      waits = true;
      if (!wait(others, mine, now)) [[unlikely]] {
        detail::hook_wait_end(this, kKind);
        detail::misused(this, kKind, "more than 32767 threads at a ticket_lock",
                        EAGAIN);
      }
    }
    if (waits) detail::hook_wait_end(this, kKind);
    detail::hook_acquired(this, kKind);
  }
  SYNCXX_COLD bool wait(detail::line_patience& others, ticket mine,
                        ticket now) noexcept;
  bool leave(ticket mine) noexcept;

  //  next_ - serving_ | meaning                  | left by
  //         0         | free                     | lock -> 1
  //         1         | owned, nobody waits      | lock -> 2, unlock -> 0 [TL2]
  //         n         | owned, n - 1 wait        | lock, unlock [TL2]
  //  (modulo 2^16; the thread with the ticket serving_ is the owner)
  //
  // I1: only the owner changes serving_, and only by one step.
  // I2: no two of the tickets that are out are the same: there are at most
  //     kMostInLine, and as many more as there are threads between taking one
  //     and looking.
  // I3: a thread that takes the ticket that it has seen served is served, but
  //     if the whole circle of tickets was gone through in between; then it
  //     waits for its turn.
  alignas(4) detail::atomic<ticket> next_{0};
  detail::atomic<ticket> serving_{0};
};

static_assert(SYNCXX_IN_RELACY || sizeof(ticket_lock) == 4);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_TICKET_LOCK_H_
