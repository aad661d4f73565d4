// SPDX-License-Identifier: Apache-2.0
//
// interprocess::condition_variable: waits for a predicate over data in shared
// memory, under an interprocess::mutex.
//
// Choose it as you would condition_variable, between processes.
//
// Promises
//   size      8 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      notify with nobody waiting: 0 atomic RMW, 0 syscalls. Where the
//             mutex is in the same page (4096 bytes), notify_all moves its
//             waiters to the mutex's queue and wakes one; else, or if one of
//             them has a deadline or a stop_token, it wakes all
//   progress  blocking. notify_one wakes the waiter that came first
//   ordering  by the lock alone, as in the standard
//   lifetime  may be destroyed as soon as all waiters have been notified, even
//             if their waits have not returned; but until they have, its memory
//             must stay mapped in their processes, and must not become another
//             interprocess::condition_variable
//   killed    a process that is killed while it waits leaves nothing behind but
//             a wake that finds nobody
//   waits     can be bounded by any clock and by a stop_token
//   errors    waiting with a lock that does not own its mutex throws
//             std::system_error (EPERM)
//   limits    a waiter that is kept from running between its unlock and its
//             sleep during 2^26 notifications, and no fewer, misses them
//
// Meets [thread.condition.condvar], with std::unique_lock<interprocess::mutex>;
// the waits themselves are listed in <sync/detail/cv_waits.h>.
// Design: docs/design/interprocess.md.
#ifndef SYNCXX_INTERPROCESS_CONDITION_VARIABLE_H_
#define SYNCXX_INTERPROCESS_CONDITION_VARIABLE_H_

#include <cerrno>
#include <mutex>

#include <sync/detail/config.h>
#include <sync/detail/cv_waits.h>
#include <sync/detail/deadline.h>
#include <sync/detail/hooks.h>
#include <sync/detail/thread.h>
#include <sync/detail/wait_sequence.h>
#include <sync/interprocess/mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace interprocess {

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

  // The waits: see detail::cv_waits. All concurrent waiters use one mutex.

 private:
  friend class detail::cv_waits<condition_variable>;
  static constexpr auto kKind = detail::object_kind::condition_variable;

  bool wait_once(std::unique_lock<mutex>& lock, detail::deadline until,
                 const stop_token* stop) {
    if (!lock.owns_lock()) [[unlikely]]
      detail::misused(this, kKind,
                      "wait with a lock that does not own its mutex", EPERM);
    mutex& m = *lock.mutex();
    detail::hook_releasing(&m, mutex::kKind);
    detail::hook_wait_begin(this, kKind, detail::waits::bounded);
    const bool notified = waiters_.wait(m.raw_, until, stop);
    detail::hook_acquired(&m, mutex::kKind);
    // Last: a notified waiter may find *this gone; its address will do.
    detail::hook_wait_end(this, kKind);
    return notified;
  }

  detail::wait_sequence waiters_;
};

static_assert(SYNCXX_IN_RELACY || sizeof(condition_variable) == 8);

}  // namespace interprocess
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_INTERPROCESS_CONDITION_VARIABLE_H_
