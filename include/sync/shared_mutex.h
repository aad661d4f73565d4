// SPDX-License-Identifier: Apache-2.0
//
// shared_mutex: many readers or one writer, and one reader that may become it.
//
// Choose it for data that is read much more often than written, by sections
// long enough to be worth the reader's two atomic RMWs on a shared cache line
// (some hundred nanoseconds and more). Choose mutex where sections are short or
// writes are not rare: it is cheaper and as fast; seqlock for small plain data.
//
// Three ways to own it:
//   exclusive  lock()          alone
//   shared     lock_shared()   beside other readers and one upgrader
//   upgrade    lock_upgrade()  beside readers; alone among upgraders, and so
//                              can become exclusive without letting go
//
// Promises
//   size      4 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: each kind of lock 1 atomic RMW, unlock 1; no syscall
//             unless a thread sleeps
//   progress  blocking. A writer that waits for readers keeps new ones out;
//             when it is through, readers that sleep are woken before the next
//             writer that sleeps. Threads that come by may take what is free
//             ahead of sleepers; one that has slept in vain for 1 ms is next
//   ordering  unlock() synchronizes with each later lock of any kind,
//             unlock_shared() and unlock_upgrade() with the next lock()
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock of any kind has released it, even if that call has not
//             returned
//   waits     each lock can be bounded by any clock and by a stop_token
//   errors    lock_shared() throws resource_unavailable_try_again if there are
//             2^25 readers; see <sync/misuse.h> for the rest
//   fork      in the child: construct anew; do not unlock what the parent had
//             locked
//   signals   not to be used in a handler; a reader that reads again while a
//             writer waits deadlocks
//
// Meets Cpp17SharedTimedMutex ([thread.sharedtimedmutex.requirements]) and
// works with std::shared_lock, std::unique_lock, std::scoped_lock, upgrade_lock
// and std::condition_variable_any. Design: docs/design/shared_mutex.md. Model:
// tests/model/shared_mutex_model.cc.
#ifndef SYNCXX_SHARED_MUTEX_H_
#define SYNCXX_SHARED_MUTEX_H_

#include <chrono>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_shared_mutex.h>
#include <sync/detail/thread.h>
#include <sync/detail/told_wait.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

struct wait_any_access;
[[noreturn]] SYNCXX_COLD void throw_too_many_readers();

