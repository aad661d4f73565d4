// SPDX-License-Identifier: Apache-2.0
//
// parking_lot: unparks, moves, timeouts and stop requests at a few addresses;
// and a semaphore that hands its tokens to the threads that it unparks, under
// the cases for semaphores. (Locks: byte_mutex_stress.cc.)
#include <sync/parking_lot.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "support/semaphore_cases.h"

namespace {

using namespace syncxx::stress;
using lot = syncxx::parking_lot;
using op = lot::requeue_op;

// Whoever is counted as unparked returns so, with the token, and nobody else
// does; and at the end of a round nobody is left behind, wherever moved.
class churn {
 public:
  churn(run& r, bool gives_up, bool validated = true)
      : run_(r),
        gives_up_(gives_up),
        validated_(validated),
        park_(r.time("park")),
        unparked_(r.count("unparked")),
        moved_(r.count("moved")),
        returned_(r.count("returned unparked")),
        gave_up_(r.count("gave up")),
        turned_back_(r.count("turned back")),
        movers_(r.threads() >= 8 ? 2 : 1),
        round_(r, r.threads()) {
    moving_.store(movers_);
  }

  void go() {
    run_.start("mover", movers_, [this](worker& w) {
      while (next_round(w)) move(w);
    });
    run_.start("parker", run_.threads() - movers_, [this](worker& w) {
      while (next_round(w)) {
        const unsigned now = this_round_;
        while (epoch_.load() == now && !run_.failed()) park(w, now);
      }
    });
    run_.go();
    const std::uint64_t given = run_.total(unparked_);
    const std::uint64_t got = run_.total(returned_);
    if (given != got)
      run_.fail(failure::conservation, "%llu were unparked, and %llu returned",
                static_cast<unsigned long long>(given),
                static_cast<unsigned long long>(got));
    for (const auto& each : places_)
      if (lot::unpark_all(&each) != 0)
        run_.fail(failure::conservation, "somebody is parked still");
  }

 private:
  static constexpr std::uintptr_t kToken = 0x70ce7;

  bool next_round(worker& w) {
    return round_.next(w, [this] {
      this_round_ = epoch_.load();
      moving_.store(movers_);
      source_ = std::stop_source();
    });
  }

  const void* any_place(worker& w) {
    return &places_[w.random.below(places_.size())];
  }

  void park(worker& w, unsigned epoch) {
    const void* const place = any_place(w);
    const auto valid = [&] { return !validated_ || epoch_.load() == epoch; };
    const auto before = [&] { w.jitter(); };
    const bool timed = gives_up_ && w.random.one_in(2);
    operation one(w, park_, place);
    const auto r =
        timed ? lot::park_for(place, valid, before,
                              std::chrono::nanoseconds(w.random.below(100000)),
                              source_.get_token())
              : lot::park(place, valid, before);
    one.finish();
    if (r.unparked()) {
      w.count(returned_);
      if (r.token != kToken)
        run_.fail(failure::wrong_result, "the token is %llx",
                  static_cast<unsigned long long>(r.token));
    } else if (r.status == lot::park_status::invalid) {
      w.count(turned_back_);
    } else {
      w.count(gave_up_);
      if (!timed) run_.fail(failure::wrong_result, "gave up without a reason");
    }
  }

  void move(worker& w) {
    const auto hand = [](auto&&...) { return kToken; };
    for (std::uint64_t n = w.random.between(1, 60); n != 0; --n) {
      const void* const from = any_place(w);
      switch (w.random.below(4)) {
        case 0:
          w.count(unparked_, lot::unpark_one(from, hand).unparked);
          break;
        case 1:
          w.count(unparked_, lot::unpark_all(from, kToken));
          break;
        default: {
          const auto what = static_cast<op>(w.random.below(5));
          const auto r = lot::unpark_requeue(
              from, any_place(w), [&] { return what; }, hand);
          w.count(unparked_, r.unparked);
          w.count(moved_, r.requeued);
        }
      }
      if (w.random.one_in(8)) sleep_ns(w.random.below(50000));
      w.jitter();
    }
    if (gives_up_ && w.random.one_in(2)) source_.request_stop();
    if (moving_.fetch_sub(1) != 1) return;
    // Nobody moves them any more, and nobody new parks: let all go.
    epoch_.fetch_add(1);
    for (const auto& each : places_)
      w.count(unparked_, lot::unpark_all(&each, kToken));
  }

