// SPDX-License-Identifier: Apache-2.0
//
// The case for barriers.
#ifndef SYNCXX_STRESS_SUPPORT_BARRIER_CASES_H_
#define SYNCXX_STRESS_SUPPORT_BARRIER_CASES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "inject.h"
#include "race.h"

namespace syncxx::stress {

struct barrier_plan {
  bool timeouts = false;
  bool stops = false;
  bool drops = false;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

// Counts the phases; plain on purpose: the barrier hands it over.
struct phase_counter {
  std::uint64_t* phases;
  void operator()() noexcept { ++*phases; }
};

// A token's waits, as those of a gate.
template <class B>
struct waits_of_token {
  const B& barrier;
  const typename B::arrival_token& token;

  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) const {
    return barrier.wait_for(token, d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) const {
    return barrier.wait_until(token, t, stop...);
  }
  bool wait(const std::stop_token& stop) const {
    return barrier.wait(token, stop);
  }
};

// Lives of a barrier, each of some phases. In each phase every thread writes
// its number, arrives, and afterwards looks at what all others have written.
// Where the plan says so, threads drop out and wait for the next life.
template <class B>
class barrier_rounds {
 public:
  barrier_rounds(run& r, const barrier_plan& plan)
      : run_(r),
        plan_(plan),
        threads_(r.threads()),
        wait_(r.time("wait at the barrier")),
        given_up_(r.count("given up")),
        dropped_(r.count("dropped")),
        between_lives_(r, threads_),
        written_(threads_),
        races_(r, plan, threads_) {}

  void go() {
    run_.start("party", threads_, [this](worker& w) {
      const auto renew = [this] {
        phases_ = 0;
        barrier_.emplace(static_cast<std::ptrdiff_t>(threads_),
                         phase_counter{&phases_});
      };
      while (between_lives_.next(w, renew)) live(w);
    });
    run_.go();
  }

 private:
  static constexpr std::uint64_t kPhases = 64;
  static constexpr std::uint64_t kGone = ~std::uint64_t{0};

  // A phase's number is read while the next one's may be written, but not that
  // after the next.
  struct alignas(128) own {
    std::uint64_t phase[2] = {};
  };

  void live(worker& w) {
    std::vector<bool> gone(threads_);
    for (std::uint64_t phase = 1; phase <= kPhases; ++phase) {
      w.jitter();
      if (plan_.drops && w.random.one_in(kPhases)) {
        written_[w.index()].phase[phase % 2] = kGone;
        barrier_->arrive_and_drop();
        w.count(dropped_);
        return;
      }
      written_[w.index()].phase[phase % 2] = phase;
      meet(w);
      check(w, phase, gone);
    }
  }

  void meet(worker& w) {
    operation op(w, wait_, &*barrier_);
    if (!w.random.one_in(3)) {
      barrier_->arrive_and_wait();
      return;
    }
    races_.before_release(w, 4, 60000);
    auto token = barrier_->arrive();
    races_.fire(w, 4);
    if (w.random.one_in(8)) {
      while (!barrier_->try_wait(token)) relax();
    } else if (plan_.timeouts || plan_.stops) {
      const waits_of_token<B> waits{*barrier_, token};
      while (!races_.wait(w, waits, true)) w.count(given_up_);
    } else {
      barrier_->wait(std::move(token));
    }
  }

  void check(worker& w, std::uint64_t phase, std::vector<bool>& gone) {
    for (unsigned i = 0; i < threads_; ++i) {
      if (gone[i]) continue;
      const std::uint64_t written = written_[i].phase[phase % 2];
      gone[i] = written == kGone;
      if (!gone[i] && written != phase) {
        run_.fail(failure::wrong_result,
                  "thread #%u went on from phase %llu before #%u had arrived",
                  w.index(), static_cast<unsigned long long>(phase), i);
      }
    }
    if (phases_ != phase) {
      run_.fail(failure::wrong_result,
                "thread #%u went on from phase %llu after %llu completions",
                w.index(), static_cast<unsigned long long>(phase),
                static_cast<unsigned long long>(phases_));
    }
  }

  run& run_;
  const barrier_plan plan_;
  const unsigned threads_;
  const latency wait_;
  const tally given_up_;
  const tally dropped_;
  meeting between_lives_;
  alignas(128) std::optional<B> barrier_;
  alignas(128) std::uint64_t phases_ = 0;
  std::vector<own> written_;
  wait_races races_;
};

template <class B>
class barrier_suite {
 public:
  explicit barrier_suite(const std::string& prefix = "") : prefix_(prefix) {
    using enum disturbance;
    add("plain", "as fast as it goes", {});
    add("drops", "threads drop out", {.drops = true, .disturbances = jitter});
    add("timeouts", "timeouts race the last arrival",
        {.timeouts = true, .disturbances = jitter});
    add("stops", "stop requests race the last arrival",
        {.stops = true, .drops = true, .disturbances = jitter});
    add("signals", "EINTR storms",
        {.timeouts = true, .drops = true, .disturbances = signals | jitter});
    add("spurious", "sleepers woken for no reason",
        {.disturbances = spurious | jitter});
    add("suspend", "SIGSTOP and SIGCONT of the process",
        {.timeouts = true, .disturbances = suspend | jitter});
    add("crowd", "64 threads on 2 CPUs", {.drops = true, .cpus = 2}, 64);
    add("everything", "all of it at once",
        {.timeouts = true, .stops = true, .drops = true, .disturbances = all},
        16);
  }

 private:
  void add(const char* name, const char* what, barrier_plan plan,
           unsigned threads = 0) const {
    add_case({.name = prefix_ + name,
              .what = what,
              .body = [plan](run& r) { barrier_rounds<B>(r, plan).go(); },
              .threads = threads});
  }

  const std::string prefix_;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_BARRIER_CASES_H_
