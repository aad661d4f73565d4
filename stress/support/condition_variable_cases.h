// SPDX-License-Identifier: Apache-2.0
//
// The cases for condition variables, written once for every pair of a
// condition variable CV and a mutex M.
#ifndef SYNCXX_STRESS_SUPPORT_CONDITION_VARIABLE_CASES_H_
#define SYNCXX_STRESS_SUPPORT_CONDITION_VARIABLE_CASES_H_

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>  // std::cv_status
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "inject.h"
#include "race.h"

namespace syncxx::stress {

struct cv_plan {
  // How workers with even numbers wait; those with odd numbers wait without
  // an end.
  bool timeouts = false;
  bool stops = false;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

// The ways to wait.
template <class CV, class M>
class cv_waiter {
 public:
  using lock_type = std::unique_lock<M>;
  static constexpr bool kStoppable =
      requires(CV & cv, lock_type& lock, std::stop_token stop) {
    cv.wait(lock, stop, [] { return true; });
  };

  cv_waiter(run& r, const cv_plan& plan, unsigned workers)
      : run_(r),
        plan_(plan),
        wait_(r.time("wait")),
        given_up_(r.count("given up")),
        races_(r, plan, workers) {}

  // A pause before a notification that deadlines can aim at.
  void before_notify(worker& w) { races_.before_release(w, 4, 100000); }

  template <class Predicate>
  void patiently(worker& w, CV& cv, lock_type& lock, Predicate holds) {
    operation op(w, wait_, &cv);
    if (w.random.one_in(2)) {
      cv.wait(lock, holds);
    } else {
      while (!holds()) cv.wait(lock);
    }
  }

  // Waits with a deadline or a stop token; the predicate's value at the end.
  template <class Predicate>
  bool impatiently(worker& w, CV& cv, lock_type& lock, Predicate holds) {
    operation op(w, wait_, &cv);
    bool held = false;
    if (plan_.stops && (!plan_.timeouts || w.random.one_in(2)))
      held = stoppable(w, cv, lock, holds);
    else
      held = timed(w, cv, lock, holds);
    op.finish();
    if (held != static_cast<bool>(holds()))
      run_.fail(failure::wrong_result,
                "a wait returned %d while its predicate was %d", held, !held);
    if (!held) w.count(given_up_);
    return held;
  }

  // One wait without a predicate. False: it says that it was not notified.
  bool once(worker& w, CV& cv, lock_type& lock) {
    operation op(w, wait_, &cv);
    const bool notified = once_impatiently(w, cv, lock);
    op.finish();
    if (!notified) w.count(given_up_);
    return notified;
  }

  // As the worker's number says.
  template <class Predicate>
  bool wait(worker& w, CV& cv, lock_type& lock, Predicate holds) {
    if (w.index() % 2 == 0 && (plan_.timeouts || plan_.stops))
      return impatiently(w, cv, lock, holds);
    patiently(w, cv, lock, holds);
    return true;
  }

  void fire(worker& w) { races_.fire(w, 6); }

  const cv_plan& plan() const noexcept { return plan_; }

 private:
  template <class Predicate>
  bool timed(worker& w, CV& cv, lock_type& lock, Predicate& holds) {
    return races_.timed(
        w, false, [&](auto d) { return cv.wait_for(lock, d, holds); },
        [&](auto t) { return cv.wait_until(lock, t, holds); });
  }

  template <class Predicate>
  bool stoppable(worker& w, CV& cv, lock_type& lock, Predicate& holds) {
    if constexpr (kStoppable) {
      const std::stop_token stop = races_.arm(w);
      const bool timed = plan_.timeouts || w.random.one_in(4);
      bool held = false;
      if (timed)
        held = races_.timed(
            w, false, [&](auto d) { return cv.wait_for(lock, stop, d, holds); },
            [&](auto t) { return cv.wait_until(lock, stop, t, holds); },
            [&] { return stop.stop_requested(); });
      else
        held = cv.wait(lock, stop, holds);
      races_.disarm(w, held, timed);
      return held;
    } else {
      return timed(w, cv, lock, holds);
    }
  }

