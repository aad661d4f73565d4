// SPDX-License-Identifier: Apache-2.0
//
// The eight bytes and the protocol of syncxx::event_count, without its hooks.
#ifndef SYNCXX_DETAIL_RAW_EVENT_COUNT_H_
#define SYNCXX_DETAIL_RAW_EVENT_COUNT_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// How the two sides see each other. Each writes, and then reads what the other
// writes: a waiter counts itself and looks at the predicate, a notifier makes
// the predicate true and looks at the count. One of them must see the other,
// which takes a store-load order on both sides (Dekker).
enum class store_load : std::uint8_t {
  // seq_cst fences. A notifier leaves the count's cache line as it is, so that
  // many of them can be idle at once without taking it from each other.
  fence,
  // Both sides update the count. For ThreadSanitizer, which knows no fences.
  update,
};

template <store_load How>
class raw_event_count {
 public:
  constexpr raw_event_count() noexcept = default;
  raw_event_count(const raw_event_count&) = delete;
  raw_event_count& operator=(const raw_event_count&) = delete;

  static constexpr std::uint32_t kMostWaiters = 0x7fffffff;

  // Counts the caller; false, and nothing done: too many are. Then sets the
  // epoch it may sleep in. What the caller reads later is at least what any
  // notifier wrote that has found nobody.
  bool enter(std::uint32_t& epoch) noexcept {
    std::uint32_t before = 0;
    if constexpr (How == store_load::fence) {
      before = waiters_.fetch_add(1, memory_order_relaxed);
      // [EC1] seq_cst; pairs with [EC2].
      detail::atomic_thread_fence(memory_order_seq_cst);
    } else {
      // [EC3] acquire; pairs with [EC4]: all changes of the count are RMWs, so
      // that a notifier before it in their order releases to it.
      before = waiters_.fetch_add(1, memory_order_acquire);
    }
    if (before >= kMostWaiters) [[unlikely]] {
      leave();
      return false;
    }
    // [EC6] acquire; pairs with [EC5]: an epoch that a notifier has begun comes
    // with what it wrote before.
    epoch = epoch_.load(memory_order_acquire);
    return true;
  }

  // Ends what enter() began. Relaxed: as an RMW it keeps the release sequence
  // of [EC4] whole.
  void leave() noexcept { waiters_.fetch_sub(1, memory_order_relaxed); }
  bool is_counted() const noexcept {
    return waiters_.load(memory_order_relaxed) != 0;
  }

  // Sleeps until the epoch ends. False: stopped or past the deadline. `stop`
  // may be null. The caller leaves afterwards.
  SYNCXX_COLD bool wait(std::uint32_t epoch, deadline until,
                        const stop_token* stop) noexcept;

  // Ends the epoch and wakes up to `count`, if anybody has entered.
  void notify(int count) noexcept {
    if (has_waiters()) [[unlikely]]
      notify_slow(count);
  }

 private:
  bool has_waiters() noexcept {
    if constexpr (How == store_load::fence) {
      // [EC2] seq_cst; pairs with [EC1].
      detail::atomic_thread_fence(memory_order_seq_cst);
      return waiters_.load(memory_order_relaxed) != 0;
    } else {
      // [EC4] release; pairs with [EC3].
      return waiters_.fetch_add(0, memory_order_release) != 0;
    }
  }
  SYNCXX_COLD void notify_slow(int count) noexcept;

  //  epoch_    | how often somebody was notified, modulo 2^32; threads sleep on
  //            | it while it is the one that they have read
  //  waiters_  | how many have entered and not left
  //
  // I1: a thread sleeps only while epoch_ is the one that it read in enter(),
  //     or a wake is under way.
  // I2: it read that after it was counted, and looked at the predicate then.
  // (2^32 notifications between an enter() and its sleep would be overlooked.)
  futex_word epoch_{0};
  atomic<std::uint32_t> waiters_{0};
};

static_assert(SYNCXX_IN_RELACY ||
              sizeof(raw_event_count<store_load::fence>) == 8);

#if !SYNCXX_TSAN
extern template class raw_event_count<store_load::fence>;
#endif
extern template class raw_event_count<store_load::update>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_EVENT_COUNT_H_
