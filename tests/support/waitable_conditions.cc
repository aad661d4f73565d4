// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/condition_variable.h>
#include <sync/event_count.h>
#include <sync/interprocess.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>

#include <atomic>
#include <mutex>
#include <stop_token>

#include "tests/support/thread_safety_off.h"
#include "tests/support/waitable_of.h"

namespace syncxx_test {

namespace {

// A token under a mutex, waited for with a condition variable.
template <class Condition, class M, bool Stops = true>
class monitor_waitable {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = true, .parks = true, .stops = Stops};

  explicit monitor_waitable(bool open) : token_(open) {}
  void open() { give_back(); }
  void give_back() {
    {
      lock l(m_);
      token_ = true;
    }
    c_.notify_one();
  }

  bool try_wait() {
    lock l(m_);
    return take(token_);
  }
  bool wait() {
    lock l(m_);
    c_.wait(l, has_token());
    return take(token_);
  }
  bool wait(const std::stop_token& stop) {
    lock l(m_);
    return take(c_.wait(l, stop, has_token()));
  }
  template <class D>
  bool wait_for(const D& d) {
    lock l(m_);
    return take(c_.wait_for(l, d, has_token()));
  }
  template <class D>
  bool wait_for(const D& d, const std::stop_token& stop) {
    lock l(m_);
    return take(c_.wait_for(l, stop, d, has_token()));
  }
  template <class T>
  bool wait_until(const T& t) {
    lock l(m_);
    return take(c_.wait_until(l, t, has_token()));
  }
  template <class T>
  bool wait_until(const T& t, const std::stop_token& stop) {
    lock l(m_);
    return take(c_.wait_until(l, stop, t, has_token()));
  }

 private:
  using lock = std::unique_lock<M>;

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

// A token that no mutex guards.
class event_count_waitable {
 private:
  auto take() {
    return [this] { return token_.exchange(false, std::memory_order_acquire); };
  }

 public:
  static constexpr waitable_traits kTraits{
      .exclusive = true, .parks = true, .stops = true};

  explicit event_count_waitable(bool open) : token_(open) {}
  void open() { give_back(); }
  void give_back() {
    token_.store(true, std::memory_order_release);
    count_.notify_one();
  }

  bool try_wait() { return take()(); }
  template <class... Stop>
  auto wait(const Stop&... stop) {
    return count_.await(take(), stop...);
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return count_.await_for(take(), d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return count_.await_until(take(), t, stop...);
  }

 private:
  std::atomic<bool> token_;
  syncxx::event_count count_;
};

}  // namespace

waitable_kinds condition_kinds() {
  using syncxx::condition_variable;
  using syncxx::condition_variable_any;
  return {
      kind_of<monitor_waitable<condition_variable, syncxx::mutex>>(
          "condition_variable"),
      kind_of<monitor_waitable<condition_variable_any, syncxx::mutex>>(
          "condition_variable_any"),
      kind_of<monitor_waitable<condition_variable_any, std::mutex>>(
          "condition_variable_any_std_mutex"),
      kind_of<event_count_waitable>("event_count"),
      kind_of<monitor_waitable<syncxx::interprocess::condition_variable,
                               syncxx::interprocess::mutex>>(
          "interprocess_condition_variable"),
      kind_of<monitor_waitable<syncxx::pi_condition_variable, syncxx::pi_mutex,
                               false>>("pi_condition_variable"),
  };
}

}  // namespace syncxx_test
