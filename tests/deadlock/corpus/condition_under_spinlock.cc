// SPDX-License-Identifier: Apache-2.0
//
// A thread waits for a condition with a spinlock held.
//
// expect: blocking_under_spinlock
#include "support/corpus.h"

int main() {
  corpus::spinlock spin;
  corpus::mutex m;
  corpus::condition_variable changed;
  corpus::observed sleeper;
  bool ready = false;
  corpus::thread worker([&] {
    std::unique_lock lock(m);
    spin.lock();
    sleeper.here();
    changed.wait(lock, [&] { return ready; });
    spin.unlock();
  });
  sleeper.await_asleep();
  {
    const std::unique_lock lock(m);
    ready = true;
    changed.notify_one();
  }
  worker.join();
}
