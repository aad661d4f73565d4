// SPDX-License-Identifier: Apache-2.0
//
// ordered_mutex: a mutex with a level, so that threads cannot wait for each
// other in a circle: whoever holds one may wait only for a higher level.
//
// Choose it for locks of several layers of a program, each of which calls the
// next with its lock held: the order is written down, and code that breaks it
// fails when it first runs, not when two threads happen to meet. Choose
// lock_all for locks that are taken at one place; the hooked library to find
// the order of locks that have none.
//
//   enum level { kRegistry = 10, kAccount = 20 };
//   syncxx::ordered_mutex<kRegistry> registry;
//   syncxx::ordered_mutex<kAccount, syncxx::shared_mutex> account;
//   syncxx::ordered_lock first(registry);
//   syncxx::ordered_lock second(account, first);  // the other way round does
//                                                 // not compile
//
// The rules
//   - What may block (lock, the timed forms, those with a stop_token, in every
//     mode of M, unlock_upgrade_and_lock) needs a level above all that the
//     thread holds in any mode; else std::system_error
//     (resource_deadlock_would_occur) that names both levels. Nothing has
//     changed then. The same level is refused too, and so is a recursive lock.
//   - What never blocks (try_lock and its kin) may take any level. It counts as
//     held afterwards.
//   - Unlock in any order.
//   - Several of one level: together, by lock_all, std::lock or scoped_lock.
//
// Promises
//   size      M's
//   cost      M's and a look at a table in the thread's own memory: about 12
//             instructions for lock, 8 for unlock (x86-64). More for try_lock,
//             and for unlock of what is not the highest level held
//   progress, ordering, lifetime, waits: M's. No deadlock among threads that
//             wait for ordered mutexes only, if each is unlocked in the end
//   errors    besides those of the order: unlock() by a thread that holds
//             nothing of this level: EPERM. More than 31 levels held at once:
//             resource_unavailable_try_again, from try_lock as well
//   fork      as M; the child's thread holds the levels that the forking one
//             held. Unlock them, or never use their levels again there
//   signals   not to be used in a handler
//
// It meets what M meets ([thread.mutex.requirements]) but for lock(), which may
// throw also when the thread does not hold it. With condition_variable_any wait
// while no higher level is held: the wait locks again, and as in the standard
// std::terminate is called when that throws.
// Design: docs/design/ordered_mutex.md.
#ifndef SYNCXX_ORDERED_MUTEX_H_
#define SYNCXX_ORDERED_MUTEX_H_

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/held_levels.h>
#include <sync/detail/lockable.h>
#include <sync/detail/thread.h>
#include <sync/mutex.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

template <auto Level>
constexpr bool is_level() noexcept {
  constexpr auto level = [] {
    if constexpr (std::is_enum_v<decltype(Level)>)
      return static_cast<std::underlying_type_t<decltype(Level)>>(Level);
    else
      return Level;
  }();
  if constexpr (std::is_same_v<decltype(level), const bool>)
    return true;
  else
    return std::cmp_greater(level, held_levels::kNone) &&
           std::cmp_less_equal(level, std::numeric_limits<std::int32_t>::max());
}

}  // namespace detail

template <auto Level, class M = mutex>
class SYNCXX_CAPABILITY("ordered_mutex") ordered_mutex {
  static_assert(std::is_integral_v<decltype(Level)> ||
                    std::is_enum_v<decltype(Level)>,
                "the level of an ordered_mutex is an integer or an enumerator");
  static_assert(detail::is_level<Level>(),
                "the level of an ordered_mutex is above INT32_MIN and at most "
                "INT32_MAX");
  static_assert(!detail::robust_lockable<M>,
                "an ordered_mutex of a robust mutex could not be told of its "
                "owner's death, and would be given up for good after it");
  static constexpr bool kShared = detail::shared_lockable<M>;
  static constexpr bool kUpgrade = detail::upgrade_lockable<M>;

 public:
  using mutex_type = M;
  static constexpr std::int32_t level = static_cast<std::int32_t>(Level);

  constexpr ordered_mutex() = default;
  ordered_mutex(const ordered_mutex&) = delete;
  ordered_mutex& operator=(const ordered_mutex&) = delete;

  // Throws as lock() would now for reasons of order; changes nothing.
  void check_order() const { held().expect_below(level); }

  // M's operations, under the rules above. unlock(), unlock_shared() and
  // unlock_upgrade() throw std::system_error (EPERM), see above.

