// SPDX-License-Identifier: Apache-2.0
//
// The four bytes and the protocol of counting_semaphore and auto_reset_event,
// in one process and between several.
#ifndef SYNCXX_DETAIL_RAW_SEMAPHORE_H_
#define SYNCXX_DETAIL_RAW_SEMAPHORE_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

struct wait_any_slot;

template <futex_scope Scope>
class basic_raw_semaphore {
 public:
  // Tokens; the word's signed 31 bits.
  static constexpr std::int32_t kMax = (1 << 30) - 1;

  constexpr explicit basic_raw_semaphore(std::int32_t tokens) noexcept
      : word_(static_cast<std::uint32_t>(tokens) * kToken) {}
  basic_raw_semaphore(const basic_raw_semaphore&) = delete;
  basic_raw_semaphore& operator=(const basic_raw_semaphore&) = delete;

  std::int32_t available() const noexcept {
    return tokens(word_.load(memory_order_relaxed));
  }

  // In the child of a fork, while it has one thread.
  void reset_after_fork(std::int32_t tokens) noexcept {
    word_.store(static_cast<std::uint32_t>(tokens) * kToken,
                memory_order_relaxed);
  }

  // Takes a token if there is one.
  bool try_acquire() noexcept {
    for (;;) {
      const std::uint32_t w = word_.load(memory_order_relaxed);
      if (!has_token(w)) return false;
      // [P1] acquire; pairs with [P3], [P5], [P6].
      if (confirm(word_, w, w - kToken, memory_order_acquire)) return true;
    }
  }

  // Takes a token without a look first: a load next to an RMW of the same word
  // costs as much as the RMW. False: there was none, and the caller owes one,
  // which pay_and_acquire() puts right.
  bool take_or_owe() noexcept {
    // [P2] acquire; pairs with [P3], [P5], [P6].
    return has_token(word_.fetch_sub(kToken, memory_order_acquire));
  }
  SYNCXX_COLD void pay_and_acquire() noexcept;

  // False: stopped or past the deadline.
  SYNCXX_COLD bool acquire_slow(deadline until,
                                const stop_token* stop) noexcept;

  // Gives `n` tokens, 0 < n <= max. False, and taken back: there were more than
  // `max`. A look first would make that exact, but cost as much as the RMW; so
  // tokens too many are there for a moment.
  bool release(std::int32_t n, std::int32_t max) noexcept {
    if (n > kLargeStep) [[unlikely]]
      return release_large(n, max);
    // [P3] release; pairs with [P1], [P2], [P4]: what the giver wrote is seen
    // by the taker. *this may be gone once it is visible.
    const std::uint32_t w = word_.fetch_add(
        static_cast<std::uint32_t>(n) * kToken, memory_order_release);
    // In [-kMostDebts, max - n], as one comparison. Below lies what another
    // such release has made wrap around (I3).
    if (static_cast<std::uint32_t>(tokens(w)) + kMostDebts >
        static_cast<std::uint32_t>(max - n) + kMostDebts) [[unlikely]]
      return take_back(n);
    if ((w & kParked) != 0) [[unlikely]]
      unpark(&word_, n, kAnySleeper, Scope);
    return true;
  }

  // Gives one token unless there is one already (then it only orders). Not to
  // be mixed with take_or_owe(): a debt would let a second token in.
  void release_saturating() noexcept;

  // For wait_any (wait_any_access.h).
  static constexpr futex_scope kScope = Scope;
  void any_begin(wait_any_slot&) noexcept {}
  bool any_take(wait_any_slot&) noexcept { return try_acquire(); }
  bool any_park(wait_any_slot& slot) noexcept;
  // Also if it was taken: as acquire_slow() does.
  void any_leave(wait_any_slot&, bool) noexcept { tidy(); }

 private:
  static constexpr std::int32_t tokens(std::uint32_t w) noexcept {
    return static_cast<std::int32_t>(w) >> 1;
  }
  static constexpr bool has_token(std::uint32_t w) noexcept {
    return static_cast<std::int32_t>(w) >= static_cast<std::int32_t>(kToken);
  }
  SYNCXX_COLD bool take_back(std::int32_t n) noexcept;
  SYNCXX_COLD bool release_large(std::int32_t n, std::int32_t max) noexcept;
  void tidy() noexcept;

  //  bits  | meaning                      | changed by
  //  1..31 | tokens less debts, signed    | release +n; acquire -1; a
  //        |                              | take_or_owe that finds none -1,
  //        |                              | then +1 (a debt, for a moment)
  //  0     | kParked: threads may sleep;  | set by a thread before it sleeps;
  //        | release wakes as many as it  | cleared by one that has slept, when
  //        | gives tokens                 | the kernel knows of no sleeper
  //
  // I1: while a thread sleeps kParked is set, or a thread that has cleared it
  //     (in tidy) is about to ask the kernel for sleepers and set it again.
  // I2: a debt is paid by its debtor before it does anything else, and the
  //     debtor then takes a token or sleeps: a token that a debt hides from
  //     others is never lost.
  // I3: there are fewer debts than kMostDebts (each is a thread's), and fewer
  //     tokens too many, of releases that are about to take them back, than
  //     kMostDebts below the point where a count of kMax wraps around to: 8192
  //     such releases at once of kLargeStep each.
  // kParked may be set spuriously (wakes that find nobody), never missing.
  static constexpr std::uint32_t kParked = 1;
  static constexpr std::uint32_t kToken = 2;
  static constexpr std::uint32_t kMostDebts = 1u << 29;
  static constexpr std::int32_t kLargeStep = 1 << 16;

  futex_word word_;
};

using raw_semaphore = basic_raw_semaphore<futex_scope::process_private>;

static_assert(SYNCXX_IN_RELACY || sizeof(raw_semaphore) == 4);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_SEMAPHORE_H_
