// SPDX-License-Identifier: Apache-2.0
//
// robust_mutex, robust_pi_mutex: locks that survive the death of their owner.
//
// Choose it for data in shared memory, where a process may be killed in the
// middle of a section, and for threads that may end while they own a lock. The
// next owner is told, and repairs the data or gives the lock up for good.
// Choose mutex where owners cannot die: it is ten times smaller, and bounds
// overtaking. Choose robust_pi_mutex where the users have different real-time
// priorities: it lends its owner the priority of those that wait (pi_mutex).
//
// Promises
//   size      40 bytes (glibc's node for the kernel's list of robust mutexes is
//             at its end); constinit; usable in zero-initialised memory;
//             trivially destructible (not in the hooked library)
//   cost      uncontended: lock 1 atomic RMW, unlock 1; no syscall unless a
//             thread sleeps, but for each thread's first use
//   progress  blocking. Barging: a thread that comes by may take a free lock
//             ahead of sleepers, without a bound. Whenever a user is killed,
//             the others go on
//   ordering  unlock() synchronizes with the lock() that follows it
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock() has released it. But until that call has returned, the
//             kernel may, if it kills the thread, look at the memory, and write
//             to it if it holds the thread's number there by then (so it is for
//             all users of robust lists)
//   scope     threads of one process, and of all processes that map the memory:
//             always shared futexes, for the kernel wakes nobody else when an
//             owner dies. All users must be in one pid namespace
//   waits     lock() can be bounded by any clock and by a stop_token
//   fork      a child does not own what its parent had locked. In memory that
//             is not shared: construct anew there
//   signals   no operation is async-signal-safe
//   errors    std::system_error, also in the plain library:
//             EDEADLK          lock() by the owner
//             EPERM            unlock(), owner_died(), make_consistent() by a
//                              thread that is not the owner
//             EINVAL           make_consistent() where nothing is wrong
//             ENOTRECOVERABLE  every lock(), after an unlock() without
//                              make_consistent() that followed an owner's death
//             ENOTSUP          on a C library with another list than glibc's
//
// Of robust_pi_mutex
//   progress  as pi_mutex: handed over to the waiter with the highest priority
//   waits     can be bounded by any clock, not by a stop_token
//   errors    also EDEADLK where the owner waits for the caller through other
//             PI mutexes; EINVAL where the word names no thread that there is
//
// Both meet Cpp17TimedMutex but for what lock() throws, and work with
// std::unique_lock, std::scoped_lock of one and std::condition_variable_any. Of
// several, std::lock may give one back unasked: after a death that is for good.
// Design: docs/design/robust_mutex.md. Stress: stress/robust_mutex_stress.cc.
#ifndef SYNCXX_ROBUST_MUTEX_H_
#define SYNCXX_ROBUST_MUTEX_H_

#include <chrono>
#include <cstdint>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_robust_mutex.h>
#include <sync/detail/raw_robust_pi_mutex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

// robust_mutex and robust_pi_mutex.
template <class Raw>
class SYNCXX_CAPABILITY("robust_mutex") basic_robust_mutex {
 public:
  constexpr basic_robust_mutex() noexcept = default;
  basic_robust_mutex(const basic_robust_mutex&) = delete;
  basic_robust_mutex& operator=(const basic_robust_mutex&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~basic_robust_mutex() { hook_destroyed(this, kKind); }
#endif

  // Blocks until the lock is owned. Ask owner_died() then.
  void lock() SYNCXX_ACQUIRE() {
    attempt();
    if (!note(raw_.try_lock())) [[unlikely]]
      wait(deadline::never());
  }

  // Fails only if the lock is owned, or changes hands at this moment.
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) {
    return note(raw_.try_lock() || raw_.try_lock_slow());
  }

  void unlock() SYNCXX_RELEASE() {
#if SYNCXX_HOOKED
    must_be_mine(call::unlock);
#endif
    hook_releasing(this, kKind);
    if (!raw_.unlock()) [[unlikely]]
      not_owner(call::unlock);
  }

  // Block until the lock is owned (true), or the time has passed or a stop was
  // requested (false). A lock that is free is taken even so. A time that has
  // passed costs no syscall.
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(deadline::after(time));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() ||
           wait_until(time, [this](deadline until) { return slow(until); });
  }
  template <class R = Raw>
  requires(R::kStops) bool lock(const stop_token& stop)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(deadline::never(), &stop);
  }
  template <class Rep, class Period>
  requires(Raw::kStops) bool try_lock_for(
      const std::chrono::duration<Rep, Period>& time, const stop_token& stop)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  requires(Raw::kStops) bool try_lock_until(
      const std::chrono::time_point<Clock, Duration>& time,
      const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() ||
           wait_until(
               time, [&](deadline until) { return slow(until, &stop); }, stop);
  }

  // For the owner. Whether an owner has died with the lock held and nobody has
  // called make_consistent() since: what the lock protects may be half changed.
  bool owner_died() const SYNCXX_REQUIRES(this) {
    must_be_mine(call::owner_died);
    return raw_.is_inconsistent();
  }
  // For the owner: what the lock protects is in order again.
  void make_consistent() SYNCXX_REQUIRES(this) {
    must_be_mine(call::make_consistent);
    if (!raw_.is_inconsistent()) [[unlikely]]
      nothing_wrong();
    raw_.make_consistent();
  }

 private:
  static constexpr auto kKind = Raw::kKind;
  enum class call : std::uint8_t { unlock, owner_died, make_consistent };

  bool note(bool owned) {
    if (!owned) return false;
    if (raw_.is_lost()) [[unlikely]]
      lost();
    hook_acquired(this, kKind);
    return true;
  }
  // (Before the hook, which would speak of it too and know less.)
  void attempt() {
#if SYNCXX_HOOKED
    if (raw_.is_mine()) [[unlikely]]
      relocked();
#endif
    hook_attempt(this, kKind);
  }
  bool slow(deadline until, const stop_token* stop = nullptr) {
    attempt();
    return wait(until, stop);
  }
  void must_be_mine(call what) const {
    if (!raw_.is_mine()) [[unlikely]]
      not_owner(what);
  }
  SYNCXX_COLD bool wait(deadline until, const stop_token* stop = nullptr);
  [[noreturn]] SYNCXX_COLD void relocked() const;
  [[noreturn]] SYNCXX_COLD void not_owner(call what) const;
  [[noreturn]] SYNCXX_COLD void nothing_wrong() const;
  [[noreturn]] SYNCXX_COLD void lost();

  Raw raw_;
};

}  // namespace detail

class SYNCXX_CAPABILITY("robust_mutex") robust_mutex
    : public detail::basic_robust_mutex<detail::raw_robust_mutex> {
 public:
  constexpr robust_mutex() noexcept = default;
};

class SYNCXX_CAPABILITY("robust_pi_mutex") robust_pi_mutex
    : public detail::basic_robust_mutex<detail::raw_robust_pi_mutex> {
 public:
  constexpr robust_pi_mutex() noexcept = default;
};

static_assert(SYNCXX_IN_RELACY ||
              (sizeof(robust_mutex) == 40 && sizeof(robust_pi_mutex) == 40));

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_ROBUST_MUTEX_H_
