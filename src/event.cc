// SPDX-License-Identifier: Apache-2.0
//
// The slow path of event.
//
// No wake is lost. A thread sleeps only if, in one step with queueing, the
// kernel has seen kParked, no kSet and the thread's own epoch in the word. The
// set() that ends this state clears kParked, changes the epoch and then wakes
// everybody who sleeps (I1).
#include <sync/event.h>

#include "futex/sleeper.h"

#include <sync/detail/spin_wait.h>
#include <sync/detail/wait_any_access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

template <futex_scope Scope>
bool basic_event<Scope>::wait_slow(std::uint32_t seen, deadline until,
                                   const stop_token* stop) const noexcept {
  sleeper self(until, stop, Scope);
  spinner spinning;
  const std::uint32_t came_in = seen / kEpoch;
  for (;;) {
    // [E3] acquire; pairs with [E1], through resets too.
    std::uint32_t w = word_.load(memory_order_acquire);
    if ((w & kSet) != 0 || w / kEpoch != came_in) return true;
    if (spinning.spin()) continue;
    if (self.must_leave()) return false;
    const std::uint32_t asleep = w | kParked;
    if (w == asleep ||
        word_.compare_exchange_weak(w, asleep, memory_order_relaxed,
                                    memory_order_relaxed)) {
      self.sleep(word_, asleep);
    }
  }
}

// --- For wait_any ------------------------------------------------------------

template <futex_scope Scope>
void basic_event<Scope>::any_begin(wait_any_slot& slot) const noexcept {
  slot.seen = word_.load(memory_order_relaxed);
}

template <futex_scope Scope>
bool basic_event<Scope>::any_take(wait_any_slot& slot) const noexcept {
  // [E3], without the sleep.
  const std::uint32_t w = word_.load(memory_order_acquire);
  return (w & kSet) != 0 || w / kEpoch != slot.seen / kEpoch;
}

template <futex_scope Scope>
bool basic_event<Scope>::any_park(wait_any_slot& slot) const noexcept {
  std::uint32_t w = word_.load(memory_order_relaxed);
  if ((w & kSet) != 0 || w / kEpoch != slot.seen / kEpoch) return false;
  slot.word = &word_;
  slot.asleep = w | kParked;
  return w == slot.asleep ||
         word_.compare_exchange_weak(w, slot.asleep, memory_order_relaxed,
                                     memory_order_relaxed);
}

template class basic_event<futex_scope::process_private>;
template class basic_event<futex_scope::process_shared>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