  bool once_impatiently(worker& w, CV& cv, lock_type& lock) {
    if constexpr (requires(std::stop_token stop) {
                    { cv.wait(lock, stop) } -> std::same_as<bool>;
                  }) {
      if (plan_.stops && (!plan_.timeouts || w.random.one_in(2))) {
        const std::stop_token stop = races_.arm(w);
        const bool notified = cv.wait(lock, stop);
        races_.disarm(w, notified, false);
        return notified;
      }
    }
    race_timer& timer = races_.timer(w);
    const std::uint64_t begin_ns = now_ns();
    const auto d = std::chrono::nanoseconds(timer.next_ns(w.random));
    const auto status =
        w.random.one_in(2)
            ? cv.wait_for(lock, d)
            : cv.wait_until(lock, std::chrono::steady_clock::now() + d);
    timer.note(status == std::cv_status::no_timeout, now_ns() - begin_ns);
    return status == std::cv_status::no_timeout;
  }

  run& run_;
  const cv_plan plan_;
  const latency wait_;
  const tally given_up_;
  wait_races races_;
};

// Notifies with or without the mutex held, as comes.
template <class CV, class Lock>
void notify(worker& w, CV& cv, Lock& lock, bool all) {
  const bool unlock_first = w.random.one_in(2);
  if (unlock_first) lock.unlock();
  if (all)
    cv.notify_all();
  else
    cv.notify_one();
  if (!unlock_first) lock.unlock();
}

// Producers and consumers around a short queue, notify_one only. Every item
// comes out once, and those of one producer in their order.
template <class CV, class M>
void bounded_buffer_case(run& r, const cv_plan& plan) {
  struct item {
    unsigned producer;
    std::uint64_t number;
  };
  constexpr std::size_t kPlaces = 3;
  const unsigned producers = r.threads() / 2;
  const unsigned consumers = r.threads() - producers;
  cv_waiter<CV, M> waiter(r, plan, r.threads() + 1);
  alignas(128) M mutex{};
  CV not_full{};
  CV not_empty{};
  std::array<item, kPlaces> ring{};
  std::size_t head = 0;
  std::size_t tail = 0;
  bool closed = false;
  std::vector<std::uint64_t> put(producers);
  std::vector<std::uint64_t> got(producers);

  r.start("producer", producers, [&](worker& w) {
    const unsigned me = w.index();
    for (std::uint64_t n = 0;;) {
      w.jitter();
      std::unique_lock lock(mutex);
      const auto room = [&] { return closed || head - tail < kPlaces; };
      if (!waiter.wait(w, not_full, lock, room)) continue;
      if (closed) return;
      ring[head++ % kPlaces] = {me, n++};
      put[me] = n;
      notify(w, not_empty, lock, false);
      waiter.fire(w);
    }
  });
  r.start("consumer", consumers, [&](worker& w) {
    for (;;) {
      w.jitter();
      std::unique_lock lock(mutex);
      const auto something = [&] { return closed || head != tail; };
      if (!waiter.wait(w, not_empty, lock, something)) continue;
      if (head == tail) return;  // closed
      const item taken = ring[tail++ % kPlaces];
      if (taken.number != got[taken.producer])
        r.fail(failure::conservation,
               "item %llu of producer %u came in the place of %llu",
               static_cast<unsigned long long>(taken.number), taken.producer,
               static_cast<unsigned long long>(got[taken.producer]));
      got[taken.producer] = taken.number + 1;
      notify(w, not_full, lock, false);
      waiter.fire(w);
    }
  });
  r.when_time_is_up([&](worker& w) {
    std::unique_lock lock(mutex);
    closed = true;
    not_empty.notify_all();
    notify(w, not_full, lock, true);
  });
  r.go();
  if (put != got) r.fail(failure::conservation, "items are missing");
}

// Rounds: just as many tokens, each with its notify_one, as there are patient
// waiters. Impatient ones come and go in between; one that finds a token when
// its wait ends borrows it or leaves it, and passes the notification on. A
// notification that goes to somebody who has left leaves a patient waiter
// asleep beside a token.
template <class CV, class M>
void notify_one_case(run& r, const cv_plan& plan, bool trust_status) {
  const bool with_impatient = plan.timeouts || plan.stops;
  const unsigned givers = 1;
  const unsigned others = r.threads() - givers;
  const unsigned patient =
      with_impatient ? std::max((others + 1) / 3, 1U) : others;
  const unsigned impatient = others - patient;
  cv_waiter<CV, M> waiter(r, plan, r.threads());
  meeting between_rounds(r, r.threads());
  alignas(128) M mutex{};
  CV cv{};
  unsigned tokens = 0;  // guarded by mutex, as are the next two
  unsigned hungry = 0;
  unsigned to_give = 0;
  const auto next_round = [&](worker& w) {
    return between_rounds.next(w, [&] {
      if (tokens != 0)
        r.fail(failure::conservation, "a round has left %u tokens", tokens);
      hungry = patient;
      to_give = patient;
    });
  };
  const auto a_token = [&] { return tokens != 0; };

  r.start("giver", givers, [&](worker& w) {
    while (next_round(w)) {
      for (bool more = true; more;) {
        waiter.before_notify(w);
        std::unique_lock lock(mutex);
        --to_give;
        ++tokens;
        more = to_give != 0;
        notify(w, cv, lock, false);
        waiter.fire(w);
      }
    }
  });
  r.start("patient", patient, [&](worker& w) {
    while (next_round(w)) {
      std::unique_lock lock(mutex);
      waiter.patiently(w, cv, lock, a_token);
      --tokens;
      if (--hungry == 0) cv.notify_all();
    }
  });
  r.start("impatient", impatient, [&](worker& w) {
    while (next_round(w)) {
      for (;;) {
        w.jitter();
        std::unique_lock lock(mutex);
        if (hungry == 0) break;
        if (tokens != 0) {  // somebody else's: nobody has notified us
          lock.unlock();
          sched_yield();
          continue;
        }
        // Trusting: a wait that says "timed out" or "stopped" has taken no
        // notification, so there is nothing to hand on. This library promises
        // it; the standard does not.
        const bool woken = trust_status ? waiter.once(w, cv, lock)
                                        : waiter.impatiently(w, cv, lock, [&] {
                                            return hungry == 0 || tokens != 0;
                                          });
        if (!woken || tokens == 0) continue;
        if (w.random.one_in(2)) {  // borrow it for a while
          --tokens;
          lock.unlock();
          w.jitter();
          lock.lock();
          ++tokens;
        }
        notify(w, cv, lock, false);
      }
    }
  });
  r.go();
}

// Rounds: one thread changes the generation and wakes all; all must see it.
// Each round uses another mutex.
template <class CV, class M>
void broadcast_case(run& r, const cv_plan& plan) {
  const unsigned waiters = r.threads() - 1;
  cv_waiter<CV, M> waiter(r, plan, r.threads());
  meeting between_rounds(r, r.threads());
  const latency whole = r.time("notify_all to last waiter");
  struct alignas(128) side {
    M mutex{};
    std::uint64_t generation = 0;
    unsigned back = 0;
  };
  std::array<side, 2> sides{};
  CV changed{};
  CV all_back{};

  r.start("herald", 1, [&](worker& w) {
    for (std::size_t round = 0; between_rounds.next(w); ++round) {
      side& s = sides[round % 2];
      waiter.before_notify(w);
      std::unique_lock lock(s.mutex);
      s.back = 0;
      ++s.generation;
      operation op(w, whole, &changed);
      notify(w, changed, lock, true);
      waiter.fire(w);
      lock.lock();
      while (s.back != waiters) all_back.wait(lock);
    }
  });
  r.start("waiter", waiters, [&](worker& w) {
    std::array<std::uint64_t, 2> seen{};
    for (std::size_t round = 0; between_rounds.next(w); ++round) {
      side& s = sides[round % 2];
      w.jitter();
      std::unique_lock lock(s.mutex);
      const auto is_new = [&] { return s.generation != seen[round % 2]; };
      while (!waiter.wait(w, changed, lock, is_new)) {
        // A wait that is stopped already does not unlock.
        lock.unlock();
        w.jitter();
        lock.lock();
      }
      if (s.generation != seen[round % 2] + 1)
        r.fail(failure::wrong_result, "a round was missed");
      seen[round % 2] = s.generation;
      if (++s.back == waiters) all_back.notify_one();
    }
  });
  r.go();
}

// A baton goes round; everybody waits for their own turn, and notify_all wakes
// them all for one.
template <class CV, class M>
void baton_case(run& r, const cv_plan& plan) {
  cv_waiter<CV, M> waiter(r, plan, r.threads());
  alignas(128) M mutex{};
  CV cv{};
  unsigned turn = 0;
  bool closed = false;
  r.start("runner", r.threads(), [&](worker& w) {
    for (;;) {
      std::unique_lock lock(mutex);
      const auto mine = [&] { return closed || turn == w.index(); };
      if (!waiter.wait(w, cv, lock, mine)) continue;
      if (turn == w.index() && !w.running()) closed = true;
      turn = (turn + 1) % r.threads();
      const bool last = closed;
      notify(w, cv, lock, true);
      waiter.fire(w);
      if (last) return;
    }
  });
  r.go();
}

// A lock made of a condition variable, so that the cases for locks serve it.
template <class CV, class M>
class monitor_lock {
  static constexpr bool kStoppable = cv_waiter<CV, M>::kStoppable;

