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

namespace syncxx::inline SYNCXX_ABI {

bool event::wait_slow(std::uint32_t seen, detail::deadline until,
                      const stop_token* stop) const noexcept {
  detail::sleeper self(until, stop);
  detail::spinner spinning;
  const std::uint32_t came_in = seen / kEpoch;
  for (;;) {
    // [E3] acquire; pairs with [E1], through resets too.
    const std::uint32_t w = word_.load(detail::memory_order_acquire);
    if ((w & kSet) != 0 || w / kEpoch != came_in) return true;
    if (spinning.spin()) continue;
    if (self.must_leave()) return false;
    const std::uint32_t asleep = w | kParked;
    if (w == asleep ||
        detail::confirm(word_, w, asleep, detail::memory_order_relaxed)) {
      self.sleep(word_, asleep);
    }
  }
}

}  // namespace syncxx::inline SYNCXX_ABI
