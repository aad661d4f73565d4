// SPDX-License-Identifier: Apache-2.0
//
// Threads that meet over and over, with nothing to do in between. One iteration
// is one round; with more threads than CPUs it is mostly context switches.
//
// And threads that go through the same row of once flags: each flag's call is
// made by one of them, and those that come meanwhile wait. The time of one
// flag.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/adapters/all.h"
#include "bench/harness/clock.h"
#include "bench/harness/interleaved.h"

namespace syncxx_bench {
namespace {

template <barrier_like B>
struct meeting {
  explicit meeting(int threads) : barrier(threads) {}
  alignas(128) B barrier;
  // Whether that was the last round: of even rounds, of odd ones. Written
  // before an arrival and read after that round, when the other one may be
  // written.
  alignas(128) bool last[2] = {};
};

template <barrier_like B>
void rounds(benchmark::State& state, int threads) {
  auto here = std::make_unique<meeting<B>>(threads);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([&here] {
      typename B::node mine{};
      for (unsigned round = 0;; ++round) {
        here->barrier.arrive_and_wait(mine);
        if (here->last[round % 2]) break;
      }
    });
  }
  typename B::node mine{};
  unsigned round = 0;
  for (; round < 20; ++round) here->barrier.arrive_and_wait(mine);
  for (auto _ : state) {
    here->barrier.arrive_and_wait(mine);
    ++round;
  }
  here->last[round % 2] = true;
  here->barrier.arrive_and_wait(mine);
  for (std::thread& other : others) other.join();
}

template <once_like O>
struct row {
  static constexpr std::size_t kFlags = 500;
  struct alignas(128) place {
    O once;
  };
  std::array<place, kFlags> flags;
  alignas(128) std::atomic<int> missing;
  int threads;
  std::atomic<bool> go{false};
  std::int64_t ended = 0;
};

template <once_like O>
void races(benchmark::State& state, int threads) {
  for (auto _ : state) {
    auto here = std::make_unique<row<O>>();
    here->missing.store(threads);
    here->threads = threads;
    std::vector<std::thread> crew;
    for (int i = 0; i < threads; ++i) {
      crew.emplace_back([&here] {
        here->missing.fetch_sub(1);
        while (!here->go.load(std::memory_order_acquire))
          std::this_thread::yield();
        for (auto& place : here->flags) place.once.call();
        if (here->missing.fetch_add(1) + 1 == here->threads)
          here->ended = now_ns();
      });
    }
    while (here->missing.load() != 0) std::this_thread::yield();
    const std::int64_t begun = now_ns();
    here->go.store(true, std::memory_order_release);
    for (std::thread& thread : crew) thread.join();
    state.SetIterationTime(static_cast<double>(here->ended - begun) * 1e-9 /
                           row<O>::kFlags);
  }
}

// A thread that spins without giving the CPU away keeps the one that it waits
// for from it.
bool have_a_cpu_each(int threads) {
  return static_cast<unsigned>(threads) <= std::thread::hardware_concurrency();
}

}  // namespace

void register_benchmarks() {
  for (const int threads : {2, 3, 4, 8, 16, 32, 64}) {
    const std::string scenario = "barrier_round_" + std::to_string(threads);
    barriers::for_each([&]<barrier_like B>() {
      if (B::kWaiting != waiting::kParks && !have_a_cpu_each(threads)) return;
      add(scenario, B::kName, [threads](benchmark::State& state) {
        rounds<B>(state, threads);
      })->UseRealTime();
    });
  }
  for (const int threads : {2, 8, 64}) {
    const std::string scenario = "once_race_" + std::to_string(threads);
    onces::for_each([&]<once_like O>() {
      add_counted(
          scenario, O::kName,
          [threads](benchmark::State& state) { races<O>(state, threads); })
          ->UseManualTime()
          ->Iterations(5);
    });
  }
}

}  // namespace syncxx_bench
