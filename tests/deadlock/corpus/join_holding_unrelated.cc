// SPDX-License-Identifier: Apache-2.0
//
// A mutex is held across the join of a thread that takes others.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::mutex other;
  corpus::thread worker([&] { corpus::nest(other); });
  m.lock();
  worker.join();
  m.unlock();
}
