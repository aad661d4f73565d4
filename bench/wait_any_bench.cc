// SPDX-License-Identifier: Apache-2.0
//
// One thread that waits for any of n things: by wait_any of n semaphores, and
// as it is done without, by n counts under one mutex with one condition
// variable. First the last of them is there already; then another thread gives
// one of them, each time another, and waits for an answer.
#include <benchmark/benchmark.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sync/condition_variable.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>
#include <sync/wait_any.h>

#include "bench/harness/interleaved.h"
#include "bench/harness/team.h"

namespace syncxx_bench {
namespace {

class any_semaphores {
 public:
  static constexpr std::string_view kName = "syncxx::wait_any";
  explicit any_semaphores(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
      refs_.emplace_back(tokens_.emplace_back(0));
  }
  void give(std::size_t i) { tokens_[i].release(); }
  std::size_t take() { return syncxx::wait_any(refs_); }

 private:
  std::deque<syncxx::counting_semaphore<>> tokens_;
  std::vector<syncxx::waitable_ref> refs_;
};

template <class Mutex, class Condition>
class counts_under_a_mutex {
 public:
  static constexpr std::string_view kName = std::is_same_v<Mutex, std::mutex>
                                                ? "std::condition_variable"
                                                : "syncxx::condition_variable";
  explicit counts_under_a_mutex(std::size_t n) : counts_(n) {}
  void give(std::size_t i) {
    {
      const std::lock_guard<Mutex> own(mutex_);
      ++counts_[i];
    }
    changed_.notify_one();
  }
  std::size_t take() {
    std::unique_lock<Mutex> own(mutex_);
    for (;; changed_.wait(own)) {
      for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (counts_[i] == 0) continue;
        --counts_[i];
        return i;
      }
    }
  }

 private:
  Mutex mutex_;
  Condition changed_;
  std::vector<int> counts_;
};

template <class Any>
void ready(benchmark::State& state, std::size_t n) {
  Any any(n);
  for (auto _ : state) {
    any.give(n - 1);
    benchmark::DoNotOptimize(any.take());
  }
}

template <class Any>
void ping_pong(benchmark::State& state, std::size_t n) {
  Any there(n + 1);  // the last: it is over
  Any back(1);
  std::thread partner([&] {
    while (there.take() != n) back.give(0);
  });
  std::size_t i = 0;
  for (auto _ : state) {
    there.give(i);
    back.take();
    i = (i + 1) % n;
  }
  there.give(n);
  partner.join();
}

template <class Any>
void add_all() {
  for (const std::size_t n :
       {std::size_t{2}, std::size_t{8}, std::size_t{64}}) {
    const std::string of = "_of_" + std::to_string(n);
    add("any_ready" + of, Any::kName,
        [n](benchmark::State& state) { ready<Any>(state, n); });
    add("any_ping_pong" + of, Any::kName, [n](benchmark::State& state) {
      ping_pong<Any>(state, n);
    })->UseRealTime();
  }
}

}  // namespace

void register_benchmarks() {
  add_all<any_semaphores>();
  add_all<counts_under_a_mutex<std::mutex, std::condition_variable>>();
  add_all<counts_under_a_mutex<syncxx::mutex, syncxx::condition_variable>>();
}

}  // namespace syncxx_bench
