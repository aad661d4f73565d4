// SPDX-License-Identifier: Apache-2.0
//
// The four bytes and the protocol of syncxx::mutex and interprocess::mutex,
// without their hooks.
#ifndef SYNCXX_DETAIL_RAW_MUTEX_H_
#define SYNCXX_DETAIL_RAW_MUTEX_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

struct wait_any_slot;

// Between processes nobody claims: a claimant that is killed would keep the
// lock from everybody.
template <futex_scope Scope>
class basic_raw_mutex {
 public:
  constexpr basic_raw_mutex() noexcept = default;
  basic_raw_mutex(const basic_raw_mutex&) = delete;
  basic_raw_mutex& operator=(const basic_raw_mutex&) = delete;

  bool try_lock() noexcept {
    std::uint32_t free = kFree;
    // [M1] acquire; pairs with [M2], [M4].
    return word_.compare_exchange_strong(free, kLocked, memory_order_acquire,
                                         memory_order_relaxed);
  }
  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      lock_slow(deadline::never(), nullptr);
  }
  // `stop` may be null. `woken`: the caller answers for threads that sleep on
  // this word (I1), moved there by a condition variable, as it was or might
  // have been. False: stopped or past the deadline.
  SYNCXX_COLD bool lock_slow(deadline until, const stop_token* stop,
                             bool woken = false) noexcept;

  void unlock() noexcept {
    std::uint32_t alone = kLocked;
    // [M2] release; pairs with [M1], [M3]: the critical section comes before
    // the next one. *this may be gone once it is visible.
    if (!word_.compare_exchange_strong(alone, kFree, memory_order_release,
                                       memory_order_relaxed)) [[unlikely]]
      unlock_slow();
  }

  // For a condition variable, which moves sleepers to this word. While the lock
  // is owned: makes its next unlock wake one of them (true). False: it is free.
  bool expect_sleepers() noexcept;
  // Wakes one thread that sleeps here, as an unlock would.
  void wake_one() const noexcept { unpark(&word_, 1, kQueue, Scope); }
  const futex_word* address() const noexcept { return &word_; }

  // In the child of a fork, while it has one thread: free, whoever owned it.
  void reset_after_fork() noexcept { word_.store(kFree, memory_order_relaxed); }

  // For wait_any (wait_any_access.h).
  static constexpr futex_scope kScope = Scope;
  void any_begin(wait_any_slot&) noexcept {}
  bool any_take(wait_any_slot& slot) noexcept;
  bool any_park(wait_any_slot& slot) noexcept;
  void any_leave(wait_any_slot& slot, bool taken) noexcept;

  // The masks with which threads sleep on word_.
  static constexpr std::uint32_t kQueue = 1;     // in the queue
  static constexpr std::uint32_t kClaimant = 2;  // the one that is next

 private:
  bool take(std::uint32_t seen, bool woken, bool claimant) noexcept;
  bool leave(bool woken, bool claimant) noexcept;
  SYNCXX_COLD void unlock_slow() noexcept;

  // A set of three bits:
  //
  //  bit      | meaning                              | set by      | cleared by
  //  kLocked  | somebody owns the lock               | lock        | unlock
  //  kParked  | threads may sleep here for which no  | a thread    | unlock,
  //           | awake thread answers: unlock must    | before it   | unless
  //           | wake one                             | sleeps, or  | kClaimed
  //           |                                      | answers     |
  //           |                                      | for others  |
  //  kClaimed | one waiter, the claimant, has waited | the claim-  | the claim-
  //           | too long and is next: nobody else    | ant         | ant: takes
  //           | takes the lock                       |             | or leaves
  //
  // I1: a thread sleeps with mask kQueue only while kParked is set, or a thread
  //     that was woken and has not yet taken the lock or set kParked (the
  //     designated waiter) is awake, or a notifier that has moved threads here
  //     has yet to settle (condition_variable.cc).
  // I2: kParked implies kLocked or kClaimed: a free lock is 0.
  // I3: kClaimed is set by one thread at a time, which is in lock_slow; it
  //     sleeps, if at all, with mask kClaimant.
  // kParked may be set spuriously (one wake that finds nobody), never missing.
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kLocked = 1;
  static constexpr std::uint32_t kParked = 2;
  static constexpr std::uint32_t kClaimed = 4;

  futex_word word_{kFree};
};

using raw_mutex = basic_raw_mutex<futex_scope::process_private>;

static_assert(SYNCXX_IN_RELACY || sizeof(raw_mutex) == 4);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_MUTEX_H_
