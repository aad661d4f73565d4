// SPDX-License-Identifier: Apache-2.0
//
// lock_guard, unique_lock, shared_lock, upgrade_lock, scoped_lock: std's guards
// as Clang's thread-safety analysis sees them.
//
// Choose them to have -Wthread-safety check that data marked SYNCXX_GUARDED_BY
// is touched under its lock; they behave as std's do, with every compiler.
// unique_lock and shared_lock are std's (public bases), so that they can be
// passed wherever a std::unique_lock<Mutex>& is taken. The tags and std::lock
// are here under our name too, so that code can swap its namespace.
#ifndef SYNCXX_LOCK_GUARDS_H_
#define SYNCXX_LOCK_GUARDS_H_

#include <cerrno>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <utility>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {

using std::adopt_lock;
using std::adopt_lock_t;
using std::defer_lock;
using std::defer_lock_t;
using std::lock;
using std::try_lock;
using std::try_to_lock;
using std::try_to_lock_t;

// Owns a lock from construction to destruction.
template <class Mutex>
class SYNCXX_SCOPED_CAPABILITY lock_guard {
 public:
  using mutex_type = Mutex;
  [[nodiscard]] explicit lock_guard(Mutex& m) SYNCXX_ACQUIRE(m) : m_(m) {
    m_.lock();
  }
  [[nodiscard]] lock_guard(Mutex& m, adopt_lock_t) noexcept SYNCXX_REQUIRES(m)
      : m_(m) {}
  lock_guard(const lock_guard&) = delete;
  lock_guard& operator=(const lock_guard&) = delete;
  ~lock_guard() SYNCXX_RELEASE() { m_.unlock(); }

 private:
  Mutex& m_;
};

// A lock that can be let go and taken again. The analysis follows the plain
// constructors, lock() and unlock(); after a move it knows nothing.
template <class Mutex>
class SYNCXX_SCOPED_CAPABILITY unique_lock : public std::unique_lock<Mutex> {
  using base = std::unique_lock<Mutex>;

 public:
  unique_lock() noexcept = default;
  explicit unique_lock(Mutex& m) SYNCXX_ACQUIRE(m) : base(m) {}
  unique_lock(Mutex& m, defer_lock_t tag) noexcept SYNCXX_EXCLUDES(m)
      : base(m, tag) {}
  // Whether it is owned is known at run time only; the analysis takes it so.
  unique_lock(Mutex& m, try_to_lock_t tag) SYNCXX_ACQUIRE(m) : base(m, tag) {}
  unique_lock(Mutex& m, adopt_lock_t tag) SYNCXX_REQUIRES(m) : base(m, tag) {}
  template <class Clock, class Duration>
  unique_lock(Mutex& m, const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_ACQUIRE(m)
      : base(m, time) {}
  template <class Rep, class Period>
  unique_lock(Mutex& m, const std::chrono::duration<Rep, Period>& time)
      SYNCXX_ACQUIRE(m)
      : base(m, time) {}
  unique_lock(unique_lock&&) noexcept = default;
  unique_lock& operator=(unique_lock&& other) noexcept {  // LWG 4172
    unique_lock(std::move(other)).swap(*this);
    return *this;
  }
  ~unique_lock() SYNCXX_RELEASE() {}

  void lock() SYNCXX_ACQUIRE() { base::lock(); }
  bool try_lock() SYNCXX_TRY_ACQUIRE(true) { return base::try_lock(); }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return base::try_lock_for(time);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE(true) {
    return base::try_lock_until(time);
  }
  void unlock() SYNCXX_RELEASE() { base::unlock(); }
};

// Shared ownership of a SharedLockable.
template <class Mutex>
class SYNCXX_SCOPED_CAPABILITY shared_lock : public std::shared_lock<Mutex> {
  using base = std::shared_lock<Mutex>;

 public:
  shared_lock() noexcept = default;
  explicit shared_lock(Mutex& m) SYNCXX_ACQUIRE_SHARED(m) : base(m) {}
  shared_lock(Mutex& m, defer_lock_t tag) noexcept SYNCXX_EXCLUDES(m)
      : base(m, tag) {}
  shared_lock(Mutex& m, try_to_lock_t tag) SYNCXX_ACQUIRE_SHARED(m)
      : base(m, tag) {}
  shared_lock(Mutex& m, adopt_lock_t tag) SYNCXX_REQUIRES_SHARED(m)
      : base(m, tag) {}
  template <class Clock, class Duration>
  shared_lock(Mutex& m, const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_ACQUIRE_SHARED(m)
      : base(m, time) {}
  template <class Rep, class Period>
  shared_lock(Mutex& m, const std::chrono::duration<Rep, Period>& time)
      SYNCXX_ACQUIRE_SHARED(m)
      : base(m, time) {}
  shared_lock(shared_lock&&) noexcept = default;
  shared_lock& operator=(shared_lock&& other) noexcept {  // LWG 4172
    shared_lock(std::move(other)).swap(*this);
    return *this;
  }
  ~shared_lock() SYNCXX_RELEASE_GENERIC() {}

  void lock() SYNCXX_ACQUIRE_SHARED() { base::lock(); }
  bool try_lock() SYNCXX_TRY_ACQUIRE_SHARED(true) { return base::try_lock(); }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return base::try_lock_for(time);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return base::try_lock_until(time);
  }
  void unlock() SYNCXX_RELEASE_GENERIC() { base::unlock(); }
};

// Upgrade ownership: one holder beside the readers, who alone may become the
// writer (shared_mutex's lock_upgrade() and kin). What goes wrong throws
// std::system_error as std::unique_lock does: EPERM without a mutex or, for
// unlock(), without ownership; EDEADLK if it is owned already.
template <class Mutex>
class SYNCXX_SCOPED_CAPABILITY upgrade_lock {
 public:
  using mutex_type = Mutex;