  void lock() SYNCXX_ACQUIRE() {
    check_order();
    m_.lock();
    held().push(level);
  }
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) {
    return attempt([&] { return m_.try_lock(); });
  }
  void unlock() SYNCXX_RELEASE() {
    if (held().is_highest(level)) [[likely]] {
      m_.unlock();  // *this may be gone
      held().pop();
    } else {
      held().expect(level);
      m_.unlock();
      held().remove(level);
    }
  }
  // (In the forms below `stop` is a stop_token or nothing.)
  bool lock(const stop_token& stop) requires requires(M& m) { m.lock(stop); }
  SYNCXX_TRY_ACQUIRE(true) {
    return wait([&] { return m_.lock(stop); });
  }
  template <class Rep, class Period, class... Stop>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time,
                    const Stop&... stop) requires requires(M& m) {
    m.try_lock_for(time, stop...);
  }
  SYNCXX_TRY_ACQUIRE(true) {
    return wait([&] { return m_.try_lock_for(time, stop...); });
  }
  template <class Clock, class Duration, class... Stop>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time,
                      const Stop&... stop) requires requires(M& m) {
    m.try_lock_until(time, stop...);
  }
  SYNCXX_TRY_ACQUIRE(true) {
    return wait([&] { return m_.try_lock_until(time, stop...); });
  }

  void lock_shared() requires(kShared) SYNCXX_ACQUIRE_SHARED() {
    check_order();
    m_.lock_shared();
    held().push(level);
  }
  bool try_lock_shared() requires(kShared) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return attempt([&] { return m_.try_lock_shared(); });
  }
  void unlock_shared() requires(kShared) SYNCXX_RELEASE_SHARED() {
    if (held().is_highest(level)) [[likely]] {
      m_.unlock_shared();  // *this may be gone
      held().pop();
    } else {
      held().expect(level);
      m_.unlock_shared();
      held().remove(level);
    }
  }
  bool lock_shared(const stop_token& stop) requires requires(M& m) {
    m.lock_shared(stop);
  }
  SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return wait([&] { return m_.lock_shared(stop); });
  }
  template <class Rep, class Period, class... Stop>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& time,
                           const Stop&... stop) requires requires(M& m) {
    m.try_lock_shared_for(time, stop...);
  }
  SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return wait([&] { return m_.try_lock_shared_for(time, stop...); });
  }
  template <class Clock, class Duration, class... Stop>
  bool try_lock_shared_until(
      const std::chrono::time_point<Clock, Duration>& time,
      const Stop&... stop) requires requires(M& m) {
    m.try_lock_shared_until(time, stop...);
  }
  SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return wait([&] { return m_.try_lock_shared_until(time, stop...); });
  }

  void lock_upgrade() requires(kUpgrade) SYNCXX_ACQUIRE_SHARED() {
    check_order();
    m_.lock_upgrade();
    held().push(level);
  }
  bool try_lock_upgrade() requires(kUpgrade) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return attempt([&] { return m_.try_lock_upgrade(); });
  }
  void unlock_upgrade() requires(kUpgrade) SYNCXX_RELEASE_SHARED() {
    if (held().is_highest(level)) [[likely]] {
      m_.unlock_upgrade();  // *this may be gone
      held().pop();
    } else {
      held().expect(level);
      m_.unlock_upgrade();
      held().remove(level);
    }
  }
  bool lock_upgrade(const stop_token& stop) requires requires(M& m) {
    m.lock_upgrade(stop);
  }
  SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return wait([&] { return m_.lock_upgrade(stop); });
  }
  template <class Rep, class Period, class... Stop>
  bool try_lock_upgrade_for(const std::chrono::duration<Rep, Period>& time,
                            const Stop&... stop) requires requires(M& m) {
    m.try_lock_upgrade_for(time, stop...);
  }
  SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return wait([&] { return m_.try_lock_upgrade_for(time, stop...); });
  }
  template <class Clock, class Duration, class... Stop>
  bool try_lock_upgrade_until(
      const std::chrono::time_point<Clock, Duration>& time,
      const Stop&... stop) requires requires(M& m) {
    m.try_lock_upgrade_until(time, stop...);
  }
  SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return wait([&] { return m_.try_lock_upgrade_until(time, stop...); });
  }

  // From one ownership to another. This one waits for the readers, so that the
  // thread may hold nothing as high or higher besides.
  void unlock_upgrade_and_lock() requires(kUpgrade) SYNCXX_RELEASE_SHARED()
  SYNCXX_ACQUIRE() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    held().expect_highest(level);
    m_.unlock_upgrade_and_lock();
  }
  bool try_unlock_upgrade_and_lock() requires(kUpgrade)
      SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    return m_.try_unlock_upgrade_and_lock();
  }
  void unlock_and_lock_upgrade() requires(kUpgrade) SYNCXX_RELEASE()
  SYNCXX_ACQUIRE_SHARED() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    m_.unlock_and_lock_upgrade();
  }
  void unlock_and_lock_shared() requires(kUpgrade) SYNCXX_RELEASE()
  SYNCXX_ACQUIRE_SHARED() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    m_.unlock_and_lock_shared();
  }
  void unlock_upgrade_and_lock_shared() requires(kUpgrade)
      SYNCXX_REQUIRES_SHARED(this)
  SYNCXX_NO_THREAD_SAFETY_ANALYSIS { m_.unlock_upgrade_and_lock_shared(); }

 private:
  static detail::held_levels& held() noexcept { return detail::t_held_levels; }

  // What may block.
  template <class Take>
  static bool wait(Take take) {
    held().expect_below(level);
    const bool owned = take();
    if (owned) held().push(level);
    return owned;
  }
  // What never does.
  template <class Take>
  static bool attempt(Take take) {
    held().expect_room(level);
    const bool owned = take();
    if (owned) held().add(level);
    return owned;
  }

  // The order is kept around it, beyond what the analysis follows.
  M m_;
};

// Owns an ordered_mutex for its scope, and carries the order in its type: given
// guards that are held already, it compiles only if its level is above theirs.
// (The thread may hold others: the look at run time is made as well.)
template <class Mutex>
class SYNCXX_SCOPED_CAPABILITY ordered_lock {
 public:
  using mutex_type = Mutex;

  template <class... Held>
  [[nodiscard]] explicit ordered_lock(Mutex& m, const ordered_lock<Held>&...)
      SYNCXX_ACQUIRE(m)
      : m_(m) {
    static_assert(((Held::level < Mutex::level) && ...),
                  "wrong order: an ordered_mutex is locked after one whose "
                  "level is as high or higher; lock the lower level first");
    m_.lock();
  }
  ordered_lock(const ordered_lock&) = delete;
  ordered_lock& operator=(const ordered_lock&) = delete;
  ~ordered_lock() SYNCXX_RELEASE() { m_.unlock(); }

 private:
  Mutex& m_;
};

template <class Mutex, class... Held>
ordered_lock(Mutex&, const ordered_lock<Held>&...) -> ordered_lock<Mutex>;

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_ORDERED_MUTEX_H_
