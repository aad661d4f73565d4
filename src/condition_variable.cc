// SPDX-License-Identifier: Apache-2.0
//
// The queue behind the condition variables.
//
// No notification is lost. A waiter is in the list before it unlocks the mutex,
// so every notifier that locks the mutex later finds it there. It sleeps only
// if, in one step with queueing, the kernel has seen kWaiting in its word; a
// notifier changes the word before it wakes. A waiter that runs out of time
// goes from kWaiting to kLeaving, a notifier that wants it from kWaiting to
// kTaken: one of them wins, and a notifier passes over those that are leaving.
//
// No herd, and no hurry to wait. A waiter whose mutex is owned when its turn
// comes is moved, in the kernel, from its own word to the queue of the mutex,
// where each unlock wakes the next. One whose mutex is free is woken: it would
// only wait for a wake. The notifier answers for the sleepers that it moves
// (raw_mutex I1) until it settles: it makes the mutex expect sleepers before
// each move and after the last, and wakes one if the mutex was unlocked for
// good in between. The node moved last is let go of last, so that the mutex is
// there until then: its thread has yet to lock it.
//
// No idling. Woken one at a time, each waiter would cost as long as an idle CPU
// takes to wake up. So of many, a few are woken ahead although the mutex is
// owned, and answer for the moved ones as if they had been moved themselves:
// the unlock of each wakes another. One that loses the mutex goes to sleep, and
// its place is not filled: where the mutex is held for long, none stay ahead.
//
// No stranger is moved. While a node is kTaken its thread stays in wait(), so
// that nobody else can sleep on that word; the kernel compares the word with
// kTaken in the same step in which it moves the sleeper.
//
// Destroy after notify. A notified thread touches only its own node (I2). A
// leaving one must still unlink itself: a notifier that has seen it waits for
// that before it lets go of the threads it notifies.
#include "futex/sleeper.h"
#include "futex/syscall.h"

#include <algorithm>

#include <sync/detail/spin_wait.h>
#include <sync/detail/wait_list.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// While the mutex is owned, how many threads of one notify_all may be on their
// way to it, but no more than two for each CPU (one runs, one wakes up), and on
// a single CPU, which does not idle, one: those woken so far, and the one that
// the unlock wakes. (In the model one is woken ahead, so that of two waiters
// the other is moved.)
constexpr unsigned kMostAtOnce = SYNCXX_MODELLED ? 2 : 8;

}  // namespace

// Holds the list; returns its last node.
wait_node* wait_list::acquire() noexcept {
  for (patience others;; others.wait()) {
    const std::uintptr_t tail = tail_.load(memory_order_relaxed);
    // [C1] acquire; pairs with [C2]: links and states that holders wrote.
    if ((tail & kBusy) == 0 &&
        confirm(tail_, tail, tail | kBusy, memory_order_acquire)) {
      return reinterpret_cast<wait_node*>(tail);
    }
  }
}

void wait_list::release(wait_node* tail) noexcept {
  // [C2] release; pairs with [C1], [C7].
  tail_.store(reinterpret_cast<std::uintptr_t>(tail), memory_order_release);
}

void wait_list::enqueue(wait_node& node) noexcept {
  wait_node* const tail = acquire();
  if (tail == nullptr) {
    node.next_ = node.prev_ = &node;
  } else {
    node.prev_ = tail;
    node.next_ = tail->next_;
    node.next_->prev_ = &node;
    tail->next_ = &node;
  }
  release(&node);
}

void wait_list::unlink(wait_node*& tail, wait_node& node) noexcept {
  node.prev_->next_ = node.next_;
  node.next_->prev_ = node.prev_;
  if (tail == &node) tail = node.next_ == &node ? nullptr : node.prev_;
}

bool wait_list::cancel(wait_node& node) noexcept {
  std::uint32_t state = wait_node::kWaiting;
  // Relaxed: what the state decides is read and written under [C1].
  if (!node.state_.compare_exchange_strong(state, wait_node::kLeaving,
                                           memory_order_relaxed,
                                           memory_order_relaxed)) {
    await_end(node);
    return false;
  }
  wait_node* tail = acquire();
  unlink(tail, node);
  release(tail);
  return true;
}

// Waits until the notifier has let go of the node; says whether its thread
// answers for sleepers on the mutex.
bool wait_list::await_end(wait_node& node) noexcept {
  for (patience others;; others.wait()) {
    // [C4] acquire; pairs with [C3], [C5], [C6]: the notifier's last use of the
    // node comes before its memory is used again.
    const std::uint32_t state = node.state_.load(memory_order_acquire);
    if (state >= wait_node::kNotified) return state == wait_node::kMoved;
  }
}

bool wait_list::sleep(wait_node& node, deadline until,
                      const stop_token* stop) noexcept {
  sleeper self(until, stop);
  while (node.state_.load(memory_order_relaxed) == wait_node::kWaiting) {
    if (self.must_leave()) return !cancel(node);
    self.sleep(node.state_, wait_node::kWaiting, raw_mutex::kQueue);
  }
  await_end(node);
  return true;
}