  upgrade_lock() noexcept = default;
  explicit upgrade_lock(Mutex& m) SYNCXX_ACQUIRE_SHARED(m) : m_(&m) { lock(); }
  upgrade_lock(Mutex& m, defer_lock_t) noexcept SYNCXX_EXCLUDES(m) : m_(&m) {}
  upgrade_lock(Mutex& m, try_to_lock_t) SYNCXX_ACQUIRE_SHARED(m) : m_(&m) {
    owns_ = m.try_lock_upgrade();
  }
  upgrade_lock(Mutex& m, adopt_lock_t) SYNCXX_REQUIRES_SHARED(m)
      : m_(&m), owns_(true) {}
  upgrade_lock(upgrade_lock&& other) noexcept
      : m_(std::exchange(other.m_, nullptr)),
        owns_(std::exchange(other.owns_, false)) {}
  upgrade_lock& operator=(upgrade_lock&& other) {
    upgrade_lock(std::move(other)).swap(*this);
    return *this;
  }
  ~upgrade_lock() SYNCXX_RELEASE_GENERIC() {
    if (owns_) m_->unlock_upgrade();
  }

  void lock() SYNCXX_ACQUIRE_SHARED() {
    check_can_lock();
    m_->lock_upgrade();
    owns_ = true;
  }
  bool try_lock() SYNCXX_TRY_ACQUIRE_SHARED(true) {
    check_can_lock();
    return owns_ = m_->try_lock_upgrade();
  }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    check_can_lock();
    return owns_ = m_->try_lock_upgrade_for(time);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time)
      SYNCXX_TRY_ACQUIRE_SHARED(true) {
    check_can_lock();
    return owns_ = m_->try_lock_upgrade_until(time);
  }
  void unlock() SYNCXX_RELEASE_GENERIC() {
    if (!owns_) fail(EPERM);
    m_->unlock_upgrade();
    owns_ = false;
  }

  void swap(upgrade_lock& other) noexcept {
    std::swap(m_, other.m_);
    std::swap(owns_, other.owns_);
  }
  // Lets go of the mutex without unlocking it.
  Mutex* release() noexcept {
    owns_ = false;
    return std::exchange(m_, nullptr);
  }
  bool owns_lock() const noexcept { return owns_; }
  explicit operator bool() const noexcept { return owns_; }
  Mutex* mutex() const noexcept { return m_; }

 private:
  void check_can_lock() const {
    if (m_ == nullptr) fail(EPERM);
    if (owns_) fail(EDEADLK);
  }
  [[noreturn]] static void fail(int error) {
    throw std::system_error(error, std::generic_category(),
                            "syncxx: upgrade_lock");
  }

  Mutex* m_ = nullptr;
  bool owns_ = false;
};

// Owns any number of locks, taken without deadlock in whatever order they are
// named (std::lock). The analysis follows up to two.
template <class... Mutexes>
class scoped_lock : public std::scoped_lock<Mutexes...> {
 public:
  using std::scoped_lock<Mutexes...>::scoped_lock;
};
template <class Mutex>
class SYNCXX_SCOPED_CAPABILITY scoped_lock<Mutex>
    : public std::scoped_lock<Mutex> {
 public:
  [[nodiscard]] explicit scoped_lock(Mutex& m) SYNCXX_ACQUIRE(m)
      : std::scoped_lock<Mutex>(m) {}
  [[nodiscard]] explicit scoped_lock(adopt_lock_t tag, Mutex& m)
      SYNCXX_REQUIRES(m)
      : std::scoped_lock<Mutex>(tag, m) {}
  ~scoped_lock() SYNCXX_RELEASE() {}
};
template <class A, class B>
class SYNCXX_SCOPED_CAPABILITY scoped_lock<A, B>
    : public std::scoped_lock<A, B> {
 public:
  [[nodiscard]] explicit scoped_lock(A& a, B& b) SYNCXX_ACQUIRE(a, b)
      : std::scoped_lock<A, B>(a, b) {}
  [[nodiscard]] explicit scoped_lock(adopt_lock_t tag, A& a, B& b)
      SYNCXX_REQUIRES(a, b)
      : std::scoped_lock<A, B>(tag, a, b) {}
  ~scoped_lock() SYNCXX_RELEASE() {}
};

template <class... Mutexes>
scoped_lock(Mutexes&...) -> scoped_lock<Mutexes...>;
template <class... Mutexes>
scoped_lock(adopt_lock_t, Mutexes&...) -> scoped_lock<Mutexes...>;

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_LOCK_GUARDS_H_
