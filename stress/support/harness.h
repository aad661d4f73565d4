// SPDX-License-Identifier: Apache-2.0
//
// The stress harness. A stress binary registers cases; support/main.cc runs
// each of them in a child process for some seconds:
//
//   const add_case plain{{.name = "exclusion",
//                         .what = "lock and unlock",
//                         .body = [](run& r) {
//     mutex m;
//     const latency wait = r.time("lock");
//     r.start("locker", r.threads(), [&](worker& w) {
//       while (w.running()) {
//         { operation op(w, wait, &m); m.lock(); }
//         …
//         m.unlock();
//       }
//     });
//     r.go();
//   }}};
//
// The monitor ends the case with failure::stuck when a thread stays inside
// one operation, or all of them stand still, for the watchdog's seconds; it
// prints the state of every thread first. docs/guide/stress.md has the rest.
#ifndef SYNCXX_STRESS_SUPPORT_HARNESS_H_
#define SYNCXX_STRESS_SUPPORT_HARNESS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "clock.h"
#include "options.h"
#include "outcome.h"
#include "random.h"
#include "worker.h"

// The cases lock in one function and unlock in another, and take a lock or not
// as comes: clang's thread-safety analysis cannot follow.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety"
#endif

namespace syncxx::stress {

class injector;

struct case_info {
  std::string name;
  std::string what;
  std::function<void(run&)> body;
  unsigned threads = 0;               // 0: run::default_threads()
  failure must_fail = failure::none;  // the case passes only by failing so
  double watchdog = 0;                // seconds; 0: the default

  // A case that must fail goes on until it does: however short the others are,
  // it has this long.
  static constexpr double kLongEnough = 60;  // seconds
  double length(double seconds) const noexcept {
    return must_fail == failure::none ? seconds
                                      : std::max(seconds, kLongEnough);
  }
};

// Registers a case; meant for namespace scope.
struct add_case {
  explicit add_case(case_info info);
};
const std::vector<case_info>& all_cases();

class run {
 public:
  run(const case_info& info, const options& given, outcome& result);
  ~run();
  run(const run&) = delete;
  run& operator=(const run&) = delete;

  // ---- Set-up, before go() ----

  // How many threads to put under test.
  unsigned threads() const noexcept { return threads_; }
  // The set-up's own random numbers.
  rng& random() noexcept { return random_; }

  // Names a latency histogram, a total over all threads, a maximum.
  latency time(std::string name);
  tally count(std::string name);
  peak highest(std::string name, bool is_duration = false);

  // worker::jitter does something once in `one_in` calls; 0: never.
  void set_jitter(std::uint32_t one_in) noexcept { jitter_ = one_in; }
  // Keeps the whole process on that many CPUs.
  void limit_cpus(unsigned n);

  void add(std::unique_ptr<injector> disturbance);
  void start(const std::string& role, unsigned n,
             std::function<void(worker&)> body);
  // Runs in a thread of its own once the time is up and the injectors are
  // quiet: the place to let blocked workers go.
  void when_time_is_up(std::function<void(worker&)> release);

  // Runs everything until the time is up and all workers are back. Does not
  // return if the case fails.
  void go();

  // ---- Any time, any thread ----

  bool running() const noexcept {
    return !time_is_up_.load(std::memory_order_acquire);
  }

  // Ends the case; the first call wins. printf-like.
  [[gnu::format(printf, 3, 4)]] void fail(failure kind, const char* format,
                                          ...);
  bool failed() const noexcept {
    return failed_.load(std::memory_order_acquire);
  }

  const std::vector<std::unique_ptr<worker>>& workers() const noexcept {
    return workers_;
  }
  std::uint64_t seed() const noexcept { return seed_; }
  std::uint32_t jitter_rate() const noexcept { return jitter_; }
  const char* latency_name(latency l) const noexcept {
    return latency_names_[l.index].c_str();
  }

  // After go(): sums over the workers.
  std::uint64_t total(tally t) const noexcept;

  static unsigned default_threads();

 private:
  struct pace;  // the monitor's view of one worker

  void run_worker(worker& w, const std::function<void(worker&)>& body);
  void launch();
  void monitor_until_done();
  bool watch(std::vector<pace>& paces);
  void show_progress(std::uint64_t elapsed_ns, bool at_end);
  [[noreturn]] void give_up();
  void report();
  std::uint64_t steps() const noexcept;
  bool all_done() const noexcept;
  void close();

  const case_info& info_;
  const options& options_;
  outcome& outcome_;
  const std::uint64_t seed_;
  const unsigned threads_;
  const std::uint64_t length_ns_;
  const double watchdog_seconds_;
  rng random_;
  std::uint32_t jitter_ = 0;
  std::vector<std::string> latency_names_;
  std::vector<std::string> tally_names_;
  std::vector<std::pair<std::string, bool>> peak_names_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<std::function<void(worker&)>> bodies_;
  std::vector<std::thread> threads_running_;
  std::vector<std::unique_ptr<injector>> injectors_;
  std::function<void(worker&)> release_;
  std::uint64_t started_ns_ = 0;
  std::uint64_t shown_steps_ = 0;

  // Read by all workers all the time, written once or twice: own line.
  alignas(128) std::atomic<bool> time_is_up_{false};
  std::atomic<bool> failed_{false};
  std::atomic<bool> go_{false};
  char padding_[125] = {};
};

// Where the workers of a case meet between two rounds. The answer, the same
// for all of them, says whether another round is to follow.
class meeting {
 public:
  meeting(run& r, unsigned parties);
  ~meeting();
  meeting(const meeting&) = delete;
  meeting& operator=(const meeting&) = delete;

  bool next(worker& w) {
    return next(w, [] {});
  }

  // One of the threads runs `between` while all the others stand still.
  template <class F>
  bool next(worker& w, F between) {
    worker::rest resting(w, "meeting");
    if (arrive()) {
      go_on_ = run_.running();
      between();
    }
    arrive();
    return go_on_;
  }

 private:
  bool arrive();  // true for one of them

  run& run_;
  pthread_barrier_t barrier_;
  bool go_on_ = true;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_HARNESS_H_
