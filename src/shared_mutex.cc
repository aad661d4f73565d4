// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of shared_mutex.
//
// Exclusion. kTaken is set by compare-exchange from a value without it and
// cleared by its owner: the writers' side is a mutex. A reader is one if kShut
// was not set when it counted itself; a writer owns the lock once it has seen,
// after setting kShut, no reader counted [W9]. Readers that count themselves
// after kShut go away again, and are in nobody's way but for a moment.
//
// No wake is lost. A thread sleeps only if, in one step with queueing, the
// kernel has seen in the word the bit that stands for it.
// - Readers (kAttended, mask kAudience): who clears the bit wakes all of them.
// - The writer that waits for readers (kDraining, mask kDrainer): the reader
//   with which the count reaches zero sees the bit [W4] and wakes it.
// - The claimant (kClaimed): who ends what it waits for sees the bit and wakes
//   it; nobody but the claimant clears it.
// - Writers and upgraders (kParked, mask kQueue): as in mutex.cc. Who clears
//   kTaken clears kParked and wakes one, the designated waiter, who answers for
//   the others. With one more turn: if readers sleep as well, kParked is left
//   set, only the readers are woken, and the first of them to come in does what
//   was left out (I2): it clears kParked and wakes one. There is such a reader
//   (I4): a reader that gives up clears kAttended and wakes all, who set it
//   again; one that finds kShut again finds kTaken, whose owner sees kParked.
//
// Wakes of one and waiters with a stop_token. These sleep in futex_waitv, which
// knows no masks, so a wake of one that is meant for the queue may reach a
// reader or the writer that waits for readers. Either sets kParked afterwards,
// as the designated waiter does; a reader that comes in where nobody would see
// the bit wakes the next one instead. All other wakes are wakes of all.
//
// Starvation. A writer shuts readers out before it waits for those inside. When
// it is through, readers that sleep are woken ahead of the next sleeping
// writer. A writer that happens to be awake may be faster than they are
// (barging); a reader, writer or upgrader that has slept and lost for kPatience
// claims the lock, which keeps everybody else from kTaken until it has had its
// turn.
//
// Destroy after unlock. The operation that lets the last user go is the last
// access to the object; the wake after it names the address only.
#include <sync/detail/raw_shared_mutex.h>
#include <sync/shared_mutex.h>

#include <cerrno>
#include <system_error>

#include "futex/sleeper.h"

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
struct raw_shared_mutex::waiter {
  waiter(deadline until, const stop_token* stop) noexcept
      : self(until, stop),
        takes_any_wake(stop != nullptr && stop->stop_possible()) {}

  // Whether it has slept in vain for so long that it may claim the lock.
  bool is_impatient() const noexcept {
    return since != 0 &&
           now_ns(clock_id::monotonic) - since > kSleeperPatienceNs;
  }

  sleeper self;
  spinner spinning;
  std::int64_t since = 0;     // the first sleep that a wake has ended
  const bool takes_any_wake;  // sleeps in futex_waitv
  bool claimant = false;
  bool attends = false;  // has set kAttended
  bool answers = false;  // may have got a wake that was meant for the queue
};

access_result raw_shared_mutex::lock_slow(access how, deadline until,
                                          const stop_token* stop) noexcept {
  waiter me(until, stop);
  if (how == access::shared) return read_slow(me);
  return take_slow(me, how == access::exclusive ? kExclusive : kTaken);
}

// Says in the word that the caller sleeps, and sleeps. Or claims the lock; or
// does nothing, if the word is not `seen` any more.
void raw_shared_mutex::sleep(waiter& me, std::uint32_t seen,
                             std::uint32_t parked,
                             std::uint32_t mask) noexcept {
  const bool claim =
      !me.claimant && (seen & kClaimed) == 0 && me.is_impatient();
  std::uint32_t asleep = seen;
  if (claim)
    asleep |= kClaimed;
  else if (!me.claimant)
    asleep |= parked;
  if (me.answers) asleep |= kParked;
  if (seen != asleep) {
    if (!confirm(word_, seen, asleep, memory_order_relaxed)) return;
    if ((asleep & ~seen & kAttended) != 0) me.attends = true;
  }
  if (claim) {
    me.claimant = true;
    me.spinning.restart();
    return;
  }
  const std::int64_t began =
      me.since != 0 ? me.since : now_ns(clock_id::monotonic);
  if (me.self.sleep(word_, asleep, me.claimant ? kClaimant : mask) ==
      sleep_end::woken) {
    me.since = began;
    if (mask == kQueue || me.takes_any_wake) me.answers = true;
  }
  me.spinning.restart();
}

