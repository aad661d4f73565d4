// SPDX-License-Identifier: Apache-2.0
//
// Threads wait for a condition while they hold another lock, which whoever
// notifies does not need.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex outer;
  corpus::mutex m;
  corpus::condition_variable changed;
  int items = 0;
  corpus::at_once(
      [&] {
        for (int i = 0; i < 50; ++i) {
          const std::unique_lock around(outer);
          std::unique_lock lock(m);
          changed.wait(lock, [&] { return items > 0; });
          --items;
        }
      },
      [&] {
        for (int i = 0; i < 50; ++i) {
          const std::unique_lock lock(m);
          ++items;
          changed.notify_one();
        }
      });
}