 public:
  void lock() {
    std::unique_lock hold(mutex_);
    changed_.wait(hold, [this] { return !held_; });
    held_ = true;
  }
  bool try_lock() {
    const std::lock_guard hold(mutex_);
    return !std::exchange(held_, true);
  }
  void unlock() {
    {
      const std::lock_guard hold(mutex_);
      held_ = false;
    }
    changed_.notify_one();
  }
  template <class D>
  bool try_lock_for(const D& d) {
    std::unique_lock hold(mutex_);
    return take(changed_.wait_for(hold, d, [this] { return !held_; }));
  }
  template <class T>
  bool try_lock_until(const T& t) {
    std::unique_lock hold(mutex_);
    return take(changed_.wait_until(hold, t, [this] { return !held_; }));
  }
  bool lock(const std::stop_token& stop) requires kStoppable {
    std::unique_lock hold(mutex_);
    return take(changed_.wait(hold, stop, [this] { return !held_; }));
  }
  template <class D>
  requires kStoppable bool try_lock_for(const D& d,
                                        const std::stop_token& stop) {
    std::unique_lock hold(mutex_);
    return take(changed_.wait_for(hold, stop, d, [this] { return !held_; }));
  }
  template <class T>
  requires kStoppable bool try_lock_until(const T& t,
                                          const std::stop_token& stop) {
    std::unique_lock hold(mutex_);
    return take(changed_.wait_until(hold, stop, t, [this] { return !held_; }));
  }