// --- Readers -----------------------------------------------------------------

void raw_shared_mutex::count_out() noexcept {
  // Relaxed: nothing was read.
  const std::uint32_t was = word_.fetch_sub(kReader, memory_order_relaxed);
  if ((was & (kReaders | kDraining)) == (kReader | kDraining)) wake_writer();
}

access_result raw_shared_mutex::read_slow(waiter& me) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kShut) == 0) {
      if (!enter(w, me)) continue;
      return (w & kFull) == 0 ? access_result::owned
                              : access_result::too_many_readers;
    }
    if (me.spinning.spin()) continue;
    if (me.self.must_leave()) return stay_out(me);
    sleep(me, w, kAttended, kAudience);
  }
}

// Tries to go from `seen`, in which readers may come in, to being one; if there
// are too many, only to owing nothing.
bool raw_shared_mutex::enter(std::uint32_t seen, waiter& me) noexcept {
  std::uint32_t mine = (seen & kFull) == 0 ? seen + kReader : seen;
  if (me.answers) mine |= kParked;
  if (me.claimant) mine &= ~kClaimed;
  // Nobody would see kParked (I2): the next one in the queue is woken.
  const bool wake = (mine & (kParked | kTaken | kClaimed)) == kParked;
  if (wake) mine &= ~kParked;
  // [W10] acquire; pairs with [W2], [W8]: as [W3], after a wait.
  if (!confirm(word_, seen, mine, memory_order_acquire)) return false;
  if (wake) unpark(&word_, 1, kQueue);
  return true;
}

// Gives up waiting, unless readers may come in by now.
access_result raw_shared_mutex::stay_out(waiter& me) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kShut) == 0) {
      if (!enter(w, me)) continue;
      return (w & kFull) == 0 ? access_result::owned
                              : access_result::too_many_readers;
    }
    std::uint32_t left = w;
    if (me.attends) left &= ~kAttended;
    if (me.claimant) left &= ~kClaimed;
    if (me.answers) left |= kParked;
    // (Who answers must not go by an old value, from when others answered.)
    if ((left != w || me.answers) &&
        !confirm(word_, w, left, memory_order_relaxed))
      continue;
    // The others set it again (I4).
    if ((w & ~left & kAttended) != 0) unpark(&word_, kAllSleepers, kAudience);
    return access_result::gave_up;
  }
}

// --- Writers and upgraders ---------------------------------------------------

// `how`: kTaken for an upgrader, kExclusive for a writer.
access_result raw_shared_mutex::take_slow(waiter& me,
                                          std::uint32_t how) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kTaken) == 0 && (me.claimant || (w & kClaimed) == 0)) {
      const bool must_drain = how == kExclusive && (w & kReaders) != 0;
      // (No time to wait for readers: then none are shut out.)
      if (must_drain && me.self.must_leave()) return leave_queue(me, how);
      if (!take(w, how, me)) continue;
      return !must_drain || drain(me) ? access_result::owned
                                      : access_result::gave_up;
    }
    if (me.spinning.spin()) continue;
    if (me.self.must_leave()) return leave_queue(me, how);
    sleep(me, w, kParked, kQueue);
  }
}

// Tries to go from `seen`, in which the caller may take kTaken, to owning it.
bool raw_shared_mutex::take(std::uint32_t seen, std::uint32_t how,
                            waiter& me) noexcept {
  std::uint32_t mine = seen | how;
  if (me.answers) mine |= kParked;
  if (me.claimant) mine &= ~kClaimed;
  // [W7] acquire; pairs with [W2], [W4], [W6], [W8].
  if (!confirm(word_, seen, mine, memory_order_acquire)) return false;
  me.claimant = false;
  return true;
}

