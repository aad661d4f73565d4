// SPDX-License-Identifier: Apache-2.0
//
// Threads that meet over and over, with nothing to do in between. One iteration
// is one round; with more threads than CPUs it is mostly context switches.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/adapters/all.h"
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
      for (unsigned round = 0;; ++round) {
        here->barrier.arrive_and_wait();
        if (here->last[round % 2]) break;
      }
    });
  }
  unsigned round = 0;
  for (; round < 20; ++round) here->barrier.arrive_and_wait();
  for (auto _ : state) {
    here->barrier.arrive_and_wait();
    ++round;
  }
  here->last[round % 2] = true;
  here->barrier.arrive_and_wait();
  for (std::thread& other : others) other.join();
}

}  // namespace

void register_benchmarks() {
  for (const int threads : {2, 3, 4, 8, 16}) {
    const std::string scenario = "barrier_round_" + std::to_string(threads);
    barriers::for_each([&]<barrier_like B>() {
      add(scenario, B::kName, [threads](benchmark::State& state) {
        rounds<B>(state, threads);
      })->UseRealTime();
    });
  }
}

}  // namespace syncxx_bench
