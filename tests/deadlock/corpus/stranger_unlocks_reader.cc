// SPDX-License-Identifier: Apache-2.0
//
// A thread gives back a shared lock that another one has taken for reading.
//
// expect: unlock_not_owner
#include "support/corpus.h"

int main() {
  corpus::shared_mutex s;
  corpus::progress turn;
  corpus::thread reader([&] {
    s.lock_shared();
    turn.reach(1);
    turn.await(2);
  });
  turn.await(1);
  s.unlock_shared();
  turn.reach(2);
  reader.join();
}
