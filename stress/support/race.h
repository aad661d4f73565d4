// SPDX-License-Identifier: Apache-2.0
//
// Deadlines and stop requests that come at about the time the thing waited
// for comes, so that they race it, and the check that nobody gives up early.
#ifndef SYNCXX_STRESS_SUPPORT_RACE_H_
#define SYNCXX_STRESS_SUPPORT_RACE_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "harness.h"
#include "inject.h"

namespace syncxx::stress {

// When the next release (of a lock, a token, a notification) is going to be,
// said by the thread that is about to make it.
class announced_time {
 public:
  void announce(std::uint64_t at_ns) noexcept {
    at_ns_.store(at_ns, std::memory_order_relaxed);
  }
  std::uint64_t get() const noexcept {
    return at_ns_.load(std::memory_order_relaxed);
  }

 private:
  alignas(128) std::atomic<std::uint64_t> at_ns_{0};
};

// How long to wait so that the deadline meets what is waited for. One of
//   - until the announced time, plus a correction;
//   - until about the announced time;
//   - about as long as waits use to take.
// The first and the last are corrected after each wait, to the longer if it was
// given up and to the shorter if not, so that half of them end either way: that
// is where a deadline races its own wakeup. The second meets other threads'.
class race_timer {
 public:
  void follow(const announced_time& release) noexcept { release_ = &release; }

  std::uint64_t next_ns(rng& random) noexcept {
    kind_ = release_ == nullptr ? aim::none : aim(random.below(3));
    if (kind_ != aim::none) {
      const auto left =
          static_cast<std::int64_t>(release_->get() - now_ns()) +
          (kind_ == aim::corrected ? correction_ns_ + spread(random, kNarrow)
                                   : spread(random, kWide));
      if (left > 0 && left < static_cast<std::int64_t>(kLongest))
        return static_cast<std::uint64_t>(left);
      kind_ = aim::none;
    }
    return guess_ns_ / 2 + random.below(guess_ns_);
  }

  void note(bool succeeded, std::uint64_t waited_ns) noexcept {
    if (succeeded && waited_ns < kNoWait) return;
    if (kind_ == aim::corrected) {
      correction_ns_ += succeeded ? -500 : 500;
      correction_ns_ = std::clamp(correction_ns_, -kWide, kWide);
    } else if (kind_ == aim::none) {
      guess_ns_ += succeeded ? 0 - guess_ns_ / 16 : guess_ns_ / 12;
      guess_ns_ = std::clamp(guess_ns_, kShortest, kLongest);
    }
  }

 private:
  enum class aim : std::uint8_t { none, corrected, about };

  static constexpr std::uint64_t kNoWait = 1000;
  static constexpr std::int64_t kNarrow = 3000;
  static constexpr std::int64_t kWide = 40000;
  static constexpr std::uint64_t kShortest = 2000;
  static constexpr std::uint64_t kLongest = 20000000;

  // Uniform between -width and width.
  static std::int64_t spread(rng& random, std::int64_t width) noexcept {
    return static_cast<std::int64_t>(
               random.below(2 * static_cast<std::uint64_t>(width))) -
           width;
  }

