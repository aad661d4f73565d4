// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of pi_mutex.
//
// Exclusion. The word leaves 0 for a thread's number by that thread's
// compare-exchange [PI1], [PI3], or by the kernel's for a thread that has asked
// for it; it leaves that number by its owner's compare-exchange [PI2], or, if
// kWaitersBit is set, by the kernel on behalf of the owner (I1, I2).
//
// No wake is lost: the kernel queues a waiter in one step with setting
// kWaitersBit. From then on the owner's compare-exchange fails, and its unlock
// is a syscall, which makes the first waiter the owner. A waiter that runs out
// of time leaves kWaitersBit behind: the next unlock finds nobody and writes 0.
//
// Ordering. What the kernel writes is no release of C++: so an owner that has
// the kernel give the lock away performs a release itself before [PI4], and
// whoever gets it from the kernel an acquire after [PI5]. The kernel's updates
// in between are read-modify-writes, which keep the release sequence whole.
//
// Destroy after unlock. UNLOCK_PI does not look at the word after it has
// written the next owner's number, or 0.
#include <sync/pi_mutex.h>

#include "futex/syscall.h"

#include <cerrno>

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// How often the kernel may find its knowledge and the word at odds. After an
// owner's death they are until the first waiter has run.
constexpr int kMostOddities = 1000;

}  // namespace

template <futex_scope Scope>
bool basic_raw_pi_mutex<Scope>::adopt() const noexcept {
  // [PI5] acquire; pairs with [PI2], [PI4].
  return (word_.load(memory_order_acquire) & kOwnerDiedBit) == 0;
}

template <futex_scope Scope>
pi_outcome basic_raw_pi_mutex<Scope>::lock_slow(deadline until) noexcept {
  const pi_outcome how = acquire(until);
  if (how == pi_outcome::owner_died) unlock_slow();
  return how == pi_outcome::abandoned ? pi_outcome::owner_died : how;
}

template <futex_scope Scope>
pi_outcome basic_raw_pi_mutex<Scope>::acquire(deadline until) noexcept {
  const std::uint32_t me = kernel_tid();
  spinner spinning(spinner::how::for_a_lock);
  patience others;
  int oddities = 0;
  for (;;) {
    std::uint32_t w = word_.load(memory_order_relaxed);
    if (w == kFree) {
      // [PI3] acquire; pairs with [PI2], [PI4].
      if (word_.compare_exchange_weak(w, me, memory_order_acquire,
                                      memory_order_relaxed))
        return pi_outcome::owned;
      continue;
    }
    if ((w & kTidMask) == me) return pi_outcome::relocked;
    // Also if threads wait in the kernel, or may do so: one that is handed the
    // lock finds kWaitersBit set, and mostly nobody behind it. Not if an owner
    // has died: only the kernel can make the caller the next one.
    if ((w & kTidMask) != 0 && spinning.spin()) continue;
    if (until.has_passed()) return pi_outcome::timed_out;
    switch (sys::futex_lock_pi(&word_, until, Scope)) {
      case 0:
        return adopt() ? pi_outcome::owned : pi_outcome::owner_died;
      case -EDEADLK:
        return pi_outcome::deadlock;
      case -ESRCH:
        // The same thread, still: it will not unlock any more.
        if (((word_.load(memory_order_relaxed) ^ w) & kTidMask) == 0)
          return pi_outcome::abandoned;
        break;
      case -ETIMEDOUT:
        break;
      case -EAGAIN:
        others.wait();
        break;
      default:
        if (++oddities > kMostOddities) return pi_outcome::corrupt;
        others.wait();
        break;
    }
    spinning.restart();
  }
}

template <futex_scope Scope>
pi_outcome basic_raw_pi_mutex<Scope>::try_acquire() noexcept {
  if ((word_.load(memory_order_relaxed) & kTidMask) != 0)
    return pi_outcome::timed_out;
  if (sys::futex_trylock_pi(&word_, Scope) != 0) return pi_outcome::timed_out;
  return adopt() ? pi_outcome::owned : pi_outcome::owner_died;
}

template <futex_scope Scope>
bool basic_raw_pi_mutex<Scope>::unlock_slow() noexcept {
  if (!is_mine()) return false;
  // [PI4] release; pairs with [PI1], [PI3], [PI5]: as [PI2], for what the
  // kernel does next. It mostly changes nothing: the bit is what has led here.
  word_.fetch_or(kWaitersBit, memory_order_release);
  return sys::futex_unlock_pi(&word_, Scope) == 0;
}

template class basic_raw_pi_mutex<futex_scope::process_private>;
template class basic_raw_pi_mutex<futex_scope::process_shared>;

template <futex_scope Scope>
bool basic_pi_mutex<Scope>::wait(deadline until) {
  hook_wait_begin(this, kKind, how_long(until, nullptr, Scope));
  const pi_outcome how = raw_.lock_slow(until);
  hook_wait_end(this, kKind);
  if (how == pi_outcome::timed_out) return false;
  if (how != pi_outcome::owned) failed(how);
  return note(true);
}

template <futex_scope Scope>
void basic_pi_mutex<Scope>::failed(pi_outcome how) {
  switch (how) {
    case pi_outcome::relocked:
      misused(this, kKind,
              "lock() of a pi_mutex that this thread already holds", EDEADLK);
    case pi_outcome::deadlock:
      misused(this, kKind,
              "lock() of a pi_mutex whose holder waits for this thread",
              EDEADLK);
    case pi_outcome::owner_died:
      misused(this, kKind, "lock() of a pi_mutex whose holder has ended",
              EOWNERDEAD);
    default:
      misused(this, kKind, "lock() of a pi_mutex that has been overwritten",
              EINVAL);
  }
}

template <futex_scope Scope>
void basic_pi_mutex<Scope>::not_owner() {
  misused(this, kKind, "unlock of a pi_mutex by a thread that does not hold it",
          EPERM);
}

template class basic_pi_mutex<futex_scope::process_private>;
template class basic_pi_mutex<futex_scope::process_shared>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
