// SPDX-License-Identifier: Apache-2.0
//
// The slow path of latch.
//
// No wake is lost: futex/await_word.h. Each count_down changes the word, and
// the one that makes the count zero finds kParked and wakes everybody (I1).
#include <sync/latch.h>

#include "futex/await_word.h"

namespace syncxx::inline SYNCXX_ABI {

bool latch::wait_slow(detail::deadline until,
                      const stop_token* stop) const noexcept {
  return detail::await_word(word_, kParked, until, stop,
                            [](std::uint32_t w) { return w / kOne == 0; });
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
