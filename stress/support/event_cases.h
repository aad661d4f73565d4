// SPDX-License-Identifier: Apache-2.0
//
// The cases for events that stay set until they are reset.
#ifndef SYNCXX_STRESS_SUPPORT_EVENT_CASES_H_
#define SYNCXX_STRESS_SUPPORT_EVENT_CASES_H_

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stop_token>
#include <vector>

#include "harness.h"
#include "inject.h"
#include "race.h"
#include "thread_look.h"

namespace syncxx::stress {

struct event_plan {
  bool timeouts = false;
  bool stops = false;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

// The ways to wait for either type of event.
template <class E>
class event_waiter {
 public:
  event_waiter(run& r, const event_plan& plan, unsigned workers)
      : plan_(plan),
        wait_(r.time("wait for the event")),
        given_up_(r.count("given up")),
        races_(r, plan, workers) {}

  // A pause before a set() that deadlines can aim at.
  void before_set(worker& w) { races_.before_release(w, 4, 100000); }

  bool may_give_up() const noexcept { return plan_.timeouts || plan_.stops; }

  void patiently(worker& w, E& e) {
    operation op(w, wait_, &e);
    e.wait();
  }

  // False: gave up.
  bool impatiently(worker& w, E& e) {
    operation op(w, wait_, &e);
    const bool got = races_.wait(w, e, false);
    op.finish();
    if (!got) w.count(given_up_);
    return got;
  }

  // Those with even numbers are the impatient ones.
  bool wait(worker& w, E& e) {
    if (w.index() % 2 == 0 && may_give_up()) return impatiently(w, e);
    patiently(w, e);
    return true;
  }

  void fire(worker& w) { races_.fire(w, 6); }

 private:
  const event_plan plan_;
  const latency wait_;
  const tally given_up_;
  wait_races races_;
};

// Rounds: data is written, the event is set, and whoever gets through must see
// the data. The event is reset between the rounds.
template <class E>
void publish_case(run& r, const event_plan& plan) {
  event_waiter<E> waiter(r, plan, r.threads());
  meeting between_rounds(r, r.threads());
  alignas(128) E ready{};
  alignas(128) std::uint64_t data = 0;  // plain on purpose
  r.start("setter", 1, [&](worker& w) {
    for (std::uint64_t round = 1;
         between_rounds.next(w, [&] { ready.reset(); }); ++round) {
      waiter.before_set(w);
      data = round;
      ready.set();
      waiter.fire(w);
      if (w.random.one_in(4)) ready.set();  // changes nothing
    }
  });
  r.start("waiter", r.threads() - 1, [&](worker& w) {
    for (std::uint64_t round = 1;
         between_rounds.next(w, [&] { ready.reset(); }); ++round) {
      while (!waiter.wait(w, ready)) w.jitter();
      if (data != round || !ready.is_set() || !ready.try_wait())
        r.fail(failure::wrong_result,
               "the event was set in round %llu before its data was there",
               static_cast<unsigned long long>(round));
    }
  });
  r.go();
}

// Rounds: when the kernel says that all patient waiters sleep, the event is
// set and reset at once, one time. All of them must return. Impatient ones
// come and go meanwhile.
template <class E>
void pulse_case(run& r, const event_plan& plan) {
  if (!can_look()) {
    std::printf("    skipped: /proc does not tell who sleeps here\n");
    return;
  }
  event_waiter<E> waiter(r, plan, r.threads());
  const unsigned waiters = r.threads() - 1;
  const unsigned patient = waiter.may_give_up() ? (waiters + 1) / 2 : waiters;
  meeting between_rounds(r, r.threads());
  alignas(128) E event{};
  // Raised by each patient waiter just before it waits. Asleep in a futex call
  // after that is asleep in the event: it makes no other one in between.
  std::vector<std::atomic<bool>> waiting(patient);
  alignas(128) std::atomic<unsigned> back{0};
  const auto next_round = [&](worker& w) {
    return between_rounds.next(w, [&] { back.store(0); });
  };

  r.start("patient", patient, [&](worker& w) {
    while (next_round(w)) {
      waiting[w.index()].store(true);
      waiter.patiently(w, event);
      waiting[w.index()].store(false);
      back.fetch_add(1);
    }
  });
  r.start("impatient", waiters - patient, [&](worker& w) {
    while (next_round(w)) {
      while (back.load() != patient) {
        waiter.impatiently(w, event);
        w.jitter();
      }
    }
  });
  r.start("pulser", 1, [&](worker& w) {
    while (next_round(w)) {
      for (unsigned i = 0; i != patient; ++i) {
        worker::rest resting(w, "the sleepers");
        while (!waiting[i].load() ||
               !look_at(r.workers()[i]->tid()).waits_in_futex())
          sched_yield();
      }
      event.set();
      event.reset();
      waiter.fire(w);
    }
  });
  r.go();
}

template <class E>
class event_suite {
 public:
  explicit event_suite(const std::string& prefix = "") : prefix_(prefix) {
    using enum disturbance;
    everyone("", "", {});
    everyone("_timeouts", "; timeouts race the set",
             {.timeouts = true, .disturbances = jitter});
    everyone("_stops", "; stop requests race the set",
             {.stops = true, .disturbances = jitter});
    everyone("_crowd", "; 64 threads on 2 CPUs", {.cpus = 2}, 64);
    everyone("_everything", "; all of it at once",
             {.timeouts = true, .stops = true, .disturbances = all}, 16);
    pulse("_signals", "; EINTR storms", {.disturbances = signals});
    pulse("_spurious", "; sleepers woken for no reason",
          {.disturbances = spurious});
  }

 private:
  void everyone(const std::string& suffix, const std::string& how,
                event_plan plan, unsigned threads = 0) const {
    add_case({.name = prefix_ + "publish" + suffix,
              .what = "event: what came before set() is seen" + how,
              .body = [plan](run& r) { publish_case<E>(r, plan); },
              .threads = threads});
    pulse(suffix, how, plan, threads);
  }
  void pulse(const std::string& suffix, const std::string& how, event_plan plan,
             unsigned threads = 0) const {
    add_case({.name = prefix_ + "pulse" + suffix,
              .what = "event: set and reset at once" + how,
              .body = [plan](run& r) { pulse_case<E>(r, plan); },
              .threads = threads});
  }

  const std::string prefix_;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_EVENT_CASES_H_
