// SPDX-License-Identifier: Apache-2.0
//
// One shape for every primitive that can be waited for, so that the wait matrix
// is written once. A waitable is made shut or open; open() by the thread that
// made it lets waiters through. Where one waiter takes what there is
// (kExclusive), it gives it back with give_back(), so that one open() serves
// all waiters in turn and exactly one token is left at the end.
#ifndef SYNCXX_TESTS_SUPPORT_WAITABLES_H_
#define SYNCXX_TESTS_SUPPORT_WAITABLES_H_

#include <gtest/gtest.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>

#include <mutex>
#include <stop_token>
#include <string>
#include <type_traits>

#include "tests/support/thread_safety_off.h"

namespace syncxx_test {

// The answer of a wait that may have no answer: it succeeded.
template <class F>
bool true_unless_told(F wait) {
  if constexpr (std::is_void_v<decltype(wait())>) {
    wait();
    return true;
  } else {
    return wait();
  }
}

template <class M, bool Parks = true>
class lock_waitable {
 public:
  static constexpr bool kExclusive = true;
  static constexpr bool kParks = Parks;
  static constexpr bool kStops = Parks;

  explicit lock_waitable(bool open) : held_(!open) {
    if (held_) m_.lock();
  }
  ~lock_waitable() {
    if (held_) m_.unlock();
  }
  void open() {
    held_ = false;
    m_.unlock();
  }
  void give_back() { m_.unlock(); }

  bool try_wait() { return m_.try_lock(); }
  template <class... Stop>
  bool wait(const Stop&... stop) {
    return true_unless_told([&] { return m_.lock(stop...); });
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return m_.try_lock_for(d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return m_.try_lock_until(t, stop...);
  }

 private:
  M m_;
  bool held_;
};

template <class S>
class semaphore_waitable {
 public:
  static constexpr bool kExclusive = true;
  static constexpr bool kParks = true;
  static constexpr bool kStops = true;

  explicit semaphore_waitable(bool open) : s_(open ? 1 : 0) {}
  void open() { s_.release(); }
  void give_back() { s_.release(); }

  bool try_wait() { return s_.try_acquire(); }
  template <class... Stop>
  bool wait(const Stop&... stop) {
    return true_unless_told([&] { return s_.acquire(stop...); });
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return s_.try_acquire_for(d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return s_.try_acquire_until(t, stop...);
  }

 private:
  S s_;
};

// The forms that event, auto_reset_event and latch share.
template <class E>
class gate_waits {
 public:
  static constexpr bool kParks = true;
  static constexpr bool kStops = true;

  template <class... Args>
  explicit gate_waits(Args... args) : e_(args...) {}

  bool try_wait() { return e_.try_wait(); }
  template <class... Stop>
  bool wait(const Stop&... stop) {
    return true_unless_told([&] { return e_.wait(stop...); });
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return e_.wait_for(d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return e_.wait_until(t, stop...);
  }

 protected:
  E e_;
};

class event_waitable : public gate_waits<syncxx::event> {
 public:
  static constexpr bool kExclusive = false;
  explicit event_waitable(bool open) : gate_waits(open) {}
  void open() { e_.set(); }
  void give_back() {}
};

class auto_reset_event_waitable : public gate_waits<syncxx::auto_reset_event> {
 public:
  static constexpr bool kExclusive = true;
  explicit auto_reset_event_waitable(bool open) : gate_waits(open) {}
  void open() { e_.set(); }
  void give_back() { e_.set(); }
};

class latch_waitable : public gate_waits<syncxx::latch> {
 public:
  static constexpr bool kExclusive = false;
  explicit latch_waitable(bool open) : gate_waits(open ? 0 : 1) {}
  void open() { e_.count_down(); }
  void give_back() {}
};

// A token under a mutex, waited for with a condition variable.
template <class Condition, class M, class Lock>
class monitor_waitable {
 public:
  static constexpr bool kExclusive = true;
  static constexpr bool kParks = true;
  static constexpr bool kStops = true;

  explicit monitor_waitable(bool open) : token_(open) {}
  void open() { give_back(); }
  void give_back() {
    {
      Lock lock(m_);
      token_ = true;
    }
    c_.notify_one();
  }

