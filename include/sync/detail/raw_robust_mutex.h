// SPDX-License-Identifier: Apache-2.0
//
// The forty bytes and the protocol of syncxx::robust_mutex, without its hooks.
//
// Reference: linux/Documentation/locking/robust-futex-ABI.rst.
#ifndef SYNCXX_DETAIL_RAW_ROBUST_MUTEX_H_
#define SYNCXX_DETAIL_RAW_ROBUST_MUTEX_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/robust_list.h>
#include <sync/detail/thread.h>
#include <sync/detail/thread_id.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class raw_robust_mutex {
 public:
  static constexpr auto kKind = object_kind::robust_mutex;
  static constexpr bool kStops = true;

  constexpr raw_robust_mutex() noexcept = default;
  raw_robust_mutex(const raw_robust_mutex&) = delete;
  raw_robust_mutex& operator=(const raw_robust_mutex&) = delete;

  // True: owned. Look at is_lost() then.
  bool try_lock() {
    robust_head* const list = robust_list();
    const robust_change change(list, node_.entry());
    std::uint32_t free = kFree;
    // [RB1] acquire; pairs with [RB2], [RB4], [RB5].
    const bool owned = word_.compare_exchange_strong(
        free, kernel_tid(), memory_order_acquire, memory_order_relaxed);
    if (owned) node_.enqueue(list);
    return owned;
  }
  // `stop` may be null. try_lock_slow: where nobody owns it.
  SYNCXX_COLD robust_outcome lock_slow(deadline until, const stop_token* stop);
  SYNCXX_COLD bool try_lock_slow();

  // False: the caller does not own it.
  SYNCXX_ALWAYS_INLINE bool unlock() {
    if (!is_mine()) [[unlikely]]
      return false;
    state_.leave();
    robust_head* const list = robust_list();
    const robust_change change(list, node_.entry());
    node_.dequeue(list);
    kernel_order();
    std::uint32_t mine = kernel_tid();
    // [RB2] release; pairs with [RB1], [RB3]: the critical section comes before
    // the next one. *this may be gone once it is visible.
    if (!word_.compare_exchange_strong(mine, kFree, memory_order_release,
                                       memory_order_relaxed)) [[unlikely]]
      unlock_slow();
    return true;
  }

  // Relaxed: a thread finds its own number here only if it owns the lock.
  bool is_mine() const noexcept {
    return (word_.load(memory_order_relaxed) & kTidMask) == kernel_tid();
  }
  // Whether an owner has died, and the data may be inconsistent; nobody has
  // said that it is not. And whether an unlock has followed that. Both for the
  // owner only.
  bool is_inconsistent() const noexcept { return state_.is_inconsistent(); }
  bool is_lost() const noexcept { return state_.is_lost(); }
  void make_consistent() noexcept { state_.make_consistent(); }

 private:
  bool take(std::uint32_t seen, std::uint32_t keep, robust_head* list) noexcept;
  SYNCXX_COLD void unlock_slow() noexcept;

  //  word_             | meaning                | left by
  //  0                 | free                   | lock: -> tid [RB1], [RB3]
  //  tid               | owned by that thread   | unlock: -> 0 [RB2]
  //                    |                        | a waiter, before it sleeps:
  //                    |                        | -> tid|kWaitersBit
  //  tid|kWaitersBit   | owned; threads may     | unlock: -> kWaitersBit
  //                    | sleep                  | [RB4]; 0 [RB5] if none does
  //  kWaitersBit       | free; threads may      | lock: -> tid|kWaitersBit
  //                    | sleep                  | [RB3]
  //  kOwnerDiedBit     | its owner has died     | lock: -> tid [RB3]
  //  …|kWaitersBit     |                        | or tid|kWaitersBit [RB3]
  //  tid of the dying  |                        | kernel: -> kOwnerDiedBit,
  //                    |                        | kWaitersBit as it was
  //
  // I1: a thread sleeps only while kWaitersBit is set. (robust_mutex.cc has the
  //     one exception.)
  // I2: from before word_ is to name a thread until it is in that thread's
  //     list, and from before it is taken out of the list until word_ does not
  //     name it and its wake is made, the thread's `pending` is this mutex; and
  //     while it may be woken.
  // I3: state_ is the owner's. kInconsistent or kLost while the word is free or
  //     its owner has died: kLost.
  static constexpr std::uint32_t kFree = 0;

  futex_word word_{kFree};
  robust_state state_;
  robust_node<false> node_;
};

static_assert(SYNCXX_IN_RELACY || sizeof(raw_robust_mutex) == 40);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_ROBUST_MUTEX_H_