// shared_mutex and interprocess::shared_mutex.
template <futex_scope Scope>
class SYNCXX_CAPABILITY("shared_mutex") basic_shared_mutex {
 public:
  constexpr basic_shared_mutex() noexcept = default;
  basic_shared_mutex(const basic_shared_mutex&) = delete;
  basic_shared_mutex& operator=(const basic_shared_mutex&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~basic_shared_mutex() { hook_destroyed(this, kWrites); }
#endif

  // For all three kinds of ownership:
  // - lock blocks until the lock is owned. The caller must not own it in any
  //   way (a reader may not read again, nor
  //   write).
  // - try_lock never blocks. It may fail while the lock changes hands.
  // - The others block until the lock is owned (true), or the time has
  //   passed or a stop was requested (false). What is free is
  //   taken even so. A time that has passed costs no syscall.
  //   Steady and system clocks are slept on as they are; any
  //   other Clock is asked again after each sleep.
  // - unlock is for the owner.

  // --- Exclusive ownership ---

  void lock() SYNCXX_ACQUIRE() {
    hook_attempt(this, kWrites);
    if (!note(raw_.try_lock(), kWrites)) [[unlikely]]
      wait(access::exclusive, deadline::never());
  }
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) {
    return note(raw_.try_lock(), kWrites);
  }
  void unlock() SYNCXX_RELEASE() {
    hook_releasing(this, kWrites);
    raw_.unlock();
  }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(access::exclusive, after(time));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow_until(access::exclusive, time);
  }
  bool lock(const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(access::exclusive, deadline::never(), stop);
  }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time,
                    const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow(access::exclusive, after(time), stop);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time,
                      const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return try_lock() || slow_until(access::exclusive, time, stop);
  }

  // --- Shared ownership ---
  //
  // lock_shared() throws std::system_error (resource_unavailable_try_again) if
  // there are too many readers, 2^25; try_lock_shared() and the timed forms
  // return false.

  void lock_shared() SYNCXX_ACQUIRE_SHARED() {
    hook_attempt(this, kReads);
    if (!note(raw_.count_in(), kReads)) [[unlikely]]
      wait_counted();
  }
  bool try_lock_shared() SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return note(raw_.try_lock_shared(), kReads);
  }
  void unlock_shared() SYNCXX_RELEASE_SHARED() {
    hook_releasing(this, kReads);
    raw_.unlock_shared();
  }
  template <class Rep, class Period>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return enter_in_turn() || slow(access::shared, after(time));
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(
      const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return enter_in_turn() || slow_until(access::shared, time);
  }
  // Throws as lock_shared() does.
  bool lock_shared(const stop_token& stop) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return enter_in_turn() || slow_or_throw(stop);
  }
  template <class Rep, class Period>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& time,
                           const stop_token& stop)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return enter_in_turn() || slow(access::shared, after(time), stop);
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(
      const std::chrono::time_point<Clock, Duration>& time,
      const stop_token& stop) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return enter_in_turn() || slow_until(access::shared, time, stop);
  }

  // --- Upgrade ownership: try_lock_upgrade(), try_lock_upgrade_for(),
  // try_lock_upgrade_until() and the rest are as those of shared ownership ---

  void lock_upgrade() SYNCXX_ACQUIRE_SHARED() {
    hook_attempt(this, kUpgrades);
    if (!note(raw_.try_lock_upgrade(), kUpgrades)) [[unlikely]]
      wait(access::upgrade, deadline::never());
  }
  bool try_lock_upgrade() SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return note(raw_.try_lock_upgrade(), kUpgrades);
  }
  void unlock_upgrade() SYNCXX_RELEASE_SHARED() {
    hook_releasing(this, kUpgrades);
    raw_.unlock_upgrade();
  }
  template <class Rep, class Period>
  bool try_lock_upgrade_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_upgrade() || slow(access::upgrade, after(time));
  }
  template <class Clock, class Duration>
  bool try_lock_upgrade_until(
      const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_upgrade() || slow_until(access::upgrade, time);
  }
  bool lock_upgrade(const stop_token& stop) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_upgrade() || slow(access::upgrade, deadline::never(), stop);
  }
  template <class Rep, class Period>
  bool try_lock_upgrade_for(const std::chrono::duration<Rep, Period>& time,
                            const stop_token& stop)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_upgrade() || slow(access::upgrade, after(time), stop);
  }
  template <class Clock, class Duration>
  bool try_lock_upgrade_until(
      const std::chrono::time_point<Clock, Duration>& time,
      const stop_token& stop) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_upgrade() || slow_until(access::upgrade, time, stop);
  }

  // --- From one ownership to another, without letting go ---
  //
  // What the owner has read stays true: nobody else writes in between. Those
  // that give something up never block.

  // Blocks until the readers have gone; new ones stay out.
  void unlock_upgrade_and_lock() SYNCXX_RELEASE_SHARED()
      SYNCXX_ACQUIRE() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    hook_releasing(this, kUpgrades);
#if SYNCXX_HOOKED
    if (!raw_.try_shut()) {
      hook_wait_begin(
          this, kWrites,
          how_long(deadline::never(), nullptr, Scope, waits::committed));
      raw_.shut();
      hook_wait_end(this, kWrites);
    }
#else
    raw_.shut();
