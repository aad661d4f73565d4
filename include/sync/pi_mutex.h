// SPDX-License-Identifier: Apache-2.0
//
// pi_mutex, pi_condition_variable: a lock that lends its owner the priority of
// those that wait for it, and the condition variable that goes with it.
//
// Choose them where threads of different real-time priorities share data: a
// thread of low priority that owns the lock runs with that of the highest
// waiter, so that no thread in between keeps it from finishing (priority
// inversion). Choose mutex where all threads have one priority: a contended
// mutex is faster, and its waits can be stopped.
//
// Promises of pi_mutex
//   size      4 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: lock 1 atomic RMW, unlock 1; no syscall unless a
//             thread waits in the kernel
//   progress  blocking. Handed over to the waiter with the highest priority,
//             first in, first out among equals: nobody overtakes a thread that
//             waits in the kernel. Before it waits there it spins for up to
//             some 25 us, and lends no priority in that time
//   ordering  unlock() synchronizes with the lock() that follows it
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock() has released it, even if that call has not returned
//   waits     lock() can be bounded by any clock. Not by a stop_token:
//             FUTEX_LOCK_PI answers to no wake but the unlock
//   fork      in the child (of fork(3)): construct anew; the word names a
//             thread of the parent
//   errors    std::system_error, also in the plain library:
//             EDEADLK      lock() by the owner, or where the owner waits for
//                          the caller through other pi_mutexes
//             EPERM        unlock() by a thread that is not the owner
//             EOWNERDEAD   lock(): the owner has ended without unlock(). Each
//                          later lock() says so too; of threads that waited
//                          when it ended, the first. The caller is not owner
//   signals   no operation is async-signal-safe
//
// Meets Cpp17TimedMutex but for what lock() throws, and works with
// std::unique_lock, std::scoped_lock and std::condition_variable_any.
// Design: docs/design/pi_mutex.md. Stress: stress/pi_mutex_stress.cc.
#ifndef SYNCXX_PI_MUTEX_H_
#define SYNCXX_PI_MUTEX_H_

#include <cerrno>
#include <chrono>
#include <limits>
#include <mutex>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/cv_waits.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/pi_wait_queue.h>
#include <sync/detail/raw_pi_mutex.h>

