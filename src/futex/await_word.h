// SPDX-License-Identifier: Apache-2.0
//
// How threads wait for a word to say "open": the wait of latch, event, barrier
// and once_flag, which differ in the question alone. Nothing is taken: all that
// wait for the same thing are let through together.
//
// No wake is lost. A thread sleeps only if, in one step with queueing, the
// kernel has seen `parked` and a value for which `open` is false in the word.
// Whoever makes it true changes the word, finds `parked` in what it replaces
// and wakes everybody.
#ifndef SYNCXX_SRC_FUTEX_AWAIT_WORD_H_
#define SYNCXX_SRC_FUTEX_AWAIT_WORD_H_

#include <cstdint>

#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/spin_wait.h>
#include <sync/detail/thread.h>

#include "sleeper.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Waits until `open(word)`. False: stopped or past the deadline. `parked`: the
// bit of the word that says that threads may sleep on it.
// `may_run`: whether those waited for can all run meanwhile, as far as known.
template <class Open, class MayRun>
bool await_word(futex_word& word, std::uint32_t parked, deadline until,
                const stop_token* stop, Open open, futex_scope scope,
                MayRun may_run) noexcept {
  sleeper self(until, stop, scope);
  spinner spinning(spinner::how::briefly);
  for (;;) {
    // [AW1] acquire; pairs with [L1], [E1], [BR4], [ON3].
    const std::uint32_t w = word.load(memory_order_acquire);
    if (open(w)) return true;
    if (spinning.spin(may_run)) continue;
    if (self.must_leave()) return false;
    if (spinning.yield()) continue;
    const std::uint32_t asleep = w | parked;
    if (w == asleep || confirm(word, w, asleep, memory_order_relaxed))
      self.sleep(word, asleep);
  }
}
template <class Open>
bool await_word(futex_word& word, std::uint32_t parked, deadline until,
                const stop_token* stop, Open open,
                futex_scope scope = futex_scope::process_private) noexcept {
  return await_word(word, parked, until, stop, open, scope,
                    [] { return true; });
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_FUTEX_AWAIT_WORD_H_
