// SPDX-License-Identifier: Apache-2.0
//
// A worker's first notification comes before it waits; it sees that in the
// predicate. Then it has nothing to do for a while, and waits.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::condition_variable changed;
  int jobs = 0;
  bool stop = false;
  const auto tell = [&](auto change) {
    const std::unique_lock lock(m);
    change();
    changed.notify_one();
  };
  tell([&] { ++jobs; });
  corpus::thread worker([&] {
    std::unique_lock lock(m);
    while (!stop) {
      changed.wait(lock, [&] { return stop || jobs > 0; });
      jobs = 0;
    }
  });
  corpus::nap(corpus::milliseconds(800));
  tell([&] { stop = true; });
  worker.join();
}
