// SPDX-License-Identifier: Apache-2.0
//
// A semaphore is a signal from one thread to another, which waits for it with a
// mutex held and without: whoever signals needs no lock.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::semaphore signal(0);
  corpus::mutex m;
  corpus::progress turn;
  corpus::at_once(
      [&] {
        signal.acquire();
        corpus::nest(m);  // no lock is held: the token is used up
        turn.reach(1);
        turn.await(2);
      },
      [&] {
        turn.await(1);
        m.lock();
        signal.acquire();
        m.unlock();
        turn.reach(2);
      },
      [&] {
        signal.release();
        signal.release();
      });
}
