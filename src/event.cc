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

namespace syncxx::inline SYNCXX_ABI {

bool event::wait_slow(std::uint32_t seen, detail::deadline until,
                      const stop_token* stop) const noexcept {
  const std::uint32_t came_in = seen / kEpoch;
  return detail::await_word(word_, kParked, until, stop,
                            [came_in](std::uint32_t w) {
                              return (w & kSet) != 0 || w / kEpoch != came_in;
                            });
}

}  // namespace syncxx::inline SYNCXX_ABI
