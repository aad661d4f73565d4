// SPDX-License-Identifier: Apache-2.0
//
// mcs_lock: a queue lock whose waiters each spin on a place of their own.
//
// Choose it for sections of a few instructions that many threads want at once,
// on a machine with a CPU for each of them: a hand-over is one line's way from
// the owner to the next, however many wait. Choose queue_lock where there is
// no place for a node or the interface must be a mutex's; ticket_lock for a few
// threads; mutex where threads may outnumber the CPUs: the next in line is
// often one that does not run, and the lock stands idle until it does.
//
// Promises
//   size      8 bytes, and 16 for each node (32 in the hooked library);
//             constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      uncontended: lock 1 atomic RMW, unlock 1; a hand-over is a plain
//             store to the next one's node
//   progress  blocking; first come, first served from lock()'s first step on.
//             Waiters spin for some microseconds, then give the CPU away
//             between two looks
//   ordering  unlock() synchronizes with the lock() that follows it
//   lifetime  may be destroyed, and its memory unmapped, as soon as the last
//             unlock() has released it; a node as soon as its unlock() returned
//   fork      in the child: construct anew, nodes too
//   waits     block and try; not bounded
//   errors    see <sync/misuse.h>; the plain library cannot know a wrong node
//
// A node is for one lock at a time, from lock() to unlock(), and in between
// stays where it is. Then it may be used again, with any lock and from any
// thread that it is handed to. A thread that holds several locks has a node for
// each; they may be unlocked in any order. A signal handler may use a lock that
// the code it interrupts does not use.
//
// Reference: Mellor-Crummey and Scott, "Algorithms for Scalable Synchronization
// on Shared-Memory Multiprocessors", ACM TOCS 1991. Design:
// docs/design/mcs_lock.md. Model test: tests/model/mcs_lock_model.cc. Stress:
// stress/mcs_lock_stress.cc.
#ifndef SYNCXX_MCS_LOCK_H_
#define SYNCXX_MCS_LOCK_H_

#include <sync/detail/annotations.h>
#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/hooks.h>
#if SYNCXX_HOOKED || SYNCXX_MODELLED
#include <cerrno>
#include <cstdint>
#include <exception>
#include <system_error>

#include <sync/detail/thread.h>
#include <sync/misuse.h>
#endif

namespace syncxx::inline SYNCXX_ABI {

class SYNCXX_CAPABILITY("mcs_lock") mcs_lock {
 public:
  // A thread's place in the queue.
  class node {
   public:
    constexpr node() noexcept = default;
    node(const node&) = delete;
    node& operator=(const node&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
    ~node() { check_end(); }
#endif

   private:
    friend class mcs_lock;

    //  next_    | meaning                           | left by
    //  null     | idle, or nobody known to be behind | who comes next [MC3]
    //  pointer  | who comes next                    | unlock -> null
    //
    //  waiting_ | meaning                           | left by
    //  false    | idle, or its thread has the lock  | lock -> true
    //  true     | its thread waits                  | the owner before [MC6]
    detail::atomic<node*> next_{nullptr};
    detail::atomic<bool> waiting_{false};
#if SYNCXX_HOOKED || SYNCXX_MODELLED
    // Whose queue it is in, and the thread: its own.
    const mcs_lock* used_by_ = nullptr;
    std::uintptr_t used_in_ = 0;

    void check_end() const;
#endif
  };

  constexpr mcs_lock() noexcept = default;
  mcs_lock(const mcs_lock&) = delete;
  mcs_lock& operator=(const mcs_lock&) = delete;
#if SYNCXX_HOOKED || SYNCXX_MODELLED
  ~mcs_lock() { detail::hook_destroyed(this, kKind); }
#endif

  // Spins until the lock is owned. The caller must not own it, and `mine` must
  // not be in use.
  void lock(node& mine) SYNCXX_ACQUIRE() {
    detail::hook_attempt(this, kKind);
    begin_use(mine);
    // [MC1] acq_rel; pairs with [MC1], [MC2], [MC5]: what the last owner wrote,
    // if it has left; the node that stands before, and ours to who comes next.
    node* const before = tail_.exchange(&mine, detail::memory_order_acq_rel);
    if (before != nullptr) [[unlikely]] {
      detail::hook_wait_begin(this, kKind, detail::waits::committed);
      wait(mine, *before);
      detail::hook_wait_end(this, kKind);
    }
    detail::hook_acquired(this, kKind);
  }

