// SPDX-License-Identifier: Apache-2.0
//
// The slow path of latch.
//
// No wake is lost. A thread sleeps only if, in one step with queueing, the
// kernel has seen kParked and a count above zero in the word. Each count_down
// changes the word, and the one that makes the count zero finds kParked and
// wakes everybody (I1).
#include <sync/latch.h>

#include "futex/sleeper.h"

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {

bool latch::wait_slow(detail::deadline until,
                      const stop_token* stop) const noexcept {
  detail::sleeper self(until, stop);
  detail::spinner spinning;
  for (;;) {
    // [L3] acquire; pairs with [L1].
    const std::uint32_t w = word_.load(detail::memory_order_acquire);
    if (w / kOne == 0) return true;
    if (spinning.spin()) continue;
    if (self.must_leave()) return false;
    const std::uint32_t asleep = w | kParked;
    if (w == asleep ||
        detail::confirm(word_, w, asleep, detail::memory_order_relaxed)) {
      self.sleep(word_, asleep);
    }
  }
}

void latch::past_zero(std::uint32_t n) {
  // Relaxed: as an RMW it continues the release sequence of [L1].
  const std::uint32_t w =
      word_.fetch_add(n * kOne, detail::memory_order_relaxed) + n * kOne;
  // Threads that came meanwhile may sleep, though nobody will count down.
  if (w == kParked) detail::unpark(&word_, detail::kAllSleepers);
  below_zero();
}

}  // namespace syncxx::inline SYNCXX_ABI
