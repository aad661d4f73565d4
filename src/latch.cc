// SPDX-License-Identifier: Apache-2.0
//
// The slow path of latch.
//
// No wake is lost: futex/await_word.h. Each count_down changes the word, and
// the one that makes the count zero finds kParked and wakes everybody (I1).
#include <sync/latch.h>

#include "futex/await_word.h"

#include <sync/detail/wait_any_access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

template <futex_scope Scope>
bool basic_latch<Scope>::wait_slow(deadline until,
                                   const stop_token* stop) const noexcept {
  return await_word(
      word_, kParked, until, stop,
      [](std::uint32_t w) { return w / kOne == 0; }, Scope);
}

template <futex_scope Scope>
bool basic_latch<Scope>::any_park(wait_any_slot& slot) const noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if (w / kOne == 0) return false;
    slot.word = &word_;
    slot.asleep = w | kParked;
    if (w == slot.asleep ||
        confirm(word_, w, slot.asleep, memory_order_relaxed))
      return true;
  }
}

template <futex_scope Scope>
void basic_latch<Scope>::past_zero(std::uint32_t n) {
  // Relaxed: as an RMW it continues the release sequence of [L1].
  const std::uint32_t w =
      word_.fetch_add(n * kOne, memory_order_relaxed) + n * kOne;
  // Threads that came meanwhile may sleep, though nobody will count down.
  if (w == kParked) unpark(&word_, kAllSleepers, kAnySleeper, Scope);
  below_zero();
}

template class basic_latch<futex_scope::process_private>;
template class basic_latch<futex_scope::process_shared>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
