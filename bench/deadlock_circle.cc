// SPDX-License-Identifier: Apache-2.0
//
// How long a deadlock lasts in the hooked library until it is known: n threads
// wait for each other in a circle, and the last one closes it. It does so by a
// join, so that the order of the locks has no circle: that one is found by
// other means, and before (lock_order.cc).
//
//   found    from when it tells that it waits until the circle is known
//   thrown   from its join() to the exception there, the report included (a
//            line: the same has been reported before)
//   woken    from its join() to the exception of one that sleeps
//
// In microseconds, the median and the largest of the rounds. And what the
// policy costs where there is no deadlock: lock() and unlock() of a free mutex,
// in ns a pair, without a policy and with one.
// Usage: deadlock_circle_hooked [rounds]
#include <sync/deadlock.h>
#include <sync/misuse.h>
#include <sync/mutex.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <span>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using syncxx::deadlock_thread;
using syncxx::deadlock_victim;
using clock_type = std::chrono::steady_clock;
using namespace std::chrono_literals;

double g_found_us;

std::size_t last(std::span<const deadlock_thread> circle, void*) {
  g_found_us =
      std::chrono::duration<double, std::micro>(circle[0].waiting).count();
  return circle.size() - 1;
}
std::size_t first(std::span<const deadlock_thread> circle, void* context) {
  last(circle, context);
  return 0;
}

struct times {
  std::vector<double> found, victim;
};

double us(clock_type::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

// Thread i holds lock i and waits for the next one. The last lock is this
// thread's, which waits for the end of thread 0.
void one_round(std::size_t n, times& t) {
  std::vector<syncxx::mutex> locks(n);
  std::latch all_have_one(static_cast<std::ptrdiff_t>(n));
  clock_type::time_point thrown;
  std::vector<std::thread> threads;
  locks[n - 1].lock();
  for (std::size_t i = 0; i + 1 < n; ++i) {
    threads.emplace_back([&, i] {
      locks[i].lock();
      all_have_one.arrive_and_wait();
      try {
        locks[i + 1].lock();
        locks[i + 1].unlock();
      } catch (const std::system_error&) {
        thrown = clock_type::now();
      }
      locks[i].unlock();
    });
  }
  all_have_one.arrive_and_wait();
  std::this_thread::sleep_for(20ms + n * 50us);
  const auto began = clock_type::now();
  try {
    threads[0].join();
  } catch (const std::system_error&) {
    thrown = clock_type::now();
  }
  locks[n - 1].unlock();
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
  t.found.push_back(g_found_us);
  t.victim.push_back(us(thrown - began));
}

void print(std::vector<double>& of) {
  std::sort(of.begin(), of.end());
  std::printf(" %9.0f %8.0f", of[of.size() / 2], of.back());
}

times rounds_of(std::size_t n, int rounds, syncxx::victim_chooser chooser) {
  syncxx::set_deadlock_victim(chooser);
  times t;
  one_round(n, t);  // is reported in full
  t = {};
  for (int i = 0; i < rounds; ++i) one_round(n, t);
  return t;
}

double ns_a_pair() {
  syncxx::mutex m;
  double least = 1e9;
  for (int pass = 0; pass < 20; ++pass) {
    constexpr int kPairs = 200'000;
    const auto began = clock_type::now();
    for (int i = 0; i < kPairs; ++i) {
      m.lock();
      m.unlock();
    }
    least = std::min(least, 1e3 * us(clock_type::now() - began) / kPairs);
  }
  return least;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
  syncxx::set_misuse_action(syncxx::misuse_action::throw_exception);
  if (std::freopen("/dev/null", "w", stderr) == nullptr) return 2;
  std::printf("%-8s %9s %8s %9s %8s %9s %8s   us, median and max of %d\n",
              "threads", "found", "", "thrown", "", "woken", "", rounds);
  for (const std::size_t n : {2u, 10u, 100u, 1000u}) {
    std::printf("%-8zu", n);
    times closes = rounds_of(n, rounds, first);
    print(closes.found);
    print(closes.victim);
    times sleeps = rounds_of(n, rounds, last);
    print(sleeps.victim);
    std::printf("\n");
    std::fflush(stdout);
  }
  syncxx::set_deadlock_victim(deadlock_victim::closes_circle);
  const double without = ns_a_pair();
  syncxx::set_deadlock_victim(deadlock_victim::youngest);
  std::printf("free mutex: %.1f ns a pair, with a policy %.1f\n", without,
              ns_a_pair());
}