// Gives up waiting for kTaken, unless the lock is free. What the caller
// answered for (I1) is left in the word for who owns or claims it, or handed
// on.
access_result raw_shared_mutex::leave_queue(waiter& me,
                                            std::uint32_t how) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    const bool turn = (w & kTaken) == 0 && (me.claimant || !(w & kClaimed));
    if (turn && (how == kTaken || (w & kReaders) == 0)) {
      if (take(w, how, me)) return access_result::owned;
      continue;
    }
    std::uint32_t left = w;
    if (me.claimant) left &= ~kClaimed;
    if (me.answers) left |= kParked;
    // Readers are inside, and nobody would see kParked.
    const bool wake = me.answers && (left & (kTaken | kClaimed)) == 0;
    if (wake) left &= ~kParked;
    // (As in stay_out.)
    if ((left != w || me.answers) &&
        !confirm(word_, w, left, memory_order_relaxed))
      continue;
    if (wake) unpark(&word_, 1, kQueue);
    return access_result::gave_up;
  }
}

// The caller owns kExclusive, and the lock when the readers have gone. If it
// gives up it owns nothing.
bool raw_shared_mutex::drain(waiter& me) noexcept {
  bool drains = false;
  me.spinning.restart();
  for (;;) {
    // [W11] acquire; pairs with [W4], [W6]: as [W9], after a wait.
    const std::uint32_t w = word_.load(memory_order_acquire);
    if ((w & kReaders) == 0) break;
    if (me.spinning.spin()) continue;
    if (me.self.must_leave()) {
      give_back(kExclusive | kDraining, 0, me.answers);
      return false;
    }
    const std::uint32_t asleep = w | kDraining;
    if (w != asleep) {
      if (!confirm(word_, w, asleep, memory_order_relaxed)) continue;
      drains = true;
    }
    if (me.self.sleep(word_, asleep, kDrainer) == sleep_end::woken &&
        me.takes_any_wake)
      me.answers = true;
    me.spinning.restart();
  }
  if (me.answers && drains) word_.fetch_or(kParked, memory_order_relaxed);
  if (drains) word_.fetch_and(~kDraining, memory_order_relaxed);
  return true;
}

void raw_shared_mutex::await_readers() noexcept {
  waiter me(deadline::never(), nullptr);
  drain(me);
}

// --- Going -------------------------------------------------------------------

// The owner of `what` gives it back and is `add` (a reader, or nothing) from
// then on. `answers`: as waiter::answers.
void raw_shared_mutex::give_back(std::uint32_t what, std::uint32_t add,
                                 bool answers) noexcept {
  std::uint32_t w, parked, left;
  do {
    w = word_.load(memory_order_relaxed);
    parked = answers ? kParked : w & kParked;
    left = ((w & ~(what | kAttended)) | parked) + add;
    // Left set where somebody answers for it (I2).
    if ((left & (kTaken | kClaimed)) == 0 && (w & kAttended) == 0)
      left &= ~kParked;
    // [W8] release; pairs with [W1], [W3], [W5], [W7], [W10]: as [W2].
  } while (!confirm(word_, w, left, memory_order_release));
  // All of them, and with them those that sleep in futex_waitv, which knows no
  // masks: a wake of one could be theirs.
  std::uint32_t mask = 0;
  if ((w & kAttended) != 0) mask |= kAudience;
  if ((w & kClaimed) != 0) mask |= kClaimant;
  if (mask != 0) unpark(&word_, kAllSleepers, mask);
  if (parked != 0 && (left & kParked) == 0) unpark(&word_, 1, kQueue);
}

// By the last reader; *this may be gone.
void raw_shared_mutex::wake_writer() const noexcept {
  unpark(&word_, kAllSleepers, kDrainer);
}

}  // namespace detail

void shared_mutex::throw_too_many_readers() {
  throw std::system_error(
      std::make_error_code(std::errc::resource_unavailable_try_again),
      "syncxx: a shared_mutex has too many readers");
}

}  // namespace syncxx::inline SYNCXX_ABI
