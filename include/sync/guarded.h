// SPDX-License-Identifier: Apache-2.0
//
// guarded: data together with the mutex that protects it.
//
// Choose it so that nobody can forget to lock: the data is reached through the
// lock only. Choose a mutex and SYNCXX_GUARDED_BY members where one lock
// protects several things of a class; scoped_lock on the locks of several
// objects.
//
//   guarded<std::map<int, std::string>> names;
//   names.with([](auto& m) { m[1] = "one"; });
//   if (auto m = names.try_lock_for(1ms)) m->clear();
//
// Promises
//   size      T and M; constinit if both are
//   cost      M's, and for each access through a guard a look whether it holds
//             the lock
//   access    const access locks shared where M can be (shared_mutex,
//             biased_shared_mutex), so it must be safe for T that several
//             threads use it through const at once; any other access
//             exclusively
//   ordering, progress, waits, fork: M's
//   lifetime  guards must not outlive it
//   errors    std::system_error (EPERM) for access through a guard that holds
//             no lock, and M's
//
// A guard is a lock (BasicLockable and more, as std::unique_lock is): a
// condition_variable_any waits with it, and syncxx::condition_variable with its
// unique_lock().
// Design: docs/design/guarded.md. Model: tests/model/guarded_model.cc.
#ifndef SYNCXX_GUARDED_H_
#define SYNCXX_GUARDED_H_

#include <cerrno>
#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <type_traits>
#include <utility>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/lockable.h>
#include <sync/detail/thread.h>
#include <sync/mutex.h>

namespace syncxx::inline SYNCXX_ABI {

// Holds the lock of a guarded, and points to its data. Made by guarded.
template <class T, class Lock>
class guarded_ptr {
 public:
  using element_type = T;
  using mutex_type = typename Lock::mutex_type;

  // Holds nothing, and is of no guarded.
  guarded_ptr() noexcept = default;
  guarded_ptr(guarded_ptr&& other) noexcept
      : value_(std::exchange(other.value_, nullptr)),
        lock_(std::move(other.lock_)) {}
  guarded_ptr& operator=(guarded_ptr&& other) noexcept {
    guarded_ptr moved(std::move(other));
    std::swap(value_, moved.value_);
    lock_.swap(moved.lock_);
    return *this;
  }

  // Throw std::system_error (EPERM) unless it holds the lock.
  T& operator*() const { return checked(); }
  T* operator->() const { return std::addressof(checked()); }

  // Whether it holds the lock.
  bool owns_lock() const noexcept { return lock_.owns_lock(); }
  explicit operator bool() const noexcept { return owns_lock(); }

  // As std::unique_lock: throw std::system_error, EPERM or EDEADLK.
  void lock() { lock_.lock(); }
  bool try_lock() { return lock_.try_lock(); }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time) {
    return lock_.try_lock_for(time);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time) {
    return lock_.try_lock_until(time);
  }
  void unlock() { lock_.unlock(); }

  // For what waits with a std::unique_lock. Must be locked again afterwards.
  Lock& unique_lock() noexcept
      requires(std::same_as<Lock, std::unique_lock<mutex_type>>) {
    return lock_;
  }

 private:
  template <class, class>
  friend class guarded;

  guarded_ptr(T& value, Lock lock) noexcept
      : value_(std::addressof(value)), lock_(std::move(lock)) {}
  T& checked() const {
    if (!lock_.owns_lock()) [[unlikely]]
      not_held();
    return *value_;
  }
  [[noreturn]] SYNCXX_COLD static void not_held() {
    throw std::system_error(EPERM, std::generic_category(),
                            "syncxx: access through a guard without the lock");
  }

  T* value_ = nullptr;
  Lock lock_;
};

template <class T, class M = mutex>
class guarded {
  static constexpr bool kShared = detail::shared_lockable<M>;
  using exclusive = std::unique_lock<M>;
  using reading = typename std::conditional_t<kShared, std::shared_lock<M>,
                                              std::unique_lock<M>>;

 public:
  using value_type = T;
  using mutex_type = M;
  using guard = guarded_ptr<T, exclusive>;
  using const_guard = guarded_ptr<const T, reading>;

  constexpr guarded() requires(std::default_initializable<T>) = default;
  constexpr explicit guarded(T value) noexcept(
      std::is_nothrow_move_constructible_v<T>)
      : value_(std::move(value)) {}
  template <class... Args>
  requires(std::constructible_from<T, Args...>) constexpr explicit guarded(
      std::in_place_t, Args&&... args)
      : value_(std::forward<Args>(args)...) {}
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;

