// SPDX-License-Identifier: Apache-2.0
//
// spinlock: the smallest lock; it never sleeps in the kernel's queues.
//
// Choose it for sections of a few instructions where one byte a lock counts, or
// where the code must not make a futex syscall. Choose mutex for anything else:
// a spinner burns the CPU that the owner may need, and nothing bounds how often
// it is overtaken.
//
// Promises
//   size      1 byte; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: lock 1 atomic RMW, unlock a plain store (0 RMW)
//   progress  blocking; test-and-test-and-set with growing pauses, then the CPU
//             is given away between two looks (the owner may be preempted)
//   ordering  unlock() synchronizes with the lock() that follows it
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock() has released it
//   fork      in the child: reset_after_fork() makes it free. Without, what the
//             forking thread held it may unlock; what another held stays held
//   waits     lock() can be bounded by any clock
//
// Meets Cpp17TimedMutex. Reference: Rudolph and Segall, "Dynamic Decentralized
// Cache Schemes for MIMD Parallel Processors", ISCA 1984
// (test-and-test-and-set); backoff: <sync/detail/spin_wait.h>. Design:
// docs/design/spinlock.md. Stress: stress/spinlock_stress.cc.
#ifndef SYNCXX_SPINLOCK_H_
#define SYNCXX_SPINLOCK_H_

#include <chrono>

#include <sync/detail/annotations.h>
#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/hooks.h>

namespace syncxx::inline SYNCXX_ABI {

class SYNCXX_CAPABILITY("spinlock") spinlock {
 public:
  constexpr spinlock() noexcept = default;
  spinlock(const spinlock&) = delete;
  spinlock& operator=(const spinlock&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~spinlock() { detail::hook_destroyed(this, kKind); }
#endif

  // Spins until the lock is owned. The caller must not own it.
  void lock() SYNCXX_ACQUIRE() {
    detail::hook_attempt(this, kKind);
    if (!take()) [[unlikely]]
      wait(detail::deadline::never());
  }
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) {
    // A look first: a failed exchange would take the line from the owner.
    return !locked_.load(detail::memory_order_relaxed) && take();
  }
  // The caller must own the lock.
  void unlock() SYNCXX_RELEASE() {
    detail::hook_releasing(this, kKind);
    // [K2] release; pairs with [K1], [K3].
    locked_.store(false, detail::memory_order_release);
  }

  // Spin until the lock is owned (true) or the time has passed (false).
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(detail::deadline::after(time));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() ||
           detail::wait_until(
               time, [this](detail::deadline until) { return slow(until); });
  }

  // In the child of a fork, while it has one thread: makes the lock free,
  // whoever held it in the parent. What it guards may be half changed.
  void reset_after_fork() noexcept SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    detail::hook_reset(this, kKind);
    locked_.store(false, detail::memory_order_relaxed);
  }

 private:
  static constexpr auto kKind = detail::object_kind::spinlock;

  bool take() noexcept {
    // [K1] acquire; pairs with [K2].
    const bool owned = !locked_.exchange(true, detail::memory_order_acquire);
    if (owned) detail::hook_acquired(this, kKind);
    return owned;
  }
  bool wait(detail::deadline until) {
    detail::hook_wait_begin(this, kKind, detail::how_long(until, nullptr));
    const bool owned = spin(until);
    detail::hook_wait_end(this, kKind);
    if (owned) detail::hook_acquired(this, kKind);
    return owned;
  }
  bool slow(detail::deadline until) {
    detail::hook_attempt(this, kKind);
    return wait(until);
  }
  SYNCXX_COLD bool spin(detail::deadline until) noexcept;

  //  locked_ | meaning      | left by
  //  false   | free         | lock -> true [K1]
  //  true    | owned        | unlock -> false [K2]
  detail::atomic<bool> locked_{false};
};

static_assert(SYNCXX_IN_RELACY || sizeof(spinlock) == 1);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SPINLOCK_H_
