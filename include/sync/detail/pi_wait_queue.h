// SPDX-License-Identifier: Apache-2.0
//
// The sixteen bytes and the protocol of syncxx::pi_condition_variable: a word
// that counts notifications, on which the kernel queues the waiters by
// priority.
#ifndef SYNCXX_DETAIL_PI_WAIT_QUEUE_H_
#define SYNCXX_DETAIL_PI_WAIT_QUEUE_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/raw_pi_mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class pi_wait_queue {
 public:
  constexpr pi_wait_queue() noexcept = default;
  pi_wait_queue(const pi_wait_queue&) = delete;
  pi_wait_queue& operator=(const pi_wait_queue&) = delete;

  enum class outcome : std::uint8_t {
    notified,  // or for no reason
    timed_out,
    not_owned,     // nothing was done: `mutex` is not the caller's
    other_mutex,   // nothing was done: threads wait with another one
    cannot_relock  // the mutex's owner has died, or waits for the caller
  };
  // Unlocks `mutex`, waits to be notified, and locks it again.
  SYNCXX_COLD outcome wait(raw_pi_mutex& mutex, deadline until) noexcept;

  // A waiter that a notifier must not miss has counted itself before it
  // unlocked the mutex, and the notifier has had that mutex since.
  bool empty() const noexcept {
    // [PC2] acquire; pairs with [PC1]: which mutex they wait with.
    return waiters_.load(memory_order_acquire) == 0;
  }
  // To the first waiter by priority, and up to `more` others. False: the mutex
  // cannot be had, now or ever (see cannot_relock).
  SYNCXX_COLD bool notify(int more) noexcept;

  // Until no waiter is going to look at *this any more. False: that would take
  // for ever, for the caller owns the mutex that they have to lock first.
  bool await_empty() noexcept {
    // [PC4] acquire; pairs with [PC3].
    return waiters_.load(memory_order_acquire) == 0 || await_empty_slow();
  }

 private:
  SYNCXX_COLD bool await_empty_slow() noexcept;
  void leave() noexcept;

  //  sequence_ | notifications so far, modulo 2^32. A waiter sleeps only if it
  //            | is what it was when the waiter still owned the mutex. (A
  //            waiter | that is on its way to sleep during exactly 2^32
  //            notifications, | or a multiple, does not notice them.)
  //  waiters_  | threads in wait() that may still look at *this, counted from
  //            | when they own the mutex until they have left the kernel; and
  //            | kClosing
  //  mutex_    | theirs
  //
  // I1: waiters_ is not zero while a thread sleeps on sequence_.
  // I2: kClosing is set by the destructor alone; the last to leave wakes it.
  static constexpr std::uint32_t kClosing = 0x8000'0000u;

  futex_word sequence_{0};
  futex_word waiters_{0};
  atomic<raw_pi_mutex*> mutex_{nullptr};
};

static_assert(SYNCXX_IN_RELACY || sizeof(pi_wait_queue) == 16);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_PI_WAIT_QUEUE_H_
