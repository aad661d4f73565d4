// SPDX-License-Identifier: Apache-2.0
//
// All the ways to wait for a condition variable, built on one.
#ifndef SYNCXX_DETAIL_CV_WAITS_H_
#define SYNCXX_DETAIL_CV_WAITS_H_

#include <chrono>
#include <condition_variable>  // std::cv_status
#include <type_traits>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

using std::cv_status;

namespace detail {

// Whether Self's waits can be stopped.
template <class Self>
inline constexpr bool kStoppableWaits = true;

// The waits of [thread.condition.condvar] and [thread.condition.condvarany].
// Self provides, as a friend,
//   bool wait_once(Lock&, deadline, const stop_token*)
// which unlocks, sleeps and locks again; false: stopped or past the deadline.
//
// Predicates run with the lock held. Waits without a predicate may return for
// no reason. Waits with a stop_token return as soon as a stop is requested; as
// in the standard the result is the predicate's, so true even then if it holds.
// After a return by exception of the predicate the lock is held.
template <class Self>
class cv_waits {
 public:
  template <class Lock>
  void wait(Lock& lock) {
    self().wait_once(lock, deadline::never(), nullptr);
  }
  template <class Lock, class Predicate>
  requires(!std::is_convertible_v<Predicate, stop_token>) void wait(
      Lock& lock, Predicate holds) {
    while (!holds()) wait(lock);
  }

  template <class Lock, class Clock, class Duration>
  cv_status wait_until(Lock& lock,
                       const std::chrono::time_point<Clock, Duration>& time) {
    return wait_once_until(lock, time, nullptr) ? cv_status::no_timeout
                                                : cv_status::timeout;
  }
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock,
                  const std::chrono::time_point<Clock, Duration>& time,
                  Predicate holds) {
    while (!holds()) {
      if (!wait_once_until(lock, time, nullptr)) return holds();
    }
    return true;
  }

  template <class Lock, class Rep, class Period>
  cv_status wait_for(Lock& lock,
                     const std::chrono::duration<Rep, Period>& time) {
    return self().wait_once(lock, deadline::after(time), nullptr)
               ? cv_status::no_timeout
               : cv_status::timeout;
  }
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, const std::chrono::duration<Rep, Period>& time,
                Predicate holds) {
    return wait_while_not(lock, deadline::after(time), nullptr, holds);
  }

  // With a stop request. False without predicate: stopped.
  template <class Lock>
  requires kStoppableWaits<Self>
  bool wait(Lock& lock, stop_token stop) {
    if (stop.stop_requested()) return false;
    return self().wait_once(lock, deadline::never(), &stop);
  }
  template <class Lock, class Predicate>
  requires kStoppableWaits<Self>
  bool wait(Lock& lock, stop_token stop, Predicate holds) {
    return wait_while_not(lock, deadline::never(), &stop, holds);
  }
  template <class Lock, class Clock, class Duration, class Predicate>
  requires kStoppableWaits<Self>
  bool wait_until(Lock& lock, stop_token stop,
                  const std::chrono::time_point<Clock, Duration>& time,
                  Predicate holds) {
    while (!stop.stop_requested()) {
      if (holds()) return true;
      if (!wait_once_until(lock, time, &stop)) break;
    }
    return holds();
  }
  template <class Lock, class Rep, class Period, class Predicate>
  requires kStoppableWaits<Self>
  bool wait_for(Lock& lock, stop_token stop,
                const std::chrono::duration<Rep, Period>& time,
                Predicate holds) {
    return wait_while_not(lock, deadline::after(time), &stop, holds);
  }

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }

  template <class Lock, class Predicate>
  bool wait_while_not(Lock& lock, deadline until, const stop_token* stop,
                      Predicate& holds) {
    while (stop == nullptr || !stop->stop_requested()) {
      if (holds()) return true;
      if (!self().wait_once(lock, until, stop)) break;
    }
    return holds();
  }

  // False: stopped, or `time` has passed on its own clock. The kernel knows
  // nothing of a user's Clock: one that runs slow makes a spurious return.
  template <class Lock, class Clock, class Duration>
  bool wait_once_until(Lock& lock,
                       const std::chrono::time_point<Clock, Duration>& time,
                       const stop_token* stop) {
    if (self().wait_once(lock, deadline::of(time), stop)) return true;
    if (kKernelClock<Clock> || (stop != nullptr && stop->stop_requested()))
      return false;
    return time_left(time).count() > 0;
  }
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_CV_WAITS_H_
