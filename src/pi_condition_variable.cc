// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of pi_condition_variable.
//
// No notification is lost. A waiter has counted itself [PC1] and read sequence_
// while it owned the mutex, so a notifier that has owned the mutex later finds
// it counted, and has not counted its notification yet. The notifier adds one
// to sequence_, then asks the kernel for the first sleeper. A waiter that
// sleeps by then is moved or handed the mutex; one that is still on its way
// finds another value and does not sleep. So each notification reaches a waiter
// that was there before it: the one that the kernel has found, or all that were
// on their way (which is allowed: they come back for no reason). If another
// notifier comes between (-EAGAIN), the kernel is asked again, with the new
// value: both find their own.
//
// A waiter whose time ends while it is in the queue of the mutex comes back
// without the mutex (-ETIMEDOUT), and has used up a notification. It cannot
// know that; but if there has been none since it began to wait, it has not.
// Else it says that it was notified, so that its caller looks again.
//
// By priority. The kernel sorts the sleepers of a word, and those of a PI lock,
// by priority; nobody is woken to compete: a sleeper comes back as the owner.
//
// Destroy after notify. A waiter looks at *this last when it has left the
// kernel: with the mutex, if it was notified. The destructor waits for the last
// of them [PC3], [PC4], which wakes it by its address alone.
#include "futex/syscall.h"

#include <cerrno>

#include <sync/detail/spin_wait.h>
#include <sync/pi_mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constexpr futex_scope kPrivate = futex_scope::process_private;
constexpr int kMostOddities = 1000;  // as in pi_mutex.cc

}  // namespace

pi_wait_queue::outcome pi_wait_queue::wait(raw_pi_mutex& mutex,
                                           deadline until) noexcept {
  if (!mutex.is_mine()) return outcome::not_owned;
  const auto relocked = [&](outcome how) {
    const bool mine = mutex.try_lock() ||
                      mutex.lock_slow(deadline::never()) == pi_outcome::owned;
    return mine ? how : outcome::cannot_relock;
  };
  if (until.has_passed()) {  // nothing to wait for, and no notification to take
    mutex.unlock();
    return relocked(outcome::timed_out);
  }
  if (!empty() && mutex_.load(memory_order_relaxed) != &mutex)
    return outcome::other_mutex;
  mutex_.store(&mutex, memory_order_relaxed);
  // Relaxed: what a notifier has done with the mutex before comes before.
  const std::uint32_t seen = sequence_.load(memory_order_relaxed);
  // [PC1] release; pairs with [PC2].
  waiters_.fetch_add(1, memory_order_release);
  mutex.unlock();
  const int error = sys::futex_wait_requeue_pi(&sequence_, seen, until,
                                               mutex.address(), kPrivate);
  if (error == 0) {
    const bool sound = mutex.adopt();
    leave();
    return sound ? outcome::notified : outcome::cannot_relock;
  }
  const bool timed_out =
      error == -ETIMEDOUT && sequence_.load(memory_order_relaxed) == seen;
  leave();
  return relocked(timed_out ? outcome::timed_out : outcome::notified);
}

void pi_wait_queue::leave() noexcept {
  const futex_word* const waiters = &waiters_;
  // [PC3] release; pairs with [PC4], [PC5], [PC6]: this waiter's last look at
  // *this.
  if (waiters_.fetch_sub(1, memory_order_release) == (kClosing | 1))
    unpark(waiters, 1);
}

bool pi_wait_queue::notify(int more) noexcept {
  sequence_.fetch_add(1, memory_order_relaxed);
  patience others;
  int oddities = 0;
  for (;;) {
    // Both may have changed since: then the kernel says so.
    const raw_pi_mutex* const mutex = mutex_.load(memory_order_relaxed);
    const std::uint32_t now = sequence_.load(memory_order_relaxed);
    const int moved = sys::futex_cmp_requeue_pi(&sequence_, now, more,
                                                mutex->address(), kPrivate);
    if (moved >= 0) return true;
    if (moved == -EAGAIN) continue;
    if (moved == -ESRCH || moved == -EDEADLK || ++oddities > kMostOddities)
      return false;
    others.wait();
  }
}

bool pi_wait_queue::await_empty_slow() noexcept {
  if (mutex_.load(memory_order_relaxed)->is_mine()) return false;
  // [PC6] acquire; pairs with [PC3]: the last may just have left.
  std::uint32_t w = waiters_.fetch_or(kClosing, memory_order_acquire);
  for (;;) {
    w |= kClosing;
    if (w == kClosing) return true;
    sys::futex_wait(&waiters_, w, deadline::never(), kAnySleeper, kPrivate);
    // [PC5] acquire; pairs with [PC3].
    w = waiters_.load(memory_order_acquire);
  }
}

}  // namespace detail

bool pi_condition_variable::wait_once(std::unique_lock<pi_mutex>& lock,
                                      detail::deadline until,
                                      const stop_token*) {
  using outcome = detail::pi_wait_queue::outcome;
  static constexpr char kNotOwned[] =
      "wait with a lock that does not own its mutex";
  if (!lock.owns_lock()) [[unlikely]]
    detail::misused(this, kKind, kNotOwned, EPERM);
  pi_mutex& m = *lock.mutex();
  detail::hook_releasing(&m, pi_mutex::kKind);
  detail::hook_wait_begin(
      this, kKind,
      detail::how_long(until, nullptr, futex_scope::process_private,
                       detail::waits::committed));
  const outcome how = queue_.wait(m.raw_, until);
  // Last: a notified waiter may find *this gone; its address will do.
  const auto end = [&] { detail::hook_wait_end(this, kKind); };
  switch (how) {
    case outcome::not_owned:
      end();
      detail::misused(this, kKind, kNotOwned, EPERM);
    case outcome::other_mutex:
      detail::hook_acquired(&m, pi_mutex::kKind);
      end();
      detail::misused(this, kKind, "wait with another mutex than other waiters",
                      EINVAL);
    case outcome::cannot_relock:
      cannot_relock();
    default:
      detail::hook_acquired(&m, pi_mutex::kKind);
      end();
      return how == outcome::notified;
  }
}

// As the standard has it: the caller of wait expects to own the lock.
void pi_condition_variable::cannot_relock() noexcept {
  detail::misused(this, kKind,
                  "wait with a pi_mutex whose holder has ended, or waits for "
                  "this thread",
                  EOWNERDEAD);
}

void pi_condition_variable::destroyed_too_early() noexcept {
  detail::misused(this, kKind,
                  "destruction of a pi_condition_variable whose waiters have "
                  "yet to lock the mutex that this thread holds",
                  EBUSY);
}

void pi_condition_variable::cannot_notify() noexcept {
  detail::misused(
      this, kKind,
      "notification of threads whose pi_mutex cannot be locked: its "
      "holder has ended, or waits for one of them",
      EOWNERDEAD);
}

}  // namespace syncxx::inline SYNCXX_ABI
