// SPDX-License-Identifier: Apache-2.0
//
// A mutex is held across the join of a thread that wants it.
//
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  m.lock();
  corpus::thread worker([&] { corpus::nest(m); });
  worker.join();
  m.unlock();
}
