// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of byte_mutex.
//
// No wake is lost. A thread parks only if, under the lock of its queue, the
// byte is kLocked|kParked. Whoever clears kParked is an unlock, under the same
// lock: it takes one thread out of the queue and knows whether others are left.
// If there are, that thread answers for them (I1): it takes the lock with
// kParked set, finds or sets kParked before it parks again, or sets it when it
// gives up, unless the lock is free, which it then takes. An unlock that finds
// nobody in the queue has changed the byte, so that those on their way there
// turn back.
//
// Bounded overtaking. A thread that comes by may take a free lock ahead of the
// parked (barging): the lock would otherwise idle for the time a wake takes.
// When the lot says that it is time to be fair, the lock is not freed: kLocked
// stays, and the thread that has waited longest is told by its token that it is
// the owner. A token can't be lost: who was taken out of the queue returns with
// it, however late.
//
// Handing over orders by the lot: [PL3] releases, the new owner's [PL4]
// acquires.
//
// Destroy after unlock. The store that releases the lock is the last access to
// the object; the lot goes on with the address only.
#include <sync/byte_mutex.h>

#include "futex/sleeper.h"

#include <sync/detail/clock.h>
#include <sync/detail/spin_wait.h>
#include <sync/parking_lot.h>

namespace syncxx::inline SYNCXX_ABI {
namespace {

using detail::confirm;
using detail::memory_order_acquire;
using detail::memory_order_relaxed;
using detail::memory_order_release;

// What an unlock tells the thread that it unparks.
constexpr std::uintptr_t kTry = 0;         // nobody else is parked
constexpr std::uintptr_t kAnswer = 1;      // others are: answer for them
constexpr std::uintptr_t kHandedOver = 2;  // the lock is yours

}  // namespace

// Tries to take the lock, which was found free a moment ago; with kParked for
// others.
bool byte_mutex::take_for(bool others) noexcept {
  // [BM3] acquire; pairs with [BM2], [BM4].
  return confirm(byte_, kFree, others ? kContended : kLocked,
                 memory_order_acquire);
}

bool byte_mutex::lock_slow(detail::deadline until,
                           const stop_token* stop) noexcept {
  const detail::sleeper self(until, stop);
  detail::spinner spinning(detail::spinner::how::for_a_lock);
  std::int64_t since = 0;
  bool others = false;  // this thread answers for them (I1)
  const auto still_owned = [this] {
    return byte_.load(memory_order_relaxed) == (kLocked | kParked);
  };
  const auto nothing = [] {};
  for (;;) {
    const std::uint8_t b = byte_.load(memory_order_relaxed);
    if (b == kFree) {
      if (take_for(others)) return true;
      continue;
    }
    if (spinning.spin()) continue;
    if (self.must_leave()) return leave(others);
    if (b == kLocked &&
        !confirm(byte_, kLocked, kContended, memory_order_relaxed))
      continue;
    others = false;  // kParked is set: an unlock answers for them
    if (since == 0) since = detail::now_ns(detail::clock_id::monotonic);
    const auto end = parking_lot::park_at(this, parking_lot::test(still_owned),
                                          parking_lot::step(nothing),
                                          {until, stop, 0, since});
    if (end.unparked()) {
      if (end.token == kHandedOver) return true;
      others = end.token == kAnswer;
    }
    spinning.restart();
  }
}

// Gives up waiting, unless the lock is free: then it is taken after all. What
// the caller answered for (I1) is left in the byte for the next unlock.
bool byte_mutex::leave(bool others) noexcept {
  for (;;) {
    const std::uint8_t b = byte_.load(memory_order_relaxed);
    if (b == kFree) {
      if (take_for(others)) return true;
      continue;
    }
    // (Not an old kParked, from when others answered: who was unparked sees at
    // least what the unlock behind that left [PL4].)
    if (!others || b == kContended ||
        confirm(byte_, kLocked, kContended, memory_order_relaxed))
      return false;
  }
}

void byte_mutex::unlock_slow() noexcept {
  parking_lot::unpark_one(this, [this](const auto& found) noexcept {
    if (found.fair) {
      if (!found.more) byte_.store(kLocked, memory_order_relaxed);
      return kHandedOver;
    }
    // [BM4] release; pairs with [BM1], [BM3]. *this may be gone once it is
    // visible.
    byte_.store(kFree, memory_order_release);
    return found.more ? kAnswer : kTry;
  });
}

}  // namespace syncxx::inline SYNCXX_ABI
