// SPDX-License-Identifier: Apache-2.0
//
// What the hooked library's contention statistics cost: a pair of lock() and
// unlock() that nobody waits for.
//
//   off        hooks in, and nobody listens
//   counts     acquisitions are counted, no hold is timed
//   1 in 64    the hold of every 64th acquisition is timed
//   all        each hold is timed: two readings of the clock
//   checker    the checker of the order of locks, no statistics
//   both       the checker, and all holds timed
//
//   one        one mutex
//   many       200 mutexes, one after the other
//   two        one mutex each of two threads
//
// In ns a pair, the best of several passes, and as a multiple of off.
// Usage: lock_stat_hooked
#include <sync/lock_stat.h>
#include <sync/misuse.h>
#include <sync/mutex.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <thread>
#include <vector>

namespace {

namespace lock_stat = syncxx::lock_stat;
using syncxx::misuse_action;
using clock_type = std::chrono::steady_clock;

constexpr std::size_t kMany = 200;
constexpr int kPairs = 200'000;  // a pass

[[gnu::noinline]] void pass(std::vector<syncxx::mutex>& locks) {
  std::size_t next = 0;
  for (int i = 0; i < kPairs; ++i) {
    syncxx::mutex& lock = locks[next];
    lock.lock();
    lock.unlock();
    if (++next == locks.size()) next = 0;
  }
}

double best(std::vector<syncxx::mutex>& locks) {
  double least = 1e9;
  for (int i = 0; i < 12; ++i) {
    const auto began = clock_type::now();
    pass(locks);
    const std::chrono::duration<double, std::nano> took =
        clock_type::now() - began;
    least = std::min(least, took.count() / kPairs);
  }
  return least;
}

double best_of(std::size_t n) {
  std::vector<syncxx::mutex> locks(n);
  return best(locks);
}

double best_of_two_threads() {
  double least[2] = {};
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (double& mine : least) {
    threads.emplace_back([&] {
      std::vector<syncxx::mutex> locks(1);
      ++ready;
      while (ready.load() < 2) std::this_thread::yield();
      mine = best(locks);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return std::max(least[0], least[1]);
}

struct mode {
  const char* name;
  misuse_action checker;
  bool counts;
  unsigned sampling;
};

}  // namespace

int main() {
  // With one thread glibc and the kernel take short cuts.
  std::atomic<bool> stop{false};
  std::thread second([&] { stop.wait(false); });
  constexpr mode kModes[] = {
      {"off", misuse_action::off, false, 0},
      {"counts", misuse_action::off, true, 0},
      {"1 in 64", misuse_action::off, true, 64},
      {"all", misuse_action::off, true, 1},
      {"checker", misuse_action::abort, false, 0},
      {"both", misuse_action::abort, true, 1},
  };
  std::printf("%-8s %14s %14s %14s   ns a pair\n", "", "one", "many", "two");
  double off[3] = {};
  for (const mode& m : kModes) {
    syncxx::set_misuse_action(m.checker);
    lock_stat::set_hold_sampling(m.sampling);
    lock_stat::enable(m.counts);
    const double now[3] = {best_of(1), best_of(kMany), best_of_two_threads()};
    std::printf("%-8s", m.name);
    for (int i = 0; i < 3; ++i) {
      if (off[i] == 0) off[i] = now[i];
      std::printf(" %7.1f %5.1fx", now[i], now[i] / off[i]);
    }
    std::printf("\n");
  }
  lock_stat::disable();
  stop.store(true);
  stop.notify_all();
  second.join();
}
