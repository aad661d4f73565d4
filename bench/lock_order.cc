// SPDX-License-Identifier: Apache-2.0
//
// What the hooked library's check of the order of locks costs: a pair of lock()
// and unlock(), in nests of 1, 2, 4 and 8, over 1000 mutexes in 2048 random
// ascending sequences.
//
//   off    hooks in, and nobody listens
//   cold   an order that has not been seen: its first pass
//   warm   the same again
//   two    warm, two threads at once, each with 1000 mutexes of its own
//
// All in ns a pair; of off, warm and two the best of several passes.
// Built with SYNCXX_HOOKS; built on the plain library it is what the hooks are
// compared with.
// Usage: lock_order
#include <sync/misuse.h>
#include <sync/mutex.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

namespace {

using syncxx::misuse_action;
using clock_type = std::chrono::steady_clock;

constexpr std::size_t kLocks = 1000;
constexpr std::size_t kSequences = 2048;

using sequences = std::vector<std::vector<std::size_t>>;

sequences ascending(std::size_t nest) {
  std::mt19937 random(1);
  sequences all(kSequences);
  for (auto& one : all) {
    while (one.size() < nest) {
      const std::size_t lock = random() % kLocks;
      if (std::find(one.begin(), one.end(), lock) == one.end())
        one.push_back(lock);
    }
    std::sort(one.begin(), one.end());
  }
  return all;
}

using row = std::vector<syncxx::mutex>;

[[gnu::noinline]] void pass(row& locks, const sequences& all) {
  for (const auto& one : all) {
    for (const std::size_t lock : one) locks[lock].lock();
    for (auto lock = one.rbegin(); lock != one.rend(); ++lock)
      locks[*lock].unlock();
  }
}

double ns_a_pair(row& locks, const sequences& all, int passes) {
  const auto began = clock_type::now();
  for (int i = 0; i < passes; ++i) pass(locks, all);
  const std::chrono::duration<double, std::nano> took =
      clock_type::now() - began;
  return took.count() / passes / static_cast<double>(kSequences) /
         static_cast<double>(all[0].size());
}

double best(row& locks, const sequences& all) {
  double least = ns_a_pair(locks, all, 4);
  for (int i = 0; i < 10; ++i)
    least = std::min(least, ns_a_pair(locks, all, 8));
  return least;
}

double best_of_two_threads(const sequences& all) {
  std::atomic<int> ready{0};
  double least[2] = {};
  std::vector<std::thread> threads;
  for (double& mine : least) {
    threads.emplace_back([&] {
      row locks(kLocks);
      ns_a_pair(locks, all, 2);
      ++ready;
      while (ready.load() < 2) std::this_thread::yield();
      mine = best(locks, all);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return std::max(least[0], least[1]);
}

}  // namespace

int main() {
  // With one thread glibc and the kernel take short cuts.
  std::atomic<bool> stop{false};
  std::thread second([&] { stop.wait(false); });
  std::printf("%-6s %8s %8s %8s %8s   ns a pair\n", "nest", "off", "cold",
              "warm", "two");
  for (const std::size_t nest : {1u, 2u, 4u, 8u}) {
    const sequences all = ascending(nest);
    row locks(kLocks);
    syncxx::set_misuse_action(misuse_action::off);
    const double off = best(locks, all);
    syncxx::set_misuse_action(misuse_action::abort);
    const double cold = ns_a_pair(locks, all, 1);
    const double warm = best(locks, all);
    const double two = best_of_two_threads(all);
    std::printf("%-6zu %8.1f %8.0f %8.1f %8.1f\n", nest, off, cold, warm, two);
  }
  stop.store(true);
  stop.notify_all();
  second.join();
}
