// SPDX-License-Identifier: Apache-2.0
//
// The cases for everything that hands out tokens. A semaphore S needs acquire,
// try_acquire and release(n); the timed and stoppable forms are used where S
// has them.
#ifndef SYNCXX_STRESS_SUPPORT_SEMAPHORE_CASES_H_
#define SYNCXX_STRESS_SUPPORT_SEMAPHORE_CASES_H_

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "harness.h"
#include "inject.h"
#include "race.h"

namespace syncxx::stress {

template <class S>
concept timed_semaphore = requires(S& s) {
  { s.try_acquire_for(std::chrono::nanoseconds(1)) } -> std::same_as<bool>;
};
template <class S>
concept stoppable_semaphore = requires(S& s, std::stop_token token) {
  { s.acquire(token) } -> std::same_as<bool>;
};
template <class S>
concept timed_stoppable_semaphore = requires(S& s, std::stop_token token) {
  {
    s.try_acquire_for(std::chrono::nanoseconds(1), token)
    } -> std::same_as<bool>;
};

struct semaphore_plan {
  bool timeouts = false;
  bool stops = false;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

// How the workers of a case take tokens from a semaphore: some patiently, some
// with deadlines and stop requests that race the releases.
template <class S>
class taker {
 public:
  taker(run& r, const semaphore_plan& plan, unsigned workers)
      : plan_(plan),
        wait_(r.time("wait for a token")),
        given_up_(r.count("given up")),
        races_(r, plan, workers) {}

  // A pause before a release that deadlines can aim at.
  void before_release(worker& w) { races_.before_release(w, 2, 60000); }

  void patiently(worker& w, S& semaphore) {
    operation op(w, wait_, &semaphore);
    semaphore.acquire();
  }

  // False: gave up. `forever` allows waits without an end. Where the plan has
  // neither deadlines nor stop requests it is patient after all.
  bool impatiently(worker& w, S& semaphore, bool forever) {
    if (!plan_.timeouts && !plan_.stops) {
      patiently(w, semaphore);
      return true;
    }
    operation op(w, wait_, &semaphore);
    const bool taken = take(w, semaphore, forever);
    op.finish();
    if (!taken) w.count(given_up_);
    return taken;
  }

  void fire(worker& w) { races_.fire(w, 6); }

 private:
  bool take(worker& w, S& semaphore, bool forever) {
    if constexpr (timed_stoppable_semaphore<S>) {
      if (plan_.stops && (plan_.timeouts || !forever) && w.random.one_in(2)) {
        const std::stop_token token = races_.arm(w);
        const bool taken = races_.timed(
            w, forever,
            [&](auto d) { return semaphore.try_acquire_for(d, token); },
            [&](auto t) { return semaphore.try_acquire_until(t, token); },
            [&] { return token.stop_requested(); });
        races_.disarm(w, taken, true);
        return taken;
      }
    }
    if constexpr (stoppable_semaphore<S>) {
      if (plan_.stops && (!plan_.timeouts || w.random.one_in(2))) {
        const std::stop_token token = races_.arm(w);
        const bool taken = semaphore.acquire(token);
        races_.disarm(w, taken, false);
        return taken;
      }
    }
    if constexpr (timed_semaphore<S>) {
      if (plan_.timeouts)
        return races_.timed(
            w, forever, [&](auto d) { return semaphore.try_acquire_for(d); },
            [&](auto t) { return semaphore.try_acquire_until(t); });
    }
    return semaphore.try_acquire();
  }

