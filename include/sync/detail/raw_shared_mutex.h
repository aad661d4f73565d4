// SPDX-License-Identifier: Apache-2.0
//
// The four bytes and the protocol of syncxx::shared_mutex and
// interprocess::shared_mutex, without their hooks.
#ifndef SYNCXX_DETAIL_RAW_SHARED_MUTEX_H_
#define SYNCXX_DETAIL_RAW_SHARED_MUTEX_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// The three ways to own a shared_mutex, and how a wait for one of them ends.
enum class access : std::uint8_t { exclusive, upgrade, shared };
enum class access_result : std::uint8_t { owned, gave_up, too_many_readers };

struct wait_any_slot;

// Between processes nobody who sleeps for the lock may leave more behind, when
// it is killed, than bits that others clear. So nobody claims it; a writer owns
// nothing while it waits for readers, and asks new ones to stay out, which they
// do for some time only; and no reader answers for the queue.
template <futex_scope Scope>
class basic_raw_shared_mutex {
  static constexpr bool kIsPrivate = Scope == futex_scope::process_private;

 public:
  constexpr basic_raw_shared_mutex() noexcept = default;
  basic_raw_shared_mutex(const basic_raw_shared_mutex&) = delete;
  basic_raw_shared_mutex& operator=(const basic_raw_shared_mutex&) = delete;

  // Waits for any of the three. `stop` may be null.
  SYNCXX_COLD access_result lock_slow(access how, deadline until,
                                      const stop_token* stop) noexcept;

  // --- Exclusive ---

  bool try_lock() noexcept {
    std::uint32_t free = 0;
    // [W1] acquire; pairs with [W2], [W4], [W6], [W8].
    if (word_.compare_exchange_strong(free, kExclusive, memory_order_acquire,
                                      memory_order_relaxed)) [[likely]]
      return true;
    // (What the killed have left is in nobody's way.)
    return !kIsPrivate && (free & (kTaken | kReaders)) == 0 && try_lock_slow();
  }
  void unlock() noexcept {
    std::uint32_t alone = kExclusive;
    // [W2] release; pairs with [W1], [W3], [W5], [W7], [W10]: the critical
    // section comes before the next ones. *this may be gone once it is visible.
    if (!word_.compare_exchange_strong(alone, 0, memory_order_release,
                                       memory_order_relaxed)) [[unlikely]]
      give_back(kExclusive, 0);
  }

  // --- Shared ---

  // Counts the caller as a reader; false: it is none, there is a writer or too
  // many readers, and count_out() must follow.
  bool count_in() noexcept {
    // [W3] acquire; pairs with [W2], [W8].
    return (word_.fetch_add(kReader, memory_order_acquire) &
            (kBarred | kFull)) == 0;
  }
  SYNCXX_COLD void count_out() noexcept;

  bool try_lock_shared() noexcept { return try_lock_shared(kShut); }
  // Stays out where lock_shared() does: for one that goes on to wait.
  bool enter_in_turn() noexcept { return try_lock_shared(kBarred); }
  void unlock_shared() noexcept {
    // [W4] release; pairs with [W1], [W7], [W9], [W11]: what was read is not
    // written before. *this may be gone once it is visible.
    const std::uint32_t was = word_.fetch_sub(kReader, memory_order_release);
    if ((was & (kReaders | kDraining)) == (kReader | kDraining)) [[unlikely]]
      wake_writers(was);
  }

  // --- Upgrade ---

  bool try_lock_upgrade() noexcept {
    for (;;) {
      const std::uint32_t w = word_.load(memory_order_relaxed);
      if ((w & (kTaken | kClaimed)) != 0) return false;
      // [W5] acquire; pairs with [W2], [W8].
      if (confirm(word_, w, w | kTaken, memory_order_acquire)) return true;
    }
  }
  void unlock_upgrade() noexcept {
    for (;;) {
      const std::uint32_t w = word_.load(memory_order_relaxed);
      if ((w & ~(kTaken | kReaders)) != 0) return give_back(kTaken, 0);
      // [W6] release; pairs with [W1], [W7], [W9], [W11]: as [W4].
      if (confirm(word_, w, w & ~kTaken, memory_order_release)) return;
    }
  }

