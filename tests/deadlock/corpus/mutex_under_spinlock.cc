// SPDX-License-Identifier: Apache-2.0
//
// A thread sleeps for a mutex with a spinlock held: whoever wants that one
// spins all the while.
//
// expect: blocking_under_spinlock
#include "support/corpus.h"

int main() {
  corpus::spinlock spin;
  corpus::mutex m;
  corpus::observed sleeper;
  m.lock();
  corpus::thread worker([&] {
    spin.lock();
    sleeper.here();
    m.lock();
    m.unlock();
    spin.unlock();
  });
  sleeper.await_asleep();
  m.unlock();
  worker.join();
}