  const announced_time* release_ = nullptr;
  aim kind_ = aim::none;
  std::int64_t correction_ns_ = 0;
  std::uint64_t guess_ns_ = 50000;
};

// A clock that the library has never heard of.
struct strange_clock {
  using rep = std::int64_t;
  using period = std::ratio<1, 3000000>;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<strange_clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept {
    return time_point(std::chrono::duration_cast<duration>(
        std::chrono::steady_clock::now().time_since_epoch() +
        std::chrono::hours(1000)));
  }
};

// Calls wait_for(duration) or wait_until(time_point), with durations and
// clocks of many kinds, and fails the case where the answer is false although
// the time is not up. `forever` allows waits that never time out. A wait with
// a stop token may end early: then `stopped` says whether it was stopped.
template <class For, class Until, class Stopped>
bool race_the_clock(run& r, worker& w, race_timer& timer, bool forever,
                    For wait_for, Until wait_until, Stopped stopped) {
  using namespace std::chrono;
  const nanoseconds d(timer.next_ns(w.random));
  const std::uint64_t begin_ns = now_ns();
  // `now` is read after the wait, so a wait that ends early shows.
  const auto until = [&](auto clock, auto deadline) {
    const bool done = wait_until(deadline);
    if (!done && decltype(clock)::now() < deadline && !stopped())
      r.fail(failure::wrong_result, "a wait of thread #%u gave up early",
             w.index());
    timer.note(done, now_ns() - begin_ns);
    return done;
  };
  const auto plain = [&](auto duration) {
    const auto begin = steady_clock::now();
    const bool done = wait_for(duration);
    if (!done && steady_clock::now() - begin < duration && !stopped())
      r.fail(failure::wrong_result, "a wait of thread #%u gave up early",
             w.index());
    timer.note(done, now_ns() - begin_ns);
    return done;
  };
  const auto endless = [&](bool done) {
    if (!done && !stopped())
      r.fail(failure::wrong_result, "an endless wait of thread #%u timed out",
             w.index());
    return done;
  };
  switch (w.random.below(forever ? 14 : 11)) {
    case 0:
      return wait_for(nanoseconds(0));
    case 1:
      return wait_for(hours(-1));
    case 2:
      return wait_until(steady_clock::now() - d);
    case 3:
      return wait_until(system_clock::time_point::min());
    case 4:
      return until(system_clock{}, system_clock::now() + d);
    case 5:
      return until(strange_clock{},
                   strange_clock::now() + ceil<strange_clock::duration>(d));
    case 6:
      return plain(duration<double, std::micro>(d));
    case 7:
    case 8:
      return until(steady_clock{}, steady_clock::now() + d);
    case 11:
      return endless(wait_for(nanoseconds::max()));
    case 12:
      return endless(wait_until(steady_clock::time_point::max()));
    case 13:
      return endless(wait_for(duration<double>(1e30)));
    default:
      return plain(d);
  }
}

template <class For, class Until>
bool race_the_clock(run& r, worker& w, race_timer& timer, bool forever,
                    For wait_for, Until wait_until) {
  return race_the_clock(r, w, timer, forever, wait_for, wait_until,
                        [] { return false; });
}

// Gives each worker stop tokens, one after another, and requests the stops:
// from a thread of its own once a fuse has burnt down, or from any worker
// that calls fire().
class stop_racer final : public periodic_injector {
 public:
  explicit stop_racer(unsigned workers)
      : periodic_injector(10000, 60000, "late stop requests"),
        slots_(workers) {}

  // A fresh token for the worker's next operation. Once in sixteen times, and
  // always after end(), it is stopped already: nobody waits for a stop that
  // will not come.
  std::stop_token arm(worker& w) {
    slot& s = slots_[w.index()];
    std::stop_source fresh;
    bool stopped = w.random.one_in(16);
    const std::lock_guard hold(s.guard);
    stopped = stopped || quiet_.load(std::memory_order_relaxed);
    if (stopped) fresh.request_stop();
    s.source = std::move(fresh);
    s.armed_ns = now_ns();
    s.due_ns = s.armed_ns + s.timer.next_ns(w.random);
    s.armed = !stopped;
    return s.source.get_token();
  }

  // Ends it. An operation that gave up without a stop request fails the case.
  void disarm(run& r, worker& w, bool succeeded, bool may_time_out) {
    slot& s = slots_[w.index()];
    const std::lock_guard hold(s.guard);
    s.armed = false;
    s.timer.note(succeeded, now_ns() - s.armed_ns);
    if (!succeeded && !may_time_out && !s.source.stop_requested())
      r.fail(failure::wrong_result,
             "a wait of thread #%u was stopped, but nobody asked for it",
             w.index());
  }

  // Now and then requests a stop of some other worker, at once.
  void fire(worker& w, std::uint64_t one_in) {
    if (w.random.one_in(one_in))
      request(slots_[w.random.below(slots_.size())], kAlways);
  }

  void end() override {
    periodic_injector::end();
    quiet_.store(true, std::memory_order_relaxed);
    for (slot& s : slots_) {
      const std::lock_guard hold(s.guard);  // not to miss one that is arming
    }
    for (slot& s : slots_)
      while (s.armed_now() && request(s, kAlways) == 0) relax();
  }

 private:
  struct alignas(128) slot {
    std::mutex guard;  // between one worker and whoever stops it
    std::stop_source source{std::nostopstate};
    std::uint64_t armed_ns = 0;
    std::uint64_t due_ns = 0;
    bool armed = false;
    race_timer timer;

