// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of robust_mutex.
//
// When a thread dies, in whatever way, the kernel walks its list and looks at
// `pending`. For each mutex whose word names the thread it sets kOwnerDiedBit
// in place of the number, and wakes one sleeper if kWaitersBit is set. If the
// pending one's word names nobody, it wakes one too: the thread may have died
// between its release and its wake, or after having been woken.
//
// Nobody hangs, whoever is killed wherever:
// - Before a word names a thread, `pending` does, and it does until the mutex
//   is in the list; in the other direction likewise (I2). So the kernel finds
//   each word that names a dead thread.
// - An owner, alive or dead, finds kWaitersBit while anybody sleeps (I1), and
//   wakes one. So that this holds, the bit stays where it is when the lock is
//   freed and taken: a woken thread may be killed while a third one owns the
//   lock, and nobody but that third one can wake the next. (In Drepper's
//   mutex2, and glibc's robust mutexes, the woken thread alone knows of the
//   others.)
// - A wake that is sent to a thread that then dies is sent on by the kernel if
//   the lock is free, and will be by the owner if it is not.
//
// Who takes kWaitersBit away? An owner that unlocks while nobody sleeps. It
// counts the sleepers; if there are none, it has the kernel clear the bit and
// wake one in one step. Who wants to sleep later sets it again. Only if
// somebody has gone to sleep between the two, the bit is missing until the
// owner sets it again, a moment later. The one that has been woken knows that
// there may be others: it takes the lock with the bit, and sets it if it gives
// up. (So two threads would have to be killed in that moment, and a third one
// have gone to sleep just before, for somebody to hang.)
//
// Destroy after unlock: the compare-exchange or exchange that frees the lock is
// the last access to the object; the wake after it names its address, and so
// does `pending`.
#include <sync/robust_mutex.h>

#include "futex/sleeper.h"
#include "futex/syscall.h"

#include <cerrno>
#include <type_traits>

#include <sync/detail/spin_wait.h>
#include <sync/detail/told_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// The kernel wakes sleepers of this scope when an owner has died, and no
// others.
constexpr futex_scope kScope = futex_scope::process_shared;

}  // namespace

// Tries to go from `seen`, which names nobody, to owning it. Sets state_ before
// the mutex is in order again: who is killed in between has died with it held.
// `keep`: kWaitersBit, if there may be sleepers whatever `seen` says. Within a
// robust_change.
bool raw_robust_mutex::take(std::uint32_t seen, std::uint32_t keep,
                            robust_head* list) noexcept {
  const bool died = (seen & kOwnerDiedBit) != 0;
  const std::uint32_t mine = kernel_tid() | ((seen | keep) & kWaitersBit);
  // [RB3] acquire; pairs with [RB2], [RB4], [RB5].
  if (!word_.compare_exchange_weak(seen, mine, memory_order_acquire,
                                   memory_order_relaxed))
    return false;
  if (died) state_.inherit();
  node_.enqueue(list);
  return true;
}

robust_outcome raw_robust_mutex::lock_slow(deadline until,
                                           const stop_token* stop) {
  const std::uint32_t me = kernel_tid();
  robust_head* const list = robust_list();
  sleeper self(until, stop, kScope);
  spinner spinning(spinner::how::for_a_lock);
  // All the time: a wake that comes must not die with this thread.
  const robust_change change(list, node_.entry());
  std::uint32_t keep = 0;
  for (;;) {
    std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kTidMask) == 0) {
      if (take(w, keep, list)) return robust_outcome::owned;
      continue;
    }
    if ((w & kTidMask) == me) return robust_outcome::relocked;
    if (spinning.spin()) continue;
    // Nothing to hand over: with kWaitersBit the owner wakes the next. (After a
    // wake: the one that the latest value names.)
    const bool leaves = self.must_leave();
    if (leaves && keep == 0) return robust_outcome::gave_up;
    const std::uint32_t asleep = w | kWaitersBit;
    if ((w != asleep || leaves) &&
        !word_.compare_exchange_weak(w, asleep, memory_order_relaxed,
                                     memory_order_relaxed)) {
      continue;
    }
    if (leaves) return robust_outcome::gave_up;
    if (self.sleep(word_, asleep) == sleep_end::woken) keep = kWaitersBit;
    spinning.restart();
  }
}

