// SPDX-License-Identifier: Apache-2.0
//
// One lock, n threads, a fixed stretch of time. Two kinds of run: throughput
// (no clock is read in the loop) and fairness (each acquisition is timed, and
// the acquisitions by others that it had to watch are counted).
#ifndef SYNCXX_BENCH_HARNESS_CONTEST_H_
#define SYNCXX_BENCH_HARNESS_CONTEST_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/adapters/concepts.h"
#include "bench/harness/clock.h"
#include "bench/harness/machine.h"
#include "bench/harness/stats.h"
#include "bench/harness/team.h"
#include "bench/harness/usage.h"

namespace syncxx_bench {

struct contest_setup {
  int threads = 2;
  std::uint32_t hold_steps = 0;   // work() inside the critical section
  std::uint32_t think_steps = 0;  // mean work() between two acquisitions
  std::int64_t window_ns = 200'000'000;
  bool pinned = false;  // to the CPUs, in turn
};

struct contest_result {
  std::int64_t elapsed_ns = 0;
  std::uint64_t acquisitions = 0;
  std::vector<std::uint64_t> per_thread;
  usage used;
};

struct fairness_result {
  contest_result run;
  histogram wait_ticks;         // every acquisition
  histogram passed_wait_ticks;  // those that others were served during
  histogram passed_over;        // others served between asking and getting
};

namespace detail {

// Lock, data and control words apart from one another: the contest is for the
// lock, not for a line that happens to be shared.
template <mutex_like M>
struct contest_state {
  alignas(128) M mutex;
  // Plain on purpose: a lock that lets two threads in loses counts, and the
  // run is thrown away. Volatile keeps the load and the store inside.
  alignas(128) volatile std::uint64_t guarded = 0;
  std::atomic<std::uint64_t> served{0};  // fairness runs only
  alignas(128) std::atomic<bool> stop{false};
  alignas(128) std::atomic<int> gate{0};
  std::atomic<int> ready{0};
};

struct alignas(128) worker_record {
  std::uint64_t count = 0;
  std::unique_ptr<fairness_result> fairness;
};

template <mutex_like M>
void throughput_loop(contest_state<M>& s, const contest_setup& setup,
                     xorshift& random, worker_record& me) {
  typename M::node node{};
  std::uint64_t count = 0;
  while (!s.stop.load(std::memory_order_relaxed)) {
    s.mutex.lock(node);
    s.guarded = work(s.guarded, setup.hold_steps) + 1;
    s.mutex.unlock(node);
    ++count;
    if (setup.think_steps != 0) work_alone(random.around(setup.think_steps));
  }
  me.count = count;
}

template <mutex_like M>
void fairness_loop(contest_state<M>& s, const contest_setup& setup,
                   xorshift& random, worker_record& me) {
  typename M::node node{};
  std::uint64_t count = 0;
  fairness_result& mine = *me.fairness;
  while (!s.stop.load(std::memory_order_relaxed)) {
    const std::uint64_t served_before =
        s.served.load(std::memory_order_relaxed);
    const std::uint64_t asked = ticks();
    s.mutex.lock(node);
    const std::uint64_t got = ticks();
    const std::uint64_t served = s.served.load(std::memory_order_relaxed);
    s.served.store(served + 1, std::memory_order_relaxed);
    s.guarded = work(s.guarded, setup.hold_steps) + 1;
    s.mutex.unlock(node);
    ++count;
    const std::uint64_t wait = got > asked ? got - asked : 0;
    mine.wait_ticks.add(wait);
    if (served != served_before) {
      mine.passed_wait_ticks.add(wait);
      mine.passed_over.add(served - served_before);
    }
    if (setup.think_steps != 0) work_alone(random.around(setup.think_steps));
  }
  me.count = count;
}

// Starts the threads, lets them go together, stops them after the window.
template <mutex_like M, class Loop>
contest_result run_contest(const contest_setup& setup,
                           std::vector<worker_record>& records, Loop loop) {
  auto state = std::make_unique<contest_state<M>>();
  contest_state<M>& s = *state;
  std::vector<std::thread> threads;
  threads.reserve(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    threads.emplace_back([&s, &setup, &record = records[i], i, loop] {
      const pinned here(
          setup.pinned ? placement::kTwoCpus : placement::kAnywhere,
          static_cast<int>(i % static_cast<std::size_t>(cpu_count())));
      xorshift random(static_cast<std::uint32_t>(i + 1));
      s.ready.fetch_add(1);
      s.gate.wait(0);
      loop(s, setup, random, record);
    });
  }
  while (s.ready.load() != static_cast<int>(records.size())) {
    sleep_ns(50'000);
  }

  contest_result result;
  const usage before = usage::of_process();
  const std::int64_t t0 = now_ns();
  s.gate.store(1);
  s.gate.notify_all();
  sleep_ns(setup.window_ns);
  s.stop.store(true, std::memory_order_relaxed);
  result.elapsed_ns = now_ns() - t0;
  result.used = usage::of_process() - before;
  for (std::thread& t : threads) t.join();

  for (const worker_record& r : records) {
    result.per_thread.push_back(r.count);
    result.acquisitions += r.count;
  }
  if (s.guarded != result.acquisitions) {
    throw std::runtime_error(std::string(M::kName) +
                             ": mutual exclusion violated: counted " +
                             std::to_string(s.guarded) + " of " +
                             std::to_string(result.acquisitions));
  }
  return result;
}

}  // namespace detail

template <mutex_like M>
contest_result measure_throughput(const contest_setup& setup) {
  std::vector<detail::worker_record> records(
      static_cast<std::size_t>(setup.threads));
  return detail::run_contest<M>(setup, records, detail::throughput_loop<M>);
}

template <mutex_like M>
fairness_result measure_fairness(const contest_setup& setup) {
  std::vector<detail::worker_record> records(
      static_cast<std::size_t>(setup.threads));
  for (auto& r : records) r.fairness = std::make_unique<fairness_result>();
  fairness_result total;
  total.run = detail::run_contest<M>(setup, records, detail::fairness_loop<M>);
  for (const auto& r : records) {
    total.wait_ticks.merge(r.fairness->wait_ticks);
    total.passed_wait_ticks.merge(r.fairness->passed_wait_ticks);
    total.passed_over.merge(r.fairness->passed_over);
  }
  return total;
}

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_CONTEST_H_
