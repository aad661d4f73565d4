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
// - Writers that wait for readers (kDraining, mask kDrainer): the reader with
//   which the count reaches zero sees the bit [W4] and wakes all of them. Who
//   clears the bit while there are readers wakes them too, to set it again.
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
// One that answers for the queue and goes to sleep where nobody owns kTaken,
// for readers to go, leaves kParked beside kDraining: whoever then ends
// kDraining, and the last reader, wakes one of the queue as well (I2).
//
// Starvation. A writer shuts readers out before it waits for those inside. When
// it is through, readers that sleep are woken ahead of the next sleeping
// writer. A writer that happens to be awake may be faster than they are
// (barging); a reader, writer or upgrader that has slept and lost for kPatience
// claims the lock, which keeps everybody else from kTaken until it has had its
// turn.
//
// Killed processes. Between processes a sleeper owns nothing. A writer that
// waits for readers sets kDraining alone: readers that come stay out, until one
// of them has done so for kTruceNs. It clears the bit, wakes the writers and
// comes in. Those that live set the bit again; of one that is dead nothing is
// left. The owner of kShut wakes readers and one of the queue together, for of
// the readers there may be none. Bits that stay behind on a free lock make
// try_lock() look twice.
//
// Destroy after unlock. The operation that lets the last user go is the last
// access to the object; the wake after it names the address only.
#include <sync/detail/raw_shared_mutex.h>
#include <sync/shared_mutex.h>

#include <cerrno>
#include <system_error>

#include "futex/sleeper.h"

#include <sync/detail/spin_wait.h>
#include <sync/detail/wait_any_access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// How long readers stay out for writers that own nothing. Long beside most
// sections; and what a writer that is killed may cost, once.
constexpr std::int64_t kTruceNs = 50'000'000;

}  // namespace

template <futex_scope Scope>
struct basic_raw_shared_mutex<Scope>::waiter {
  waiter(deadline until, const stop_token* stop) noexcept
      : self(until, stop, Scope),
        takes_any_wake(stop != nullptr && stop->stop_possible()) {}

  // Whether it has slept in vain for so long that it may claim the lock.
  bool is_impatient() const noexcept {
    return kIsPrivate && since != 0 &&
           now_ns(clock_id::monotonic) - since > kSleeperPatienceNs;
  }
  // Whether a reader has stayed out for long enough.
  bool is_tired() const noexcept {
    return !kIsPrivate && !truce.is_never() && truce.has_passed();
  }

  sleeper self;
  spinner spinning{spinner::how::for_a_lock};
  std::int64_t since = 0;              // the first sleep that a wake has ended
  deadline truce = deadline::never();  // a reader's first sleep + kTruceNs
  const bool takes_any_wake;           // sleeps in futex_waitv
  bool claimant = false;
  bool attends = false;  // has set kAttended
  bool drains = false;   // has set kDraining
  bool answers = false;  // may have got a wake that was meant for the queue
};

template <futex_scope Scope>
access_result basic_raw_shared_mutex<Scope>::lock_slow(
    access how, deadline until, const stop_token* stop) noexcept {
  waiter me(until, stop);
  if (how == access::shared) return read_slow(me);
  return take_slow(me, how == access::exclusive ? kExclusive : kTaken);
}

// Says in the word that the caller sleeps, and sleeps. Or claims the lock; or
// does nothing, if the word is not `seen` any more.
template <futex_scope Scope>
void basic_raw_shared_mutex<Scope>::park(waiter& me, std::uint32_t seen,
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
    if ((asleep & ~seen & kDraining) != 0) me.drains = true;
  }
  if (claim) {
    me.claimant = true;
    me.spinning.restart();
    return;
  }
  // The owner of kShut will wake its audience; of others nobody knows.
  const bool bounded =
      !kIsPrivate && mask == kAudience && (asleep & kShut) == 0;
  deadline truce = me.truce;
  if (bounded && truce.is_never())
    truce = deadline::after(std::chrono::nanoseconds(kTruceNs));
  const std::int64_t began =
      me.since != 0 ? me.since : now_ns(clock_id::monotonic);
  const sleep_end end =
      me.self.sleep(word_, asleep, me.claimant ? kClaimant : mask,
                    bounded ? truce : deadline::never());
  if (end != sleep_end::changed) me.truce = truce;
  if (end == sleep_end::woken) {
    me.since = began;
    if (mask == kQueue || me.takes_any_wake) me.answers = true;
  }
  me.spinning.restart();
}

