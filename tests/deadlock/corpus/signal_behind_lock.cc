// SPDX-License-Identifier: Apache-2.0
//
// A thread waits for a semaphore's signal with a mutex held that the signaller
// has to take first.
//
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::semaphore signal(0);
  corpus::mutex m;
  corpus::progress turn;
  corpus::at_once(
      [&] {
        signal.acquire();  // the first time with nothing held: all is well
        m.lock();
        turn.reach(1);
        signal.acquire();
        m.unlock();
      },
      [&] {
        m.lock();
        signal.release();
        m.unlock();
        turn.await(1);
        m.lock();
        signal.release();
        m.unlock();
      });
}
