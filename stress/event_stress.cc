// SPDX-License-Identifier: Apache-2.0
//
// event: every thread that is blocked when set() is called returns, even if
// reset() follows at once. auto_reset_event: each set lets one through, and
// none is lost to a waiter that gave up.
#include <sync/event.h>

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>

#include "support/event_cases.h"
#include "support/lock_cases.h"

namespace {

using namespace syncxx::stress;

// Sets without a waiter do not add up: one gets through.
void saturate(run& r) {
  meeting step(r, r.threads());
  const latency set = r.time("set");
  syncxx::auto_reset_event event;
  std::atomic<unsigned> through{0};
  r.start("setter", r.threads(), [&](worker& w) {
    while (step.next(w, [&] { through.store(0); })) {
      {
        operation op(w, set, &event);
        for (std::uint64_t n = w.random.between(1, 3); n != 0; --n) event.set();
      }
      if (!step.next(w)) return;
      if (event.try_wait()) through.fetch_add(1);
      if (!step.next(w)) return;
      if (through.load() != 1)
        r.fail(failure::conservation, "%u got through instead of one",
               through.load());
    }
  });
  r.go();
}

// A setter that waits until each set has been taken, and takers that may give
// up: as many get through as sets were made.
void hand_over(run& r, const event_plan& plan) {
  const unsigned takers = r.threads() - 1;
  event_waiter<syncxx::auto_reset_event> waiter(r, plan, r.threads() + 1);
  const latency whole = r.time("set to taken");
  syncxx::auto_reset_event offer;
  syncxx::auto_reset_event taken;
  std::uint64_t offered = 0;  // handed over by the events
  std::uint64_t seen = 0;
  bool closed = false;
  r.start("setter", 1, [&](worker& w) {
    const auto hand = [&] {
      operation op(w, whole, &taken);
      waiter.before_set(w);
      ++offered;
      offer.set();
      waiter.fire(w);
      taken.wait();
      op.finish();
      if (seen != offered)
        r.fail(failure::conservation, "%llu sets, %llu taken",
               static_cast<unsigned long long>(offered),
               static_cast<unsigned long long>(seen));
    };
    while (w.running()) {
      w.jitter();
      hand();
    }
    closed = true;
    for (unsigned i = 0; i != takers; ++i) hand();
    if (offer.is_set() || taken.is_set())
      r.fail(failure::conservation, "an event is set that was taken");
  });
  r.start("taker", takers, [&](worker& w) {
    for (bool last = false; !last;) {
      w.jitter();
      if (!waiter.wait(w, offer)) continue;
      ++seen;
      last = closed;
      taken.set();
    }
  });
  r.go();
}

// auto_reset_event, set at first, as a lock.
class event_lock {
 public:
  void lock() { event_.wait(); }
  bool try_lock() { return event_.try_wait(); }
  void unlock() { event_.set(); }
  template <class D>
  bool try_lock_for(const D& d) {
    return event_.wait_for(d);
  }
  template <class T>
  bool try_lock_until(const T& t) {
    return event_.wait_until(t);
  }
  bool lock(const std::stop_token& stop) { return event_.wait(stop); }
  template <class D>
  bool try_lock_for(const D& d, const std::stop_token& stop) {
    return event_.wait_for(d, stop);
  }
  template <class T>
  bool try_lock_until(const T& t, const std::stop_token& stop) {
    return event_.wait_until(t, stop);
  }

 private:
  syncxx::auto_reset_event event_{true};
};

const lock_suite<event_lock> as_lock;

struct reset_suite {
  reset_suite() {
    using enum disturbance;
    hand("", "", {});
    hand("_timeouts", "; timeouts race the set",
         {.timeouts = true, .disturbances = jitter});
    hand("_stops", "; stop requests race the set",
         {.stops = true, .disturbances = jitter});
    hand("_crowd", "; 64 threads on 2 CPUs", {.cpus = 2}, 64);
    hand("_everything", "; all of it at once",
         {.timeouts = true, .stops = true, .disturbances = all}, 16);
    add_case({.name = "saturate",
              .what = "auto_reset_event: sets do not add up",
              .body = saturate});
  }

 private:
  static void hand(const std::string& suffix, const std::string& how,
                   event_plan plan, unsigned threads = 0) {
    add_case({.name = "hand_over" + suffix,
              .what = "auto_reset_event: each set lets one through" + how,
              .body = [plan](run& r) { hand_over(r, plan); },
              .threads = threads});
  }
};

const event_suite<syncxx::event> events;
const reset_suite auto_reset_events;

}  // namespace
