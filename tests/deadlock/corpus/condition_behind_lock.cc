// SPDX-License-Identifier: Apache-2.0
//
// A thread waits for a condition with another lock held, which the thread that
// would notify has to take first.
//
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::mutex outer;
  corpus::mutex m;
  corpus::condition_variable changed;
  corpus::progress turn;
  int items = 0;
  corpus::at_once(
      [&] {
        {
          std::unique_lock lock(m);  // the first time nothing else is held
          changed.wait(lock, [&] { return items > 0; });
        }
        const std::unique_lock around(outer);
        std::unique_lock lock(m);
        turn.reach(1);
        changed.wait(lock, [&] { return items > 1; });
      },
      [&] {
        for (int i = 0; i < 2; ++i) {
          turn.await(i);
          const std::unique_lock around(outer);
          const std::unique_lock lock(m);
          ++items;
          changed.notify_one();
        }
      });
}
