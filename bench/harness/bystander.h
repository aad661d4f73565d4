// SPDX-License-Identifier: Apache-2.0
//
// glibc leaves the lock prefix out of its mutexes while a process has a single
// thread, and std::mutex then looks twice as fast as it is in any program that
// has use for it. A bystander sleeps through the whole benchmark so that there
// are always two.
#ifndef SYNCXX_BENCH_HARNESS_BYSTANDER_H_
#define SYNCXX_BENCH_HARNESS_BYSTANDER_H_

#include <atomic>
#include <thread>

namespace syncxx_bench {

class bystander {
 public:
  bystander() : thread_([this] { leave_.wait(false); }) {}
  bystander(const bystander&) = delete;
  bystander& operator=(const bystander&) = delete;
  ~bystander() {
    leave_.store(true);
    leave_.notify_one();
    thread_.join();
  }

 private:
  std::atomic<bool> leave_{false};
  std::thread thread_;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_BYSTANDER_H_
