// SPDX-License-Identifier: Apache-2.0
//
// The four bytes and the protocol of counting_semaphore and auto_reset_event.
#ifndef SYNCXX_DETAIL_RAW_SEMAPHORE_H_
#define SYNCXX_DETAIL_RAW_SEMAPHORE_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class raw_semaphore {
 public:
  // Tokens; the word's signed 31 bits.
  static constexpr std::int32_t kMax = (1 << 30) - 1;

  constexpr explicit raw_semaphore(std::int32_t tokens) noexcept
      : word_(static_cast<std::uint32_t>(tokens) * kToken) {}
  raw_semaphore(const raw_semaphore&) = delete;
  raw_semaphore& operator=(const raw_semaphore&) = delete;

  std::int32_t available() const noexcept {
    return tokens(word_.load(memory_order_relaxed));
  }

  // Takes a token if there is one.
  bool try_acquire() noexcept {
    std::uint32_t w = word_.load(memory_order_relaxed);
    while (has_token(w)) {
      // [P1] acquire; pairs with [P3], [P5], [P6].
      if (word_.compare_exchange_weak(w, w - kToken, memory_order_acquire,
                                      memory_order_relaxed))
        return true;
    }
    return false;
  }

  // Takes a token if there is one, by a subtraction: the look before it decides
  // no more than a predicted branch, where a compare-exchange would wait for
  // its value. False: there was none; a token that others took in between is
  // owed, and acquire_slow(…, owing) puts it right.
  bool try_take(bool& owing) noexcept {
    owing = has_token(word_.load(memory_order_relaxed));
    // [P2] acquire; pairs with [P3], [P5], [P6].
    return owing && has_token(word_.fetch_sub(kToken, memory_order_acquire));
  }

  // False: stopped or past the deadline, and nothing is owed.
  SYNCXX_COLD bool acquire_slow(deadline until, const stop_token* stop,
                                bool owing = false) noexcept;

  // Gives `n` > 0 tokens. False, and nothing changed: there would be more than
  // `max`.
  bool release(std::int32_t n, std::int32_t max) noexcept {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kParked) != 0 || tokens(w) > max - n) [[unlikely]]
      return release_slow(n, max);
    // [P3] release; pairs with [P1], [P2], [P4]: what the giver wrote is seen
    // by the taker. *this may be gone once it is visible.
    if ((word_.fetch_add(static_cast<std::uint32_t>(n) * kToken,
                         memory_order_release) &
         kParked) != 0) [[unlikely]]
      unpark(&word_, n);
    return true;
  }

  // Gives one token unless there is one already (then it only orders). Not to
  // be mixed with try_take, which may owe.
  void release_saturating() noexcept;

 private:
  static constexpr std::int32_t tokens(std::uint32_t w) noexcept {
    return static_cast<std::int32_t>(w) >> 1;
  }
  static constexpr bool has_token(std::uint32_t w) noexcept {
    return static_cast<std::int32_t>(w) >= static_cast<std::int32_t>(kToken);
  }
  bool take(std::uint32_t seen, bool slept) noexcept;
  bool leave(bool slept) noexcept;
  SYNCXX_COLD bool release_slow(std::int32_t n, std::int32_t max) noexcept;

  //  bits  | meaning                       | changed by
  //  1..31 | tokens less debts, signed     | release +n, acquire -1; a try_take
  //        |                               | that finds none -1, then +1 (a
  //        |                               | debt, for a moment)
  //  0     | kParked: threads may sleep    | set by a thread before it sleeps
  //  or
  //        | for which no awake thread     | when it stops answering for
  //        others; | answers: release must wake    | cleared by a release that
  //        wakes
  //
  // I1: a thread sleeps only while kParked is set, or a thread that was woken
  //     and has not yet taken a token or set kParked (a designated waiter) is
  //     awake.
  // I2: tokens are not left beside sleepers: a designated waiter that takes one
  //     and sees more wakes another thread.
  // I3: every debt is paid back by its debtor before it does anything else, and
  //     each debtor then takes a token or sleeps: a token hidden by a debt is
  //     never lost.
  // kParked may be set spuriously (one wake that finds nobody), never missing.
  static constexpr std::uint32_t kParked = 1;
  static constexpr std::uint32_t kToken = 2;

  futex_word word_;
};

static_assert(sizeof(raw_semaphore) == 4);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_SEMAPHORE_H_