  // --- From one to another ---

  // Upgrade to exclusive; waits for the readers to go.
  void shut() noexcept {
    // [W9] acquire; pairs with [W4], [W6]: readers and upgraders before; what
    // writers before have written is known since [W5].
    if ((word_.fetch_add(kShut, memory_order_acquire) & kReaders) != 0)
        [[unlikely]]
      await_readers();
  }
  bool try_shut() noexcept {
    for (;;) {
      const std::uint32_t w = word_.load(memory_order_relaxed);
      if ((w & kReaders) != 0) return false;
      // [W9], where nobody waits.
      if (confirm(word_, w, w | kShut, memory_order_acquire)) return true;
    }
  }
  void exclusive_to_upgrade() noexcept { give_back(kShut, 0); }
  void exclusive_to_shared() noexcept { give_back(kExclusive, kReader); }
  // False: there are too many readers, and nothing has changed.
  bool upgrade_to_shared() noexcept {
    if ((word_.load(memory_order_relaxed) & kFull) != 0) return false;
    give_back(kTaken, kReader);
    return true;
  }

  // What the word says of who owns it: for checks of misuse.
  bool has_writer() const noexcept { return (peek() & kShut) != 0; }
  bool has_upgrader() const noexcept { return (peek() & kExclusive) == kTaken; }
  std::uint32_t readers() const noexcept { return peek() / kReader; }

  // At least so many readers at a time; more are an error.
  static constexpr std::uint32_t kMaxReaders = std::uint32_t{1} << 25;

  // The masks with which threads sleep on word_.
  static constexpr std::uint32_t kQueue = 1;     // for kTaken to go
  static constexpr std::uint32_t kClaimant = 2;  // the one that is next
  static constexpr std::uint32_t kAudience = 4;  // readers, for kShut to go
  static constexpr std::uint32_t kDrainer = 8;   // a writer, for readers to go

  // For wait_any (wait_any_access.h), exclusively.
  static constexpr futex_scope kScope = Scope;
  void any_begin(wait_any_slot&) noexcept {}
  bool any_take(wait_any_slot& slot) noexcept;
  bool any_park(wait_any_slot& slot) noexcept;
  void any_leave(wait_any_slot& slot, bool taken) noexcept;

 private:
  struct waiter;  // src/shared_mutex.cc

  std::uint32_t peek() const noexcept {
    return word_.load(memory_order_relaxed);
  }
  bool try_lock_shared(std::uint32_t barred) noexcept {
    for (;;) {
      const std::uint32_t w = word_.load(memory_order_relaxed);
      if ((w & (barred | kFull)) != 0) return false;
      // [W3], for one who is not counted where it may not come in.
      if (confirm(word_, w, w + kReader, memory_order_acquire)) return true;
    }
  }
  SYNCXX_COLD bool try_lock_slow() noexcept;
  access_result read_slow(waiter& me) noexcept;
  bool enter(std::uint32_t seen, waiter& me) noexcept;
  access_result stay_out(waiter& me) noexcept;
  access_result take_slow(waiter& me, std::uint32_t how) noexcept;
  bool take(std::uint32_t seen, std::uint32_t how, bool answers,
            bool claimant) noexcept;
  static std::uint32_t without_me(std::uint32_t seen, bool answers,
                                  bool drains) noexcept;
  access_result leave_queue(waiter& me, std::uint32_t how) noexcept;
  bool drain(waiter& me) noexcept;
  void park(waiter& me, std::uint32_t seen, std::uint32_t parked,
            std::uint32_t mask) noexcept;
  SYNCXX_COLD void await_readers() noexcept;
  SYNCXX_COLD void give_back(std::uint32_t what, std::uint32_t add,
                             bool answers = false) noexcept;
  SYNCXX_COLD void wake_writers(std::uint32_t seen) const noexcept;
  void wake_for(std::uint32_t cleared,
                wake_site where = wake_site::current()) const noexcept;
  static bool is_free(std::uint32_t w) noexcept {
    return (w & (kTaken | kClaimed | kReaders)) == 0;
  }

