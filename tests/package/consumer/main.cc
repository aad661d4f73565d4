// SPDX-License-Identifier: Apache-2.0
//
// A user's program: two threads, one lock, one condition variable. Prints which
// of the two libraries it was built with, "plain" or "hooks".
#include <sync/condition_variable.h>
#include <sync/mutex.h>

#include <cstdio>
#include <mutex>
#include <thread>

int counted_elsewhere(syncxx::mutex& m, int& counter);

int main() {
  syncxx::mutex m;
  syncxx::condition_variable changed;
  int counter = 0;

  std::thread other([&] {
    for (int i = 0; i < 10000; ++i) counted_elsewhere(m, counter);
    changed.notify_one();
  });
  for (int i = 0; i < 10000; ++i) {
    const std::lock_guard lock(m);
    ++counter;
  }
  {
    std::unique_lock lock(m);
    changed.wait(lock, [&] { return counter == 20000; });
  }
  other.join();

  std::puts(SYNCXX_HOOKED ? "hooks" : "plain");
  return counter == 20000 ? 0 : 1;
}
