// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of counting_semaphore and auto_reset_event.
//
// No wake is lost. A thread sleeps only if, in one step with queueing, the
// kernel has seen kParked and no token in the word. Each release that finds
// kParked wakes as many sleepers as it gives tokens (one would do: it looks
// after the others when it leaves). kParked stays while anyone sleeps; a thread
// that has set it looks after it on its way out (tidy): it clears the bit, asks
// the kernel whether anybody sleeps, and if so sets it again and wakes as many
// as tokens came in between. A thread that falls asleep after the question has
// set the bit anew, or found it set anew, and whoever set it will tidy up in
// turn; so does the tidying thread itself while it finds nobody asleep.
//
// A debtor (take_or_owe that found nothing) hides a token for a moment; whoever
// looks meanwhile may sleep. The debtor pays first, and then takes that token
// itself or, if somebody else did, sleeps like everybody else (I2).
//
// Destroy after release. The addition that gives the token is the last access
// to the object; the wake after it names the address only.
#include <sync/detail/raw_semaphore.h>

#include "futex/sleeper.h"
#include "futex/syscall.h"

#include <sync/detail/spin_wait.h>
#include <sync/detail/wait_any_access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

template <futex_scope Scope>
void basic_raw_semaphore<Scope>::pay_and_acquire() noexcept {
  // Relaxed: nobody learns anything from a debt that is paid; as an RMW it
  // keeps the release sequences of [P3], [P5] and [P6] whole.
  word_.fetch_add(kToken, memory_order_relaxed);
  acquire_slow(deadline::never(), nullptr);
}

template <futex_scope Scope>
bool basic_raw_semaphore<Scope>::acquire_slow(deadline until,
                                              const stop_token* stop) noexcept {
  sleeper self(until, stop, Scope);
  spinner spinning(spinner::how::briefly);
  bool parked = false;  // has set, or relied on, kParked
  bool taken = false;
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if (has_token(w)) {
      // [P4] acquire; pairs with [P3], [P5], [P6].
      taken = confirm(word_, w, w - kToken, memory_order_acquire);
      if (taken) break;
      continue;
    }
    if (spinning.spin()) continue;
    if (self.must_leave()) break;
    if (spinning.yield()) continue;
    const std::uint32_t asleep = w | kParked;
    if (w != asleep) {
      if (!confirm(word_, w, asleep, memory_order_relaxed)) continue;
      parked = true;
    }
    if (self.sleep(word_, asleep) != sleep_end::changed) parked = true;
    spinning.restart();
  }
  if (parked) tidy();
  return taken;
}

// Clears kParked if nobody sleeps any more.
template <futex_scope Scope>
void basic_raw_semaphore<Scope>::tidy() noexcept {
  const auto anybody_sleeps = [this] {
    return sys::futex_count(&word_, 1, Scope) != 0;
  };
  do {
    // Relaxed, here and below: kParked guards no data. The kernel looks at the
    // queue, and for a thread that goes to sleep at the word, under one lock:
    // the question comes before that look, which then finds the bit cleared, or
    // after the queueing.
    if ((word_.fetch_and(~kParked, memory_order_relaxed) & kParked) == 0)
      return;
    if (!anybody_sleeps()) return;
    const std::uint32_t w = word_.fetch_or(kParked, memory_order_relaxed);
    if (has_token(w)) unpark(&word_, tokens(w), kAnySleeper, Scope);
    // Who slept may have left meanwhile, and found no bit to clear.
  } while (!anybody_sleeps());
}

template <futex_scope Scope>
bool basic_raw_semaphore<Scope>::any_park(wait_any_slot& slot) noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if (has_token(w)) return false;
    slot.word = &word_;
    slot.asleep = w | kParked;
    if (w == slot.asleep ||
        confirm(word_, w, slot.asleep, memory_order_relaxed))
      return true;
  }
}

// After a release that gave too much. Tokens that others have taken meanwhile
// leave a debt, which the next releases pay. The word may have wrapped around,
// and those that found no token in it sleep.
template <futex_scope Scope>
bool basic_raw_semaphore<Scope>::take_back(std::int32_t n) noexcept {
  const std::uint32_t back = static_cast<std::uint32_t>(n) * kToken;
  const std::uint32_t w = word_.fetch_sub(back, memory_order_relaxed) - back;
  if ((w & kParked) != 0 && has_token(w))
    unpark(&word_, tokens(w), kAnySleeper, Scope);
  return false;
}

// With a look first: the word must not wrap around to what looks like debts.
template <futex_scope Scope>
bool basic_raw_semaphore<Scope>::release_large(std::int32_t n,
                                               std::int32_t max) noexcept {
  std::uint32_t w = 0;
  do {
    w = word_.load(memory_order_relaxed);
    if (tokens(w) > max - n) return false;
    // [P6] release; pairs with [P1], [P2], [P4], as [P3].
  } while (!confirm(word_, w, w + static_cast<std::uint32_t>(n) * kToken,
                    memory_order_release));
  if ((w & kParked) != 0) unpark(&word_, n, kAnySleeper, Scope);
  return true;
}

template <futex_scope Scope>
void basic_raw_semaphore<Scope>::release_saturating() noexcept {
  std::uint32_t w = 0;
  do {
    w = word_.load(memory_order_relaxed);
    // [P5] release; pairs with [P1], [P2], [P4]. Also where nothing changes:
    // the next taker sees what every setter before it wrote.
  } while (
      !confirm(word_, w, has_token(w) ? w : w + kToken, memory_order_release));
  if (!has_token(w) && (w & kParked) != 0)
    unpark(&word_, 1, kAnySleeper, Scope);
}

template class basic_raw_semaphore<futex_scope::process_private>;
template class basic_raw_semaphore<futex_scope::process_shared>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