  // f(data), locked; its result. A reference would lead past the lock.
  // (Unconstrained: to ask whether a lambda takes a const T& would compile it.)
  template <class F>
  auto with(F&& f) {
    return call(std::forward<F>(f), *lock());
  }
  template <class F>
  auto with(F&& f) const {
    return call(std::forward<F>(f), *lock());
  }

  // Block until the lock is held.
  [[nodiscard]] guard lock() & { return {value_, exclusive(mutex_)}; }
  [[nodiscard]] const_guard lock() const& { return {value_, reading(mutex_)}; }

  // The guard holds the lock if that was free, came free in time, or before a
  // stop was requested; test it.
  [[nodiscard]] guard try_lock() & {
    return {value_, exclusive(mutex_, std::try_to_lock)};
  }
  [[nodiscard]] const_guard try_lock() const& {
    return {value_, reading(mutex_, std::try_to_lock)};
  }
  template <class Rep, class Period>
  [[nodiscard]] guard try_lock_for(
      const std::chrono::duration<Rep, Period>& time) & {
    return {value_, exclusive(mutex_, time)};
  }
  template <class Rep, class Period>
  [[nodiscard]] const_guard try_lock_for(
      const std::chrono::duration<Rep, Period>& time) const& {
    return {value_, reading(mutex_, time)};
  }
  template <class Clock, class Duration>
  [[nodiscard]] guard try_lock_until(
      const std::chrono::time_point<Clock, Duration>& time) & {
    return {value_, exclusive(mutex_, time)};
  }
  template <class Clock, class Duration>
  [[nodiscard]] const_guard try_lock_until(
      const std::chrono::time_point<Clock, Duration>& time) const& {
    return {value_, reading(mutex_, time)};
  }
  [[nodiscard]] guard lock(const stop_token& stop) & {
    return adopt<guard>(value_, [&] { return mutex_.lock(stop); });
  }
  [[nodiscard]] const_guard lock(const stop_token& stop) const& {
    return adopt<const_guard>(value_, [&] {
      if constexpr (kShared)
        return mutex_.lock_shared(stop);
      else
        return mutex_.lock(stop);
    });
  }
  template <class Rep, class Period>
  [[nodiscard]] guard try_lock_for(
      const std::chrono::duration<Rep, Period>& time,
      const stop_token& stop) & {
    return adopt<guard>(value_,
                        [&] { return mutex_.try_lock_for(time, stop); });
  }
  template <class Rep, class Period>
  [[nodiscard]] const_guard try_lock_for(
      const std::chrono::duration<Rep, Period>& time,
      const stop_token& stop) const& {
    return adopt<const_guard>(value_, [&] {
      if constexpr (kShared)
        return mutex_.try_lock_shared_for(time, stop);
      else
        return mutex_.try_lock_for(time, stop);
    });
  }
  template <class Clock, class Duration>
  [[nodiscard]] guard try_lock_until(
      const std::chrono::time_point<Clock, Duration>& time,
      const stop_token& stop) & {
    return adopt<guard>(value_,
                        [&] { return mutex_.try_lock_until(time, stop); });
  }
  template <class Clock, class Duration>
  [[nodiscard]] const_guard try_lock_until(
      const std::chrono::time_point<Clock, Duration>& time,
      const stop_token& stop) const& {
    return adopt<const_guard>(value_, [&] {
      if constexpr (kShared)
        return mutex_.try_lock_shared_until(time, stop);
      else
        return mutex_.try_lock_until(time, stop);
    });
  }

  // A guard of a temporary would be left without it.
  template <class... Args>
  void lock(Args&&...) const&& = delete;
  template <class... Args>
  void try_lock(Args&&...) const&& = delete;
  template <class... Args>
  void try_lock_for(Args&&...) const&& = delete;
  template <class... Args>
  void try_lock_until(Args&&...) const&& = delete;

 private:
  template <class F, class U>
  static std::invoke_result_t<F, U&> call(F&& f, U& value) {
    static_assert(!std::is_reference_v<std::invoke_result_t<F, U&>>,
                  "what with() returns would be used without the lock: return "
                  "a value");
    return std::invoke(std::forward<F>(f), value);
  }
  // (The analysis cannot follow a lock into an object that is returned.)
  template <class Guard, class U, class Take>
  Guard adopt(U& value, Take take) const SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    using lock_type = decltype(Guard::lock_);
    return {value, take() ? lock_type(mutex_, std::adopt_lock)
                          : lock_type(mutex_, std::defer_lock)};
  }

  mutable M mutex_;
  // Reached by guards alone, which the analysis does not follow.
  T value_{};
};

template <class T>
guarded(T) -> guarded<T>;

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_GUARDED_H_
