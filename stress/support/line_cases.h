// SPDX-License-Identifier: Apache-2.0
//
// For locks that serve threads in the order in which they come. A lock M must
// begin with a word of four or eight bytes that changes when a thread comes to
// stand in line.
#ifndef SYNCXX_STRESS_SUPPORT_LINE_CASES_H_
#define SYNCXX_STRESS_SUPPORT_LINE_CASES_H_

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "harness.h"
#include "inject.h"
#include "lock_cases.h"

namespace syncxx::stress {

// One thread holds the lock and lets the others come, each when it has seen the
// one before in line. Then it lets go: they must be served as they have come.
template <class M>
class arrivals {
 public:
  arrivals(run& r, unsigned workers)
      : run_(r),
        wait_(r.time("wait in line")),
        last_(workers - 1),
        end_of_round_(r, workers) {}

  void work(worker& w) {
    do {
      if (w.index() == 0)
        lead(w);
      else
        come(w);
    } while (end_of_round_.next(w, [this] {
      turn_.store(0, std::memory_order_relaxed);
      served_ = 0;
    }));
  }

 private:
  using word = std::conditional_t<sizeof(M) == 4, std::uint32_t, std::uint64_t>;

  word line() noexcept {
    return __atomic_load_n(reinterpret_cast<const word*>(&lock_),
                           __ATOMIC_RELAXED);
  }

  void lead(worker& w) {
    lock_.lock();
    for (unsigned i = 1; i <= last_; ++i) {
      const word before = line();
      turn_.store(i, std::memory_order_release);
      worker::rest resting(w, "waiting for one to stand in line");
      while (line() == before && !run_.failed()) sched_yield();
    }
    w.jitter();
    if (served_ != 0)
      run_.fail(failure::exclusion,
                "thread #%u went by while the lock was held", served_);
    lock_.unlock();
  }

  void come(worker& w) {
    {
      worker::rest resting(w, "waiting to be let in");
      while (turn_.load(std::memory_order_acquire) < w.index() &&
             !run_.failed()) {
        sched_yield();
      }
    }
    {
      operation op(w, wait_, &lock_);
      lock_.lock();
    }
    if (served_ != w.index() - 1)
      run_.fail(failure::wrong_result,
                "thread #%u came before #%u and was served after it", w.index(),
                served_);
    served_ = w.index();
    w.jitter();
    lock_.unlock();
  }

  run& run_;
  const latency wait_;
  const unsigned last_;
  meeting end_of_round_;
  alignas(128) M lock_{};
  alignas(128) std::atomic<unsigned> turn_{0};
  unsigned served_ = 0;
};

template <class M>
void arrivals_case(run& r, disturbance disturbances) {
  arrivals<M> line(r, r.threads());
  r.start("comer", r.threads(), [&](worker& w) { line.work(w); });
  disturb(r, disturbances);
  r.go();
}

// The cases of a lock and, besides, those for one that keeps the order. Two at
// once are locked in order: std::lock would hardly get on, for whoever tries a
// lock that has a line fails, and stands in line there in its turn.
template <class M>
struct line_suite : lock_suite<M> {
  line_suite() : lock_suite<M>(1, both_locks::in_order) {
    using enum disturbance;
    add("arrivals", "served in the order of arrival", none, 0);
    add("arrivals_signals", "the same under signals, and moved between CPUs",
        signals | moves | jitter, 0);
    add("arrivals_many", "the same with 32 threads", jitter, 32);
  }

 private:
  static void add(const char* name, const char* what, disturbance disturbances,
                  unsigned threads) {
    add_case({.name = name,
              .what = what,
              .body = [=](run& r) { arrivals_case<M>(r, disturbances); },
              .threads = threads});
  }
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_LINE_CASES_H_
