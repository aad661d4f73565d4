// SPDX-License-Identifier: Apache-2.0
#include <sync/barrier.h>
#include <sync/event.h>
#include <sync/interprocess.h>
#include <sync/latch.h>
#include <sync/once.h>

#include <thread>
#include <utility>

#include "tests/support/waitable_of.h"

namespace syncxx_test {

namespace {

// The forms that event, auto_reset_event and latch share.
template <class E, bool Exclusive>
class gate_waits {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = Exclusive, .parks = true, .stops = true};

  template <class... Args>
  explicit gate_waits(Args... args) : e_(args...) {}

  bool try_wait() { return e_.try_wait(); }
  template <class... Stop>
  auto wait(const Stop&... stop) {
    return e_.wait(stop...);
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

template <class E>
class event_waitable : public gate_waits<E, false> {
 public:
  explicit event_waitable(bool open) : gate_waits<E, false>(open) {}
  void open() { this->e_.set(); }
  void give_back() {}
};

template <class E>
class auto_reset_event_waitable : public gate_waits<E, true> {
 public:
  explicit auto_reset_event_waitable(bool open) : gate_waits<E, true>(open) {}
  void open() { this->e_.set(); }
  void give_back() { this->e_.set(); }
};

template <class L>
class latch_waitable : public gate_waits<L, false> {
 public:
  explicit latch_waitable(bool open) : gate_waits<L, false>(open ? 0 : 1) {}
  void open() { this->e_.count_down(); }
  void give_back() {}
};

// All wait with one token, for the one arrival that is missing.
template <class B>
class barrier_waitable {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = false, .parks = true, .stops = true};

  explicit barrier_waitable(bool is_open) : token_(b_.arrive()) {
    if (is_open) open();
  }
  void open() { static_cast<void>(b_.arrive()); }
  void give_back() {}

  bool try_wait() { return b_.try_wait(token_); }
  void wait() { b_.wait(std::move(token_)); }  // which does not move it
  bool wait(const std::stop_token& stop) { return b_.wait(token_, stop); }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return b_.wait_for(token_, d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return b_.wait_until(token_, t, stop...);
  }

 private:
  B b_{2};
  typename B::arrival_token token_;
};

// A thread is in its call until open().
class once_waitable {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = false, .parks = true, .stops = true};

  explicit once_waitable(bool is_open) {
    syncxx::latch begun(1);
    caller_ = std::thread([&] {
      syncxx::call_once(flag_, [&] {
        begun.count_down();
        may_end_.wait();
      });
    });
    begun.wait();
    if (is_open) open();
  }
  once_waitable(const once_waitable&) = delete;
  once_waitable& operator=(const once_waitable&) = delete;
  ~once_waitable() {
    if (caller_.joinable()) open();
  }
  void open() {
    may_end_.count_down();
    caller_.join();
  }
  void give_back() {}

  bool try_wait() { return syncxx::try_call_once(flag_, called_twice); }
  void wait() { syncxx::call_once(flag_, called_twice); }
  bool wait(const std::stop_token& stop) {
    return syncxx::call_once(flag_, stop, called_twice);
  }
  template <class D>
  bool wait_for(const D& d) {
    return syncxx::try_call_once_for(flag_, d, called_twice);
  }
  template <class D>
  bool wait_for(const D& d, const std::stop_token& stop) {
    return syncxx::try_call_once_for(flag_, d, stop, called_twice);
  }
  template <class T>
  bool wait_until(const T& t) {
    return syncxx::try_call_once_until(flag_, t, called_twice);
  }
  template <class T>
  bool wait_until(const T& t, const std::stop_token& stop) {
    return syncxx::try_call_once_until(flag_, t, stop, called_twice);
  }

 private:
  static void called_twice() { ADD_FAILURE() << "called a second time"; }

  syncxx::once_flag flag_;
  syncxx::latch may_end_{1};
  std::thread caller_;
};

}  // namespace

waitable_kinds gate_kinds() {
  return {
      kind_of<event_waitable<syncxx::event>>("event"),
      kind_of<auto_reset_event_waitable<syncxx::auto_reset_event>>(
          "auto_reset_event"),
      kind_of<latch_waitable<syncxx::latch>>("latch"),
      kind_of<barrier_waitable<syncxx::barrier<>>>("barrier"),
      kind_of<once_waitable>("once_flag"),
      kind_of<event_waitable<syncxx::interprocess::event>>(
          "interprocess_event"),
      kind_of<
          auto_reset_event_waitable<syncxx::interprocess::auto_reset_event>>(
          "interprocess_auto_reset_event"),
      kind_of<latch_waitable<syncxx::interprocess::latch>>(
          "interprocess_latch"),
      kind_of<barrier_waitable<syncxx::interprocess::barrier<>>>(
          "interprocess_barrier"),
  };
}

}  // namespace syncxx_test