// Wakes those for whom the bits that were cleared stood: all of them, and with
// them those that sleep in futex_waitv, which knows no masks: a wake of one
// could be theirs.
template <futex_scope Scope>
void basic_raw_shared_mutex<Scope>::wake_for(std::uint32_t cleared,
                                             wake_site where) const noexcept {
  std::uint32_t mask = 0;
  if ((cleared & kAttended) != 0) mask |= kAudience;
  if ((cleared & kDraining) != 0) mask |= kDrainer;
  if ((cleared & kClaimed) != 0) mask |= kClaimant;
  if (mask != 0) unpark(&word_, kAllSleepers, mask, Scope, where);
  if ((cleared & kParked) != 0) unpark(&word_, 1, kQueue, Scope, where);
}

// --- Readers -----------------------------------------------------------------

template <futex_scope Scope>
void basic_raw_shared_mutex<Scope>::count_out() noexcept {
  // Relaxed: nothing was read.
  const std::uint32_t was = word_.fetch_sub(kReader, memory_order_relaxed);
  if ((was & (kReaders | kDraining)) == (kReader | kDraining))
    wake_writers(was);
}

template <futex_scope Scope>
access_result basic_raw_shared_mutex<Scope>::read_slow(waiter& me) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kBarred) == 0 || ((w & kShut) == 0 && me.is_tired())) {
      if (!enter(w, me)) continue;
      return (w & kFull) == 0 ? access_result::owned
                              : access_result::too_many_readers;
    }
    if (me.spinning.spin()) continue;
    if (me.self.must_leave()) return stay_out(me);
    park(me, w, kAttended, kAudience);
  }
}

// Tries to go from `seen`, in which readers may come in, to being one; if there
// are too many, only to owing nothing.
template <futex_scope Scope>
bool basic_raw_shared_mutex<Scope>::enter(std::uint32_t seen,
                                          waiter& me) noexcept {
  std::uint32_t mine = (seen & kFull) == 0 ? seen + kReader : seen;
  if (me.answers) mine |= kParked;
  if (me.claimant) mine &= ~kClaimed;
  // Who has set it may be dead, and who sleeps for it. The others set it again.
  std::uint32_t cleared = 0;
  if (me.is_tired()) cleared = mine & (kDraining | kAttended);
  // Nobody would see kParked (I2): the next one in the queue is woken.
  if (((mine & ~cleared) & (kParked | kTaken | kClaimed | kDraining)) ==
      kParked)
    cleared |= kParked;
  // [W10] acquire; pairs with [W2], [W8]: as [W3], after a wait.
  if (!confirm(word_, seen, mine & ~cleared, memory_order_acquire))
    return false;
  if (cleared != 0) wake_for(cleared);
  return true;
}

// Gives up waiting, unless readers may come in by now.
template <futex_scope Scope>
access_result basic_raw_shared_mutex<Scope>::stay_out(waiter& me) noexcept {
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
    wake_for(w & ~left & kAttended);
    return access_result::gave_up;
  }
}

// --- Writers and upgraders ---------------------------------------------------