namespace syncxx::inline SYNCXX_ABI {

class pi_condition_variable;

namespace detail {

// pi_mutex and interprocess::pi_mutex.
template <futex_scope Scope>
class SYNCXX_CAPABILITY("pi_mutex") basic_pi_mutex {
 public:
  constexpr basic_pi_mutex() noexcept = default;
  basic_pi_mutex(const basic_pi_mutex&) = delete;
  basic_pi_mutex& operator=(const basic_pi_mutex&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~basic_pi_mutex() { detail::hook_destroyed(this, kKind); }
#endif

  // Blocks until the lock is owned.
  void lock() SYNCXX_ACQUIRE() {
    attempt();
    if (!note(raw_.try_lock())) [[unlikely]]
      wait(detail::deadline::never());
  }

  // Never blocks, never throws; false too if the owner has died.
  bool try_lock() noexcept SYNCXX_TRY_ACQUIRE(true) {
    return note(raw_.try_lock());
  }

  void unlock() SYNCXX_RELEASE() {
#if SYNCXX_HOOKED
    if (!raw_.is_mine()) [[unlikely]]
      not_owner();
#endif
    detail::hook_releasing(this, kKind);
    if (!raw_.unlock()) [[unlikely]]
      not_owner();
  }

  // Block until the lock is owned (true) or the time has passed (false). A lock
  // that is free is taken even so. A time that has passed costs no syscall.
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

 private:
  friend class syncxx::pi_condition_variable;

  static constexpr auto kKind = detail::object_kind::pi_mutex;

  bool note(bool owned) noexcept {
    if (owned) detail::hook_acquired(this, kKind);
    return owned;
  }
  // (Before the hook, which would speak of it too and know less.)
  void attempt() {
#if SYNCXX_HOOKED
    if (raw_.is_mine()) [[unlikely]]
      failed(detail::pi_outcome::relocked);
#endif
    detail::hook_attempt(this, kKind);
  }
  bool slow(detail::deadline until) {
    attempt();
    return wait(until);
  }
  SYNCXX_COLD bool wait(detail::deadline until);
  [[noreturn]] SYNCXX_COLD void failed(detail::pi_outcome how);
  [[noreturn]] SYNCXX_COLD void not_owner();

  basic_raw_pi_mutex<Scope> raw_;
};

}  // namespace detail

class SYNCXX_CAPABILITY("pi_mutex") pi_mutex
    : public detail::basic_pi_mutex<futex_scope::process_private> {
 public:
  constexpr pi_mutex() noexcept = default;
};

static_assert(SYNCXX_IN_RELACY || sizeof(pi_mutex) == 4);

namespace detail {
template <>
inline constexpr bool kStoppableWaits<pi_condition_variable> = false;
}  // namespace detail

// Promises of pi_condition_variable
//   size      16 bytes; constinit; usable in zero-initialised memory
//   cost      notify with nobody waiting: 0 atomic RMW, 0 syscalls. A notified
//             waiter is moved to the queue of the mutex, or handed the mutex
//             if that is free: it wakes as its owner, once
//   progress  blocking. notify_one wakes the waiter with the highest priority,
//             of equals the one that came first
//   ordering  by the lock alone, as in the standard
//   lifetime  may be destroyed when all waiters have been notified, by a thread
//             that does not own the mutex: the destructor waits until they have
//             left. By one that does, only after they have returned (else
//             std::terminate, for it would wait for itself)
//   waits     can be bounded by any clock. A waiter counts 2^32 notifications
//             as none, if they come while it goes to sleep
//   fork      in the child: construct anew; do not use the parent's state
//   errors    waiting with a lock that does not own its mutex throws
//             std::system_error (EPERM), with another mutex than the others
//             (EINVAL). If the mutex cannot be locked again (its owner has
//             died, or waits for the caller), wait and notify terminate
class pi_condition_variable : public detail::cv_waits<pi_condition_variable> {
 public:
  constexpr pi_condition_variable() noexcept = default;
  pi_condition_variable(const pi_condition_variable&) = delete;
  pi_condition_variable& operator=(const pi_condition_variable&) = delete;
  ~pi_condition_variable() {
    detail::hook_destroyed(this, kKind);
    if (!queue_.await_empty()) [[unlikely]]
      destroyed_too_early();
  }

  // With or without the mutex held.
  void notify_one() noexcept {
    detail::hook_notify(this, kKind);
    if (!queue_.empty() && !queue_.notify(0)) [[unlikely]]
      cannot_notify();
  }
  void notify_all() noexcept {
    detail::hook_notify(this, kKind);
    if (!queue_.empty() && !queue_.notify(std::numeric_limits<int>::max()))
        [[unlikely]]
      cannot_notify();
  }

  // The waits without a stop_token: see detail::cv_waits. Lock is
  // std::unique_lock<pi_mutex>, and all concurrent waiters use one mutex.

 private:
  friend class detail::cv_waits<pi_condition_variable>;
  static constexpr auto kKind = detail::object_kind::condition_variable;

  SYNCXX_COLD bool wait_once(std::unique_lock<pi_mutex>& lock,
                             detail::deadline until, const stop_token*);
  [[noreturn]] SYNCXX_COLD void cannot_relock() noexcept;
  [[noreturn]] SYNCXX_COLD void cannot_notify() noexcept;
  [[noreturn]] SYNCXX_COLD void destroyed_too_early() noexcept;

  detail::pi_wait_queue queue_;
};

static_assert(SYNCXX_IN_RELACY || sizeof(pi_condition_variable) == 16);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_PI_MUTEX_H_
