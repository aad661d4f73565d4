// SPDX-License-Identifier: Apache-2.0
//
// The case for call_once.
#ifndef SYNCXX_STRESS_SUPPORT_ONCE_CASES_H_
#define SYNCXX_STRESS_SUPPORT_ONCE_CASES_H_

#include <cstdint>
#include <optional>
#include <stop_token>

#include "harness.h"
#include "inject.h"
#include "race.h"

namespace syncxx::stress {

struct once_plan {
  bool timeouts = false;
  bool stops = false;
  bool exceptions = false;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

// Rounds with a new flag each, which all threads call. A call counts itself in
// and out; where the plan says so, some of them throw. Once has
//   void call(f);  bool call(f, stop);  bool call_for(f, d, stop...);
//   bool call_until(f, t, stop...);
template <class Once>
class once_rounds {
 public:
  once_rounds(run& r, const once_plan& plan)
      : run_(r),
        plan_(plan),
        wait_(r.time("call once")),
        given_up_(r.count("given up")),
        thrown_(r.count("thrown")),
        between_rounds_(r, r.threads()),
        races_(r, plan, r.threads()) {}

  void go() {
    run_.start("caller", run_.threads(), [this](worker& w) {
      const auto renew = [this] {
        once_.emplace();
        begun_ = ended_ = 0;
      };
      while (between_rounds_.next(w, renew)) {
        w.jitter();
        while (!attempt(w)) w.jitter();
        if (ended_ != 1)
          run_.fail(failure::wrong_result,
                    "thread #%u went on after %u calls that ended", w.index(),
                    ended_);
      }
    });
    run_.go();
  }

 private:
  // The calls exclude each other: plain on purpose.
  void body(worker& w) {
    const std::uint64_t mine = ++begun_;
    w.jitter();
    if (w.random.one_in(2)) races_.before_release(w, 4, 40000);
    if (begun_ != mine) run_.fail(failure::exclusion, "two calls at once");
    if (plan_.exceptions && w.random.one_in(3)) throw w.index();
    ++ended_;
  }

  // False: it has thrown, or was given up.
  bool attempt(worker& w) {
    const auto f = [&] { body(w); };
    operation op(w, wait_, &*once_);
    try {
      if (w.random.one_in(2) && (plan_.timeouts || plan_.stops)) {
        const waits<decltype(f)> these{*once_, f};
        const bool done = races_.wait(w, these, true);
        if (!done) w.count(given_up_);
        return done;
      }
      once_->call(f);
    } catch (unsigned) {
      w.count(thrown_);
      return false;
    }
    return true;
  }

  template <class F>
  struct waits {
    Once& once;
    const F& f;
    template <class D, class... Stop>
    bool wait_for(const D& d, const Stop&... stop) const {
      return once.call_for(f, d, stop...);
    }
    template <class T, class... Stop>
    bool wait_until(const T& t, const Stop&... stop) const {
      return once.call_until(f, t, stop...);
    }
    bool wait(const std::stop_token& stop) const { return once.call(f, stop); }
  };

  run& run_;
  const once_plan plan_;
  const latency wait_;
  const tally given_up_;
  const tally thrown_;
  meeting between_rounds_;
  alignas(128) std::optional<Once> once_;
  alignas(128) std::uint64_t begun_ = 0;
  unsigned ended_ = 0;
  wait_races races_;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_ONCE_CASES_H_