// `how`: kTaken for an upgrader, kExclusive for a writer.
template <futex_scope Scope>
access_result basic_raw_shared_mutex<Scope>::take_slow(
    waiter& me, std::uint32_t how) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    const bool turn = (w & kTaken) == 0 && (me.claimant || (w & kClaimed) == 0);
    const bool must_drain = how == kExclusive && (w & kReaders) != 0;
    if (turn && (kIsPrivate || !must_drain)) {
      // (No time to wait for readers: then none are shut out.)
      if (must_drain && me.self.must_leave()) return leave_queue(me, how);
      if (!take(w, how, me.answers, me.claimant)) continue;
      me.claimant = false;
      return !must_drain || drain(me) ? access_result::owned
                                      : access_result::gave_up;
    }
    if (me.spinning.spin()) continue;
    if (me.self.must_leave()) return leave_queue(me, how);
    if (turn)
      park(me, w, kDraining, kDrainer);
    else
      park(me, w, kParked, kQueue);
  }
}

// Tries to go from `seen`, in which the caller may take kTaken, to owning it.
template <futex_scope Scope>
bool basic_raw_shared_mutex<Scope>::take(std::uint32_t seen, std::uint32_t how,
                                         bool answers, bool claimant) noexcept {
  std::uint32_t mine = seen | how;
  if (answers) mine |= kParked;
  if (claimant) mine &= ~kClaimed;
  // (Who has slept for the readers to go was woken by the last of them.)
  if (how == kExclusive && (seen & kReaders) == 0) mine &= ~kDraining;
  // [W7] acquire; pairs with [W2], [W4], [W6], [W8].
  return confirm(word_, seen, mine, memory_order_acquire);
}

template <futex_scope Scope>
bool basic_raw_shared_mutex<Scope>::try_lock_slow() noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if (!is_free(w)) return false;
    if (take(w, kExclusive, false, false)) return true;
  }
}

// What is left of `seen` by a writer or upgrader that gives up, besides its
// claim. What the caller answered for (I1) is left in the word for who owns or
// claims the lock, or waits for its readers; else it is handed on.
template <futex_scope Scope>
std::uint32_t basic_raw_shared_mutex<Scope>::without_me(std::uint32_t seen,
                                                        bool answers,
                                                        bool drains) noexcept {
  std::uint32_t left = answers ? seen | kParked : seen;
  // The others set it again. (The owner of kShut takes it away itself.)
  if (drains && (seen & kShut) == 0) left &= ~(kDraining | kAttended);
  if ((answers || drains) &&
      (left & (kParked | kTaken | kClaimed | kDraining)) == kParked)
    left &= ~kParked;
  return left;
}

// Gives up waiting for kTaken, unless the lock is free.
template <futex_scope Scope>
access_result basic_raw_shared_mutex<Scope>::leave_queue(
    waiter& me, std::uint32_t how) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    const bool turn = (w & kTaken) == 0 && (me.claimant || !(w & kClaimed));
    if (turn && (how == kTaken || (w & kReaders) == 0)) {
      if (take(w, how, me.answers, me.claimant)) return access_result::owned;
      continue;
    }
    const std::uint32_t mine = me.claimant ? w & ~kClaimed : w;
    const std::uint32_t left = without_me(mine, me.answers, me.drains);
    // (As in stay_out.)
    if ((left != w || me.answers) &&
        !confirm(word_, w, left, memory_order_relaxed))
      continue;
    wake_for((me.answers ? mine | kParked : mine) & ~left);
    return access_result::gave_up;
  }
}

// The caller owns kExclusive, and the lock when the readers have gone. If it
// gives up it owns nothing.
template <futex_scope Scope>
bool basic_raw_shared_mutex<Scope>::drain(waiter& me) noexcept {
  bool drains = false;
  me.spinning.restart();
  for (;;) {
    // [W11] acquire; pairs with [W4], [W6]: as [W9], after a wait.
    const std::uint32_t w = word_.load(memory_order_acquire);
    if ((w & kReaders) == 0) break;
    if (me.spinning.spin()) continue;
    if (me.self.must_leave()) {
      give_back(kExclusive, 0, me.answers);
      return false;
    }
    const std::uint32_t asleep = w | kDraining;
    if (w != asleep) {
      if (!confirm(word_, w, asleep, memory_order_relaxed)) continue;
      drains = true;
    }
    const sleep_end end = me.self.sleep(word_, asleep, kDrainer);
    if (end != sleep_end::changed) drains = true;
    if (end == sleep_end::woken && me.takes_any_wake) me.answers = true;
    me.spinning.restart();
  }
  if (me.answers && drains) word_.fetch_or(kParked, memory_order_relaxed);
  if (drains) word_.fetch_and(~kDraining, memory_order_relaxed);
  return true;
}

