// SPDX-License-Identifier: Apache-2.0
//
// The eight bytes and the protocol of the condition variables: a queue of
// waiters, each on its own stack and asleep on a word of its own.
//
// Reference: nsync (https://github.com/google/nsync) and musl's private
// condition variables keep such a list; moving waiters to the mutex's queue
// instead of waking them is "wait morphing".
#ifndef SYNCXX_DETAIL_WAIT_LIST_H_
#define SYNCXX_DETAIL_WAIT_LIST_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/raw_mutex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class wait_list;

// One waiter. Linked by enqueue(), and to be waited for before it goes.
class wait_node {
 public:
  constexpr wait_node() noexcept = default;
  wait_node(const wait_node&) = delete;
  wait_node& operator=(const wait_node&) = delete;

 private:
  friend class wait_list;

  //  state_    | meaning                             | left by
  //  kWaiting  | in the list; its thread sleeps or   | notifier -> kTaken
  //            | soon will                           | waiter -> kLeaving
  //  kLeaving  | in the list; its thread is about to | notifier -> kAwaited
  //            | unlink it                           |
  //  kAwaited  | as kLeaving; a notifier waits for   | -
  //            | that                                |
  //  kTaken    | out of the list; a notifier still   | notifier -> kNotified,
  //            | uses it                             | -> kMoved
  //  kNotified | nobody uses it                      | -
  //  kMoved    | nobody uses it; its thread, moved   | -
  //            | or woken ahead, answers for         |
  //            | sleepers on the mutex's word        |
  static constexpr std::uint32_t kWaiting = 0;
  static constexpr std::uint32_t kLeaving = 1;
  static constexpr std::uint32_t kAwaited = 2;
  static constexpr std::uint32_t kTaken = 3;
  static constexpr std::uint32_t kNotified = 4;
  static constexpr std::uint32_t kMoved = 5;

  wait_node* next_ = nullptr;  // all links: the list's holder's alone
  wait_node* prev_ = nullptr;
  raw_mutex* mutex_ = nullptr;  // may be moved there; null: is woken
  futex_word state_{kWaiting};
};

class wait_list {
 public:
  constexpr wait_list() noexcept = default;
  wait_list(const wait_list&) = delete;
  wait_list& operator=(const wait_list&) = delete;

  // Unlocks `mutex`, waits to be notified, and locks it again. False: stopped
  // or past the deadline, and not notified.
  SYNCXX_COLD bool wait(raw_mutex& mutex, deadline until,
                        const stop_token* stop) noexcept;

  // The same in three steps, for locks of any type.
  SYNCXX_COLD void enqueue(wait_node& node) noexcept;
  SYNCXX_COLD bool sleep(wait_node& node, deadline until,
                         const stop_token* stop) noexcept;
  // Ends what enqueue() began without waiting. False: it was notified.
  SYNCXX_COLD bool cancel(wait_node& node) noexcept;

  // A waiter that a notifier must not miss was queued before the mutex was
  // unlocked, and the notifier has had that mutex since.
  bool empty() const noexcept {
    // [C7] acquire; pairs with [C2]: who finds nobody waiting may destroy what
    // the last waiter to leave has just let go of.
    return tail_.load(memory_order_acquire) == kEmpty;
  }
  // In the child of a fork, while it has one thread: without those that waited
  // in the parent, and that are not there.
  void reset_after_fork() noexcept {
    tail_.store(kEmpty, memory_order_relaxed);
  }
  void notify_one() noexcept {
    if (!empty()) notify_one_slow();
  }
  void notify_all() noexcept {
    if (!empty()) notify_all_slow();
  }

 private:
  wait_node* acquire() noexcept;
  void release(wait_node* tail) noexcept;
  static void unlink(wait_node*& tail, wait_node& node) noexcept;
  static bool await_end(wait_node& node) noexcept;
  void await_leavers() noexcept;
  static void deliver(wait_node* chain) noexcept;
  static void move(wait_node& node) noexcept;
  static void settle(const wait_node& moved) noexcept;
  static void wake(wait_node& node, std::uint32_t state) noexcept;
  SYNCXX_COLD void notify_one_slow() noexcept;
  SYNCXX_COLD void notify_all_slow() noexcept;

  //  tail_          | meaning
  //  kEmpty         | nobody waits
  //  pointer        | the last node of a circular list; the first is its next_
  //  … | kBusy      | a thread holds the list (a spin lock, held for a few
  //                 | instructions a node)
  //
  // I1: between enqueue and unlink, and only then, a node is in the list, and
  //     kWaiting, kLeaving or kAwaited; the state becomes kTaken or kAwaited
  //     under kBusy only.
  // I2: a thread that was notified never touches the list again: it may be
  //     gone. One that is leaving does, and no notifier that has seen it
  //     returns before.
  static constexpr std::uintptr_t kEmpty = 0;
  static constexpr std::uintptr_t kBusy = 1;

  atomic<std::uintptr_t> tail_{kEmpty};
};

static_assert(SYNCXX_IN_RELACY || sizeof(wait_list) == 8);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_WAIT_LIST_H_
