// SPDX-License-Identifier: Apache-2.0
//
// A thread waits for a lock for a while, in vain, while its holder waits for
// that very thread: time gets them out.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  m.lock();
  corpus::thread worker([&] {
    corpus::require(!m.try_lock_for(corpus::milliseconds(50)), "m is held");
  });
  worker.join();
  m.unlock();
}