  const semaphore_plan plan_;
  const latency wait_;
  const tally given_up_;
  wait_races races_;
};

// With all threads back: the semaphore holds exactly so many tokens.
template <class S>
void check_tokens(run& r, S& semaphore, std::uint64_t expected) {
  std::uint64_t tokens = 0;
  while (tokens <= expected && semaphore.try_acquire()) ++tokens;
  if (tokens != expected)
    r.fail(failure::conservation, "%llu tokens are left of %llu%s",
           static_cast<unsigned long long>(tokens),
           static_cast<unsigned long long>(expected),
           tokens > expected ? ", or more" : "");
}

// A few tokens, taken and given back by everybody: never more of them out
// than there are, and all of them back at the end.
template <class S>
void pool_case(run& r, const semaphore_plan& plan) {
  constexpr int kTokens = 3;
  taker<S> take(r, plan, r.threads());
  const peak most_out = r.highest("most tokens out");
  alignas(128) S semaphore{kTokens};
  alignas(128) std::atomic<int> out{0};
  r.start("taker", r.threads(), [&](worker& w) {
    while (w.running()) {
      if (w.index() % 2 == 0) {
        if (!take.impatiently(w, semaphore, true)) continue;
      } else {
        take.patiently(w, semaphore);
      }
      int mine = 1;
      while (mine != kTokens && w.random.one_in(4) && semaphore.try_acquire())
        ++mine;
      const int now_out = out.fetch_add(mine, std::memory_order_relaxed) + mine;
      if (now_out > kTokens)
        r.fail(failure::conservation, "%d of %d tokens are out", now_out,
               kTokens);
      w.reach(most_out, static_cast<std::uint64_t>(now_out));
      take.before_release(w);
      out.fetch_sub(mine, std::memory_order_relaxed);
      take.fire(w);
      semaphore.release(mine);
      take.fire(w);
      w.jitter();
    }
  });
  r.go();
  check_tokens(r, semaphore, kTokens);
}

// Rounds: givers release, in batches, just as many tokens as the patient
// takers need. Impatient takers come in between, and give back what they get.
// A token that is lost leaves a patient taker asleep for good.
template <class S>
void token_rounds_case(run& r, const semaphore_plan& plan) {
  const unsigned givers = r.threads() >= 8 ? 2 : 1;
  const bool with_impatient = plan.timeouts || plan.stops;
  const unsigned impatient = with_impatient ? (r.threads() - givers) / 2 : 0;
  const unsigned patient = r.threads() - givers - impatient;
  constexpr int kQuota = 3;

  taker<S> take(r, plan, r.threads());
  meeting between_rounds(r, r.threads());
  alignas(128) S semaphore{0};
  alignas(128) std::atomic<int> to_give{0};
  alignas(128) std::atomic<unsigned> hungry{0};
  const auto next_round = [&](worker& w) {
    return between_rounds.next(w, [&] {
      if (semaphore.try_acquire())
        r.fail(failure::conservation, "a round has left a token over");
      to_give.store(static_cast<int>(patient) * kQuota);
      hungry.store(patient);
    });
  };

  r.start("giver", givers, [&](worker& w) {
    while (next_round(w)) {
      for (;;) {
        const int batch = static_cast<int>(w.random.between(1, 4));
        const int left = to_give.fetch_sub(batch);
        const int mine = std::min(batch, left);
        if (mine <= 0) break;
        take.before_release(w);
        semaphore.release(mine);
        take.fire(w);
      }
    }
  });
  r.start("patient", patient, [&](worker& w) {
    while (next_round(w)) {
      for (int i = 0; i != kQuota; ++i) take.patiently(w, semaphore);
      hungry.fetch_sub(1);
    }
  });
  r.start("impatient", impatient, [&](worker& w) {
    while (next_round(w)) {
      while (hungry.load() != 0 && !r.failed()) {
        // Not forever: when the patient ones are through, no token will come.
        if (!take.impatiently(w, semaphore, false)) continue;
        w.jitter();
        semaphore.release(1);
      }
    }
  });
  r.go();
}

// Producers and consumers around a ring, with one semaphore for the free
// places and one for the items.
template <class S>
void ring_case(run& r, const semaphore_plan& plan) {
  constexpr std::size_t kPlaces = 4;
  const unsigned producers = r.threads() / 2;
  const unsigned consumers = r.threads() - producers;
  taker<S> take(r, plan, r.threads() + 1);
  S places{static_cast<std::ptrdiff_t>(kPlaces)};
  S items{0};
  std::mutex guard;  // for the ring alone; nobody sleeps under it
  std::array<std::uint64_t, kPlaces> ring{};
  std::size_t head = 0;
  std::size_t tail = 0;
  std::uint64_t sum_in = 0;
  std::uint64_t sum_out = 0;
  constexpr std::uint64_t kEnd = ~std::uint64_t{0};

  const auto put = [&](worker& w, std::uint64_t item) {
    if (w.index() % 2 == 0) {
      while (!take.impatiently(w, places, true)) w.jitter();
    } else {
      take.patiently(w, places);
    }
    {
      const std::lock_guard hold(guard);
      ring[head++ % kPlaces] = item;
      if (item != kEnd) sum_in += item;
    }
    items.release(1);
    take.fire(w);
  };
  std::atomic<unsigned> producing{producers};
  r.start("producer", producers, [&](worker& w) {
    while (w.running()) {
      put(w, w.random.below(1000000));
      w.jitter();
    }
    producing.fetch_sub(1);
  });
  r.start("consumer", consumers, [&](worker& w) {
    for (;;) {
      if (w.index() % 2 == 0) {
        while (!take.impatiently(w, items, true)) w.jitter();
      } else {
        take.patiently(w, items);
      }
      std::uint64_t item = 0;
      {
        const std::lock_guard hold(guard);
        item = ring[tail++ % kPlaces];
        if (item != kEnd) sum_out += item;
      }
      places.release(1);
      take.fire(w);
      if (item == kEnd) return;
      w.jitter();
    }
  });
  r.when_time_is_up([&](worker& w) {
    {
      worker::rest resting(w, "the producers");
      while (producing.load() != 0) sleep_ns(100000);
    }
    for (unsigned i = 0; i != consumers; ++i) put(w, kEnd);
  });
  r.go();
  if (sum_in != sum_out)
    r.fail(failure::conservation, "%llu went in and %llu came out",
           static_cast<unsigned long long>(sum_in),
           static_cast<unsigned long long>(sum_out));
}

// A binary semaphore as a lock, so that the cases for locks serve it too.
template <class S>
class semaphore_lock {
 public:
  void lock() { semaphore_.acquire(); }
  bool try_lock() { return semaphore_.try_acquire(); }
  void unlock() { semaphore_.release(); }

