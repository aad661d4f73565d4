// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of mcs_lock.
//
// Exclusion. The exchanges on tail_ are in one order. A thread whose exchange
// found null owns the lock; any other waits until the one before it in that
// order stores false to its waiting_ [MC6], which each owner does once, as the
// last thing it does, for the node whose exchange followed its own (I1). Or the
// owner takes tail_ from its own node to null [MC5], which nobody can have
// exchanged meanwhile.
//
// Nobody waits for ever. An owner that fails to take tail_ to null knows that
// somebody has exchanged it, and that this thread's next step is to link its
// node [MC3]; it waits for that.
#include <sync/mcs_lock.h>

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {

void mcs_lock::wait(node& mine, node& before) noexcept {
  // Relaxed: [MC3] comes after it, and nobody else writes it before that.
  mine.waiting_.store(true, detail::memory_order_relaxed);
  // [MC3] release; pairs with [MC4], [MC7]: waiting_ is set before it is
  // cleared.
  before.next_.store(&mine, detail::memory_order_release);
  // [MC8] acquire; pairs with [MC6].
  for (detail::line_patience others;
       mine.waiting_.load(detail::memory_order_acquire);) {
    others.wait(1);
  }
}

// To the next one; null: it has come, but is not linked yet.
void mcs_lock::hand_over(node& mine, node* next) noexcept {
  for (detail::line_patience others; next == nullptr;) {
    // [MC7] acquire; pairs with [MC3].
    next = mine.next_.load(detail::memory_order_acquire);
    if (next == nullptr) others.wait(1);
  }
  // For its next use (I2). Relaxed: whoever writes it then has read an exchange
  // of this node's thread that comes later [MC1].
  mine.next_.store(nullptr, detail::memory_order_relaxed);
  // [MC6] release; pairs with [MC8].
  next->waiting_.store(false, detail::memory_order_release);
}

}  // namespace syncxx::inline SYNCXX_ABI
