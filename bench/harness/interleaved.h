// SPDX-License-Identifier: Apache-2.0
//
// The main() of every *_bench program is in interleaved_main.cc. Without
// --rounds it is Google Benchmark's own. With --rounds=N it goes through all
// benchmarks N times, a short run each, so that competitors are measured side
// by side in each round, and writes every round to --json=FILE (default
// stdout).
//
// A benchmark is called "scenario/competitor".
#ifndef SYNCXX_BENCH_HARNESS_INTERLEAVED_H_
#define SYNCXX_BENCH_HARNESS_INTERLEAVED_H_

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

namespace syncxx_bench {

// Each program defines this one; it calls add() for all it has.
void register_benchmarks();

// How long one run is meant to be; 0 leaves it to Google Benchmark.
double run_seconds();

// Registers a benchmark whose caller says how many iterations it runs for.
template <class F>
benchmark::internal::Benchmark* add_counted(const std::string& scenario,
                                            std::string_view competitor,
                                            F function) {
  const std::string name = scenario + "/" + std::string(competitor);
  return benchmark::RegisterBenchmark(name.c_str(), function);
}

// Registers a benchmark that runs for run_seconds().
template <class F>
benchmark::internal::Benchmark* add(const std::string& scenario,
                                    std::string_view competitor, F function) {
  auto* b = add_counted(scenario, competitor, function);
  if (run_seconds() > 0) b->MinTime(run_seconds());
  return b;
}

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_INTERLEAVED_H_
