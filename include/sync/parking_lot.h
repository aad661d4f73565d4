// SPDX-License-Identifier: Apache-2.0
//
// parking_lot: queues of sleeping threads, found by an address.
//
// Choose it to build a primitive that is smaller than a futex word (byte_mutex
// is one byte), or whose wakes must know who is left in the queue. Choose
// <sync/futex.h> where four bytes can be spared and the kernel's queue will do;
// a primitive of this library for anything else.
//
//   park(address, validate, before_sleep)  sleeps in the queue of an address if
//                                          validate() holds
//   unpark_one(address, callback)          wakes one; what the callback returns
//                                          is handed to it
//   unpark_all(address, token)             wakes all
//   unpark_requeue(from, to, validate, callback)
//                                          moves sleepers to another address
//
// All that decides is done under the lock of the address's queue: validate()
// and queueing are one step, and so are taking a thread out of the queue and
// the callback that changes the state. A state that says "somebody sleeps" and
// is changed in callbacks only is always right.
//
// Promises
//   size      none in the object: an address is a key and never touched
//   cost      park: one sleep; unpark: a search in one bucket and a wake, no
//             syscall where nobody is parked; nothing allocates
//   progress  blocking: a bucket is locked for a few instructions for each
//             thread parked in it, and for the callbacks
//   fairness  unpark_one takes the one that has waited longest; about every
//             0.5 to 1 ms it says that it is time to be fair to that one
//   ordering  unparking synchronizes with the return of the park that it ends;
//             callbacks for one address exclude and follow each other, each
//             synchronizes with the next
//   lifetime  the object at an address may go as soon as its users let it: the
//             lot is never destroyed and looks at no object
//   waits     can be bounded by a deadline and by a stop_token
//   fork      the child begins with an empty lot (pthread_atfork): it has none
//             of the threads. Not from a signal handler that interrupts a call
//   errors    a callback that throws ends the program; one that calls the lot,
//             or blocks, deadlocks. Not async-signal-safe
//
// References: F. Pizlo, "Locking in WebKit", 2016; A. d'Antras, parking_lot.
// Design: docs/design/parking_lot.md. Stress: stress/parking_lot_stress.cc.
#ifndef SYNCXX_PARKING_LOT_H_
#define SYNCXX_PARKING_LOT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/function_ref.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

class byte_mutex;

class parking_lot {
 public:
  parking_lot() = delete;

  // How a park() ended.
  enum class park_status : std::uint8_t {
    unparked,  // by unpark_one, unpark_all or unpark_requeue
    invalid,   // validate() said no: it was not queued
    gave_up,   // past the deadline or stopped, and out of the queue
  };

  // That, and what came with it.
  struct park_result {
    park_status status;
    std::uintptr_t token;  // unparked: what the one who did it handed over
    bool unparked() const noexcept { return status == park_status::unparked; }
  };

  // What an unpark has found and done.
  struct unpark_result {
    std::size_t unparked = 0;  // how many
    std::size_t requeued = 0;
    bool more = false;         // others are parked at the address still
    bool fair = false;         // it is time to hand what is waited for to it
    std::uintptr_t token = 0;  // what the unparked thread parked with
  };

  // What unpark_requeue() is to do.
  enum class requeue_op : std::uint8_t {
    abort,                    // do nothing
    unpark_one_requeue_rest,  // wake one, move all others
    requeue_all,
    unpark_one,
    requeue_one,
  };

