// SPDX-License-Identifier: Apache-2.0
//
// The four bytes and the protocol of syncxx::pi_mutex, interprocess::pi_mutex
// and, with a list beside them, robust_pi_mutex, without their hooks.
#ifndef SYNCXX_DETAIL_RAW_PI_MUTEX_H_
#define SYNCXX_DETAIL_RAW_PI_MUTEX_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread_id.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

enum class pi_outcome : std::uint8_t {
  owned,
  timed_out,
  relocked,    // the caller owned it already
  deadlock,    // who owns it waits, through PI mutexes, for the caller
  owner_died,  // who owned it has ended; the caller does not own it
  abandoned,   // the same, of acquire()
  corrupt,     // the word is none of a PI mutex
};

template <futex_scope Scope>
class basic_raw_pi_mutex {
 public:
  constexpr basic_raw_pi_mutex() noexcept = default;
  basic_raw_pi_mutex(const basic_raw_pi_mutex&) = delete;
  basic_raw_pi_mutex& operator=(const basic_raw_pi_mutex&) = delete;

  bool try_lock() noexcept {
    std::uint32_t free = kFree;
    // [PI1] acquire; pairs with [PI2], [PI4].
    return word_.compare_exchange_strong(
        free, kernel_tid(), memory_order_acquire, memory_order_relaxed);
  }
  SYNCXX_COLD pi_outcome lock_slow(deadline until) noexcept;
  // As lock_slow, but `owner_died` says that the caller owns it, and from whom
  // it has it: kOwnerDiedBit is still set. (If the owner is one whose death the
  // kernel did not know to handle: `abandoned`, and it is not owned.)
  SYNCXX_COLD pi_outcome acquire(deadline until) noexcept;
  // The same for a try, where the word may have no owner: `timed_out` if not.
  SYNCXX_COLD pi_outcome try_acquire() noexcept;
  // By the owner, after `owner_died`. Relaxed: as an RMW it keeps the release
  // sequence whole.
  void forget_death() noexcept {
    word_.fetch_and(~kOwnerDiedBit, memory_order_relaxed);
  }

  // False: the caller does not own it.
  bool unlock() noexcept {
    std::uint32_t mine = kernel_tid();
    // [PI2] release; pairs with [PI1], [PI3], [PI5]: the critical section comes
    // before the next one. *this may be gone once it is visible.
    if (word_.compare_exchange_strong(mine, kFree, memory_order_release,
                                      memory_order_relaxed)) [[likely]]
      return true;
    return unlock_slow();
  }

  // Relaxed: a thread finds its own number here only if it owns the lock.
  bool is_mine() const noexcept {
    return (word_.load(memory_order_relaxed) & kTidMask) == kernel_tid();
  }

  // For a condition variable, whose waiters the kernel makes owners. False: it
  // is owned, but from one that has died.
  bool adopt() const noexcept;
  const futex_word* address() const noexcept { return &word_; }

 private:
  SYNCXX_COLD bool unlock_slow() noexcept;

  // The word is the kernel's as well as ours (linux/Documentation/locking/
  // pi-futex.rst):
  //
  //  value             | meaning               | left by
  //  0                 | free                  | lock: 0 -> tid [PI1], [PI3]
  //  tid               | owned by that thread  | unlock: -> 0 [PI2]
  //                    |                       | kernel: a waiter queues
  //                    |                       | -> tid|kWaitersBit
  //  tid|kWaitersBit   | owned; threads may    | unlock, by the kernel: -> the
  //                    | wait in the kernel    | first waiter's tid, with
  //                    |                       | kWaitersBit; or 0 if nobody
  //                    |                       | waits
  //  …|kOwnerDiedBit   | owned by a thread     | that thread's unlock
  //                    | that was waiting when |
  //                    | the last owner ended  |
  //
  // I1: while a thread waits in the kernel, kWaitersBit is set: an owner's
  //     unlock by compare-exchange fails, and only the kernel gives it away.
  // I2: user space changes the word from 0 to the caller's tid, from the
  //     caller's tid to 0, and sets kWaitersBit while it is the owner.
  // kWaitersBit may be set spuriously (one unlock that is a syscall).
  static constexpr std::uint32_t kFree = 0;

  futex_word word_{kFree};
};

using raw_pi_mutex = basic_raw_pi_mutex<futex_scope::process_private>;

static_assert(SYNCXX_IN_RELACY || sizeof(raw_pi_mutex) == 4);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_PI_MUTEX_H_
