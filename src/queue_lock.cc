// SPDX-License-Identifier: Apache-2.0
//
// The slow path of queue_lock: a queue of places on the waiters' stacks.
//
// Exclusion. kLocked is set only by a step from a word without it: by [QL1]
// or [QL10] from kFree, or, while the word names a waiter, by the first of the
// queue alone [QL4] (I2). It is cleared by the owner alone [QL2]. All steps on
// the word are read-modify-writes, so that [QL1], [QL4] and [QL10] read the
// last [QL2] or what continues its release sequence.
//
// Who is first. A waiter that has found no other one in the word is, at [QL3];
// any other becomes it when the first one, having taken the lock, says so
// [QL7], which it does once, to the place behind its own. If there is none, the
// same step that takes the lock takes the queue's last name out of the word.
// What a first one reads in the word comes after the last one's step there:
// without kLocked, it is what an owner has left.
//
// No wake is lost. A waiter sleeps only if the kernel, in one step with
// queueing it, has seen kAsleep in its place, which only the waiter itself
// sets. [QL7] replaces that by kFront and wakes the sleeper if it was there.
// The first one does not sleep but looks at the word again and again, so that
// unlock() has nobody to wake.
//
// Lifetime. [QL2] is an owner's last access to the lock. A place goes when its
// thread owns the lock: nobody is behind it then, or [QL7] has been told to who
// is; the one before has touched it for the last time at the [QL7] that was
// read here, but for a wake that names its address.
#include <sync/queue_lock.h>

#include "futex/sleeper.h"

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {

// A place in the queue, on the stack of a thread that waits.
struct queue_lock::waiter {
  //  next    | meaning                              | left by
  //  null    | nobody known to be behind            | who comes next [QL5]
  //  pointer | who comes next                       | -
  //
  //  state    | meaning                             | left by
  //  kWaiting | behind others, awake                | its thread -> kAsleep,
  //           |                                     | the first -> kFront [QL7]
  //  kAsleep  | behind others; its thread sleeps or | the first -> kFront [QL7]
  //           | soon will                           |
  //  kFront   | the first one                       | -
  static constexpr std::uint32_t kWaiting = 0;
  static constexpr std::uint32_t kAsleep = 1;
  static constexpr std::uint32_t kFront = 2;

  detail::atomic<waiter*> next{nullptr};
  detail::futex_word state{kWaiting};

  std::uintptr_t address() const noexcept {
    return reinterpret_cast<std::uintptr_t>(this);
  }
  static waiter* in(std::uintptr_t word) noexcept {
    return reinterpret_cast<waiter*>(word & ~kLocked);
  }
};

void queue_lock::lock_slow() noexcept {
  static_assert(alignof(waiter) > kLocked);
  waiter self;
  std::uintptr_t seen;
  for (;;) {
    seen = word_.load(detail::memory_order_relaxed);
    if (seen == kFree) {
      // [QL10] acquire; pairs with [QL2].
      if (detail::confirm(word_, kFree, kLocked, detail::memory_order_acquire))
        return;
      continue;
    }
    // [QL3] acq_rel; pairs with [QL3]: the place that is last now, and this one
    // to who comes behind it.
    if (detail::confirm(word_, seen, self.address() | (seen & kLocked),
                        detail::memory_order_acq_rel))
      break;
  }
  if (waiter* const before = waiter::in(seen)) {
    // [QL5] release; pairs with [QL6]: this place is there.
    before->next.store(&self, detail::memory_order_release);
    await_front(self);
  }
  take_as_front(self);
}

// Two at least are before it: the owner and the first one.
void queue_lock::await_front(waiter& self) noexcept {
  detail::line_patience others;
  do {
    // [QL8] acquire; pairs with [QL7]: nobody touches this place any more, and
    // the word is seen with that thread's kLocked in it, or later.
    if (self.state.load(detail::memory_order_acquire) == waiter::kFront) return;
  } while (others.try_wait(2));
  std::uint32_t state = waiter::kWaiting;
  // Relaxed, as the look behind a sleep: [QL9] follows.
  if (self.state.compare_exchange_strong(state, waiter::kAsleep,
                                         detail::memory_order_relaxed,
                                         detail::memory_order_relaxed)) {
    detail::sleeper bed(detail::deadline::never(), nullptr);
    do {
      bed.sleep(self.state, waiter::kAsleep);
    } while (self.state.load(detail::memory_order_relaxed) == waiter::kAsleep);
  }
  // [QL9] acquire; pairs with [QL7]: as [QL8].
  static_cast<void>(self.state.load(detail::memory_order_acquire));
}

void queue_lock::take_as_front(waiter& self) noexcept {
  std::uintptr_t seen;
  // An owner runs when it takes the lock: it is not handed to a thread that
  // does not. So does the one that has just made this one the first.
  for (detail::line_patience owner{detail::line_patience::ahead_runs::yes};;) {
    seen = word_.load(detail::memory_order_relaxed);
    if ((seen & kLocked) == 0) break;
    owner.wait(1);
  }
  // [QL4] acquire; pairs with [QL2]. Alone, it takes its place out of the word;
  // else it leaves those behind there.
  if (seen == self.address() &&
      word_.compare_exchange_strong(seen, kLocked, detail::memory_order_acquire,
                                    detail::memory_order_relaxed)) {
    return;
  }
  word_.fetch_add(kLocked, detail::memory_order_acquire);  // [QL4]
  waiter* next;
  for (detail::line_patience others;;) {
    // [QL6] acquire; pairs with [QL5].
    next = self.next.load(detail::memory_order_acquire);
    if (next != nullptr) break;
    others.wait(1);
  }
  // [QL7] release; pairs with [QL8], [QL9]: this thread has done with that
  // place, and has taken the lock.
  if (next->state.exchange(waiter::kFront, detail::memory_order_release) ==
      waiter::kAsleep) {
    detail::unpark(&next->state, 1);  // its thread may have gone on
  }
}

}  // namespace syncxx::inline SYNCXX_ABI
