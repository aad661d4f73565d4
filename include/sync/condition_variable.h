// SPDX-License-Identifier: Apache-2.0
//
// condition_variable, condition_variable_any: wait until a predicate over data
// under a lock holds.
//
// Choose condition_variable with std::unique_lock<syncxx::mutex>;
// condition_variable_any for any other lock (its notify_all wakes all waiters
// at once). Choose event, latch or a semaphore when the predicate is just that.
//
// Promises
//   size      8 bytes each; constinit; usable in zero-initialised memory;
//             trivially destructible (not in the hooked library)
//   cost      notify with nobody waiting: 0 atomic RMW, 0 syscalls. Waiters
//             are moved to the queue of the mutex while that is owned (up to
//             three of many are woken ahead), and woken while it is free: about
//             one context switch a waiter. Those with a stop_token are always
//             woken
//   progress  blocking. notify_one wakes the waiter that came first
//   ordering  by the lock alone, as in the standard
//   lifetime  may be destroyed as soon as all waiters have been notified, even
//             if their waits have not returned
//   fork      in the child: reset_after_fork() before anything else: the
//             waiters that it tells of are not there
//   waits     can be bounded by any clock and by a stop_token
//   errors    waiting with a lock that does not own its mutex throws
//             std::system_error (EPERM)
//
// Meets [thread.condition.condvar] and [thread.condition.condvarany]; the waits
// themselves are listed in <sync/detail/cv_waits.h>.
// Design: docs/design/condition_variable.md.
// Stress: stress/condition_variable_stress.cc.
#ifndef SYNCXX_CONDITION_VARIABLE_H_
#define SYNCXX_CONDITION_VARIABLE_H_

#include <cerrno>
#include <mutex>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/cv_waits.h>
#include <sync/detail/deadline.h>
#include <sync/detail/hooks.h>
#include <sync/detail/thread.h>
#include <sync/detail/wait_list.h>
#include <sync/mutex.h>

namespace syncxx::inline SYNCXX_ABI {

class condition_variable : public detail::cv_waits<condition_variable> {
 public:
  constexpr condition_variable() noexcept = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;
#if SYNCXX_HOOKED
  ~condition_variable() { detail::hook_destroyed(this, kKind); }
#endif

  void notify_one() noexcept {
    detail::hook_notify(this, kKind);
    waiters_.notify_one();
  }
  void notify_all() noexcept {
    detail::hook_notify(this, kKind);
    waiters_.notify_all();
  }
  // In the child of a fork, while it has one thread: nobody waits.
  void reset_after_fork() noexcept { waiters_.reset_after_fork(); }

  // The waits: see detail::cv_waits. Lock is std::unique_lock<mutex>, and all
  // concurrent waiters use one mutex.

 private:
  friend class detail::cv_waits<condition_variable>;
  friend void notify_all_at_thread_exit(condition_variable&,
                                        std::unique_lock<mutex>);
  static constexpr auto kKind = detail::object_kind::condition_variable;

  bool wait_once(std::unique_lock<mutex>& lock, detail::deadline until,
                 const stop_token* stop) {
    if (!lock.owns_lock()) [[unlikely]]
      detail::misused(this, kKind,
                      "wait with a lock that does not own its mutex", EPERM);
    mutex& m = *lock.mutex();
    detail::hook_releasing(&m, mutex::kKind);
    detail::hook_wait_begin(
        this, kKind,
        detail::how_long(until, stop, futex_scope::process_private,
                         detail::waits::committed));
    const bool notified = waiters_.wait(m.raw_, until, stop);
    detail::hook_acquired(&m, mutex::kKind);
    // Last: a notified waiter may find *this gone; its address will do.
    detail::hook_wait_end(this, kKind);
    return notified;
  }

  detail::wait_list waiters_;
};

class condition_variable_any : public detail::cv_waits<condition_variable_any> {
 public:
  constexpr condition_variable_any() noexcept = default;
  condition_variable_any(const condition_variable_any&) = delete;
  condition_variable_any& operator=(const condition_variable_any&) = delete;
#if SYNCXX_HOOKED
  ~condition_variable_any() { detail::hook_destroyed(this, kKind); }
#endif

  void notify_one() noexcept {
    detail::hook_notify(this, kKind);
    waiters_.notify_one();
  }
  void notify_all() noexcept {
    detail::hook_notify(this, kKind);
    waiters_.notify_all();
  }
  // In the child of a fork, while it has one thread: nobody waits.
  void reset_after_fork() noexcept { waiters_.reset_after_fork(); }

  // The waits: see detail::cv_waits. Lock is any Cpp17BasicLockable, held. If
  // its unlock() throws (the standard forbids it), the exception passes on, and
  // a notification that has come already is lost; if its lock() throws on the
  // way out, std::terminate is called, as in the standard.

 private:
  friend class detail::cv_waits<condition_variable_any>;
  static constexpr auto kKind = detail::object_kind::condition_variable_any;

  // The analysis cannot follow a lock that is given back and taken again.
  template <class Lock>
  bool wait_once(Lock& lock, detail::deadline until,
                 const stop_token* stop) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    if (until.has_passed()) {  // as in wait_list::wait
      lock.unlock();
      relock(lock);
      return false;
    }
    detail::wait_node node;
    waiters_.enqueue(node);
    try {
      lock.unlock();
    } catch (...) {
      waiters_.cancel(node);
      throw;
    }
    detail::hook_wait_begin(
        this, kKind,
        detail::how_long(until, stop, futex_scope::process_private,
                         detail::waits::committed));
    const bool notified = waiters_.sleep(node, until, stop);
    detail::hook_wait_end(this, kKind);
    relock(lock);
    return notified;
  }
  template <class Lock>
  static void relock(Lock& lock) noexcept SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    lock.lock();
  }

  detail::wait_list waiters_;
};

// When the calling thread ends, and its thread_local objects have been
// destroyed: c.notify_all(), and the lock is given back. (In this order, so
// that who sees under the lock that the thread is done may destroy both.) The
// lock is held until then. For the thread that calls std::exit() that is the
// end of its thread_local objects, too. Calls of one thread are served in their
// order. Throws std::system_error: EPERM if the lock does not own its mutex;
// what pthread_key_create(3) and pthread_setspecific(3) fail with;
// std::bad_alloc.
SYNCXX_COLD void notify_all_at_thread_exit(condition_variable& c,
                                           std::unique_lock<mutex> lock);

static_assert(SYNCXX_IN_RELACY || sizeof(condition_variable) == 8);
static_assert(SYNCXX_IN_RELACY || sizeof(condition_variable_any) == 8);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_CONDITION_VARIABLE_H_
