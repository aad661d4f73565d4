// SPDX-License-Identifier: Apache-2.0
//
// A thread unlocks a recursive mutex that another one holds, and is refused.
//
// expect: unlock_not_owner
#include "support/corpus.h"

int main() {
  corpus::recursive_mutex r;
  corpus::progress turn;
  corpus::thread owner([&] {
    r.lock();
    turn.reach(1);
    turn.await(2);
    r.unlock();
  });
  turn.await(1);
  try {
    r.unlock();
    corpus::require(false, "the unlock is refused");
  } catch (const std::system_error&) {
  }
  turn.reach(2);
  owner.join();
}
