// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of mutex.
//
// No wake is lost. A thread sleeps only if, in one step with queueing, the
// kernel has seen kLocked|kParked (or kClaimed|kParked) in the word. Whoever
// clears kParked is an unlock, which wakes one sleeper; the woken thread, the
// designated waiter, answers for the others from then on (I1): when it takes
// the lock it sets kParked again, before it sleeps again it sets kParked again,
// and when it gives up it sets kParked again or takes the lock, if that is
// free. A wake that finds nobody asleep (all waiters were between setting
// kParked and the kernel's comparison) has changed the word, so that none of
// them will fall asleep: each is its own designated waiter.
//
// Bounded overtaking. Threads that come by may take a free lock ahead of the
// sleepers (barging): the lock would otherwise idle for the time a wake takes.
// A waiter that was woken in vain and has waited for kPatience claims the lock:
// kClaimed keeps everybody else away (I3). The claim is in the word and not in
// the wake: a wake can be lost to a timeout or come without reason.
//
// Destroy after unlock. The compare-exchange that releases the lock is the last
// access to the object; the wake after it names the address only.
#include <sync/detail/raw_mutex.h>

#include "futex/sleeper.h"

#include <sync/detail/spin_wait.h>
#include <sync/detail/wait_any_access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// Whether waiters may claim the lock.
template <futex_scope Scope>
constexpr bool kClaims = Scope == futex_scope::process_private;

}  // namespace

// Tries to go from `seen`, in which the caller may take the lock, to owning it.
template <futex_scope Scope>
bool basic_raw_mutex<Scope>::take(std::uint32_t seen, bool woken,
                                  bool claimant) noexcept {
  std::uint32_t mine = seen | kLocked;
  if (woken) mine |= kParked;
  if (claimant) mine &= ~kClaimed;
  // [M3] acquire; pairs with [M2], [M4].
  return confirm(word_, seen, mine, memory_order_acquire);
}

template <futex_scope Scope>
bool basic_raw_mutex<Scope>::lock_slow(deadline until, const stop_token* stop,
                                       bool woken) noexcept {
  sleeper self(until, stop, Scope);
  spinner spinning(spinner::how::for_a_lock);
  std::int64_t since = 0;
  bool claimant = false;
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    const bool mine_to_take =
        (w & kLocked) == 0 && (claimant || !(w & kClaimed));
    if (mine_to_take) {
      if (take(w, woken, claimant)) return true;
      continue;
    }
    if (spinning.spin()) continue;
    if (self.must_leave()) return leave(woken, claimant);
    const bool claim = kClaims<Scope> && !claimant && since != 0 &&
                       !(w & kClaimed) &&
                       now_ns(clock_id::monotonic) - since > kSleeperPatienceNs;
    const std::uint32_t asleep = w | kParked | (claim ? kClaimed : 0);
    if (w != asleep && !confirm(word_, w, asleep, memory_order_relaxed))
      continue;
    if (claim) {
      claimant = true;
      spinning.restart();
      continue;
    }
    const std::int64_t began = since != 0 ? since : now_ns(clock_id::monotonic);
    if (self.sleep(word_, asleep, claimant ? kClaimant : kQueue) ==
        sleep_end::woken) {
      since = began;
      woken = true;
    }
    spinning.restart();
  }
}

// Gives up waiting, unless the lock is free: then it is taken after all. What
// the caller answered for (I1) is left in the word for the next unlock.
template <futex_scope Scope>
bool basic_raw_mutex<Scope>::leave(bool woken, bool claimant) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kLocked) == 0 && (claimant || !(w & kClaimed))) {
      if (take(w, woken, claimant)) return true;
      continue;
    }
    std::uint32_t left = woken ? w | kParked : w;
    if (claimant) left &= ~kClaimed;
    // (Who answers for others must not go by an old value, from when others
    // answered.)
    if ((left == w && !woken) || confirm(word_, w, left, memory_order_relaxed))
      return false;
  }
}

template <futex_scope Scope>
bool basic_raw_mutex<Scope>::expect_sleepers() noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if (w == kFree) return false;
    if ((w & kParked) != 0 ||
        confirm(word_, w, w | kParked, memory_order_relaxed))
      return true;
  }
}

template <futex_scope Scope>
void basic_raw_mutex<Scope>::unlock_slow() noexcept {
  std::uint32_t w = 0;
  do {
    w = word_.load(memory_order_relaxed);
    // [M4] release; pairs with [M1], [M3].
  } while (!confirm(word_, w, (w & kClaimed) ? w & ~kLocked : kFree,
                    memory_order_release));
  // The claimant is one, but those that sleep in futex_waitv (which knows no
  // masks) are woken as well: a wake of one could be theirs.
  if (w & kClaimed)
    unpark(&word_, kAllSleepers, kClaimant, Scope);
  else if (w & kParked)
    unpark(&word_, 1, kQueue, Scope);
}

// --- For wait_any ------------------------------------------------------------

template <futex_scope Scope>
bool basic_raw_mutex<Scope>::any_take(wait_any_slot& slot) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & (kLocked | kClaimed)) != 0) return false;
    if (take(w, slot.slept, false)) return true;
  }
}

template <futex_scope Scope>
bool basic_raw_mutex<Scope>::any_park(wait_any_slot& slot) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & (kLocked | kClaimed)) == 0) return false;
    slot.word = &word_;
    slot.asleep = w | kParked;
    if (w == slot.asleep ||
        confirm(word_, w, slot.asleep, memory_order_relaxed))
      return true;
  }
}

// Leaves what the caller answers for (I1) in the word, for the next unlock. A
// lock that is free is not wanted any more: its sleepers wait for a wake that
// the caller may have consumed.
template <futex_scope Scope>
void basic_raw_mutex<Scope>::any_leave(wait_any_slot& slot,
                                       bool taken) noexcept {
  if (taken || !slot.slept) return;
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if (w == kFree) break;
    // Also where kParked is there already: the write shows that this is what
    // the word is now, and not what it was before the unlock whose wake came.
    if (confirm(word_, w, w | kParked, memory_order_relaxed)) return;
  }
  wake_one();
}

template class basic_raw_mutex<futex_scope::process_private>;
template class basic_raw_mutex<futex_scope::process_shared>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
