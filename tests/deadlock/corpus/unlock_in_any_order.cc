// SPDX-License-Identifier: Apache-2.0
//
// Locks are given back in another order than they were taken in: what counts is
// what is held when one waits.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::mutex c;
  corpus::in_turn(
      [&] {
        a.lock();
        b.lock();
        a.unlock();
        c.lock();  // holds b only
        b.unlock();
        c.unlock();
      },
      [&] {
        b.lock();
        c.lock();
        b.unlock();
        c.unlock();
      },
      [&] {
        c.lock();
        c.unlock();
        a.lock();  // holds nothing any more
        c.lock();
        a.unlock();
        c.unlock();
      });
}
