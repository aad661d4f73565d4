// SPDX-License-Identifier: Apache-2.0
//
// mutex: the lock to start with.
//
// Choose it for mutual exclusion between threads of one process. Choose
// recursive_mutex only for code that must re-enter; spinlock only where a
// sleep is forbidden and sections are a few instructions long.
//
// Promises
//   size      4 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: lock 1 atomic RMW, unlock 1; no syscall unless a
//             thread sleeps
//   progress  blocking. Barging: a thread that comes by may take a free lock
//             ahead of sleepers; one that has slept in vain for 1 ms is next
//   ordering  unlock() synchronizes with the lock() that follows it
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock() has released it, even if that call has not returned
//   waits     lock() can be bounded by any clock and by a stop_token
//   fork      in the child: reset_after_fork() makes it free. Without, a lock
//             that another thread held stays held for ever, and one that had
//             waiters may not be unlocked (the child has none of them)
//   errors    see <sync/misuse.h>; the plain library cannot know a recursive
//             lock() (it deadlocks) or a stranger's unlock()
//
// Meets Cpp17TimedMutex ([thread.timedmutex.requirements]) and works with
// std::unique_lock, std::scoped_lock and std::condition_variable_any.
// Design: docs/design/mutex.md. Stress: stress/mutex_stress.cc.
#ifndef SYNCXX_MUTEX_H_
#define SYNCXX_MUTEX_H_

#include <chrono>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_mutex.h>
#include <sync/detail/thread.h>
#include <sync/detail/told_wait.h>

namespace syncxx::inline SYNCXX_ABI {

class condition_variable;
namespace interprocess {
class condition_variable;
}

namespace detail {

// mutex and interprocess::mutex.
template <futex_scope Scope>
class SYNCXX_CAPABILITY("mutex") basic_mutex {
 public:
  constexpr basic_mutex() noexcept = default;
  basic_mutex(const basic_mutex&) = delete;
  basic_mutex& operator=(const basic_mutex&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~basic_mutex() { detail::hook_destroyed(this, kKind); }
#endif

  // Blocks until the lock is owned. The caller must not own it.
  void lock() SYNCXX_ACQUIRE() {
    detail::hook_attempt(this, kKind);
    if (!note(raw_.try_lock())) [[unlikely]]
      wait(detail::deadline::never());
  }

  // Never blocks; fails only if the lock is owned, claimed by a waiter, or
  // changes hands at this moment.
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) { return note(raw_.try_lock()); }

  // The caller must own the lock.
  void unlock() SYNCXX_RELEASE() {
    detail::hook_releasing(this, kKind);
    raw_.unlock();
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

  // In the child of a fork, while it has one thread: makes the lock free,
  // whoever held it in the parent. What it guards may be half changed.
  void reset_after_fork() noexcept SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    detail::hook_reset(this, kKind);
    raw_.reset_after_fork();
  }

 private:
  friend class syncxx::condition_variable;
  friend class interprocess::condition_variable;
  friend struct wait_any_access;

  static constexpr auto kKind = detail::object_kind::mutex;

  auto& any_protocol() noexcept { return raw_; }

  bool note(bool owned) noexcept {
    if (owned) detail::hook_acquired(this, kKind);
    return owned;
  }
  bool wait(detail::deadline until, const stop_token* stop = nullptr) {
    detail::told_wait told(this, kKind, until, stop, Scope);
    const bool owned = raw_.lock_slow(until, told.stop());
    told.ends(this, kKind, owned);
    return note(owned);
  }
  bool slow(detail::deadline until, const stop_token* stop = nullptr) {
    detail::hook_attempt(this, kKind);
    return wait(until, stop);
  }

  basic_raw_mutex<Scope> raw_;
};

}  // namespace detail

class SYNCXX_CAPABILITY("mutex") mutex
    : public detail::basic_mutex<futex_scope::process_private> {
 public:
  constexpr mutex() noexcept = default;
};

using timed_mutex = mutex;

static_assert(SYNCXX_IN_RELACY || sizeof(mutex) == 4);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_MUTEX_H_
