// SPDX-License-Identifier: Apache-2.0
//
// An upgrader with a mutex waits for a reader to go, and the reader waits for
// the mutex.
//
// Only this library's shared_mutex can be upgraded.
//
// only: syncxx
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::shared_mutex s;
  corpus::mutex m;
  corpus::meeting inside(2);
  corpus::at_once(
      [&] {
        m.lock();
        s.lock_upgrade();
        inside.arrive_and_wait();
        s.unlock_upgrade_and_lock();
        s.unlock();
        m.unlock();
      },
      [&] {
        s.lock_shared();
        inside.arrive_and_wait();
        m.lock();
        m.unlock();
        s.unlock_shared();
      });
}
