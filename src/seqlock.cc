// SPDX-License-Identifier: Apache-2.0
//
// The slow path of seqlock's writers.
//
// No torn copy. Say a reader's copy has a word of a write W and it began before
// W ended: it read the sequence [Q3] before W's end. W has made the count odd
// before it wrote that word [Q6], so the reader, having read the word [Q5],
// finds that odd count or a later one in the end: not what it began with, for
// that was even, and earlier. Say it has a word that is older than a write W
// which had ended when it began: it has read W's count, or a later one [Q3],
// and W's words happen before that: coherence forbids it.
//
// No wake is lost. Sleeping writers are those of mutex without a claim
// (mutex.cc): one sleeps only if the kernel has seen kLocked|kParked in the
// word; whoever clears kParked is an unlock, which wakes one; that one sets it
// again when it takes the lock or sleeps. The count changes beneath a sleeper:
// that makes it look again.
#include <sync/detail/raw_sequence.h>

#include "futex/sleeper.h"

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

void raw_sequence::lock_slow(std::uint32_t step) noexcept {
  sleeper self(deadline::never(), nullptr);
  spinner spinning(spinner::how::for_a_lock);
  std::uint32_t mine = step;
  for (;;) {
    const std::uint32_t w = word_.load(memory_order_relaxed);
    if ((w & kLocked) == 0) {
      // [Q4] acquire; pairs with [Q2].
      if (confirm(word_, w, w + mine, memory_order_acquire)) return;
      continue;
    }
    if (spinning.spin()) continue;
    const std::uint32_t asleep = w | kParked;
    if (w != asleep && !confirm(word_, w, asleep, memory_order_relaxed))
      continue;
    if (self.sleep(word_, asleep) == sleep_end::woken)
      mine = step | kParked;  // answers for the others
    spinning.restart();
  }
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
