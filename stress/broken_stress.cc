// SPDX-License-Identifier: Apache-2.0
//
// The harness under test: each broken primitive must be caught, by the very
// cases that the library's own must pass, as what it is; and the same
// primitive without its bug must pass.
#include <string>

#include "support/barrier_cases.h"
#include "support/broken.h"
#include "support/broken_gates.h"
#include "support/condition_variable_cases.h"
#include "support/event_cases.h"
#include "support/latch_cases.h"
#include "support/lifetime_cases.h"
#include "support/line_cases.h"
#include "support/lock_cases.h"
#include "support/once_cases.h"
#include "support/semaphore_cases.h"
#include "support/shared_cases.h"

namespace {

using namespace syncxx::stress;

constexpr double kPatience = 1.5;  // seconds without progress

// One case: fails with the bug, passes without.
template <class With, class Without>
void pair(const std::string& name, const std::string& what, failure how,
          With with, Without without) {
  add_case({.name = name,
            .what = "must fail: " + what,
            .body = with,
            .must_fail = how,
            .watchdog = kPatience});
  add_case({.name = name + "_sound",
            .what = "must pass: the same without that bug",
            .body = without});
}

template <template <bug> class T, bug Bug, class Case>
void both(const std::string& name, const std::string& what, failure how,
          Case run_case) {
  pair(
      name, what, how, [=](run& r) { run_case.template operator()<T<Bug>>(r); },
      [=](run& r) { run_case.template operator()<T<bug::none>>(r); });
}

using enum failure;

void add_mutexes() {
  both<small_mutex, bug::no_exclusion>(
      "no_exclusion", "a mutex that looks first and takes then", exclusion,
      []<class M>(run& r) {
        exclusion_case<M>(
            r, {.disturbances = disturbance::jitter, .inside_ns = 1000});
      });
  both<small_mutex, bug::forgets_sleepers>(
      "forgotten_sleeper", "a mutex that forgets to wake the next", stuck,
      []<class M>(run& r) { rounds_case<M>(r, {.inside_ns = 100000}); });
  both<small_mutex, bug::touches_late>(
      "late_read", "a mutex that reads itself after it has let go",
      use_after_release, []<class M>(run& r) {
        lifetime_case<lock_script<M>>(
            r, 1, disturbance::signals | disturbance::jitter);
      });
  both<small_mutex, bug::scribbles_late>(
      "late_write", "a mutex that writes to itself after it has let go",
      use_after_release, []<class M>(run& r) {
        lifetime_case<lock_script<M>>(
            r, 1, disturbance::signals | disturbance::jitter);
      });
  both<small_mutex, bug::gives_up_early>(
      "early_timeout", "a timed lock that gives up early", wrong_result,
      []<class M>(run& r) {
        exclusion_case<M>(r, {.timeouts = true, .inside_ns = 100000});
      });
}

void add_shared_mutexes() {
  both<small_shared_mutex, bug::lets_go_to_upgrade>(
      "lost_upgrade", "an upgrade that lets another writer in between",
      exclusion, []<class M>(run& r) {
        shared_case<M>(r, {.reads = 30, .inside_ns = 2000});
      });
  both<small_shared_mutex, bug::counts_too_late>(
      "late_reader", "a reader that counts itself too late", exclusion,
      []<class M>(run& r) {
        shared_case<M>(r, {.reads = 50, .inside_ns = 2000});
      });
}

void add_lines() {
  both<small_ticket_lock, bug::lets_others_pass>(
      "out_of_order", "a lock that lets others pass the one that came first",
      wrong_result,
      []<class M>(run& r) { arrivals_case<M>(r, disturbance::jitter); });
}

template <bug Bug>
using any_cv = small_condition_variable<Bug>;

void add_condition_variables() {
  both<any_cv, bug::leaves_its_place>(
      "left_behind", "a waiter that timed out takes a later notification",
      stuck, []<class CV>(run& r) {
        notify_one_case<CV, std::mutex>(r, {.timeouts = true}, false);
      });
  both<any_cv, bug::keeps_a_notify>(
      "kept_notify", "a notification is lost to a timeout that races it", stuck,
      []<class CV>(run& r) {
        notify_one_case<CV, std::mutex>(r, {.timeouts = true}, true);
      });
  both<any_cv, bug::wakes_one_for_all>(
      "one_for_all", "a notify_all that wakes one", stuck,
      []<class CV>(run& r) { broadcast_case<CV, std::mutex>(r, {}); });
}

template <bug Bug>
using counting_barrier = small_barrier<Bug, phase_counter>;

void add_others() {
  both<small_semaphore, bug::leaks_on_stop>(
      "leaked_token", "a semaphore that loses a token to a stop request",
      stuck | conservation, []<class S>(run& r) {
        token_rounds_case<S>(
            r, {.stops = true, .disturbances = disturbance::jitter});
      });
  both<small_semaphore, bug::leaks_on_stop>(
      "leaked_token_pool", "the same, in the case with a pool of tokens",
      stuck | conservation, []<class S>(run& r) {
        pool_case<S>(r, {.stops = true, .disturbances = disturbance::jitter});
      });
  both<small_semaphore, bug::wakes_too_few>(
      "too_few_wakes", "a release of many tokens that wakes one", stuck,
      []<class S>(run& r) { token_rounds_case<S>(r, {}); });
  both<small_event, bug::misses_pulses>(
      "missed_pulse", "an event whose waiters miss a set and reset", stuck,
      []<class E>(run& r) { pulse_case<E>(r, {}); });
  both<small_latch, bug::opens_early>(
      "early_latch", "a latch that opens one count too soon", wrong_result,
      []<class L>(run& r) { latch_rounds<L>(r, {}).go(); });
  both<counting_barrier, bug::renews_late>(
      "late_renewal", "a barrier that counts anew after it has opened", stuck,
      []<class B>(run& r) {
        barrier_rounds<B>(r, {.disturbances = disturbance::jitter}).go();
      });
  both<small_once, bug::says_done_early>(
      "done_early", "a call_once that says done before it is", wrong_result,
      []<class O>(run& r) {
        once_rounds<O>(r, {.disturbances = disturbance::jitter}).go();
      });
  add_case({.name = "crash",
            .what = "must fail: a thread that reads where nothing is",
            .body =
                [](run& r) {
                  r.start("crasher", 1, [](worker&) {
                    volatile int* volatile nowhere = nullptr;
                    *nowhere = 1;
                  });
                  r.go();
                },
            .must_fail = crash});
  add_case({.name = "exception",
            .what = "must fail: a thread that ends by an exception",
            .body =
                [](run& r) {
                  r.start("thrower", 1, [](worker&) {
                    throw std::runtime_error("thrown on purpose");
                  });
                  r.go();
                },
            .must_fail = crash});
}

const bool added = [] {
  add_mutexes();
  add_shared_mutexes();
  add_lines();
  add_condition_variables();
  add_others();
  return true;
}();

}  // namespace
