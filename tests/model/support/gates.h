// SPDX-License-Identifier: Apache-2.0
//
// Model tests that fit everything one thread opens and others wait for. A gate
// for them is a class with
//   void open();
//   void wait();                      and the same with a time, a stop_token,
//   bool try_wait();                  and both
//   static constexpr bool kConsumed;  each wait that returns needs its own open
#ifndef SYNCXX_TESTS_MODEL_SUPPORT_GATES_H_
#define SYNCXX_TESTS_MODEL_SUPPORT_GATES_H_

#include <chrono>
#include <cstdlib>
#include <memory>

#include <sync/atomic.h>
#include <sync/event.h>
#include <sync/latch.h>
#include <sync/semaphore.h>
#include <sync/thread.h>

#include "src/futex/syscall.h"
#include "tests/model/support/checks.h"

namespace syncxx_test {

inline constexpr std::chrono::milliseconds kAWhile{1};

class event_gate {
 public:
  static constexpr bool kConsumed = false;
  void open() { event_.set(); }
  void wait() const { event_.wait(); }
  bool try_wait() const { return event_.try_wait(); }
  bool wait_for(std::chrono::milliseconds d) const {
    return event_.wait_for(d);
  }
  bool wait(const syncxx::stop_token& stop) const { return event_.wait(stop); }
  bool wait_for(std::chrono::milliseconds d,
                const syncxx::stop_token& stop) const {
    return event_.wait_for(d, stop);
  }

 private:
  syncxx::event event_;
};

class auto_reset_gate {
 public:
  static constexpr bool kConsumed = true;
  void open() { event_.set(); }
  void wait() { event_.wait(); }
  bool try_wait() { return event_.try_wait(); }
  bool wait_for(std::chrono::milliseconds d) { return event_.wait_for(d); }
  bool wait(const syncxx::stop_token& stop) { return event_.wait(stop); }
  bool wait_for(std::chrono::milliseconds d, const syncxx::stop_token& stop) {
    return event_.wait_for(d, stop);
  }

 private:
  syncxx::auto_reset_event event_;
};

class latch_gate {
 public:
  static constexpr bool kConsumed = false;
  void open() { latch_.count_down(); }
  void wait() const { latch_.wait(); }
  bool try_wait() const { return latch_.try_wait(); }
  bool wait_for(std::chrono::milliseconds d) const {
    return latch_.wait_for(d);
  }
  bool wait(const syncxx::stop_token& stop) const { return latch_.wait(stop); }
  bool wait_for(std::chrono::milliseconds d,
                const syncxx::stop_token& stop) const {
    return latch_.wait_for(d, stop);
  }

 private:
  syncxx::latch latch_{1};
};

class semaphore_gate {
 public:
  static constexpr bool kConsumed = true;
  void open() { tokens_.release(); }
  void wait() { tokens_.acquire(); }
  bool try_wait() { return tokens_.try_acquire(); }
  bool wait_for(std::chrono::milliseconds d) {
    return tokens_.try_acquire_for(d);
  }
  bool wait(const syncxx::stop_token& stop) { return tokens_.acquire(stop); }
  bool wait_for(std::chrono::milliseconds d, const syncxx::stop_token& stop) {
    return tokens_.try_acquire_for(d, stop);
  }

