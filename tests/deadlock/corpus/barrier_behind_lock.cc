// SPDX-License-Identifier: Apache-2.0
//
// A thread waits at a barrier with a mutex held that another one needs before
// it can come there.
//
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::barrier phase(2);
  corpus::mutex m;
  corpus::progress turn;
  corpus::at_once(
      [&] {
        phase.arrive_and_wait();  // the first time with nothing held
        m.lock();
        turn.reach(1);
        phase.arrive_and_wait();
        m.unlock();
      },
      [&] {
        phase.arrive_and_wait();
        turn.await(1);
        m.lock();
        phase.arrive_and_wait();
        m.unlock();
      });
}