  run& run_;
  const bool gives_up_;
  const bool validated_;
  const latency park_;
  const tally unparked_, moved_, returned_, gave_up_, turned_back_;
  const unsigned movers_;
  meeting round_;
  std::array<char, 6> places_{};
  std::stop_source source_;
  unsigned this_round_ = 0;
  alignas(128) std::atomic<unsigned> epoch_{0};
  alignas(128) std::atomic<unsigned> moving_{0};
};

struct churn_case {
  churn_case(const char* name, const char* what, bool gives_up,
             disturbance disturbances, unsigned threads = 0) {
    add_case({.name = name,
              .what = what,
              .body =
                  [=](run& r) {
                    disturb(r, disturbances);
                    churn(r, gives_up).go();
                  },
              .threads = threads});
  }
};

using enum disturbance;
const churn_case patient("churn", "unparks and moves", false, jitter);
const churn_case hasty("churn_timeouts", "and timeouts and stop requests", true,
                       jitter);
const churn_case disturbed("churn_signals", "and signals and spurious wakes",
                           true, signals | spurious | jitter);
const churn_case crowd("churn_crowd", "with 64 threads", true, jitter, 64);
const churn_case everything("churn_everything", "all of it at once", true, all,
                            16);

// Who parks without asking under the queue's lock whether to is left behind:
// the cases can fail.
const add_case unvalidated{{.name = "churn_unvalidated",
                            .what = "must fail: validate() is always true",
                            .body =
                                [](run& r) {
                                  disturb(r, jitter);
                                  churn(r, false, false).go();
                                },
                            .must_fail = failure::stuck,
                            .watchdog = 1.5}};

// A release gives a token to the one that it unparks, or to the count if nobody
// is there: all of it in the callback.
class handed_tokens {
 public:
  explicit handed_tokens(std::ptrdiff_t tokens) : tokens_(tokens) {}

  void release(std::ptrdiff_t n = 1) {
    for (; n != 0; --n) {
      lot::unpark_one(this, [this](const lot::unpark_result& found) {
        if (found.unparked == 0) ++tokens_;
        return std::uintptr_t{1};
      });
    }
  }
  bool try_acquire() { return try_acquire_for(std::chrono::nanoseconds(0)); }
  void acquire() { lot::park(this, none_left(), nothing()); }
  bool acquire(const std::stop_token& stop) {
    return taken(lot::park(this, none_left(), nothing(), stop));
  }
  template <class D, class... Stop>
  bool try_acquire_for(const D& d, const Stop&... stop) {
    return taken(lot::park_for(this, none_left(), nothing(), d, stop...));
  }
  // A strange clock is asked again.
  template <class Clock, class D, class... Stop>
  bool try_acquire_until(const std::chrono::time_point<Clock, D>& t,
                         const Stop&... stop) {
    for (;;) {
      if (taken(lot::park_until(this, none_left(), nothing(), t, stop...)))
        return true;
      if ((stop.stop_requested() || ...) || Clock::now() >= t) return false;
    }
  }

 private:
  // Takes a token under the queue's lock, and does not park then.
  struct taker {
    bool operator()() const {
      if (self->tokens_ == 0) return true;
      --self->tokens_;
      return false;
    }
    handed_tokens* self;
  };
  struct idler {
    void operator()() const {}
  };
  taker none_left() { return {this}; }
  static idler nothing() { return {}; }
  static bool taken(const lot::park_result& r) {
    return r.status != lot::park_status::gave_up;
  }

  std::ptrdiff_t tokens_;  // guarded by the lock of the queue
};

const semaphore_suite<handed_tokens> semaphores("handed_");

}  // namespace
