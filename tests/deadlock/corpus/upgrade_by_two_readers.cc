// SPDX-License-Identifier: Apache-2.0
//
// Two readers each want to write what they read, and neither lets go.
//
// expect: self_deadlock
// allow: deadlock
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::shared_mutex s;
  corpus::meeting both_read(2);
  corpus::at_once_of(2, [&](int) {
    s.lock_shared();
    both_read.arrive_and_wait();
    s.lock();
    s.unlock();
    s.unlock_shared();
  });
}
