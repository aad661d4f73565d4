// SPDX-License-Identifier: Apache-2.0
//
// What a C++ program does with the standard's own types, in correct ways that
// look like wrong ones.
//
// Only as pthread: on Linux these types are made of it.
//
// only: pthread
// expect: none
#include <condition_variable>
#include <shared_mutex>

#include "support/corpus.h"

int main() {
  std::mutex a;
  std::mutex b;
  std::recursive_mutex r;
  std::shared_mutex s;
  std::condition_variable changed;
  std::once_flag once;
  int sum = 0;
  const auto work = [&](std::mutex& first, std::mutex& second) {
    for (int i = 0; i < 100; ++i) {
      std::call_once(once, [&] { corpus::nest(r, r); });
      {
        const std::scoped_lock both(first, second);
        ++sum;
        changed.notify_all();
      }
      corpus::nest(s);
      const std::unique_lock tried(s, std::try_to_lock);
    }
  };
  std::thread waiter([&] {
    std::unique_lock lock(a);
    changed.wait(lock, [&] { return sum == 200; });
  });
  std::thread first([&] { work(a, b); });
  std::thread second([&] { work(b, a); });
  first.join();
  second.join();
  waiter.join();
}
