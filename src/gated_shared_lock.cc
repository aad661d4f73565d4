// SPDX-License-Identifier: Apache-2.0
//
// Exclusion. A writer owns the gate and has seen that nobody is counted in;
// readers count themselves in under the gate. What the last writer did a reader
// gets from the gate, what the readers did the next writer gets from [GS1].
//
// No wake is lost. A writer sleeps only if, in one step with queueing, the
// kernel has seen kParked and a reader in the word. Nobody else may count in,
// so each change is a reader's that leaves; the last of them finds kParked and
// wakes (I1). Destroy after unlock_shared: [GS1] is the last access.
#include <sync/detail/gated_shared_lock.h>

#include "futex/sleeper.h"

#include <cerrno>
#include <system_error>

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

bool gated_shared_lock::try_lock() noexcept {
  if (!gate_.try_lock()) return false;
  // [GS2] acquire; pairs with [GS1].
  if (readers_.load(memory_order_acquire) < kReader) return true;
  gate_.unlock();
  return false;
}

bool gated_shared_lock::lock_until(deadline until,
                                   const stop_token* stop) noexcept {
  if (!gate_.try_lock() && !gate_.lock_slow(until, stop)) return false;
  if (await_readers(until, stop)) return true;
  gate_.unlock();
  return false;
}

// Under the gate: waits until nobody is counted in.
bool gated_shared_lock::await_readers(deadline until,
                                      const stop_token* stop) noexcept {
  sleeper self(until, stop);
  spinner spinning(spinner::how::briefly);
  for (;;) {
    // [GS3] acquire; pairs with [GS1].
    std::uint32_t w = readers_.load(memory_order_acquire);
    if (w < kReader) {
      // Nobody else writes here now. Relaxed: the next writer gets the readers'
      // writes from this one, by the gate.
      if (w != 0) readers_.store(0, memory_order_relaxed);
      return true;
    }
    if (spinning.spin()) continue;
    if (self.must_leave()) return false;
    const std::uint32_t asleep = w | kParked;
    if (w == asleep ||
        readers_.compare_exchange_weak(w, asleep, memory_order_relaxed,
                                       memory_order_relaxed)) {
      self.sleep(readers_, asleep);
    }
  }
}

// Under the gate, which it gives back.
void gated_shared_lock::count_in() {
  // Relaxed: the gate orders it before the next writer's look.
  const std::uint32_t w = readers_.fetch_add(kReader, memory_order_relaxed);
  const bool too_many = w / kReader >= kMaxReaders;
  if (too_many) readers_.fetch_sub(kReader, memory_order_relaxed);
  gate_.unlock();
  if (too_many)
    throw std::system_error(EAGAIN, std::generic_category(),
                            "syncxx: too many readers of a shared lock");
}

bool gated_shared_lock::try_lock_shared() {
  if (!gate_.try_lock()) return false;
  count_in();
  return true;
}

bool gated_shared_lock::lock_shared_until(deadline until,
                                          const stop_token* stop) {
  if (!gate_.try_lock() && !gate_.lock_slow(until, stop)) return false;
  count_in();
  return true;
}

bool gated_shared_lock::unlock_shared() noexcept {
  const futex_word* const word = &readers_;
  // [GS1] release; pairs with [GS2], [GS3]: what the reader did comes before
  // what the writer does. *this may be gone once it is visible.
  const std::uint32_t w = readers_.fetch_sub(kReader, memory_order_release);
  if (w < kReader) [[unlikely]] {
    readers_.fetch_add(kReader, memory_order_relaxed);
    return false;
  }
  if (w == (kReader | kParked)) [[unlikely]]
    unpark(word, 1);
  return true;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
