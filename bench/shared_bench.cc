// SPDX-License-Identifier: Apache-2.0
//
// Locks with readers and writers. One thread, nobody in its way: what a pair
// costs to read and to write. And several threads that read and, a few times in
// a hundred, write: the time of one operation, all threads together.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/adapters/shared.h"
#include "bench/harness/clock.h"
#include "bench/harness/interleaved.h"

namespace syncxx_bench {
namespace {

template <class T>
struct alignas(128) apart {
  T object;
};

template <shared_like M>
[[gnu::aligned(64)]] void shared_pair(benchmark::State& state) {
  auto mutex = std::make_unique<apart<M>>();
  for (int i = 0; i < 100; ++i) {  // (a bias comes after some)
    mutex->object.lock_shared();
    mutex->object.unlock_shared();
  }
  for (auto _ : state) {
    mutex->object.lock_shared();
    benchmark::ClobberMemory();
    mutex->object.unlock_shared();
  }
}

template <shared_like M>
[[gnu::aligned(64)]] void exclusive_pair(benchmark::State& state) {
  auto mutex = std::make_unique<apart<M>>();
  for (auto _ : state) {
    mutex->object.lock();
    benchmark::ClobberMemory();
    mutex->object.unlock();
  }
}

// Lock and data apart: the contest is for the lock.
template <shared_like M>
struct arena {
  alignas(128) M mutex;
  // Plain on purpose, as in contest.h.
  alignas(128) volatile std::uint64_t guarded = 0;
  alignas(128) std::atomic<bool> stop{false};
  std::atomic<bool> torn{false};
};

struct alignas(128) tally {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
};

template <shared_like M>
void visit(arena<M>& a, tally& mine, unsigned reads, std::uint32_t seed) {
  xorshift random(seed);
  const std::uint32_t steps = work_steps(20);
  while (!a.stop.load(std::memory_order_relaxed)) {
    if (random() % 100 < reads) {
      a.mutex.lock_shared();
      const std::uint64_t before = a.guarded;
      benchmark::DoNotOptimize(work(before, steps));
      if (a.guarded != before) a.torn.store(true);
      a.mutex.unlock_shared();
      ++mine.reads;
    } else {
      a.mutex.lock();
      a.guarded = work(a.guarded, steps) + 1;
      a.mutex.unlock();
      ++mine.writes;
    }
  }
}

// One iteration is a stretch of time; the time of one operation is what is
// reported.
template <shared_like M>
void mixed(benchmark::State& state, int threads, unsigned reads) {
  constexpr std::int64_t kStretchNs = 20'000'000;
  for (auto _ : state) {
    auto a = std::make_unique<arena<M>>();
    std::vector<tally> tallies(static_cast<std::size_t>(threads));
    std::vector<std::thread> crew;
    const std::int64_t begun = now_ns();
    for (std::size_t i = 0; i < tallies.size(); ++i) {
      crew.emplace_back([&, i] {
        visit(*a, tallies[i], reads, static_cast<std::uint32_t>(i + 1));
      });
    }
    sleep_ns(kStretchNs);
    a->stop.store(true);
    for (std::thread& thread : crew) thread.join();
    const auto took = static_cast<double>(now_ns() - begun);
    std::uint64_t visits = 0, writes = 0;
    for (const tally& t : tallies) {
      visits += t.reads + t.writes;
      writes += t.writes;
    }
    if (a->torn.load() || a->guarded != writes) {
      state.SkipWithError("a reader or a writer was not alone");
      return;
    }
    state.SetIterationTime(took * 1e-9 / static_cast<double>(visits + 1));
  }
}

}  // namespace

void register_benchmarks() {
  shared_mutexes::for_each(
      []<shared_like M>() { add("shared_pair", M::kName, shared_pair<M>); });
  shared_mutexes::for_each([]<shared_like M>() {
    add("exclusive_pair", M::kName, exclusive_pair<M>);
  });
  for (const int threads : {2, 4, 8, 64}) {
    for (const unsigned reads : {50u, 90u, 99u, 100u}) {
      shared_mutexes::for_each([=]<shared_like M>() {
        add_counted(
            "mixed_" + std::to_string(reads) + "_percent_reads_" +
                std::to_string(threads) + "_threads",
            M::kName,
            [=](benchmark::State& state) { mixed<M>(state, threads, reads); })
            ->UseManualTime()
            ->Iterations(1);
      });
    }
  }
}

}  // namespace syncxx_bench
