// SPDX-License-Identifier: Apache-2.0
//
// What lock_all takes besides plain locks: sides of locks, tokens, and any of
// them by its address.
#ifndef SYNCXX_DETAIL_LOCK_SIDES_H_
#define SYNCXX_DETAIL_LOCK_SIDES_H_

#include <chrono>
#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include <sync/back_off.h>
#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/lockable.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

// The shared side of a lock, as a lock. (A name for it; copies are the same.)
template <detail::shared_lockable M>
class shared_side_of {
 public:
  using underlying_type = M;
  explicit shared_side_of(M& m) noexcept : m_(std::addressof(m)) {}

  void lock() const SYNCXX_NO_THREAD_SAFETY_ANALYSIS { m_->lock_shared(); }
  bool try_lock() const SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    return m_->try_lock_shared();
  }
  void unlock() const SYNCXX_NO_THREAD_SAFETY_ANALYSIS { m_->unlock_shared(); }
  template <class Time, class... Stop>
  auto try_lock_until(const Time& time, const Stop&... stop) const
      -> decltype(std::declval<M&>().try_lock_shared_until(time, stop...)) {
    return m_->try_lock_shared_until(time, stop...);
  }
  M& underlying() const noexcept { return *m_; }

 private:
  M* m_;
};

// The same of upgrade ownership.
template <detail::upgrade_lockable M>
class upgrade_side_of {
 public:
  using underlying_type = M;
  explicit upgrade_side_of(M& m) noexcept : m_(std::addressof(m)) {}

  void lock() const SYNCXX_NO_THREAD_SAFETY_ANALYSIS { m_->lock_upgrade(); }
  bool try_lock() const SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    return m_->try_lock_upgrade();
  }
  void unlock() const SYNCXX_NO_THREAD_SAFETY_ANALYSIS { m_->unlock_upgrade(); }
  template <class Time, class... Stop>
  auto try_lock_until(const Time& time, const Stop&... stop) const
      -> decltype(std::declval<M&>().try_lock_upgrade_until(time, stop...)) {
    return m_->try_lock_upgrade_until(time, stop...);
  }
  M& underlying() const noexcept { return *m_; }

 private:
  M* m_;
};

// One token of a semaphore: lock() acquires it, unlock() releases one.
template <detail::semaphore_like S>
class token_of {
 public:
  using underlying_type = S;
  explicit token_of(S& semaphore) noexcept
      : semaphore_(std::addressof(semaphore)) {}

  void lock() const { semaphore_->acquire(); }
  bool try_lock() const { return semaphore_->try_acquire(); }
  void unlock() const { semaphore_->release(); }
  template <class Time, class... Stop>
  auto try_lock_until(const Time& time, const Stop&... stop) const
      -> decltype(std::declval<S&>().try_acquire_until(time, stop...)) {
    return semaphore_->try_acquire_until(time, stop...);
  }
  S& underlying() const noexcept { return *semaphore_; }

 private:
  S* semaphore_;
};

template <detail::shared_lockable M>
shared_side_of<M> shared_side(M& m) noexcept {
  return shared_side_of<M>(m);
}
template <detail::upgrade_lockable M>
upgrade_side_of<M> upgrade_side(M& m) noexcept {
  return upgrade_side_of<M>(m);
}
template <detail::semaphore_like S>
token_of<S> one_token(S& semaphore) noexcept {
  return token_of<S>(semaphore);
}

