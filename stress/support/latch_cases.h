// SPDX-License-Identifier: Apache-2.0
//
// The case for latches.
#ifndef SYNCXX_STRESS_SUPPORT_LATCH_CASES_H_
#define SYNCXX_STRESS_SUPPORT_LATCH_CASES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "harness.h"
#include "inject.h"
#include "race.h"

namespace syncxx::stress {

struct latch_plan {
  bool timeouts = false;
  bool stops = false;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

// Rounds with a new latch each. Every arriver counts down by a few, in one
// step or more; some of them wait, as do those who only wait.
template <class L>
class latch_rounds {
 public:
  latch_rounds(run& r, const latch_plan& plan)
      : run_(r),
        plan_(plan),
        arrivers_(r.threads() / 2),
        waiters_(r.threads() - r.threads() / 2),
        wait_(r.time("wait for the latch")),
        given_up_(r.count("given up")),
        between_rounds_(r, r.threads()),
        arrived_(arrivers_),
        races_(r, plan, r.threads()) {}

  void go() {
    run_.start("arriver", arrivers_, [this](worker& w) {
      for (std::uint64_t round = 1; next_round(w); ++round) arrive(w, round);
    });
    run_.start("waiter", waiters_, [this](worker& w) {
      for (std::uint64_t round = 1; next_round(w); ++round) wait(w, round);
    });
    run_.go();
  }

 private:
  static constexpr unsigned kEach = 3;  // what each arriver counts down

  struct alignas(128) own {
    std::uint64_t round = 0;  // plain on purpose: the latch hands it over
  };

  bool next_round(worker& w) {
    return between_rounds_.next(w, [this] {
      latch_.emplace(static_cast<std::ptrdiff_t>(arrivers_) * kEach);
    });
  }

  void arrive(worker& w, std::uint64_t round) {
    w.jitter();
    if (w.random.one_in(2)) {
      const std::uint64_t pause = w.random.below(60000);
      if (plan_.timeouts) races_.announce(pause);
      spin_ns(pause);
    }
    const auto first = static_cast<unsigned>(w.random.below(kEach));
    latch_->count_down(first);  // may be zero
    arrived_[w.index()].round = round;
    if (w.random.one_in(2)) {
      operation op(w, wait_, &*latch_);
      latch_->arrive_and_wait(kEach - first);
      op.finish();
      check(w, round);
    } else {
      latch_->count_down(kEach - first);
      races_.fire(w, 4);
    }
  }

  void wait(worker& w, std::uint64_t round) {
    const L& latch = *latch_;
    w.jitter();
    if (w.random.one_in(8)) {
      while (!latch.try_wait()) relax();
    } else if (w.index() % 2 == 0 && (plan_.timeouts || plan_.stops)) {
      while (!wait_impatiently(w, latch)) {
        w.count(given_up_);
        w.jitter();
      }
    } else {
      operation op(w, wait_, &latch);
      latch.wait();
    }
    check(w, round);
  }

  bool wait_impatiently(worker& w, const L& latch) {
    operation op(w, wait_, &latch);
    return races_.wait(w, latch, true);
  }

  void check(worker& w, std::uint64_t round) {
    for (const own& a : arrived_) {
      if (a.round != round)
        run_.fail(failure::wrong_result,
                  "thread #%u got through in round %llu before all had arrived",
                  w.index(), static_cast<unsigned long long>(round));
    }
    if (!latch_->try_wait())
      run_.fail(failure::wrong_result, "a latch closed again");
  }

  run& run_;
  const latch_plan plan_;
  const unsigned arrivers_;
  const unsigned waiters_;
  const latency wait_;
  const tally given_up_;
  meeting between_rounds_;
  alignas(128) std::optional<L> latch_;
  std::vector<own> arrived_;
  wait_races races_;
};

template <class L>
class latch_suite {
 public:
  explicit latch_suite(const std::string& prefix = "") : prefix_(prefix) {
    using enum disturbance;
    add("plain", "as fast as it goes", {});
    add("timeouts", "timeouts race the last count_down",
        {.timeouts = true, .disturbances = jitter});
    add("stops", "stop requests race the last count_down",
        {.stops = true, .disturbances = jitter});
    add("signals", "EINTR storms",
        {.timeouts = true, .disturbances = signals | jitter});
    add("spurious", "sleepers woken for no reason",
        {.disturbances = spurious | jitter});
    add("suspend", "SIGSTOP and SIGCONT of the process",
        {.timeouts = true, .disturbances = suspend | jitter});
    add("crowd", "64 threads on 2 CPUs", {.cpus = 2}, 64);
    add("everything", "all of it at once",
        {.timeouts = true, .stops = true, .disturbances = all}, 16);
  }

 private:
  void add(const char* name, const char* what, latch_plan plan,
           unsigned threads = 0) const {
    add_case({.name = prefix_ + name,
              .what = what,
              .body = [plan](run& r) { latch_rounds<L>(r, plan).go(); },
              .threads = threads});
  }

  const std::string prefix_;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_LATCH_CASES_H_