#endif
    hook_acquired(this, kWrites);
  }
  // False: there are readers, and the caller still has upgrade ownership. (The
  // analysis knows no such condition: it takes it for a question.)
  bool try_unlock_upgrade_and_lock() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    hook_releasing(this, kUpgrades);
    const bool owned = raw_.try_shut();
    hook_acquired(this, owned ? kWrites : kUpgrades);
    return owned;
  }
  void unlock_and_lock_upgrade() SYNCXX_RELEASE()
      SYNCXX_ACQUIRE_SHARED() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    hook_releasing(this, kWrites);
    raw_.exclusive_to_upgrade();
    hook_acquired(this, kUpgrades);
  }
  void unlock_and_lock_shared() SYNCXX_RELEASE()
      SYNCXX_ACQUIRE_SHARED() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    hook_releasing(this, kWrites);
    raw_.exclusive_to_shared();
    hook_acquired(this, kReads);
  }
  // Throws as lock_shared() does; the caller still has upgrade ownership then.
  void unlock_upgrade_and_lock_shared() SYNCXX_REQUIRES_SHARED(this) {
    hook_releasing(this, kUpgrades);
    const bool owned = raw_.upgrade_to_shared();
    hook_acquired(this, owned ? kReads : kUpgrades);
    if (!owned) [[unlikely]]
      throw_too_many_readers();
  }

 private:
  friend struct wait_any_access;
  using kind = object_kind;
  static constexpr kind kWrites = kind::shared_mutex;
  static constexpr kind kKind = kWrites;
  static constexpr kind kUpgrades = kind::shared_mutex_upgrade;
  static constexpr kind kReads = kind::shared_mutex_shared;

  static constexpr kind kind_of(access how) noexcept {
    if (how == access::exclusive) return kWrites;
    return how == access::upgrade ? kUpgrades : kReads;
  }
  template <class Rep, class Period>
  static deadline after(
      const std::chrono::duration<Rep, Period>& time) noexcept {
    return deadline::after(time);
  }
  auto& any_protocol() noexcept { return raw_; }

  bool enter_in_turn() { return note(raw_.enter_in_turn(), kReads); }
  bool note(bool owned, kind k) noexcept {
    if (owned) hook_acquired(this, k);
    return owned;
  }

  access_result wait(access how, deadline until,
                     const stop_token* stop = nullptr) {
    told_wait told(this, kind_of(how), until, stop, Scope);
    const auto result = raw_.lock_slow(how, until, told.stop());
    told.ends(this, kind_of(how), result == access_result::owned);
    note(result == access_result::owned, kind_of(how));
    return result;
  }
  bool slow(access how, deadline until, const stop_token* stop = nullptr) {
    hook_attempt(this, kind_of(how));
    return wait(how, until, stop) == access_result::owned;
  }
  bool slow(access how, deadline until, const stop_token& stop) {
    return slow(how, until, &stop);
  }
  template <class Clock, class Duration, class... Stop>
  bool slow_until(access how,
                  const std::chrono::time_point<Clock, Duration>& time,
                  const Stop&... stop) {
    return wait_until(
        time, [&](deadline until) { return slow(how, until, stop...); },
        stop...);
  }
  bool slow_or_throw(const stop_token& stop) {
    hook_attempt(this, kReads);
    const auto result = wait(access::shared, deadline::never(), &stop);
    if (result == access_result::too_many_readers) throw_too_many_readers();
    return result == access_result::owned;
  }
  void wait_counted() {
    raw_.count_out();
    if (wait(access::shared, deadline::never()) != access_result::owned)
      throw_too_many_readers();
  }
  basic_raw_shared_mutex<Scope> raw_;
};

}  // namespace detail

class SYNCXX_CAPABILITY("shared_mutex") shared_mutex
    : public detail::basic_shared_mutex<futex_scope::process_private> {
 public:
  constexpr shared_mutex() noexcept = default;
};

using shared_timed_mutex = shared_mutex;

static_assert(SYNCXX_IN_RELACY || sizeof(shared_mutex) == 4);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SHARED_MUTEX_H_