    bool armed_now() {
      const std::lock_guard hold(guard);
      return armed;
    }
  };

  static constexpr std::uint64_t kAlways = ~std::uint64_t{0};

  std::uint64_t act(run&, rng&) override {
    std::uint64_t stops = 0;
    const std::uint64_t now = now_ns();
    for (slot& s : slots_) stops += request(s, now);
    return stops;
  }

  // Stops the slot's operation if it is due at `now`. Outside of the guard:
  // the worker may leave while the callbacks run.
  std::uint64_t request(slot& s, std::uint64_t now) {
    std::stop_source source(std::nostopstate);
    {
      const std::unique_lock hold(s.guard, std::try_to_lock);
      if (!hold || !s.armed || now < s.due_ns) return 0;
      s.armed = false;
      source = s.source;
    }
    return source.request_stop() ? 1 : 0;
  }

  std::vector<slot> slots_;
  std::atomic<bool> quiet_{false};
};

// What races the waits of a case's workers: deadlines, each worker's own, that
// aim at the announced release, stop requests where the plan has them, and the
// plan's disturbances. A Plan has timeouts, stops, disturbances and cpus.
class wait_races {
 public:
  template <class Plan>
  wait_races(run& r, const Plan& plan, unsigned workers)
      : run_(r),
        timeouts_(plan.timeouts),
        stops_(plan.stops),
        timers_(workers) {
    if (plan.cpus != 0) r.limit_cpus(plan.cpus);
    disturb(r, plan.disturbances);
    if (plan.stops) {
      auto racer = std::make_unique<stop_racer>(workers);
      racer_ = racer.get();
      r.add(std::move(racer));
    }
    for (own& o : timers_) o.timer.follow(release_);
  }

  // The release that deadlines aim at will be in so many nanoseconds.
  void announce(std::uint64_t in_ns) noexcept {
    release_.announce(now_ns() + in_ns);
  }
  // A pause before a release, announced where there are deadlines; once in
  // `one_in` times, and without deadlines always, just some jitter.
  void before_release(worker& w, std::uint64_t one_in, std::uint64_t longest) {
    if (!timeouts_ || w.random.one_in(one_in)) {
      w.jitter();
      return;
    }
    const std::uint64_t pause = w.random.below(longest);
    announce(pause);
    spin_ns(pause);
  }
  // Now and then requests a stop of some other worker, at once.
  void fire(worker& w, std::uint64_t one_in) {
    if (racer_ != nullptr) racer_->fire(w, one_in);
  }

  race_timer& timer(const worker& w) { return timers_[w.index()].timer; }
  template <class For, class Until, class... Stopped>
  bool timed(worker& w, bool forever, For wait_for, Until wait_until,
             Stopped... stopped) {
    return race_the_clock(run_, w, timer(w), forever, wait_for, wait_until,
                          stopped...);
  }
  // Around an operation with a stop token, as those of stop_racer.
  std::stop_token arm(worker& w) { return racer_->arm(w); }
  void disarm(worker& w, bool succeeded, bool may_time_out) {
    racer_->disarm(run_, w, succeeded, may_time_out);
  }

  // Waits with a deadline, a stop token or both for what has wait, wait_for
  // and wait_until: events and latches. False: gave up.
  template <class Gate>
  bool wait(worker& w, Gate& gate, bool forever) {
    if (!stops_ || (timeouts_ && w.random.one_in(2)))
      return timed(
          w, forever, [&](auto d) { return gate.wait_for(d); },
          [&](auto t) { return gate.wait_until(t); });
    const std::stop_token stop = arm(w);
    const bool may_time_out = w.random.one_in(2);
    const bool open =
        may_time_out
            ? timed(
                  w, forever, [&](auto d) { return gate.wait_for(d, stop); },
                  [&](auto t) { return gate.wait_until(t, stop); },
                  [&] { return stop.stop_requested(); })
            : gate.wait(stop);
    disarm(w, open, may_time_out);
    return open;
  }

 private:
  struct alignas(128) own {
    race_timer timer;
  };

  run& run_;
  const bool timeouts_;
  const bool stops_;
  stop_racer* racer_ = nullptr;
  std::vector<own> timers_;
  announced_time release_;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_RACE_H_
