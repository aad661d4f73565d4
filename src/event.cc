// SPDX-License-Identifier: Apache-2.0
//
// The slow path of event.
//
// No wake is lost: futex/await_word.h. A thread sleeps on kParked, no kSet and
// the thread's own epoch. The set() that ends this state clears kParked,
// changes the epoch and then wakes everybody who sleeps (I1). (Through resets
// too: they continue the release sequence of [E1].)
#include <sync/event.h>

#include "futex/await_word.h"

#include <sync/detail/wait_any_access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

template <futex_scope Scope>
bool basic_event<Scope>::wait_slow(std::uint32_t seen, deadline until,
                                   const stop_token* stop) const noexcept {
  const std::uint32_t came_in = seen / kEpoch;
  return await_word(
      word_, kParked, until, stop,
      [came_in](std::uint32_t w) {
        return (w & kSet) != 0 || w / kEpoch != came_in;
      },
      Scope);
}

// --- For wait_any ------------------------------------------------------------

template <futex_scope Scope>
void basic_event<Scope>::any_begin(wait_any_slot& slot) const noexcept {
  slot.seen = word_.load(memory_order_relaxed);
}

template <futex_scope Scope>
bool basic_event<Scope>::any_take(wait_any_slot& slot) const noexcept {
  // [E3] acquire; pairs with [E1].
  const std::uint32_t w = word_.load(memory_order_acquire);
  return (w & kSet) != 0 || w / kEpoch != slot.seen / kEpoch;
}

template <futex_scope Scope>
bool basic_event<Scope>::any_park(wait_any_slot& slot) const noexcept {
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kSet) != 0 || w / kEpoch != slot.seen / kEpoch) return false;
    slot.word = &word_;
    slot.asleep = w | kParked;
    if (w == slot.asleep ||
        confirm(word_, w, slot.asleep, memory_order_relaxed))
      return true;
  }
}

template class basic_event<futex_scope::process_private>;
template class basic_event<futex_scope::process_shared>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
