// SPDX-License-Identifier: Apache-2.0
//
// One thread, nobody in its way: what a pair of operations costs beside the
// bare instructions that it can't do without. (A second thread sleeps all the
// while, see bystander.h.)
#include <benchmark/benchmark.h>
#include <sync/guarded.h>
#if defined(SYNCXX_BENCH_HAVE_BOOST)
#include <boost/thread/synchronized_value.hpp>
#endif

#include <cstdint>
#include <memory>
#include <mutex>

#include "bench/adapters/all.h"
#include "bench/harness/interleaved.h"

namespace syncxx_bench {
namespace {

// On a cache line of its own, and at the same place in it for everybody.
template <class T>
struct alignas(128) apart {
  template <class... Args>
  explicit apart(Args... args) : object(args...) {}
  T object;
};

template <mutex_like M>
[[gnu::aligned(64)]] void mutex_pair(benchmark::State& state) {
  auto mutex = std::make_unique<apart<M>>();
  typename M::node node{};
  for (auto _ : state) {
    mutex->object.lock(node);
    benchmark::ClobberMemory();
    mutex->object.unlock(node);
  }
}

template <semaphore_like S>
[[gnu::aligned(64)]] void semaphore_pair(benchmark::State& state) {
  auto semaphore = std::make_unique<apart<S>>(1);
  for (auto _ : state) {
    semaphore->object.acquire();
    benchmark::ClobberMemory();
    semaphore->object.release();
  }
}

// Nobody waits: what it costs to say so.
template <notifier_like N>
[[gnu::aligned(64)]] void notify_nobody(benchmark::State& state) {
  auto notifier = std::make_unique<apart<N>>();
  for (auto _ : state) {
    notifier->object.notify_one();
    benchmark::ClobberMemory();
  }
}

template <event_like E>
[[gnu::aligned(64)]] void event_wait_when_set(benchmark::State& state) {
  auto event = std::make_unique<apart<E>>();
  event->object.set();
  for (auto _ : state) {
    event->object.wait();
    benchmark::ClobberMemory();
  }
}

template <resettable_event_like E>
[[gnu::aligned(64)]] void event_set_reset(benchmark::State& state) {
  auto event = std::make_unique<apart<E>>();
  for (auto _ : state) {
    event->object.set();
    benchmark::ClobberMemory();
    event->object.reset();
  }
}

// A whole life: one-shot things can be measured in no other way.
template <latch_like L>
[[gnu::aligned(64)]] void latch_life(benchmark::State& state) {
  for (auto _ : state) {
    L latch(1);
    latch.count_down();
    latch.wait();
    benchmark::DoNotOptimize(latch);
  }
}

template <once_like O>
[[gnu::aligned(64)]] void once_when_done(benchmark::State& state) {
  auto once = std::make_unique<apart<O>>();
  once->object.call();
  for (auto _ : state) {
    once->object.call();
    benchmark::ClobberMemory();
  }
}

// Data and its lock in one: a count, one more each time.
template <class G>
[[gnu::aligned(64)]] void guarded_pair(benchmark::State& state, G count) {
  auto place = std::make_unique<apart<typename G::type>>();
  for (auto _ : state) count.up(place->object);
}
struct self_guarded {
  using type = syncxx::guarded<std::uint64_t>;
  static void up(type& count) {
    count.with([](std::uint64_t& n) { ++n; });
  }
};
struct by_hand {
  struct type {
    std::mutex mutex;
    std::uint64_t n = 0;
  };
  static void up(type& count) {
    const std::lock_guard lock(count.mutex);
    ++count.n;
  }
};
#if defined(SYNCXX_BENCH_HAVE_BOOST)
struct boost_synchronized {
  using type = boost::synchronized_value<std::uint64_t>;
  static void up(type& count) { ++*count; }
};
#endif

}  // namespace

void register_benchmarks() {
  const auto pair_of = [](const char* scenario) {
    return
        [scenario]<mutex_like M>() { add(scenario, M::kName, mutex_pair<M>); };
  };
  types<floor_cas_exchange>::for_each(pair_of("mutex_pair"));
  parking_mutexes::for_each(pair_of("mutex_pair"));
  pi_mutexes::for_each(pair_of("pi_mutex_pair"));
  robust_mutexes::for_each(pair_of("robust_mutex_pair"));
  robust_pi_mutexes::for_each(pair_of("robust_pi_mutex_pair"));
  types<floor_exchange_store>::for_each(pair_of("spinlock_pair"));
  spinlocks::for_each(pair_of("spinlock_pair"));
  types<self_recursive_mutex, std_recursive_mutex>::for_each(
      pair_of("recursive_mutex_pair"));
  const auto semaphore_of = []<semaphore_like S>() {
    add("semaphore_pair", S::kName, semaphore_pair<S>);
  };
  types<floor_two_adds>::for_each(semaphore_of);
  semaphores::for_each(semaphore_of);
  const auto notify_of = []<condvar_like C>() {
    add("notify_nobody", C::kName, notify_nobody<C>);
  };
  condvars::for_each(notify_of);
  pi_condvars::for_each(notify_of);
  notifiers::for_each([]<notifier_like N>() {
    add("notify_nobody", N::kName, notify_nobody<N>);
  });
  events::for_each([]<event_like E>() {
    add("event_wait_when_set", E::kName, event_wait_when_set<E>);
  });
  events::for_each([]<event_like E>() {
    if constexpr (resettable_event_like<E>) {
      add("event_set_reset", E::kName, event_set_reset<E>);
    }
  });
  latches::for_each(
      []<latch_like L>() { add("latch_life", L::kName, latch_life<L>); });
  const auto guarded_of = []<class G>(const char* name, G how) {
    add("guarded_pair", name,
        [how](benchmark::State& state) { guarded_pair(state, how); });
  };
  guarded_of("syncxx::guarded", self_guarded{});
  guarded_of("std::mutex by hand", by_hand{});
#if defined(SYNCXX_BENCH_HAVE_BOOST)
  guarded_of("boost::synchronized_value", boost_synchronized{});
#endif
  onces::for_each([]<once_like O>() {
    add("once_when_done", O::kName, once_when_done<O>);
  });
}

}  // namespace syncxx_bench