bool wait_list::wait(raw_mutex& mutex, deadline until,
                     const stop_token* stop) noexcept {
  if (until.has_passed()) {  // nothing to wait for, and no notification to take
    mutex.unlock();
    mutex.lock();
    return false;
  }
  wait_node node;
  // One that may be stopped is woken and not moved: its stop request reaches it
  // where it went to sleep.
  if (stop == nullptr || !stop->stop_possible()) node.mutex_ = &mutex;
  enqueue(node);
  mutex.unlock();
  const bool notified = sleep(node, until, stop);
  if (notified && node.state_.load(memory_order_relaxed) == wait_node::kMoved) {
    mutex.lock_slow(deadline::never(), nullptr, true);
  } else {
    mutex.lock();
  }
  return notified;
}

// Returns when no waiter that a notifier has found leaving is in the list any
// more. Those that begin to leave meanwhile are not waited for.
void wait_list::await_leavers() noexcept {
  for (patience others;; others.wait()) {
    wait_node* const tail = acquire();
    bool leaving = false;
    if (tail != nullptr) {
      const wait_node* node = tail;
      do {
        leaving |=
            node->state_.load(memory_order_relaxed) == wait_node::kAwaited;
        node = node->next_;
      } while (node != tail);
    }
    release(tail);
    if (!leaving) return;
  }
}

void wait_list::notify_one_slow() noexcept {
  wait_node* tail = acquire();
  wait_node* taken = nullptr;
  bool leavers = false;
  if (tail != nullptr) {
    wait_node* const last = tail;
    wait_node* node = tail->next_;
    for (;; node = node->next_) {
      std::uint32_t state = wait_node::kWaiting;
      if (node->state_.compare_exchange_strong(state, wait_node::kTaken,
                                               memory_order_relaxed,
                                               memory_order_relaxed)) {
        taken = node;
        unlink(tail, *node);
        break;
      }
      node->state_.store(wait_node::kAwaited, memory_order_relaxed);
      leavers = true;
      if (node == last) break;
    }
  }
  release(tail);
  if (leavers) await_leavers();
  if (taken != nullptr) {
    taken->next_ = nullptr;
    deliver(taken);
  }
}

void wait_list::notify_all_slow() noexcept {
  // Take everybody who is not leaving, as a chain in the order of arrival.
  wait_node* tail = acquire();
  wait_node* first = nullptr;
  wait_node** link = &first;
  bool leavers = false;
  wait_node* node = tail != nullptr ? tail->next_ : nullptr;
  for (wait_node* const last = tail; node != nullptr;) {
    wait_node* const next = node == last ? nullptr : node->next_;
    std::uint32_t state = wait_node::kWaiting;
    if (node->state_.compare_exchange_strong(state, wait_node::kTaken,
                                             memory_order_relaxed,
                                             memory_order_relaxed)) {
      unlink(tail, *node);
      *link = node;
      link = &node->next_;
    } else {
      node->state_.store(wait_node::kAwaited, memory_order_relaxed);
      leavers = true;
    }
    node = next;
  }
  *link = nullptr;
  release(tail);
  if (leavers) await_leavers();
  if (first != nullptr) deliver(first);
}

// Moves or wakes the threads of a chain of nodes that were taken, and lets go
// of the nodes.
void wait_list::deliver(wait_node* chain) noexcept {
  wait_node* moved = nullptr;  // the last that was moved, not yet let go of
  const unsigned cpus = usable_cpus();
  unsigned at_once = cpus > 1 ? std::min(2 * cpus, kMostAtOnce) : 1;
  while (chain != nullptr) {
    wait_node& node = *chain;
    chain = node.next_;
    // The node's mutex is there: its thread has yet to lock it.
    const bool owned = node.mutex_ != nullptr && node.mutex_->expect_sleepers();
    const bool ahead = owned && chain != nullptr && at_once > 1;
    if ((ahead || !owned) && at_once > 1) --at_once;
    if (ahead) {  // so nobody has been moved so far
      wake(node, wait_node::kMoved);
      continue;
    }
    if (owned) move(node);
    if (moved != nullptr) {
      if (!owned || node.mutex_ != moved->mutex_) settle(*moved);
      // [C5] release; pairs with [C4]. The notifier still answers for it,
      // through the node that it holds now, or has settled.
      moved->state_.store(wait_node::kMoved, memory_order_release);
    }
    moved = owned ? &node : nullptr;
    if (!owned) wake(node, wait_node::kNotified);
  }
  if (moved != nullptr) {
    settle(*moved);
    // [C6] release; pairs with [C4].
    moved->state_.store(wait_node::kMoved, memory_order_release);
  }
}

// After threads were moved: makes sure that the mutex knows of them. A relaxed
// look will do: an unlock that cleared kParked goes on to wake. If that came
// before the last move, the kernel's lock of the queue makes the clearing
// visible here; if after, it has found a sleeper, which answers for the others.
void wait_list::settle(const wait_node& moved) noexcept {
  if (!moved.mutex_->expect_sleepers()) moved.mutex_->wake_one();
}

// Moves a thread to the queue of its mutex, if it is asleep.
void wait_list::move(wait_node& node) noexcept {
  sys::futex_requeue(&node.state_, wait_node::kTaken, 0, 1,
                     node.mutex_->address(), futex_scope::process_private);
}

// Lets go of a node, and wakes its thread.
void wait_list::wake(wait_node& node, std::uint32_t state) noexcept {
  const futex_word* const word = &node.state_;
  // [C3] release; pairs with [C4]. The node may be gone once it is visible.
  node.state_.store(state, memory_order_release);
  unpark(word, 1);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