 private:
  syncxx::counting_semaphore<> tokens_{0};
};

// As on a kernel that has no futex_waitv.
class without_waitv {
 public:
  without_waitv() { setenv("SYNCXX_MODEL_NO_WAITV", "1", 1); }
  without_waitv(const without_waitv&) = delete;
  without_waitv& operator=(const without_waitv&) = delete;
  ~without_waitv() { unsetenv("SYNCXX_MODEL_NO_WAITV"); }
};

// Drops the executions in which nobody sleeps on a primitive of four bytes, its
// futex word, at this moment.
template <class Primitive>
void assume_asleep(const Primitive& on, int how_many = 1) {
  static_assert(sizeof on == sizeof(syncxx::detail::futex_word));
  model::assume(syncxx::detail::sys::futex_count(
                    reinterpret_cast<const syncxx::detail::futex_word*>(&on),
                    how_many,
                    syncxx::futex_scope::process_private) == how_many);
}

// What the opener wrote is there when wait() returns, and wait() returns.
template <class Gate>
void gate_hands_over() {
  Gate gate;
  syncxx::cell<int> data(0);
  model::thread opener([&] {
    data = 1;
    gate.open();
  });
  gate.wait();
  model::require(data == 1, "what the opener wrote is there");
}

template <class Gate>
void gate_hands_over_to_a_try() {
  Gate gate;
  syncxx::cell<int> data(0);
  model::thread opener([&] {
    data = 1;
    gate.open();
  });
  if (gate.try_wait())
    model::require(data == 1, "what the opener wrote is there");
}

// One opening lets exactly one wait through, or all of them.
template <class Gate>
void gate_is_opened_once(Gate& gate, bool passed) {
  const bool again = gate.try_wait();
  if (Gate::kConsumed)
    model::require(passed != again, "one opening, one wait");
  else
    model::require(again, "open");
}

// A wait that may run out of time beside an opening: neither is lost.
template <class Gate>
void gate_beside_a_timeout() {
  Gate gate;
  syncxx::cell<int> data(0);
  bool passed = false;
  {
    model::thread opener([&] {
      data = 1;
      gate.open();
    });
    passed = gate.wait_for(kAWhile);
    if (passed) model::require(data == 1, "what the opener wrote is there");
  }
  gate_is_opened_once(gate, passed);
}

// A stop request ends a wait that nothing else would end.
template <class Gate>
void gate_stopped() {
  Gate gate;
  syncxx::stop_source source;
  model::thread stopper([&] { source.request_stop(); });
  model::require(!gate.wait(source.get_token()), "stopped");
}

// A thread opens and then stops: the wait ends, and no opening is lost.
template <class Gate>
void gate_opened_and_stopped() {
  Gate gate;
  syncxx::stop_source source;
  syncxx::cell<int> data(0);
  bool passed = false;
  {
    model::thread opener([&] {
      data = 1;
      gate.open();
      source.request_stop();
    });
    passed = gate.wait(source.get_token());
    if (passed) model::require(data == 1, "what the opener wrote is there");
  }
  gate_is_opened_once(gate, passed);
}

// A stop, a time-out and an opening, each from elsewhere.
template <class Gate>
void gate_with_all_its_ends() {
  Gate gate;
  syncxx::stop_source source;
  bool passed = false;
  {
    model::thread opener([&] { gate.open(); });
    model::thread stopper([&] { source.request_stop(); });
    passed = gate.wait_for(kAWhile, source.get_token());
  }
  gate_is_opened_once(gate, passed);
}

// The one that was let through may free the gate at once.
template <class Gate>
void gate_destroyed_after_wait() {
  auto* const gate = new Gate;
  model::thread opener([gate] { gate->open(); });
  gate->wait();
  delete gate;
}

// Two that wait; for gates that are used up, two openings.
template <class Gate>
void gate_with_two_waiters() {
  Gate gate;
  syncxx::cell<int> data(0);
  const auto pass = [&] {
    gate.wait();
    model::require(data == 1, "what the opener wrote is there");
  };
  model::thread one(pass), other(pass);
  data = 1;
  gate.open();
  if (Gate::kConsumed) gate.open();
}

// One of two gives up; the other gets through.
template <class Gate>
void gate_with_one_that_gives_up() {
  Gate gate;
  model::thread hasty([&] {
    if (gate.wait_for(kAWhile) && Gate::kConsumed) gate.open();
  });
  model::thread patient([&] { gate.wait(); });
  gate.open();
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_MODEL_SUPPORT_GATES_H_