  // Sleeps in the queue of `address` until it is unparked. Under the queue's
  // lock it calls validate() -> bool; false: returns at once. Once queued, and
  // with the lock given back, it calls before_sleep(), which may unlock, wake
  // and call the lot. There are no spurious returns.
  //
  // Being unparked wins: whoever was taken out of the queue returns `unparked`
  // with its token, also if it was stopped or late by then. Nothing handed over
  // is lost. A time that has passed is noticed after before_sleep(), and makes
  // no syscall. A Clock the kernel does not know is slept on in steady time,
  // asked for the time left once.
  template <class Validate, class BeforeSleep>
  static park_result park(const void* address, Validate&& validate,
                          BeforeSleep&& before_sleep,
                          const stop_token& stop = stop_token{},
                          std::uintptr_t token = 0) {
    return park_at(address, test(validate), step(before_sleep),
                   {detail::deadline::never(), &stop, token, kNow});
  }
  template <class Validate, class BeforeSleep, class Rep, class Period>
  static park_result park_for(const void* address, Validate&& validate,
                              BeforeSleep&& before_sleep,
                              const std::chrono::duration<Rep, Period>& time,
                              const stop_token& stop = stop_token{},
                              std::uintptr_t token = 0) {
    return park_at(address, test(validate), step(before_sleep),
                   {detail::deadline::after(time), &stop, token, kNow});
  }
  template <class Validate, class BeforeSleep, class Clock, class Duration>
  static park_result park_until(
      const void* address, Validate&& validate, BeforeSleep&& before_sleep,
      const std::chrono::time_point<Clock, Duration>& time,
      const stop_token& stop = stop_token{}, std::uintptr_t token = 0) {
    return park_at(address, test(validate), step(before_sleep),
                   {detail::deadline::of(time), &stop, token, kNow});
  }

  // Takes one thread out of the queue of `address`, the one that has waited
  // longest, and wakes it. Under the queue's lock, also if nobody is parked
  // there, it calls callback(const unpark_result&) -> std::uintptr_t, whose
  // value the thread's park() returns as token.
  template <class Callback>
  static unpark_result unpark_one(const void* address, Callback&& callback) {
    return unpark_one_at(
        address,
        detail::function_ref<std::uintptr_t(const unpark_result&)>(callback));
  }
  static unpark_result unpark_one(const void* address) {
    return unpark_one(address, [](const unpark_result&) noexcept {
      return std::uintptr_t{0};
    });
  }

  // Wakes everybody who is parked at `address` now; returns how many.
  SYNCXX_COLD static std::size_t unpark_all(const void* address,
                                            std::uintptr_t token = 0) noexcept;

  // Under the locks of both queues: calls validate() -> requeue_op, does that
  // with the threads parked at `from` in the order in which they would be
  // unparked, and calls callback(op, const unpark_result&) -> std::uintptr_t,
  // as unpark_one does. Not if the op is abort: then nothing is done. A thread
  // that was moved sleeps on as if it had parked at `to`; its deadline and stop
  // token stay with it.
  template <class Validate, class Callback>
  static unpark_result unpark_requeue(const void* from, const void* to,
                                      Validate&& validate,
                                      Callback&& callback) {
    return unpark_requeue_at(
        from, to, detail::function_ref<requeue_op()>(validate),
        detail::function_ref<std::uintptr_t(requeue_op, const unpark_result&)>(
            callback));
  }

 private:
  friend class byte_mutex;

  static constexpr std::int64_t kNow = 0;
  struct park_options {
    detail::deadline until;
    const stop_token* stop;  // may be null
    std::uintptr_t token;
    std::int64_t since;  // when the wait began, on the steady clock; or kNow
  };

  template <class F>
  static detail::function_ref<bool()> test(F& f) noexcept {
    return detail::function_ref<bool()>(f);
  }
  template <class F>
  static detail::function_ref<void()> step(F& f) noexcept {
    return detail::function_ref<void()>(f);
  }

  SYNCXX_COLD static park_result park_at(
      const void* address, detail::function_ref<bool()> validate,
      detail::function_ref<void()> before_sleep,
      const park_options& how) noexcept;
  SYNCXX_COLD static unpark_result unpark_one_at(
      const void* address,
      detail::function_ref<std::uintptr_t(const unpark_result&)>
          callback) noexcept;
  SYNCXX_COLD static unpark_result unpark_requeue_at(
      const void* from, const void* to,
      detail::function_ref<requeue_op()> validate,
      detail::function_ref<std::uintptr_t(requeue_op, const unpark_result&)>
          callback) noexcept;
};

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_PARKING_LOT_H_