 private:
  bool take(bool is_free) {
    if (is_free) held_ = true;
    return is_free;
  }

  M mutex_{};
  CV changed_{};
  bool held_ = false;
};

// Registers the cases above for one pair.
template <class CV, class M>
struct cv_suite {
  explicit cv_suite(std::string prefix) : prefix_(std::move(prefix)) {
    using enum disturbance;
    everyone("", "", {});
    everyone("_timeouts", "; timeouts race notifications",
             {.timeouts = true, .disturbances = jitter});
    constexpr bool kStoppable = cv_waiter<CV, M>::kStoppable;
    if (kStoppable)
      everyone("_stops", "; stop requests race notifications",
               {.stops = true, .disturbances = jitter});
    everyone("_signals", "; EINTR storms",
             {.timeouts = true, .disturbances = signals | jitter});
    everyone("_spurious", "; sleepers woken for no reason",
             {.disturbances = spurious | jitter});
    everyone("_suspend", "; SIGSTOP and SIGCONT of the process",
             {.timeouts = true, .disturbances = suspend | jitter});
    everyone("_crowd", "; 64 threads on 2 CPUs", {.cpus = 2}, 64);
    everyone("_everything", "; all of it at once",
             {.timeouts = true, .stops = true, .disturbances = all}, 16);
    add("trust", "a wait that timed out has taken no notification", 0,
        [](run& r) { notify_one_case<CV, M>(r, {.timeouts = true}, true); });
    if (!kStoppable) return;
    add("trust_stops", "a wait that was stopped has taken no notification", 0,
        [](run& r) { notify_one_case<CV, M>(r, {.stops = true}, true); });
  }

 private:
  void everyone(const std::string& suffix, const std::string& how, cv_plan plan,
                unsigned threads = 0) const {
    add("buffer" + suffix, "bounded buffer" + how, threads,
        [plan](run& r) { bounded_buffer_case<CV, M>(r, plan); });
    add("one" + suffix, "every notify_one is needed" + how, threads,
        [plan](run& r) { notify_one_case<CV, M>(r, plan, false); });
    add("all" + suffix, "every notify_all reaches all" + how, threads,
        [plan](run& r) { broadcast_case<CV, M>(r, plan); });
    add("baton" + suffix, "notify_all, and only one may go" + how, threads / 4,
        [plan](run& r) { baton_case<CV, M>(r, plan); });
  }
  void add(const std::string& name, const std::string& what, unsigned threads,
           std::function<void(run&)> body) const {
    add_case({.name = prefix_ + name,
              .what = what,
              .body = std::move(body),
              .threads = threads});
  }

  std::string prefix_;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_CONDITION_VARIABLE_CASES_H_