template <futex_scope Scope>
void basic_raw_shared_mutex<Scope>::await_readers() noexcept {
  waiter me(deadline::never(), nullptr);
  drain(me);
}

// --- Going -------------------------------------------------------------------

// The owner of `what` gives it back and is `add` (a reader, or nothing) from
// then on. `answers`: as waiter::answers.
template <futex_scope Scope>
void basic_raw_shared_mutex<Scope>::give_back(std::uint32_t what,
                                              std::uint32_t add,
                                              bool answers) noexcept {
  // Of the owner of kShut also what others have left there. They set it again.
  const std::uint32_t with =
      (what & kShut) != 0 ? kAttended | kDraining : kAttended;
  std::uint32_t w, parked, left;
  do {
    w = word_.load(memory_order_relaxed);
    parked = answers ? kParked : w & kParked;
    left = ((w & ~(what | with)) | parked) + add;
    // Left set where somebody answers for it (I2).
    if ((left & (kTaken | kClaimed)) == 0 &&
        (!kIsPrivate || (w & kAttended) == 0))
      left &= ~kParked;
    // [W8] release; pairs with [W1], [W3], [W5], [W7], [W10]: as [W2].
  } while (!confirm(word_, w, left, memory_order_release));
  wake_for((w & (kAttended | kClaimed)) | (w & ~left & kDraining) |
           (parked & ~left));
}

// By the last reader; *this may be gone. `seen`: the word before it went.
template <futex_scope Scope>
void basic_raw_shared_mutex<Scope>::wake_writers(
    std::uint32_t seen) const noexcept {
  const bool nobody = (seen & (kParked | kTaken | kClaimed)) == kParked;
  wake_for(nobody ? kDraining | kParked : kDraining);
}

// --- For wait_any ------------------------------------------------------------

template <futex_scope Scope>
bool basic_raw_shared_mutex<Scope>::any_take(wait_any_slot& slot) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if (!is_free(w)) return false;
    if (take(w, kExclusive, slot.slept, false)) return true;
  }
}

template <futex_scope Scope>
bool basic_raw_shared_mutex<Scope>::any_park(wait_any_slot& slot) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if (is_free(w)) return false;
    slot.word = &word_;
    slot.asleep = w | ((w & (kTaken | kClaimed)) != 0 ? kParked : kDraining);
    if (slot.slept) slot.asleep |= kParked;
    if (w == slot.asleep ||
        confirm(word_, w, slot.asleep, memory_order_relaxed))
      return true;
  }
}

template <futex_scope Scope>
void basic_raw_shared_mutex<Scope>::any_leave(wait_any_slot& slot,
                                              bool taken) noexcept {
  if (taken) return;
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    const std::uint32_t left = without_me(w, slot.slept, true);
    // (As in stay_out.)
    if ((left != w || slot.slept) &&
        !confirm(word_, w, left, memory_order_relaxed))
      continue;
    wake_for((slot.slept ? w | kParked : w) & ~left);
    return;
  }
}

template class basic_raw_shared_mutex<futex_scope::process_private>;
template class basic_raw_shared_mutex<futex_scope::process_shared>;

void throw_too_many_readers() {
  throw std::system_error(
      std::make_error_code(std::errc::resource_unavailable_try_again),
      "syncxx: a shared_mutex has too many readers");
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
