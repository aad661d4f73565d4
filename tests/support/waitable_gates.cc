// SPDX-License-Identifier: Apache-2.0
#include <sync/event.h>
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

class event_waitable : public gate_waits<syncxx::event, false> {
 public:
  explicit event_waitable(bool open) : gate_waits(open) {}
  void open() { e_.set(); }
  void give_back() {}
};

class auto_reset_event_waitable
    : public gate_waits<syncxx::auto_reset_event, true> {
 public:
  explicit auto_reset_event_waitable(bool open) : gate_waits(open) {}
  void open() { e_.set(); }
  void give_back() { e_.set(); }
};

class latch_waitable : public gate_waits<syncxx::latch, false> {
 public:
  explicit latch_waitable(bool open) : gate_waits(open ? 0 : 1) {}
  void open() { e_.count_down(); }
  void give_back() {}
};

}  // namespace

waitable_kinds gate_kinds() {
  return {
      kind_of<event_waitable>("event"),
      kind_of<auto_reset_event_waitable>("auto_reset_event"),
      kind_of<latch_waitable>("latch"),
  };
}

}  // namespace syncxx_test
