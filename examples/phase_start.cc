// SPDX-License-Identifier: Apache-2.0
//
// A measurement whose threads all start at once: one latch counts the threads
// that are ready, one lets them go, one counts those that have finished.
#include <sync/latch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

int main() {
  constexpr int kThreads = 4;
  syncxx::latch ready(kThreads), go(1), finished(kThreads);
  std::vector<steady::time_point> started(kThreads);

  std::vector<std::jthread> threads;
  for (auto& start : started)
    threads.emplace_back([&] {
      // ...allocate, warm up...
      ready.count_down();
      go.wait();
      start = steady::now();
      // ...what is measured...
      finished.count_down();
    });

  ready.wait();
  const auto opened = steady::now();
  const bool nobody_too_soon = !finished.wait_for(1ms);
  go.count_down();
  const bool all_in_time = finished.wait_for(30s);
  if (!all_in_time) return 1;

  // The count_down()s order the threads' writes before this.
  const auto [first, last] =
      std::minmax_element(started.begin(), started.end());
  const std::chrono::duration<double, std::micro> spread = *last - *first;
  std::printf("%d threads started within %.1f us of each other\n", kThreads,
              spread.count());
  return nobody_too_soon && *first >= opened ? 0 : 1;
}