namespace detail {

// What lock_all does with a lock, found by its address.
struct lock_ops {
  void (*lock)(void* object);
  // False: stopped or past the deadline. `stop` may be null.
  bool (*lock_until)(void* object, deadline until, const stop_token* stop);
  bool (*try_lock)(void* object);
  void (*unlock)(void* object);
  // Throws if a wait for it now would be in the wrong order (ordered_mutex).
  void (*check_order)(const void* object);
  // Null: it may be named more than once, as a token may.
  const void* (*identity)(const void* object);
};

template <class L>
concept lock_side = lockable<L> && requires(const L& side) {
  typename L::underlying_type;
  { side.underlying() } -> std::same_as<typename L::underlying_type&>;
  requires std::constructible_from<L, typename L::underlying_type&>;
};

// A guard that can be locked: std::unique_lock and the like.
template <class L>
concept lock_owner = requires(const L& guard) {
  requires std::is_pointer_v<decltype(guard.mutex())>;
};

// lock_all's pauses are short: who stays away wants a lock that it has just
// seen taken.
inline constexpr std::chrono::microseconds kLongestPause{100};

// As a time point of the clock that it is on.
template <class F>
auto at(deadline until, F f) {
  using std::chrono::nanoseconds;
  if (until.clock() == clock_id::realtime)
    return f(std::chrono::time_point<std::chrono::system_clock, nanoseconds>(
        nanoseconds(until.ns())));
  return f(std::chrono::time_point<std::chrono::steady_clock, nanoseconds>(
      nanoseconds(until.ns())));
}

// The pause before the next try. False: stopped or past the deadline.
inline bool pause_before(back_off& pause, deadline until,
                         const stop_token* stop) {
  if (stop != nullptr && stop->stop_requested()) return false;
  return at(until, [&](auto time) { return pause.wait_until(time); });
}

// Whether a wait for L can be bounded, also by a stop_token. Of a guard it
// depends on what it guards (std's have the function in any case).
template <class L, class... Stop>
concept timed_by = requires(L& lock, std::chrono::steady_clock::time_point when,
                            const Stop&... stop) {
  lock.try_lock_until(when, stop...);
};
template <class L, class... Stop>
constexpr bool can_be_timed() {
  if constexpr (lock_owner<L>) {
    using owned =
        std::remove_reference_t<decltype(*std::declval<const L&>().mutex())>;
    return sizeof...(Stop) == 0 && timed_by<owned>;
  } else {
    return timed_by<L, Stop...>;
  }
}

template <class L>
bool lock_within(L& lock, deadline until,
                 const stop_token* stop) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  if (lock.try_lock()) return true;
  // (std's locks do not all know a time before the epoch.)
  if (until.has_passed()) return false;
  if (stop == nullptr) {
    if constexpr (can_be_timed<L>())
      return at(until, [&](auto when) { return lock.try_lock_until(when); });
  } else {
    if constexpr (can_be_timed<L, stop_token>())
      return at(until,
                [&](auto when) { return lock.try_lock_until(when, *stop); });
  }
  back_off pause(kLongestPause);
  while (pause_before(pause, until, stop))
    if (lock.try_lock()) return true;
  return false;
}

// L, or the lock that L is a side of, from its address.
template <class L>
decltype(auto) lock_at(void* object) noexcept {
  if constexpr (lock_side<L>)
    return L(*static_cast<typename L::underlying_type*>(object));
  else
    return (*static_cast<L*>(object));
}

// L, or what a guard guards.
template <class L>
constexpr bool is_robust() {
  if constexpr (lock_owner<L>)
    return robust_lockable<
        std::remove_reference_t<decltype(*std::declval<const L&>().mutex())>>;
  else
    return robust_lockable<L>;
}

template <class L>
struct lock_ops_of {
  static_assert(!is_robust<L>(),
                "lock_all cannot take a robust mutex: it may have to give it "
                "back, and after an owner's death that would give it up for "
                "good; lock it first, alone");

  static void lock(void* object) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    lock_at<L>(object).lock();
  }
  static bool lock_until(void* object, deadline until, const stop_token* stop)
      SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    decltype(auto) it = lock_at<L>(object);
    return lock_within(it, until, stop);
  }
  static bool try_lock(void* object) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    return lock_at<L>(object).try_lock();
  }
  static void unlock(void* object) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    lock_at<L>(object).unlock();
  }
  static void check_order(const void* object) {
    if constexpr (lock_side<L>) {
      lock_ops_of<typename L::underlying_type>::check_order(object);
    } else if constexpr (lock_owner<L>) {
      using owned =
          std::remove_pointer_t<decltype(std::declval<const L&>().mutex())>;
      if (const owned* m = static_cast<const L*>(object)->mutex())
        lock_ops_of<owned>::check_order(m);
    } else if constexpr (requires(const L& lock) { lock.check_order(); }) {
      static_cast<const L*>(object)->check_order();
    }
  }
  static const void* identity(const void* object) {
    if constexpr (lock_side<L>) {
      if constexpr (semaphore_like<typename L::underlying_type>)
        return nullptr;
      else
        return object;
    } else if constexpr (lock_owner<L>) {
      return static_cast<const L*>(object)->mutex();
    } else {
      return object;
    }
  }
};

template <class L>
inline constexpr lock_ops kLockOps = {
    &lock_ops_of<L>::lock,        &lock_ops_of<L>::lock_until,
    &lock_ops_of<L>::try_lock,    &lock_ops_of<L>::unlock,
    &lock_ops_of<L>::check_order, &lock_ops_of<L>::identity};

}  // namespace detail

// Any of these, by its address: the lock must stay where it is.
class lockable_ref {
 public:
  template <detail::lockable L>
  requires(!detail::lock_side<L>) lockable_ref(L& lock)
  noexcept : object_(std::addressof(lock)), ops_(&detail::kLockOps<L>) {}
  template <detail::lock_side Side>
  lockable_ref(const Side& side) noexcept
      : object_(std::addressof(side.underlying())),
        ops_(&detail::kLockOps<Side>) {}

  void* object() const noexcept { return object_; }
  // How to take it.
  const detail::lock_ops& ops() const noexcept { return *ops_; }

 private:
  void* object_;
  const detail::lock_ops* ops_;
};

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_LOCK_SIDES_H_
