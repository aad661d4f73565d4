// SPDX-License-Identifier: Apache-2.0
//
// The slow path of spinlock. Exclusion: only the thread whose exchange has
// found false goes from false to true, and only the owner stores false.
#include <sync/spinlock.h>

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {

bool spinlock::spin(detail::deadline until) noexcept {
  for (detail::patience others; !until.has_passed(); others.wait()) {
    // [K3] acquire on success; pairs with [K2].
    if (!locked_.load(detail::memory_order_relaxed) &&
        !locked_.exchange(true, detail::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

}  // namespace syncxx::inline SYNCXX_ABI
