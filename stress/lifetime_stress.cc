// SPDX-License-Identifier: Apache-2.0
//
// Destroyed and unmapped at once: every type, right after the call that lets
// its last user go.
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

#include <string>

#include "support/lifetime_cases.h"
#include "support/mcs_mutex.h"

namespace {

using syncxx::stress::add_case;
using syncxx::stress::disturbance;
using syncxx::stress::run;

// With one taker, with three, and under signals that widen every window.
template <class Script>
struct three_cases {
  explicit three_cases(const std::string& name, bool many_takers = true) {
    using enum disturbance;
    add(name, "one thread lets go, one destroys", 1, none);
    add(name + "_signals", "the same, delayed anywhere by signals", 1,
        signals | jitter);
    if (many_takers)
      add(name + "_three", "one thread lets three go; one of them destroys", 3,
          signals | moves | jitter);
  }

 private:
  static void add(const std::string& name, const char* what, unsigned takers,
                  disturbance disturbances) {
    add_case({.name = name, .what = what, .body = [=](run& r) {
                syncxx::stress::lifetime_case<Script>(r, takers, disturbances);
              }});
  }
};

using syncxx::stress::event_script;
using syncxx::stress::latch_script;
using syncxx::stress::lock_script;
using syncxx::stress::monitor_script;
using syncxx::stress::semaphore_script;

const three_cases<lock_script<syncxx::mutex>> mutexes("mutex");
const three_cases<lock_script<syncxx::recursive_mutex>> recursive_mutexes(
    "recursive_mutex");
const three_cases<lock_script<syncxx::byte_mutex>> byte_mutexes("byte_mutex");
const three_cases<lock_script<syncxx::spinlock>> spinlocks("spinlock");
const three_cases<lock_script<syncxx::ticket_lock>> ticket_locks("ticket_lock");
const three_cases<lock_script<syncxx::stress::mcs_mutex>> mcs_locks("mcs_lock");
const three_cases<lock_script<syncxx::queue_lock>> queue_locks("queue_lock");
const three_cases<semaphore_script<syncxx::counting_semaphore<>>> semaphores(
    "semaphore");
const three_cases<event_script<syncxx::event>> events("event");
const three_cases<event_script<syncxx::auto_reset_event>> auto_reset_events(
    "auto_reset_event", false);
const three_cases<latch_script<syncxx::latch>> latches("latch");
const three_cases<monitor_script<syncxx::condition_variable, syncxx::mutex>>
    monitors("condition_variable");
const three_cases<
    monitor_script<syncxx::condition_variable_any, syncxx::recursive_mutex>>
    any_monitors("condition_variable_any");

template <class CV, class M>
void add_notifier_cases(const std::string& name) {
  using enum disturbance;
  const auto add = [&](const char* suffix, const char* what,
                       disturbance disturbances) {
    add_case({.name = name + suffix, .what = what, .body = [=](run& r) {
                syncxx::stress::notifier_destroys_case<CV, M>(r, disturbances);
              }});
  };
  add("_notifier", "destroyed as soon as notify_all has returned", none);
  add("_notifier_signals", "the same, delayed anywhere by signals",
      signals | spurious | jitter);
}

const bool notifier_cases = [] {
  add_notifier_cases<syncxx::condition_variable, syncxx::mutex>(
      "condition_variable");
  add_notifier_cases<syncxx::condition_variable_any, syncxx::mutex>(
      "condition_variable_any");
  return true;
}();

}  // namespace
