// SPDX-License-Identifier: Apache-2.0
//
// seqlock: every copy is whole and none is older than the one before; every
// update counts.
#include <sched.h>
#include <sync/seqlock.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "support/harness.h"
#include "support/inject.h"

namespace {

using namespace syncxx::stress;

using value = std::array<std::uint64_t, 8>;

// Its readers do not look again: the case below can fail.
class careless_seqlock {
 public:
  value load() const noexcept {
    value v;
    for (std::size_t i = 0; i < v.size(); ++i) {
      v[i] = words_[i].load(std::memory_order_acquire);
      if (i == v.size() / 2 && v[0] % 16 == 0) sched_yield();  // seen sooner
    }
    return v;
  }
  template <class F>
  void update(F f) noexcept {
    while (locked_.exchange(true)) relax();
    value v = load();
    f(v);
    for (std::size_t i = 0; i < v.size(); ++i)
      words_[i].store(v[i], std::memory_order_release);
    locked_.store(false);
  }

 private:
  std::atomic<bool> locked_{false};
  std::atomic<std::uint64_t> words_[8]{};
};

struct plan {
  std::uint32_t update_one_in = 8;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

template <class Lock>
void copies(run& r, const plan& plan) {
  alignas(128) Lock lock;
  if (plan.cpus != 0) r.limit_cpus(plan.cpus);
  const latency loading = r.time("load");
  const latency updating = r.time("update");
  const tally updates = r.count("updates");
  r.start("reader", r.threads(), [&](worker& w) {
    std::uint64_t last = 0;
    while (w.running()) {
      w.jitter();
      if (w.random.one_in(plan.update_one_in)) {
        operation op(w, updating, &lock);
        lock.update([&](value& v) {
          if (w.random.one_in(64)) spin_ns(w.random.below(2000));
          for (std::uint64_t& word : v) ++word;
        });
        op.finish();
        w.count(updates);
        continue;
      }
      operation op(w, loading, &lock);
      const value v = lock.load();
      op.finish();
      for (const std::uint64_t word : v) {
        if (word != v[0])
          r.fail(failure::wrong_result, "a torn copy: %llu and %llu",
                 static_cast<unsigned long long>(v[0]),
                 static_cast<unsigned long long>(word));
      }
      if (v[0] < last)
        r.fail(failure::wrong_result, "%llu was loaded after %llu",
               static_cast<unsigned long long>(v[0]),
               static_cast<unsigned long long>(last));
      last = v[0];
    }
  });
  disturb(r, plan.disturbances);
  r.go();
  if (lock.load()[0] != r.total(updates))
    r.fail(failure::wrong_result, "%llu updates made %llu",
           static_cast<unsigned long long>(r.total(updates)),
           static_cast<unsigned long long>(lock.load()[0]));
}

struct seqlock_suite {
  seqlock_suite() {
    using enum disturbance;
    add("copies", "as fast as it goes", {});
    add("rare", "one update in 1000", {.update_one_in = 1000});
    add("updates", "mostly updates", {.update_one_in = 2});
    add("signals", "EINTR storms", {.disturbances = signals | jitter});
    add("spurious", "sleepers woken for no reason",
        {.update_one_in = 2, .disturbances = spurious | jitter});
    add("suspend", "SIGSTOP and SIGCONT of the process",
        {.disturbances = suspend | jitter});
    add("crowd", "64 threads on 2 CPUs", {.cpus = 2}, 64);
    add("everything", "all of it at once", {.disturbances = all}, 16);
    add_case({.name = "careless",
              .what = "readers that do not look again: must fail",
              .body = [](run& r) { copies<careless_seqlock>(r, {}); },
              .must_fail = failure::wrong_result});
  }

 private:
  static void add(const char* name, const char* what, plan p,
                  unsigned threads = 0) {
    add_case({.name = name,
              .what = what,
              .body = [p](run& r) { copies<syncxx::seqlock<value>>(r, p); },
              .threads = threads});
  }
};
const seqlock_suite suite;

}  // namespace
