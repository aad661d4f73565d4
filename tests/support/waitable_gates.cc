// SPDX-License-Identifier: Apache-2.0
#include <sync/event.h>
#include <sync/interprocess.h>
#include <sync/latch.h>

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

}  // namespace

waitable_kinds gate_kinds() {
  return {
      kind_of<event_waitable<syncxx::event>>("event"),
      kind_of<auto_reset_event_waitable<syncxx::auto_reset_event>>(
          "auto_reset_event"),
      kind_of<latch_waitable<syncxx::latch>>("latch"),
      kind_of<event_waitable<syncxx::interprocess::event>>(
          "interprocess_event"),
      kind_of<
          auto_reset_event_waitable<syncxx::interprocess::auto_reset_event>>(
          "interprocess_auto_reset_event"),
      kind_of<latch_waitable<syncxx::interprocess::latch>>(
          "interprocess_latch"),
  };
}

}  // namespace syncxx_test
