// SPDX-License-Identifier: Apache-2.0
//
// Three threads meet at a barrier again and again, and take locks in between.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::barrier phase(3);
  corpus::mutex a;
  corpus::mutex b;
  int sum = 0;
  corpus::at_once_of(3, [&](int) {
    for (int i = 0; i < 30; ++i) {
      a.lock();
      b.lock();
      ++sum;
      b.unlock();
      a.unlock();
      phase.arrive_and_wait();
    }
  });
  corpus::require(sum == 90, "one thread at a time");
}
