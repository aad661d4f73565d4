// SPDX-License-Identifier: Apache-2.0
//
// A thread is created with a mutex held that it wants at once: it waits, and
// gets it before it is joined.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::observed child;
  m.lock();
  corpus::thread worker([&] {
    child.here();
    corpus::nest(m);
  });
  child.await_asleep();
  m.unlock();
  worker.join();
}
