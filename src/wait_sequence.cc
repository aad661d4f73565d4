// SPDX-License-Identifier: Apache-2.0
//
// The protocol of interprocess::condition_variable.
//
// No notification is lost. A waiter has set kParked, or seen it, before it
// unlocks the mutex, so a notifier that locks the mutex later finds it. It
// sleeps only if, in one step with queueing, the kernel has seen the word as it
// was then. Each notification that finds kParked changes the word first (I2):
// waiters on their way to sleep do not, and have been notified. Then it wakes:
// - all, if it clears kParked: nobody is left to be missed (I1);
// - one, the longest asleep, if it leaves kParked for others. There was one:
//   kParked is left only where the kernel has counted two asleep. A waiter that
//   comes between the change and the wake may get it: it waits then, so this is
//   the order in which the calls count ([thread.condition]).
// A time-out is no notification: the kernel says which of the two ended a
// sleep.
//
// No herd. Where the mutex is in the same page as the condition variable, it is
// so in every process, and the kernel is told to move the sleepers to the
// mutex's queue and to wake one, in one step. That one is the designated waiter
// (raw_mutex I1): it locks with kParked, and so does each that an unlock wakes
// after it, for each may have been moved. It may be any that has slept here:
// one that an earlier notification is about to wake is still in the queue, and
// may wait for time or a stop as well. So all that were woken answer. Moved are
// only threads that wait for this mutex and nothing else, neither time nor
// stop: a notifier that has seen kPlace and changed the word from what it was
// before [WS2] knows that of all who sleep, for whoever is different has
// changed the word before it slept (I3). None of them can leave before it is
// moved, so the mutex is there; the notifier itself never touches it.
//
// Destroy after notify: I4.
#include <sync/detail/wait_sequence.h>

#include "futex/sleeper.h"
#include "futex/syscall.h"

#include <cerrno>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constexpr auto kShared = futex_scope::process_shared;
// No page is smaller, and each is aligned to its size.
constexpr std::uintptr_t kPage = 4096;

}  // namespace

// Where in the page of *this the mutex is, from 1 on; 0: in another page.
std::uint32_t wait_sequence::place_of(const mutex_type& mutex) const noexcept {
  const auto mine = reinterpret_cast<std::uintptr_t>(&word_);
  const auto its = reinterpret_cast<std::uintptr_t>(mutex.address());
  if (mine / kPage != its / kPage) return 0;
  return static_cast<std::uint32_t>(its % kPage / sizeof(std::uint32_t) + 1);
}

const futex_word* wait_sequence::mutex_at(std::uint32_t place) const noexcept {
  const auto mine = reinterpret_cast<std::uintptr_t>(&word_);
  return reinterpret_cast<const futex_word*>(
      mine / kPage * kPage + (place - 1) * sizeof(std::uint32_t));
}

// Makes notifiers see a waiter, whose mutex is owned; returns the word to sleep
// on. `place`: of the mutex, if the waiter may be moved there.
std::uint32_t wait_sequence::arrive(std::uint32_t place) noexcept {
  // Relaxed: whoever waits here now has come under the same mutex.
  std::uint32_t w = word_.load(memory_order_relaxed);
  for (bool differs = false;;) {
    std::uint32_t asleep = w;
    std::uint32_t hints = hints_.load(memory_order_relaxed);
    if ((w & kParked) == 0) {
      asleep |= kParked | kUsed;
      hints = place;
    } else {
      hints |= kSeveral;
      differs |= (hints & kPlace) != 0 && (hints & kPlace) != place;
      if (differs) {  // (I3)
        asleep = next(w);
        hints &= ~kPlace;
      }
    }
    hints_.store(hints, memory_order_relaxed);
    if (asleep == w) return w;
    // [WS1] release; pairs with [WS2]: hints_.
    if (word_.compare_exchange_weak(w, asleep, memory_order_release,
                                    memory_order_relaxed)) {
      return asleep;
    }
  }
}

bool wait_sequence::wait(mutex_type& mutex, deadline until,
                         const stop_token* stop) noexcept {
  if (until.has_passed()) {  // nothing to wait for, and no notification to take
    mutex.unlock();
    mutex.lock();
    return false;
  }
  const bool bounded =
      !until.is_never() || (stop != nullptr && stop->stop_possible());
  const std::uint32_t place = bounded ? 0 : place_of(mutex);
  const std::uint32_t asleep = arrive(place);
  mutex.unlock();
  sleeper self(until, stop, kShared);
  bool notified = false;
  bool answers = false;  // was perhaps woken as the one that is to
  while (!notified && !self.must_leave()) {
    switch (self.sleep(word_, asleep, mutex_type::kQueue)) {
      case sleep_end::woken:
        notified = answers = true;
        break;
      case sleep_end::changed:
        notified = stop == nullptr || !stop->stop_requested();
        answers |= stop != nullptr;  // (which may have come with a wake)
        break;
      case sleep_end::other:
        answers |= stop != nullptr;
        break;
    }
  }
  if (answers) {
    mutex.lock_slow(deadline::never(), nullptr, true);
  } else {
    mutex.lock();
  }
  return notified;
}

void wait_sequence::notify_one_slow() noexcept {
  std::uint32_t w = 0;
  bool others = false;
  std::uint32_t notified = 0;
  do {
    w = word_.load(memory_order_relaxed);
    if ((w & kParked) == 0) return;
    // Relaxed: who finds no kSeveral here wakes all.
    others = (hints_.load(memory_order_relaxed) & kSeveral) != 0 &&
             sys::futex_count(&word_, 2, kShared) > 1;
    notified = others ? next(w) : next(w) & ~kParked;
    // Relaxed: the mutex orders what waiters are notified of.
  } while (!confirm(word_, w, notified, memory_order_relaxed));
  unpark(&word_, others ? 1 : kAllSleepers, kAnySleeper, kShared);
}

void wait_sequence::notify_all_slow() noexcept {
  std::uint32_t notified = 0;
  std::uint32_t place = 0;
  for (;;) {
    // [WS2] acquire; pairs with [WS1]: hints_ as they are for this word.
    const std::uint32_t w = word_.load(memory_order_acquire);
    if ((w & kParked) == 0) return;
    place = hints_.load(memory_order_relaxed) & kPlace;
    notified = next(w) & ~kParked;
    if (confirm(word_, w, notified, memory_order_relaxed)) break;
  }
  // Refused: others wait here by now, or notify.
  if (place != 0 && sys::futex_requeue(&word_, notified, 1, kAllSleepers,
                                       mutex_at(place), kShared) != -EAGAIN) {
    return;
  }
  unpark(&word_, kAllSleepers, kAnySleeper, kShared);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
