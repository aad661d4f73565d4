// SPDX-License-Identifier: Apache-2.0
//
// Many threads asleep, one call that wakes them all. Time runs from the call
// until the last of them is through. "switches" counts context switches of the
// waiters, "preemptions" those among them that nobody asked for: in a broadcast
// until all are asleep again, so that each waiter needs one switch; at a gate
// until they have left, so that none is needed.
#include <benchmark/benchmark.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/adapters/all.h"
#include "bench/harness/clock.h"
#include "bench/harness/interleaved.h"
#include "bench/harness/team.h"
#include "bench/harness/usage.h"

namespace syncxx_bench {
namespace {

constexpr int kBroadcasts = 8;

template <condvar_like C>
class audience {
 public:
  explicit audience(int size) : tids_(static_cast<std::size_t>(size)) {
    for (int i = 0; i < size; ++i) threads_.emplace_back([this, i] { sit(i); });
    while (seated_.load() != size) sleep_ns(100'000);
    wait_until_asleep(tids_);
  }
  audience(const audience&) = delete;
  audience& operator=(const audience&) = delete;
  ~audience() {
    condvar_.lock();
    over_ = true;
    ++call_;
    condvar_.notify_all();
    condvar_.unlock();
    for (std::thread& t : threads_) t.join();
  }

  // One broadcast; returns when all have been through and sleep again.
  void wake_all(bool locked) {
    done_.store(0);
    const usage everybody = usage::of_process();
    const usage me = usage::of_this_thread();
    const std::int64_t start = now_ns();
    condvar_.lock();
    ++call_;
    if (locked) condvar_.notify_all();
    condvar_.unlock();
    if (!locked) condvar_.notify_all();
    while (done_.load() != static_cast<int>(threads_.size())) {
      sleep_ns(200'000);
    }
    wait_until_asleep(tids_);
    ns_ = last_ns_ - start;
    used_ = (usage::of_process() - everybody) - (usage::of_this_thread() - me);
  }

  std::int64_t ns() const { return ns_; }
  const usage& used() const { return used_; }

 private:
  void sit(int i) {
    tids_[static_cast<std::size_t>(i)] = thread_id();
    condvar_.lock();
    std::uint64_t seen = call_;
    seated_.fetch_add(1);
    for (;;) {
      while (call_ == seen) condvar_.wait();
      if (over_) break;
      seen = call_;
      if (done_.load() + 1 == static_cast<int>(threads_.size())) {
        last_ns_ = now_ns();
      }
      done_.fetch_add(1);
    }
    condvar_.unlock();
  }

  C condvar_;
  std::uint64_t call_ = 0;
  bool over_ = false;
  std::int64_t last_ns_ = 0;
  std::int64_t ns_ = 0;
  usage used_;
  std::atomic<int> seated_{0};
  std::atomic<int> done_{0};
  std::vector<pid_t> tids_;
  std::vector<std::thread> threads_;
};

// Means over the iterations of a run.
class switch_counter {
 public:
  void add(const usage& used) {
    switches_ += static_cast<double>(used.switches());
    preemptions_ += static_cast<double>(used.involuntary);
  }
  void report(benchmark::State& state, int waiters) const {
    const auto n = static_cast<double>(state.iterations());
    state.counters["waiters"] = waiters;
    state.counters["switches"] = switches_ / n;
    state.counters["preemptions"] = preemptions_ / n;
  }

 private:
  double switches_ = 0;
  double preemptions_ = 0;
};

template <condvar_like C>
void broadcast(benchmark::State& state, int waiters, bool locked) {
  audience<C> waiting(waiters);
  switch_counter switches;
  for (auto _ : state) {
    waiting.wake_all(locked);
    state.SetIterationTime(static_cast<double>(waiting.ns()) * 1e-9);
    switches.add(waiting.used());
  }
  switches.report(state, waiters);
}

// A gate that opens once: event or latch, made anew for every opening.
template <event_like E>
struct event_gate : E {
  void open() { this->set(); }
};
template <latch_like L>
struct latch_gate : L {
  latch_gate() : L(1) {}
  void open() { this->count_down(); }
};

template <class Gate>
void open_gate(benchmark::State& state, int waiters) {
  switch_counter switches;
  for (auto _ : state) {
    auto gate = std::make_unique<Gate>();
    std::atomic<int> arrived{0};
    std::atomic<int> through{0};
    std::atomic<std::int64_t> last_ns{0};
    std::vector<pid_t> tids(static_cast<std::size_t>(waiters));
    std::vector<std::thread> threads;
    for (int i = 0; i < waiters; ++i) {
      threads.emplace_back([&, i] {
        tids[static_cast<std::size_t>(i)] = thread_id();
        arrived.fetch_add(1);
        gate->wait();
        if (through.fetch_add(1) + 1 == waiters) last_ns.store(now_ns());
      });
    }
    while (arrived.load() != waiters) sleep_ns(100'000);
    wait_until_asleep(tids);
    const usage everybody = usage::of_process();
    const usage me = usage::of_this_thread();
    const std::int64_t start = now_ns();
    gate->open();
    for (std::thread& t : threads) t.join();
    switches.add((usage::of_process() - everybody) -
                 (usage::of_this_thread() - me));
    state.SetIterationTime(static_cast<double>(last_ns.load() - start) * 1e-9);
  }
  switches.report(state, waiters);
}

template <class F>
void add_wakeup(const std::string& scenario, std::string_view name,
                F function) {
  add_counted(scenario, name, function)
      ->Iterations(kBroadcasts)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace

void register_benchmarks() {
  for (const int waiters : {8, 64}) {
    const std::string n = "_" + std::to_string(waiters);
    for (const bool locked : {true, false}) {
      const std::string scenario = locked ? "broadcast" : "broadcast_unlocked";
      const auto broadcast_of = [&](const std::string& name) {
        return [=]<condvar_like C>() {
          add_wakeup(name, C::kName,
                     [waiters, locked](benchmark::State& state) {
                       broadcast<C>(state, waiters, locked);
                     });
        };
      };
      condvars::for_each(broadcast_of(scenario + n));
      pi_condvars::for_each(broadcast_of("pi_" + scenario + n));
    }
    events::for_each([&]<event_like E>() {
      add_wakeup("event_set" + n, E::kName, [waiters](benchmark::State& state) {
        open_gate<event_gate<E>>(state, waiters);
      });
    });
    latches::for_each([&]<latch_like L>() {
      if constexpr (!one_waiter<L>) {
        add_wakeup("latch_open" + n, L::kName,
                   [waiters](benchmark::State& state) {
                     open_gate<latch_gate<L>>(state, waiters);
                   });
      }
    });
  }
}

}  // namespace syncxx_bench
