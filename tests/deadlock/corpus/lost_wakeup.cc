// SPDX-License-Identifier: Apache-2.0
//
// A notification comes before the wait, which asks for nothing and never ends.
//
// expect: lost_notify
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::condition_variable changed;
  std::atomic<bool> woken{false};
  changed.notify_one();
  corpus::thread waiter([&] {
    std::unique_lock lock(m);
    changed.wait(lock);
    woken = true;
  });
  // The process as a whole is alive: it is no deadlock that all wait.
  while (!woken) corpus::nap(corpus::milliseconds(10));
}
