// SPDX-License-Identifier: Apache-2.0
//
// biased_shared_mutex: a shared lock whose readers do not meet.
//
// Choose it for data that is read all the time by many threads and written
// seldom: while there are no writers, readers write to memory of their own
// thread only, and as many CPUs read at full speed as there are. Choose
// shared_mutex where more than one access in some hundred is a write (each
// write after reads costs tens of microseconds), where there are very many
// locks, or for four bytes; mutex for short sections; seqlock for small values.
//
// Promises
//   size      24 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library); 512 KiB of address
//             space a program, of which a thread that reads touches 128 bytes
//   cost      lock_shared and unlock_shared 0 atomic RMWs each while the lock
//             is biased, and no syscall; else those of the lock behind. A write
//             that ends the bias: one membarrier(2), and a look at each thread
//             that has read by bias
//   progress  blocking; a writer waits for the readers that are there, no new
//             ones pass it. After it readers have a full fence (1 RMW, of their
//             own line) for nine times as long as it took to end the bias:
//             writers lose a tenth of their time at most
//   ordering  as the standard's: unlock() synchronizes with the next locks of
//             either kind, unlock_shared() with the next lock()
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock has released it, even if that call has not returned
//   waits     both sides can be bounded by any clock and by a stop_token
//   threads   a shared lock is given back by the thread that took it (as the
//             standard has it): by another one it is an error or, worse,
//             another thread's lock. A thread may read up to 8 such locks at a
//             time by bias; further ones, and those of more than 4096 threads
//             at a time, use the lock behind. A thread that reads a lock twice
//             deadlocks if a writer comes in between
//   fork      in the child: construct anew; do not unlock what the parent had
//             locked. Not async-signal-safe
//   errors    EAGAIN: more than 2^30 - 1 readers; EPERM: unlock_shared() where
//             there is no reader; see <sync/misuse.h> for the exclusive side
//   sandboxes without membarrier(2) readers have a full fence each way, and
//             still do not meet; see <sync/asymmetric_fence.h>
//
// Meets Cpp17SharedTimedMutex ([thread.sharedtimedmutex.requirements]). Design,
// and what differs from BRAVO (Dice and Kogan, USENIX ATC 2019):
// docs/design/biased_shared_mutex.md. Stress:
// stress/biased_shared_mutex_stress.cc.
#ifndef SYNCXX_BIASED_SHARED_MUTEX_H_
#define SYNCXX_BIASED_SHARED_MUTEX_H_

#include <cerrno>
#include <chrono>
#include <concepts>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/gated_shared_lock.h>
#include <sync/detail/hooks.h>
#include <sync/detail/reader_bias.h>
#include <sync/detail/thread.h>
#include <sync/detail/told_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// A lock to put a bias on: without hooks; constinit. `stop` may be null.
template <class L>
concept biasable_lock = requires(L& lock, deadline until,
                                 const stop_token* stop) {
  { lock.try_lock() } -> std::same_as<bool>;
  { lock.lock_until(until, stop) } -> std::same_as<bool>;
  { lock.unlock() } -> std::same_as<void>;
  { lock.try_lock_shared() } -> std::same_as<bool>;
  { lock.lock_shared_until(until, stop) } -> std::same_as<bool>;
  { lock.unlock_shared() } -> std::same_as<bool>;  // false: there is no reader
};

template <biasable_lock Underlying>
class SYNCXX_CAPABILITY("biased_shared_mutex") basic_biased_shared_mutex {
 public:
  constexpr basic_biased_shared_mutex() noexcept = default;
  basic_biased_shared_mutex(const basic_biased_shared_mutex&) = delete;
  basic_biased_shared_mutex& operator=(const basic_biased_shared_mutex&) =
      delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~basic_biased_shared_mutex() { hook_destroyed(this, kKind); }
#endif

