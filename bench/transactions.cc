// SPDX-License-Identifier: Apache-2.0
//
// Throughput of lock_manager: transactions a second, by deadlock policy, number
// of threads, and whether they meet.
//
//   apart   each thread locks keys of its own: what the manager costs
//   spread  1000 keys, in random order: hardly any waits
//   hot     8 keys, in random order, and others may run after each lock: waits
//           and deadlocks
//
// Each transaction takes 4 locks in X, and is run again until it gets through.
// Usage: transactions [seconds for each line, default 1]
#include <sync/lock_manager.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

using syncxx::deadlock_policy;
using clock_type = std::chrono::steady_clock;

struct scenario {
  const char* name;
  unsigned keys;  // 0: of its own
  bool yields;
};

struct figures {
  double transactions;  // a second
  double aborts;        // for each transaction
};

figures measure(deadlock_policy policy, const scenario& what, unsigned threads,
                double seconds) {
  syncxx::lock_manager<unsigned> manager(policy);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> done{0};
  std::vector<std::thread> crew;
  const auto began = clock_type::now();
  for (unsigned i = 0; i < threads; ++i) {
    crew.emplace_back([&, i] {
      std::uint64_t mine = 0, seed = i + 1;
      while (!stop.load(std::memory_order_relaxed)) {
        unsigned keys[4];
        for (unsigned k = 0; k < 4; ++k) {
          seed = seed * 6364136223846793005 + 1442695040888963407;
          keys[k] = what.keys == 0
                        ? i * 1000 + (static_cast<unsigned>(mine) + k) % 1000
                        : static_cast<unsigned>(seed >> 33) % what.keys;
        }
        manager.run([&](auto& t) {
          for (const unsigned key : keys) {
            t.lock(key);
            if (what.yields) std::this_thread::yield();
          }
        });
        ++mine;
      }
      done.fetch_add(mine);
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop.store(true);
  for (std::thread& t : crew) t.join();
  const std::chrono::duration<double> took = clock_type::now() - began;
  const auto seen = manager.statistics();
  const auto n = static_cast<double>(done.load());
  return {n / took.count(),
          static_cast<double>(seen.deadlocks + seen.deaths + seen.wounds) / n};
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  if (!(seconds > 0)) {
    std::fprintf(stderr, "usage: %s [seconds for each line]\n", argv[0]);
    return 2;
  }
  constexpr struct {
    const char* name;
    deadlock_policy policy;
  } kPolicies[] = {{"detect", deadlock_policy::detect},
                   {"wait_die", deadlock_policy::wait_die},
                   {"wound_wait", deadlock_policy::wound_wait}};
  constexpr scenario kScenarios[] = {
      {"apart", 0, false}, {"spread", 1000, false}, {"hot", 8, true}};
  std::printf("%-8s %-11s %7s %16s %10s\n", "keys", "policy", "threads",
              "transactions/s", "aborts");
  for (const scenario& what : kScenarios) {
    for (const auto& [name, policy] : kPolicies) {
      for (const unsigned threads : {1U, 2U, 4U, 8U}) {
        const figures f = measure(policy, what, threads, seconds);
        std::printf("%-8s %-11s %7u %16.0f %9.3f\n", what.name, name, threads,
                    f.transactions, f.aborts);
      }
    }
  }
}