bool raw_robust_mutex::try_lock_slow() {
  robust_head* const list = robust_list();
  const robust_change change(list, node_.entry());
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kTidMask) != 0) return false;
    if (take(w, 0, list)) return true;
  }
}

void raw_robust_mutex::unlock_slow() noexcept {
  if (sys::futex_count(&word_, 1, kScope) == 0 &&
      sys::futex_clear_and_wake(&word_, kWaitersBit, kScope) == 0) {
    std::uint32_t mine = kernel_tid();
    // [RB5] release; pairs with [RB1], [RB3]: as [RB2].
    if (word_.compare_exchange_strong(mine, kFree, memory_order_release,
                                      memory_order_relaxed))
      return;
  }
  // [RB4] release; pairs with [RB1], [RB3].
  word_.exchange(kWaitersBit, memory_order_release);
  unpark(&word_, 1, kAnySleeper, kScope);
}

// --- What robust_mutex and robust_pi_mutex have in common --------------------

namespace {

struct words {
  const char* relock;
  const char* deadlock;
  const char* overwritten;
  const char* unlock;
  const char* owner_died;
  const char* make_consistent;
  const char* nothing_wrong;
  const char* lost;
};

#define SYNCXX_ROBUST_WORDS_(name)                                         \
  {                                                                        \
    "lock() of a " name " that this thread already holds",                 \
        "lock() of a " name " whose holder waits for this thread",         \
        "lock() of a " name " that has been overwritten",                  \
        "unlock of a " name " by a thread that does not hold it",          \
        "owner_died() of a " name " that this thread does not hold",       \
        "make_consistent() of a " name " that this thread does not hold",  \
        "make_consistent() of a " name " whose owner has not died",        \
        "lock() of a " name                                                \
        " that was unlocked without make_consistent() after an owner had " \
        "died"                                                             \
  }

template <class Raw>
constexpr words kWords = SYNCXX_ROBUST_WORDS_("robust_mutex");
template <>
constexpr words kWords<raw_robust_pi_mutex> =
    SYNCXX_ROBUST_WORDS_("robust_pi_mutex");
#undef SYNCXX_ROBUST_WORDS_

}  // namespace

template <class Raw>
bool basic_robust_mutex<Raw>::wait(deadline until, const stop_token* stop) {
  // A wait in the kernel's PI queue answers to no stop request.
  constexpr waits kWithoutEnd = std::is_same_v<Raw, raw_robust_mutex>
                                    ? waits::revocable
                                    : waits::for_ever;
  told_wait told(this, kKind, until, stop, futex_scope::process_private,
                 kWithoutEnd);
  const robust_outcome how = raw_.lock_slow(until, told.stop());
  told.ends(this, kKind, how == robust_outcome::owned);
  switch (how) {
    case robust_outcome::owned:
      return note(true);
    case robust_outcome::gave_up:
      return false;
    case robust_outcome::relocked:
      relocked();
    case robust_outcome::deadlock:
      misused(this, kKind, kWords<Raw>.deadlock, EDEADLK);
    default:
      misused(this, kKind, kWords<Raw>.overwritten, EINVAL);
  }
}

template <class Raw>
void basic_robust_mutex<Raw>::relocked() const {
  misused(this, kKind, kWords<Raw>.relock, EDEADLK);
}

template <class Raw>
void basic_robust_mutex<Raw>::not_owner(call what) const {
  misused(this, kKind,
          what == call::unlock       ? kWords<Raw>.unlock
          : what == call::owner_died ? kWords<Raw>.owner_died
                                     : kWords<Raw>.make_consistent,
          EPERM);
}

template <class Raw>
void basic_robust_mutex<Raw>::nothing_wrong() const {
  misused(this, kKind, kWords<Raw>.nothing_wrong, EINVAL);
}

// Gives it back, so that all others find out as well.
template <class Raw>
void basic_robust_mutex<Raw>::lost() {
  raw_.unlock();
  misused(this, kKind, kWords<Raw>.lost, ENOTRECOVERABLE);
}

template class basic_robust_mutex<raw_robust_mutex>;
template class basic_robust_mutex<raw_robust_pi_mutex>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
