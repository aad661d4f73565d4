// SPDX-License-Identifier: Apache-2.0
//
// Two threads wait for a condition at the same time, each with its own mutex.
//
// expect: wrong_mutex_for_condition
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::mutex other;
  corpus::condition_variable changed;
  std::atomic<bool> ready{false};
  corpus::progress inside;
  const auto wait = [&](corpus::mutex& with, int step) {
    std::unique_lock lock(with);
    inside.reach(step);
    while (!ready) changed.wait(lock);
  };
  corpus::thread first([&] { wait(m, 1); });
  inside.await(1);
  corpus::nest(m);  // to be had once it waits
  corpus::thread second([&] { wait(other, 2); });
  inside.await(2);
  corpus::nest(other);
  ready = true;
  changed.notify_all();
  first.join();
  second.join();
}
