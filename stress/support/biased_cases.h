// SPDX-License-Identifier: Apache-2.0
//
// The cases for locks that can be shared.
#ifndef SYNCXX_STRESS_SUPPORT_BIASED_CASES_H_
#define SYNCXX_STRESS_SUPPORT_BIASED_CASES_H_

#include <chrono>
#include <cstdint>

#include "harness.h"
#include "inject.h"

namespace syncxx::stress {

struct shared_plan {
  bool timeouts = false;  // half of the threads do not wait for ever
  std::uint32_t write_one_in = 200;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

// Every thread reads, and writes now and then. Two counters are equal but while
// a writer is inside; plain on purpose.
template <class M>
void shared_case(run& r, const shared_plan& plan) {
  struct alignas(128) pair {
    std::uint64_t first = 0, second = 0;
  } guarded;
  alignas(128) M lock;
  if (plan.cpus != 0) r.limit_cpus(plan.cpus);
  const latency reading = r.time("lock_shared");
  const latency writing = r.time("lock");
  const tally written = r.count("written");
  const tally given_up = r.count("given up");
  r.start("reader", r.threads(), [&](worker& w) {
    const bool impatient = plan.timeouts && w.index() % 2 == 0;
    while (w.running()) {
      w.jitter();
      const std::chrono::nanoseconds time(w.random.below(50'000));
      bool owned = true;
      if (w.random.one_in(plan.write_one_in)) {
        {
          operation op(w, writing, &lock);
          if (impatient)
            owned = lock.try_lock_for(time);
          else
            lock.lock();
        }
        if (owned) {
          guarded.first = guarded.first + 1;
          compiler_barrier();
          if (w.random.one_in(4)) spin_ns(w.random.below(2000));
          guarded.second = guarded.second + 1;
          lock.unlock();
          w.count(written);
        }
      } else {
        {
          operation op(w, reading, &lock);
          if (impatient)
            owned = lock.try_lock_shared_for(time);
          else
            lock.lock_shared();
        }
        if (owned) {
          const std::uint64_t first = guarded.first;
          compiler_barrier();
          if (w.random.one_in(16)) spin_ns(w.random.below(2000));
          const std::uint64_t second = guarded.second;
          if (first != second)
            r.fail(failure::exclusion, "a reader saw %llu and %llu",
                   static_cast<unsigned long long>(first),
                   static_cast<unsigned long long>(second));
          lock.unlock_shared();
        }
      }
      if (!owned) w.count(given_up);
    }
  });
  disturb(r, plan.disturbances);
  r.go();
  const std::uint64_t total = r.total(written);
  if (guarded.first != total || guarded.second != total)
    r.fail(failure::exclusion, "%llu writes left counters %llu and %llu",
           static_cast<unsigned long long>(total),
           static_cast<unsigned long long>(guarded.first),
           static_cast<unsigned long long>(guarded.second));
}

template <class M>
struct shared_suite {
  shared_suite() {
    using enum disturbance;
    add("shared", "many readers, one write in 200", {});
    add("shared_rare", "one write in 20 000", {.write_one_in = 20'000});
    add("shared_often", "one write in 4", {.write_one_in = 4});
    add("shared_two", "two threads that meet at the same places",
        {.write_one_in = 4, .disturbances = moves | jitter}, 2);
    add("shared_timeouts", "timeouts race readers and writers",
        {.timeouts = true, .write_one_in = 20, .disturbances = jitter});
    add("shared_signals", "EINTR storms",
        {.timeouts = true, .disturbances = signals | jitter});
    add("shared_suspend", "SIGSTOP and SIGCONT of the process",
        {.timeouts = true, .disturbances = suspend | jitter});
    add("shared_crowd", "64 threads on 2 CPUs", {.cpus = 2}, 64);
    add("shared_everything", "all of it at once",
        {.timeouts = true, .write_one_in = 50, .disturbances = all}, 16);
  }

 private:
  static void add(const char* name, const char* what, shared_plan plan,
                  unsigned threads = 0) {
    add_case({.name = name,
              .what = what,
              .body = [plan](run& r) { shared_case<M>(r, plan); },
              .threads = threads});
  }
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_BIASED_CASES_H_
