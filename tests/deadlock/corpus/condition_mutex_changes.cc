// SPDX-License-Identifier: Apache-2.0
//
// A condition variable is used with one mutex and later with another; never do
// two threads wait with different ones.
//
// expect: none
#include "support/corpus.h"

namespace {

void wait_once(corpus::mutex& m, corpus::condition_variable& changed) {
  bool ready = false;
  corpus::thread waiter([&] {
    std::unique_lock lock(m);
    changed.wait(lock, [&] { return ready; });
  });
  {
    const std::unique_lock lock(m);
    ready = true;
    changed.notify_one();
  }
  waiter.join();
}

}  // namespace

int main() {
  corpus::mutex m;
  corpus::mutex n;
  corpus::condition_variable changed;
  for (int i = 0; i < 20; ++i) {
    wait_once(m, changed);
    wait_once(n, changed);
  }
}