  // --- Exclusive: as mutex -------------------------------------------------
  void lock() SYNCXX_ACQUIRE() {
    hook_attempt(this, kKind);
    own(deadline::never(), nullptr);
  }
  // Never waits; fails if there is an owner or a reader, or if another thread
  // comes or goes at this moment.
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) { return try_own(); }
  void unlock() SYNCXX_RELEASE() {
    hook_releasing(this, kKind);
    behind_.unlock();
  }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return slow(deadline::after(time));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return wait_until(time, [this](deadline until) { return slow(until); });
  }
  bool lock(const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return slow(deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time,
                    const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return slow(deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time,
                      const stop_token& stop) SYNCXX_TRY_ACQUIRE(true) {
    return wait_until(
        time, [&](deadline until) { return slow(until, &stop); }, stop);
  }

  // --- Shared ----------------------------------------------------------------
  void lock_shared() SYNCXX_ACQUIRE_SHARED() {
    hook_attempt(this, kKind);
    if (!bias_.enter()) [[unlikely]]
      wait_shared(deadline::never(), nullptr);
  }
  bool try_lock_shared() SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return bias_.enter() || try_shared();
  }
  // The calling thread must have locked it.
  void unlock_shared() SYNCXX_RELEASE_SHARED() {
    if (!bias_.leave()) [[unlikely]]
      leave_behind();
  }
  template <class Rep, class Period>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_shared() || slow_shared(deadline::after(time));
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(
      const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_shared() || wait_until(time, [this](deadline until) {
             return slow_shared(until);
           });
  }
  bool lock_shared(const stop_token& stop) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_shared() || slow_shared(deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& time,
                           const stop_token& stop)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_shared() || slow_shared(deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(
      const std::chrono::time_point<Clock, Duration>& time,
      const stop_token& stop) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_shared() ||
           wait_until(
               time, [&](deadline until) { return slow_shared(until, &stop); },
               stop);
  }

 private:
  static constexpr auto kKind = object_kind::biased_shared_mutex;

  // A lock that is free is taken even if the time has passed.
  bool slow(deadline until, const stop_token* stop = nullptr) {
    hook_attempt(this, kKind);
    return own(until, stop);
  }
  bool try_own() noexcept {
    return behind_.try_lock() && become_alone(deadline::past(), nullptr);
  }
  SYNCXX_COLD bool own(deadline until, const stop_token* stop) {
    if (!behind_.try_lock()) {
      told_wait told(this, kKind, until, stop);
      const bool owned = behind_.lock_until(until, told.stop());
      told.ends(this, kKind, owned);
      if (!owned) return false;
    }
    return become_alone(until, stop);
  }
  bool become_alone(deadline until, const stop_token* stop) noexcept {
    if (!bias_.revoke(until, stop)) {
      behind_.unlock();
      return false;
    }
    hook_acquired(this, kKind);
    return true;
  }

  SYNCXX_COLD bool try_shared() {
    if (bias_.enter_slow()) return true;
    if (!behind_.try_lock_shared()) return false;
    bias_.reconsider();
    return true;
  }
  bool slow_shared(deadline until, const stop_token* stop = nullptr) {
    hook_attempt(this, kKind);
    return wait_shared(until, stop);
  }
  SYNCXX_COLD bool wait_shared(deadline until, const stop_token* stop) {
    if (try_shared()) return true;
    told_wait told(this, kKind, until, stop);
    const bool shared = behind_.lock_shared_until(until, told.stop());
    told.ends(this, kKind, shared);
    if (shared) bias_.reconsider();
    return shared;
  }
  SYNCXX_COLD void leave_behind() {
    if (!behind_.unlock_shared()) [[unlikely]]
      misused(this, kKind,
              "unlock_shared of a biased_shared_mutex that has no reader",
              EPERM);
  }

  Underlying behind_;
  reader_bias bias_;
};

}  // namespace detail

using biased_shared_mutex =
    detail::basic_biased_shared_mutex<detail::gated_shared_lock>;

static_assert(SYNCXX_IN_RELACY || sizeof(biased_shared_mutex) == 24);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_BIASED_SHARED_MUTEX_H_
