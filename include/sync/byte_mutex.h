// SPDX-License-Identifier: Apache-2.0
//
// byte_mutex: a lock that sleeps, in one byte.
//
// Choose it where each of very many small objects has a lock of its own, and
// three bytes more each would be felt. Choose mutex for anything else: its
// queue is the kernel's. spinlock is as small, but burns CPU while it waits.
//
// Promises
//   size      1 byte; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: lock 1 atomic RMW, unlock 1; no syscall unless a
//             thread sleeps
//   progress  blocking. Barging: a thread that comes by may take a free lock
//             ahead of sleepers. About every 0.5 to 1 ms the one that has
//             waited longest is handed the lock instead
//   ordering  unlock() synchronizes with the lock() that follows it
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock() has released it, even if that call has not returned
//   waits     lock() can be bounded by any clock and by a stop_token
//   fork      in the child: construct anew; do not unlock what the parent had
//             locked
//   errors    see <sync/misuse.h>; the plain library cannot know a recursive
//             lock() (it deadlocks) or a stranger's unlock()
//
// Sleepers are in the parking lot (<sync/parking_lot.h>), under the byte's
// address. Not async-signal-safe. Meets Cpp17TimedMutex
// ([thread.timedmutex.requirements]) and works with std::unique_lock,
// std::scoped_lock and condition_variable_any.
// Design: docs/design/byte_mutex.md. Model: tests/model/lock_model.cc.
#ifndef SYNCXX_BYTE_MUTEX_H_
#define SYNCXX_BYTE_MUTEX_H_

#include <chrono>
#include <cstdint>

#include <sync/detail/annotations.h>
#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/hooks.h>
#include <sync/detail/thread.h>
#include <sync/detail/told_wait.h>

namespace syncxx::inline SYNCXX_ABI {

class SYNCXX_CAPABILITY("byte_mutex") byte_mutex {
 public:
  constexpr byte_mutex() noexcept = default;
  byte_mutex(const byte_mutex&) = delete;
  byte_mutex& operator=(const byte_mutex&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~byte_mutex() { detail::hook_destroyed(this, kKind); }
#endif

  // Blocks until the lock is owned. The caller must not own it.
  void lock() SYNCXX_ACQUIRE() {
    detail::hook_attempt(this, kKind);
    if (!note(take())) [[unlikely]]
      wait(detail::deadline::never());
  }

  // Never blocks; fails only if the lock is owned.
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) { return note(take()); }

  // The caller must own the lock.
  void unlock() SYNCXX_RELEASE() {
    detail::hook_releasing(this, kKind);
    std::uint8_t alone = kLocked;
    // [BM2] release; pairs with [BM1], [BM3]: the critical section comes before
    // the next one. *this may be gone once it is visible.
    if (!byte_.compare_exchange_strong(
            alone, kFree, detail::memory_order_release,
            detail::memory_order_relaxed)) [[unlikely]]
      unlock_slow();
  }

  // Block until the lock is owned (true), or the time has passed or a stop was
  // requested (false). A lock that is free is taken even so. A time that has
  // passed costs no syscall. Steady and system clocks are slept on as they are;
  // any other Clock is asked again after each sleep.
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
  bool lock(const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(detail::deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time,
                    const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(detail::deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time,
                      const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() ||
           detail::wait_until(
               time, [&](detail::deadline until) { return slow(until, &stop); },
               stop);
  }

 private:
  static constexpr auto kKind = detail::object_kind::byte_mutex;

  bool take() noexcept {
    std::uint8_t free = kFree;
    // [BM1] acquire; pairs with [BM2], [BM4].
    return byte_.compare_exchange_strong(free, kLocked,
                                         detail::memory_order_acquire,
                                         detail::memory_order_relaxed);
  }
  bool note(bool owned) noexcept {
    if (owned) detail::hook_acquired(this, kKind);
    return owned;
  }
  bool wait(detail::deadline until, const stop_token* stop = nullptr) {
    detail::told_wait told(this, kKind, until, stop);
    const bool owned = lock_slow(until, told.stop());
    told.ends(this, kKind, owned);
    return note(owned);
  }
  bool slow(detail::deadline until, const stop_token* stop = nullptr) {
    detail::hook_attempt(this, kKind);
    return wait(until, stop);
  }
  bool take_for(bool others) noexcept;
  bool leave(bool others) noexcept;
  SYNCXX_COLD bool lock_slow(detail::deadline until,
                             const stop_token* stop) noexcept;
  SYNCXX_COLD void unlock_slow() noexcept;

  //  byte_             | meaning                       | left by
  //  0                 | free                          | lock -> kLocked, or
  //                    |                               | -> both by one that
  //                    |                               | answers for others
  //  kLocked           | owned; nobody is parked, or a | unlock -> 0; waiter
  //                    | designated waiter is awake    | -> both
  //  kLocked | kParked | owned; threads may be parked, | unlock, in the lot's
  //                    | and unlock must unpark one    | callback -> 0, or on
  //                    |                               | to the next owner
  //
  // I1: a thread is parked here only while kParked is set, or a thread that was
  //     unparked with token kAnswer and has not yet taken the lock or found or
  //     set kParked (the designated waiter) is awake.
  // I2: kParked implies kLocked: a free lock is 0.
  // I3: while both bits are set only the owner writes, in a callback.
  // kParked may be set spuriously (an unlock then finds nobody), never missing.
  static constexpr std::uint8_t kFree = 0;
  static constexpr std::uint8_t kLocked = 1;
  static constexpr std::uint8_t kParked = 2;
  static constexpr std::uint8_t kContended = kLocked | kParked;

  detail::atomic<std::uint8_t> byte_{kFree};
};

static_assert(SYNCXX_IN_RELACY || sizeof(byte_mutex) == 1);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_BYTE_MUTEX_H_
