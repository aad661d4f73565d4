// SPDX-License-Identifier: Apache-2.0
//
// A thread waits for a condition for longer than a lock may be held: it does
// not hold the mutex meanwhile.
//
// env: SYNCXX_LONG_HOLD_MS=250
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::condition_variable changed;
  bool ready = false;
  corpus::thread waiter([&] {
    std::unique_lock lock(m);
    changed.wait(lock, [&] { return ready; });
  });
  corpus::nap(corpus::milliseconds(500));
  {
    const std::unique_lock lock(m);
    ready = true;
    changed.notify_one();
  }
  waiter.join();
}
