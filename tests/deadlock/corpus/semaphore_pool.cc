// SPDX-License-Identifier: Apache-2.0
//
// Three permits for a resource, which four threads take, each with a mutex
// inside; where a permit is wanted with the mutex held, it is only tried.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::semaphore permits(3);
  corpus::mutex m;
  corpus::at_once_of(4, [&](int) {
    for (int i = 0; i < 100; ++i) {
      corpus::nest(corpus::token(permits), m);
      m.lock();
      if (permits.try_acquire()) permits.release();
      m.unlock();
    }
  });
}