  bool try_wait() {
    Lock lock(m_);
    return take(token_);
  }
  bool wait() {
    Lock lock(m_);
    c_.wait(lock, has_token());
    return take(token_);
  }
  bool wait(const std::stop_token& stop) {
    Lock lock(m_);
    return take(c_.wait(lock, stop, has_token()));
  }
  template <class D>
  bool wait_for(const D& d) {
    Lock lock(m_);
    return take(c_.wait_for(lock, d, has_token()));
  }
  template <class D>
  bool wait_for(const D& d, const std::stop_token& stop) {
    Lock lock(m_);
    return take(c_.wait_for(lock, stop, d, has_token()));
  }
  template <class T>
  bool wait_until(const T& t) {
    Lock lock(m_);
    return take(c_.wait_until(lock, t, has_token()));
  }
  template <class T>
  bool wait_until(const T& t, const std::stop_token& stop) {
    Lock lock(m_);
    return take(c_.wait_until(lock, stop, t, has_token()));
  }

 private:
  auto has_token() {
    return [this] { return token_; };
  }
  // A wait that says yes has left the token there for the caller.
  bool take(bool there) {
    if (!there) return false;
    EXPECT_TRUE(token_) << "the predicate did not hold after the wait";
    token_ = false;
    return true;
  }

  M m_;
  Condition c_;
  bool token_;
};

using mutex_waitable = lock_waitable<syncxx::mutex>;
using recursive_mutex_waitable = lock_waitable<syncxx::recursive_mutex>;
using spinlock_waitable = lock_waitable<syncxx::spinlock, false>;
using counting_semaphore_waitable =
    semaphore_waitable<syncxx::counting_semaphore<>>;
using binary_semaphore_waitable = semaphore_waitable<syncxx::binary_semaphore>;
using condition_variable_waitable =
    monitor_waitable<syncxx::condition_variable, syncxx::mutex,
                     std::unique_lock<syncxx::mutex>>;
using condition_variable_any_waitable =
    monitor_waitable<syncxx::condition_variable_any, syncxx::mutex,
                     std::unique_lock<syncxx::mutex>>;
using condition_variable_any_std_waitable =
    monitor_waitable<syncxx::condition_variable_any, std::mutex,
                     std::unique_lock<std::mutex>>;

using waitables =
    testing::Types<mutex_waitable, recursive_mutex_waitable, spinlock_waitable,
                   counting_semaphore_waitable, binary_semaphore_waitable,
                   event_waitable, auto_reset_event_waitable, latch_waitable,
                   condition_variable_waitable, condition_variable_any_waitable,
                   condition_variable_any_std_waitable>;

// The same without those that take no stop token.
using stoppable_waitables =
    testing::Types<mutex_waitable, recursive_mutex_waitable,
                   counting_semaphore_waitable, binary_semaphore_waitable,
                   event_waitable, auto_reset_event_waitable, latch_waitable,
                   condition_variable_waitable, condition_variable_any_waitable,
                   condition_variable_any_std_waitable>;

// Those that serve one waiter with one token (kExclusive).
using token_waitables =
    testing::Types<mutex_waitable, recursive_mutex_waitable, spinlock_waitable,
                   counting_semaphore_waitable, binary_semaphore_waitable,
                   auto_reset_event_waitable, condition_variable_waitable,
                   condition_variable_any_waitable,
                   condition_variable_any_std_waitable>;

// Those that let all waiters through once they are open.
using gate_waitables = testing::Types<event_waitable, latch_waitable>;

// How a typed suite names its types.
struct waitable_names {
  template <class W>
  static std::string GetName(int) {
    if constexpr (std::is_same_v<W, mutex_waitable>) return "mutex";
    if constexpr (std::is_same_v<W, recursive_mutex_waitable>)
      return "recursive_mutex";
    if constexpr (std::is_same_v<W, spinlock_waitable>) return "spinlock";
    if constexpr (std::is_same_v<W, counting_semaphore_waitable>)
      return "counting_semaphore";
    if constexpr (std::is_same_v<W, binary_semaphore_waitable>)
      return "binary_semaphore";
    if constexpr (std::is_same_v<W, event_waitable>) return "event";
    if constexpr (std::is_same_v<W, auto_reset_event_waitable>)
      return "auto_reset_event";
    if constexpr (std::is_same_v<W, latch_waitable>) return "latch";
    if constexpr (std::is_same_v<W, condition_variable_waitable>)
      return "condition_variable";
    if constexpr (std::is_same_v<W, condition_variable_any_waitable>)
      return "condition_variable_any";
    if constexpr (std::is_same_v<W, condition_variable_any_std_waitable>)
      return "condition_variable_any_std_mutex";
  }
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_WAITABLES_H_
