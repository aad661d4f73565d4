// SPDX-License-Identifier: Apache-2.0
//
// One thread has a mutex and wants the token of a semaphore that is used as a
// lock; another has the token and wants the mutex.
//
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::semaphore s(1);
  corpus::mutex m;
  corpus::meeting inside(2);
  // So that a checker can see how the semaphore is used.
  corpus::nest(corpus::token(s));
  corpus::at_once(
      [&] {
        m.lock();
        inside.arrive_and_wait();
        s.acquire();
        s.release();
        m.unlock();
      },
      [&] {
        s.acquire();
        inside.arrive_and_wait();
        m.lock();
        m.unlock();
        s.release();
      });
}
