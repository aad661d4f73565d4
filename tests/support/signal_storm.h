// SPDX-License-Identifier: Apache-2.0
//
// Interrupts threads over and over with a handled signal: what makes a futex
// wait return EINTR.
#ifndef SYNCXX_TESTS_SUPPORT_SIGNAL_STORM_H_
#define SYNCXX_TESTS_SUPPORT_SIGNAL_STORM_H_

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace syncxx_test {

class signal_storm {
 public:
  enum class restart { no, yes };

  // The threads must not be joined while the storm lasts.
  signal_storm(std::vector<pthread_t> targets, restart flag)
      : targets_(std::move(targets)) {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    action.sa_flags = flag == restart::yes ? SA_RESTART : 0;
    // Stays installed: a signal may still be under way when the storm is over.
    sigaction(SIGUSR1, &action, nullptr);
    thread_ = std::thread([this] { blow(); });
  }
  signal_storm(const signal_storm&) = delete;
  signal_storm& operator=(const signal_storm&) = delete;
  ~signal_storm() {
    stop_.store(true);
    thread_.join();
  }

  int rounds() const { return rounds_.load(); }

 private:
  void blow() {
    while (!stop_.load()) {
      for (const pthread_t target : targets_) pthread_kill(target, SIGUSR1);
      rounds_.fetch_add(1);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  std::vector<pthread_t> targets_;
  std::atomic<bool> stop_{false};
  std::atomic<int> rounds_{0};
  std::thread thread_;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_SIGNAL_STORM_H_