  template <class D>
  requires timed_semaphore<S>
  bool try_lock_for(const D& d) { return semaphore_.try_acquire_for(d); }
  template <class T>
  requires timed_semaphore<S>
  bool try_lock_until(const T& t) { return semaphore_.try_acquire_until(t); }
  bool lock(const std::stop_token& stop) requires stoppable_semaphore<S> {
    return semaphore_.acquire(stop);
  }
  template <class D>
  requires timed_stoppable_semaphore<S>
  bool try_lock_for(const D& d, const std::stop_token& stop) {
    return semaphore_.try_acquire_for(d, stop);
  }
  template <class T>
  requires timed_stoppable_semaphore<S>
  bool try_lock_until(const T& t, const std::stop_token& stop) {
    return semaphore_.try_acquire_until(t, stop);
  }

 private:
  S semaphore_{1};
};

// Registers the cases above for one type of semaphore.
template <class S>
struct semaphore_suite {
  explicit semaphore_suite(const std::string& prefix = "") : prefix_(prefix) {
    using enum disturbance;
    everyone("", "", {});
    if (timed_semaphore<S>)
      everyone("_timeouts", "; timeouts race releases",
               {.timeouts = true, .disturbances = jitter});
    if (stoppable_semaphore<S>)
      everyone("_stops", "; stop requests race releases",
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
  }

 private:
  void everyone(const std::string& suffix, const std::string& how,
                semaphore_plan plan, unsigned threads = 0) const {
    add("pool" + suffix, "tokens taken and given back" + how, threads,
        [plan](run& r) { pool_case<S>(r, plan); });
    add("rounds" + suffix, "every token given is needed" + how, threads,
        [plan](run& r) { token_rounds_case<S>(r, plan); });
    add("ring" + suffix, "producers and consumers" + how, threads,
        [plan](run& r) { ring_case<S>(r, plan); });
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

#endif  // SYNCXX_STRESS_SUPPORT_SEMAPHORE_CASES_H_
