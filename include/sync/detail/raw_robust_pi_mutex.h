// SPDX-License-Identifier: Apache-2.0
//
// The forty bytes and the protocol of syncxx::robust_pi_mutex, without its
// hooks: the word of a pi_mutex, in a robust list.
#ifndef SYNCXX_DETAIL_RAW_ROBUST_PI_MUTEX_H_
#define SYNCXX_DETAIL_RAW_ROBUST_PI_MUTEX_H_

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_pi_mutex.h>
#include <sync/detail/robust_list.h>
#include <sync/detail/thread.h>
#include <sync/detail/thread_id.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class raw_robust_pi_mutex {
 public:
  static constexpr auto kKind = object_kind::robust_pi_mutex;
  static constexpr bool kStops = false;

  constexpr raw_robust_pi_mutex() noexcept = default;
  raw_robust_pi_mutex(const raw_robust_pi_mutex&) = delete;
  raw_robust_pi_mutex& operator=(const raw_robust_pi_mutex&) = delete;

  // True: owned. Look at is_lost() then.
  bool try_lock() {
    robust_head* const list = robust_list();
    const robust_change change(list, node_.entry());
    const bool owned = word_.try_lock();
    if (owned) node_.enqueue(list);
    return owned;
  }
  // `stop` is null. try_lock_slow: where nobody owns it.
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
    // *this may be gone once it is done.
    word_.unlock();
    return true;
  }

  bool is_mine() const noexcept { return word_.is_mine(); }
  // As those of raw_robust_mutex.
  bool is_inconsistent() const noexcept { return state_.is_inconsistent(); }
  bool is_lost() const noexcept { return state_.is_lost(); }
  void make_consistent() noexcept { state_.make_consistent(); }

 private:
  robust_outcome taken(pi_outcome how, robust_head* list) noexcept;

  // The word is that of raw_pi_mutex.h, with one line more:
  //
  //  kOwnerDiedBit     | its owner has died, and | lock, by the kernel: ->
  //  …|kWaitersBit     | nobody has it yet       | tid|kOwnerDiedBit, with
  //                    |                         | kWaitersBit if others wait
  //  tid|kOwnerDiedBit | owned by that thread,   | that thread, once state_
  //  …|kWaitersBit     | from one that has died  | says so: -> without
  //                    |                         | kOwnerDiedBit
  //  tid of the dying  |                         | kernel: -> kOwnerDiedBit,
  //                    |                         | kWaitersBit as it was; then
  //                    |                         | the first waiter's
  //
  // I1, I2 of raw_pi_mutex.h, and of raw_robust_mutex.h
  // I2: from before word_ may name a thread until it is in that thread's list,
  //     and from before it is taken out of the list until word_ does not name
  //     it, the thread's `pending` is this mutex.
  // I3: state_ is the owner's. kInconsistent or kLost while the word is free or
  //     its owner has died: kLost.
  basic_raw_pi_mutex<futex_scope::process_shared> word_;
  robust_state state_;
  robust_node<true> node_;
};

static_assert(SYNCXX_IN_RELACY || sizeof(raw_robust_pi_mutex) == 40);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_ROBUST_PI_MUTEX_H_
