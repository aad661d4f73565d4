// SPDX-License-Identifier: Apache-2.0
//
// The slow path of wait_any.
//
// Exactly one is taken: the loop ends with the first any_take() that succeeds,
// and nothing else takes anything.
//
// No wake is lost for this thread. It sleeps only if, in one step with
// queueing, the kernel has seen in each word the value that any_park() has
// published there: somebody sleeps, and it is not there to be taken. That is
// each primitive's own argument, once for each word; futex_waitv does not sleep
// if any of the words differs.
//
// No wake is lost for others. A wake of one thread may have been consumed here
// on any of the words, whichever index the kernel gives: it names one. So after
// a sleep that a wake may have ended the thread answers for all of them, until
// any_leave(): a mutex that is free by then wakes the next, one that is owned
// is made to (raw_mutex I1); a semaphore with tokens wakes as many as it has
// (tidy). Wakes of all (events, latches) need no answer.
#include <sync/wait_any.h>

#include "futex/sleeper.h"

#include <stdexcept>

#include <sync/detail/spin_wait.h>
#include <sync/futex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constexpr std::size_t kNone = ~std::size_t{0};

class any_wait {
 public:
  explicit any_wait(std::span<const waitable_ref> objects) noexcept
      : objects_(objects) {}

  std::optional<std::size_t> run(deadline until, const stop_token* stop) {
    for (std::size_t i = 0; i < objects_.size(); ++i)
      objects_[i].ops().begin(objects_[i].object(), slots_[i]);
    hear_waits([&](const void* object, object_kind kind) {
      hook_wait_begin(object, kind, waits::bounded);
    });
    wait(until, stop);
    leave();
    hear_waits([](const void* object, object_kind kind) {
      hook_wait_end(object, kind);
    });
    if (taken_ == kNone) return std::nullopt;
    return taken_;
  }

 private:
  bool take(std::size_t i) noexcept {
    if (!objects_[i].ops().take(objects_[i].object(), slots_[i])) return false;
    taken_ = i;
    return true;
  }
  bool look() noexcept {
    for (std::size_t i = 0; i < objects_.size(); ++i)
      if (take(i)) return true;
    return false;
  }

  // False: one of them has changed.
  bool park() noexcept {
    for (std::size_t i = 0; i < objects_.size(); ++i) {
      wait_any_slot& slot = slots_[i];
      if (!objects_[i].ops().park(objects_[i].object(), slot)) return false;
      slot.parked = true;
      words_[i] = {slot.word, slot.asleep, objects_[i].ops().scope};
    }
    return true;
  }

  void wait(deadline until, const stop_token* stop) {
    sleeper self(until, stop);
    spinner spinning(spinner::how::briefly);
    while (!look()) {
      if (spinning.spin()) continue;
      if (self.must_leave()) return;
      if (spinning.yield()) continue;
      if (!park()) continue;
      if (self.sleep_any(std::span(words_, objects_.size())))
        for (std::size_t i = 0; i < objects_.size(); ++i)
          slots_[i].slept = true;
      spinning.restart();
    }
  }

  void leave() noexcept {
    for (std::size_t i = 0; i < objects_.size(); ++i)
      if (slots_[i].parked)
        objects_[i].ops().leave(objects_[i].object(), slots_[i], i == taken_);
  }

  template <class Hook>
  void hear_waits(Hook hook) const noexcept {
    for (const waitable_ref& o : objects_) hook(o.object(), o.ops().kind);
  }

  const std::span<const waitable_ref> objects_;
  std::size_t taken_ = kNone;
  wait_any_slot slots_[kMostWaitables];
  futex_wait_entry words_[kMostWaitables];  // written by park()
};

// Before all that: one that is there.
std::optional<std::size_t> first_there(
    std::span<const waitable_ref> objects) noexcept {
  for (std::size_t i = 0; i < objects.size(); ++i) {
    wait_any_slot slot;
    objects[i].ops().begin(objects[i].object(), slot);
    if (objects[i].ops().take(objects[i].object(), slot)) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> wait_any(std::span<const waitable_ref> objects,
                                    deadline until, const stop_token* stop) {
  if (objects.empty())
    throw std::invalid_argument("syncxx: wait_any of no objects");
  if (objects.size() > kMostWaitables)
    throw std::length_error("syncxx: wait_any of more than 128 objects");
  for (const waitable_ref& o : objects)
    if (o.ops().is_lock) hook_attempt(o.object(), o.ops().kind);
  auto taken = first_there(objects);
  if (!taken && !until.has_passed()) taken = any_wait(objects).run(until, stop);
  if (taken && objects[*taken].ops().is_lock)
    hook_acquired(objects[*taken].object(), objects[*taken].ops().kind);
  return taken;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