  // Six bits, and above them the number of readers:
  //
  //  bit       | meaning                              | set by     | cleared by
  //  kTaken    | the writers' side is owned: by a     | writer,    | its owner
  //            | writer or an upgrader                | upgrader   |
  //  kShut     | readers stay out: the owner of       | the owner  | the owner
  //            | kTaken writes, or waits for readers  | of kTaken  |
  //            | that are inside to go                |            |
  //  kParked   | threads may sleep for kTaken to go   | who sleeps | who clears
  //            | for which nobody that is awake       | there, or  | kTaken, or
  //            | answers                              | answers    | a reader
  //            |                                      |            | coming in
  //  kClaimed  | one waiter, the claimant, has waited | the        | the
  //            | too long and is next: nobody else    | claimant   | claimant
  //            | takes kTaken                         |            |
  //  kAttended | readers may sleep for kBarred to go  | a reader   | who clears
  //            |                                      | about to   | kShut, or
  //            |                                      | sleep      | a reader
  //  kDraining | writers may sleep for the readers    | a writer   | who owns
  //            | inside to go: the owner of kShut, or | about to   | kShut, or
  //            | some that own nothing                | sleep      | gives up;
  //            |                                      |            | a reader
  //            |                                      |            | that loses
  //            |                                      |            | patience
  //  readers   | who reads, and for a moment who has  | reader     | reader
  //            | found kBarred after counting itself  |            |
  //
  //  nothing set: free.  kTaken: an upgrader, beside any readers.
  //  kTaken kShut: a writer, once there has been no reader since kShut was set.
  //
  // I1: a thread sleeps with mask kQueue only while kParked is set, or a thread
  //     that was woken there and has not yet taken kTaken or set kParked (the
  //     designated waiter) is awake.
  // I2: kParked implies kTaken, or kClaimed, or kDraining, or (private) that a
  //     reader that has set kAttended is awake in lock_slow, and comes in
  //     before it sleeps.
  // I3: kClaimed is set by one thread at a time, which is in lock_slow.
  //     (Private: nobody claims it between processes.)
  // I4: kShut implies kTaken. Private: kAttended implies kShut, and that a
  //     thread is in lock_slow that has set it.
  // I5: a thread sleeps with mask kDrainer only while kDraining is set, or a
  //     wake of all of them is under way. Private: only the owner of kShut and
  //     wait_any do; else every writer that finds readers and no owner.
  // kParked, kDraining and, between processes, kAttended may be set for nothing
  // (a wake that finds nobody); none may be missing.
  static constexpr std::uint32_t kTaken = 1;
  static constexpr std::uint32_t kShut = 2;
  static constexpr std::uint32_t kParked = 4;
  static constexpr std::uint32_t kClaimed = 8;
  static constexpr std::uint32_t kAttended = 16;
  static constexpr std::uint32_t kDraining = 32;
  static constexpr std::uint32_t kReader = 64;
  static constexpr std::uint32_t kReaders = ~(kReader - 1);
  // Set from kMaxReaders readers on. As many again may count themselves before
  // they see it.
  static constexpr std::uint32_t kFull = kReader * kMaxReaders;
  static constexpr std::uint32_t kExclusive = kTaken | kShut;
  // What keeps a reader out; between processes kDraining does for kTruceNs.
  static constexpr std::uint32_t kBarred =
      kIsPrivate ? kShut : kShut | kDraining;

  static_assert(kFull == std::uint32_t{1} << 31);

  futex_word word_{0};
};

using raw_shared_mutex = basic_raw_shared_mutex<futex_scope::process_private>;

static_assert(SYNCXX_IN_RELACY || sizeof(raw_shared_mutex) == 4);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_SHARED_MUTEX_H_