  // Never blocks; fails only if the lock is owned. `mine` stays unused then.
  bool try_lock(node& mine) SYNCXX_TRY_ACQUIRE(true) {
    // A look first: a failed exchange would take the line from the owner.
    if (tail_.load(detail::memory_order_relaxed) != nullptr) return false;
    check_unused(mine);
    node* nobody = nullptr;
    // [MC2] acq_rel; pairs with [MC1], [MC5].
    if (!tail_.compare_exchange_strong(nobody, &mine,
                                       detail::memory_order_acq_rel,
                                       detail::memory_order_relaxed)) {
      return false;
    }
    begin_use(mine);
    detail::hook_acquired(this, kKind);
    return true;
  }

  // The caller must own the lock, and have taken it with `mine`.
  void unlock(node& mine) SYNCXX_RELEASE() {
    check_used(mine);
    detail::hook_releasing(this, kKind);
    end_use(mine);
    // [MC4] acquire; pairs with [MC3].
    node* const next = mine.next_.load(detail::memory_order_acquire);
    if (next != nullptr || !leave(mine)) [[unlikely]]
      hand_over(mine, next);
  }

  // Owns the lock, and has the node for it, for its lifetime.
  class SYNCXX_SCOPED_CAPABILITY guard {
   public:
    explicit guard(mcs_lock& lock) SYNCXX_ACQUIRE(lock) : lock_(lock) {
      lock_.lock(node_);
    }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    // A misuse that the unlock finds, where such throw, ends the program here.
    // NOLINTNEXTLINE(bugprone-exception-escape)
    ~guard() SYNCXX_RELEASE() { lock_.unlock(node_); }

   private:
    mcs_lock& lock_;
    node node_;
  };

 private:
  static constexpr auto kKind = detail::object_kind::mcs_lock;

  // Lets the lock go, if nobody has come.
  bool leave(node& mine) noexcept {
    node* last = &mine;
    // [MC5] release; pairs with [MC1], [MC2].
    return tail_.compare_exchange_strong(last, nullptr,
                                         detail::memory_order_release,
                                         detail::memory_order_relaxed);
  }
  SYNCXX_COLD static void wait(node& mine, node& before) noexcept;
  SYNCXX_COLD static void hand_over(node& mine, node* next) noexcept;

#if SYNCXX_HOOKED || SYNCXX_MODELLED
  static bool looks() noexcept {
    return get_misuse_action() != misuse_action::off;
  }
  void check_unused(const node& mine) const {
    if (mine.used_by_ != nullptr && looks()) [[unlikely]]
      detail::misused(this, kKind, "lock of an mcs_lock with a node in use",
                      EDEADLK);
  }
  void check_used(const node& mine) const {
    if (mine.used_by_ != this && looks()) [[unlikely]]
      detail::misused(
          this, kKind,
          "unlock of an mcs_lock with a node that has not locked it", EPERM);
  }
  void begin_use(node& mine) const {
    check_unused(mine);
    mine.used_by_ = this;
    mine.used_in_ = detail::self_id();
  }
  static void end_use(node& mine) noexcept { mine.used_by_ = nullptr; }
#else
  static constexpr void check_unused(const node&) noexcept {}
  static constexpr void check_used(const node&) noexcept {}
  static constexpr void begin_use(node&) noexcept {}
  static constexpr void end_use(node&) noexcept {}
#endif

  //  tail_   | meaning                           | left by
  //  null    | free                              | lock -> node [MC1], [MC2]
  //  pointer | owned; the node of the last to    | lock -> node [MC1],
  //          | come                              | unlock -> null [MC5]
  //
  // I1: the nodes from the owner's to tail_ are a list, in the order of the
  //     exchanges on tail_; a link is missing only between an exchange and the
  //     store [MC3] that follows it.
  // I2: a node that is not in use has next_ null and waiting_ false.
  detail::atomic<node*> tail_{nullptr};
};

static_assert(SYNCXX_IN_RELACY || sizeof(mcs_lock) == 8);

#if SYNCXX_HOOKED || SYNCXX_MODELLED
// Said only to the thread that uses it: another's may be one that the child of
// a fork does not have. A destructor cannot throw: it ends the program, but
// where misuse is only reported.
inline void mcs_lock::node::check_end() const {
  if (used_by_ == nullptr || used_in_ != detail::self_id() || !looks())
      [[likely]]
    return;
  try {
    detail::misused(used_by_, kKind, "destruction of a node in use", EBUSY);
  } catch (const std::system_error&) {
    if (get_misuse_action() != misuse_action::report) std::terminate();
  }
}
#endif

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_MCS_LOCK_H_
