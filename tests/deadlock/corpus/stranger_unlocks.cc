// SPDX-License-Identifier: Apache-2.0
//
// A thread unlocks a mutex that another one holds.
//
// expect: unlock_not_owner
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::progress turn;
  corpus::thread owner([&] {
    m.lock();
    turn.reach(1);
    turn.await(2);
  });
  turn.await(1);
  m.unlock();
  turn.reach(2);
  owner.join();
}
