// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of counting_semaphore and auto_reset_event.
//
// No wake is lost. A thread sleeps only if, in one step with queueing, the
// kernel has seen kParked and no token in the word. A release that finds
// kParked wakes as many sleepers as it gives tokens; if it saw kParked before
// (release_slow) it also clears it, and the woken threads answer for the rest
// from then on (I1): each, when it takes the last token, before it sleeps again
// and when it gives up, sets kParked again. A release that comes while kParked
// is clear wakes nobody; so a designated waiter that leaves tokens behind wakes
// one more thread (I2).
//
// A debtor (try_take that found nothing) hides a token for a moment; whoever
// looks meanwhile may sleep. The debtor itself takes that token or, if others
// did, sleeps like everybody else (I3).
//
// Destroy after release. The addition that gives the token is the last access
// to the object; the wake after it names the address only.
#include <sync/detail/raw_semaphore.h>

#include "futex/sleeper.h"

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Tries to take one of the tokens in `seen`.
bool raw_semaphore::take(std::uint32_t seen, bool slept) noexcept {
  const bool last = tokens(seen) == 1;
  const std::uint32_t mine = (seen - kToken) | (slept && last ? kParked : 0);
  // [P4] acquire; pairs with [P3], [P5], [P6].
  if (!word_.compare_exchange_weak(seen, mine, memory_order_acquire,
                                   memory_order_relaxed)) {
    return false;
  }
  if (slept && !last) unpark(&word_, 1);  // I2
  return true;
}

bool raw_semaphore::acquire_slow(deadline until, const stop_token* stop,
                                 bool owing) noexcept {
  // Relaxed: nobody learns anything from a debt paid back; as an RMW it keeps
  // the release sequences of [P3], [P5], [P6] whole.
  if (owing) word_.fetch_add(kToken, memory_order_relaxed);
  sleeper self(until, stop);
  spin_wait spinner;
  bool slept = false;
  for (;;) {
    std::uint32_t w = word_.load(memory_order_relaxed);
    if (has_token(w)) {
      if (take(w, slept)) return true;
      continue;
    }
    if (spinner.spin()) continue;
    if (self.must_leave()) return leave(slept);
    const std::uint32_t asleep = w | kParked;
    if (w != asleep &&
        !word_.compare_exchange_weak(w, asleep, memory_order_relaxed,
                                     memory_order_relaxed)) {
      continue;
    }
    self.sleep(word_, asleep);
    slept = true;
    spinner = spin_wait();
  }
}

// Gives up waiting, unless there is a token: then it is taken after all. What
// the caller answered for (I1) is left in the word for the next release.
bool raw_semaphore::leave(bool slept) noexcept {
  for (;;) {
    std::uint32_t w = word_.load(memory_order_relaxed);
    if (has_token(w)) {
      if (take(w, slept)) return true;
      continue;
    }
    if (!slept || (w & kParked) != 0 ||
        word_.compare_exchange_weak(w, w | kParked, memory_order_relaxed,
                                    memory_order_relaxed)) {
      return false;
    }
  }
}

bool raw_semaphore::release_slow(std::int32_t n, std::int32_t max) noexcept {
  std::uint32_t w = word_.load(memory_order_relaxed);
  do {
    if (tokens(w) > max - n) return false;
    // [P5] release; pairs with [P1], [P2], [P4].
  } while (!word_.compare_exchange_weak(
      w, (w + static_cast<std::uint32_t>(n) * kToken) & ~kParked,
      memory_order_release, memory_order_relaxed));
  if ((w & kParked) != 0) unpark(&word_, n);
  return true;
}

void raw_semaphore::release_saturating() noexcept {
  std::uint32_t w = word_.load(memory_order_relaxed);
  std::uint32_t given = 0;
  do {
    given = has_token(w) ? w : (w + kToken) & ~kParked;
    // [P6] release; pairs with [P1], [P2], [P4]. Also where nothing changes:
    // the next taker sees what every setter before it wrote.
  } while (!word_.compare_exchange_weak(w, given, memory_order_release,
                                        memory_order_relaxed));
  if (given != w && (w & kParked) != 0) unpark(&word_, 1);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
