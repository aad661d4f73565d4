// SPDX-License-Identifier: Apache-2.0
//
// The cases for locks with readers, writers and upgraders: what a reader sees
// is whole and stays as it is, what an upgrader has seen is still so when it
// writes, and nobody starves.
#ifndef SYNCXX_STRESS_SUPPORT_SHARED_CASES_H_
#define SYNCXX_STRESS_SUPPORT_SHARED_CASES_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "harness.h"
#include "inject.h"
#include "race.h"

namespace syncxx::stress {

struct shared_plan {
  unsigned reads = 0;  // of 100 visits; of the others a third are upgrades
  bool timeouts = false;
  bool stops = false;
  disturbance disturbances = disturbance::none;
  std::uint64_t inside_ns = 0;
  unsigned cpus = 0;  // 0: all
};

template <class M>
class shared_arena {
 public:
  shared_arena(run& r, const shared_plan& plan)
      : run_(r),
        plan_(plan),
        read_(r.time("wait to read")),
        write_(r.time("wait to write")),
        upgrade_(r.time("wait to upgrade")),
        given_up_(r.count("given up")),
        writes_(r.count("writes")) {
    disturb(r, plan.disturbances);
    if (plan.cpus != 0) r.limit_cpus(plan.cpus);
  }

  void visit(worker& w) {
    if (w.random.below(100) < plan_.reads)
      read(w);
    else if (w.random.one_in(3))
      upgrade(w);
    else
      write(w);
  }

  void check_total() {
    if (first_ != second_ || first_ != run_.total(writes_))
      run_.fail(failure::exclusion, "%llu writes left %llu and %llu",
                static_cast<unsigned long long>(run_.total(writes_)),
                static_cast<unsigned long long>(first_),
                static_cast<unsigned long long>(second_));
  }

 private:
  void read(worker& w) {
    bool taken = true;
    {
      operation op(w, read_, &lock_);
      const auto time = std::chrono::nanoseconds(w.random.below(100'000));
      if (plan_.timeouts && w.random.one_in(2))
        taken = lock_.try_lock_shared_for(time);
      else if (plan_.stops && w.random.one_in(2))
        taken = with_stop(w, [&](const std::stop_token& stop) {
          return lock_.lock_shared(stop);
        });
      else
        lock_.lock_shared();
    }
    if (!taken) return w.count(given_up_);
    look(w);
    lock_.unlock_shared();
  }

  void write(worker& w) {
    bool taken = true;
    {
      operation op(w, write_, &lock_);
      const auto time = std::chrono::nanoseconds(w.random.below(100'000));
      if (plan_.timeouts && w.random.one_in(2))
        taken = lock_.try_lock_for(time);
      else if (plan_.stops && w.random.one_in(2))
        taken = with_stop(
            w, [&](const std::stop_token& stop) { return lock_.lock(stop); });
      else
        lock_.lock();
    }
    if (!taken) return w.count(given_up_);
    change(w);
    switch (w.random.below(4)) {
      case 0:
        lock_.unlock_and_lock_shared();
        look(w);
        lock_.unlock_shared();
        break;
      case 1:
        lock_.unlock_and_lock_upgrade();
        look(w);
        lock_.unlock_upgrade();
        break;
      default:
        lock_.unlock();
    }
  }

  void upgrade(worker& w) {
    {
      operation op(w, upgrade_, &lock_);
      lock_.lock_upgrade();
    }
    const std::uint64_t seen = look(w);
    if (w.random.one_in(3)) {
      lock_.unlock_upgrade_and_lock_shared();
      still(w, seen);
      lock_.unlock_shared();
      return;
    }
    if (!w.random.one_in(3) || !lock_.try_unlock_upgrade_and_lock()) {
      operation op(w, upgrade_, &lock_);
      lock_.unlock_upgrade_and_lock();
    }
    still(w, seen);
    change(w);
    lock_.unlock();
  }

  // One in four stops itself while it waits, as far as time goes: a stop that
  // was requested before only tries.
  template <class Wait>
  bool with_stop(worker& w, Wait wait) {
    std::stop_source source;
    if (w.random.one_in(4)) source.request_stop();
    return wait(source.get_token());
  }

  std::uint64_t look(worker& w) {
    const std::uint64_t first = first_;
    compiler_barrier();
    if (plan_.inside_ns != 0) spin_ns(w.random.below(plan_.inside_ns));
    w.jitter();
    compiler_barrier();
    if (first != second_ || first != first_)
      run_.fail(failure::exclusion,
                "thread #%u saw a write while it was a reader", w.index());
    return first;
  }
  void still(worker& w, std::uint64_t seen) {
    if (first_ != seen)
      run_.fail(failure::exclusion,
                "a write came between what upgrader #%u saw and its own",
                w.index());
  }
  void change(worker& w) {
    first_ = first_ + 1;
    compiler_barrier();
    if (plan_.inside_ns != 0) spin_ns(w.random.below(plan_.inside_ns));
    compiler_barrier();
    second_ = second_ + 1;
    w.count(writes_);
  }

  run& run_;
  const shared_plan plan_;
  const latency read_, write_, upgrade_;
  const tally given_up_, writes_;
  alignas(128) M lock_{};
  // Plain on purpose, as guarded_pair.
  alignas(128) std::uint64_t first_ = 0;
  std::uint64_t second_ = 0;
};

template <class M>
void shared_case(run& r, const shared_plan& plan) {
  shared_arena<M> arena(r, plan);
  r.start("visitor", r.threads(), [&](worker& w) {
    while (w.running()) arena.visit(w);
  });
  r.go();
  arena.check_total();
}

template <class M>
struct shared_suite {
  shared_suite() {
    using enum disturbance;
    add("shared_half", "as many readers as writers", {.reads = 50});
    add("shared_most", "nine of ten read", {.reads = 90, .inside_ns = 2000});
    add("shared_sleepers", "stays so long that they sleep",
        {.reads = 70, .inside_ns = 200'000});
    add("shared_timeouts", "readers and writers give up",
        {.reads = 60,
         .timeouts = true,
         .disturbances = jitter,
         .inside_ns = 20'000});
    add("shared_everything", "timeouts, stops, signals, spurious wakes",
        {.reads = 60,
         .timeouts = true,
         .stops = true,
         .disturbances = all,
         .inside_ns = 10'000});
    add("shared_oversubscribed", "64 threads on 2 CPUs",
        {.reads = 80, .inside_ns = 1000, .cpus = 2}, 64);
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

#endif  // SYNCXX_STRESS_SUPPORT_SHARED_CASES_H_
