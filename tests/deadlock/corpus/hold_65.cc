// SPDX-License-Identifier: Apache-2.0
//
// Each of two threads holds 65 locks at a time, taken in one order.
//
// expect: none
#include "support/corpus.h"

int main() {
  constexpr int kLocks = 65;
  const corpus::several<corpus::mutex> locks(kLocks);
  const auto take_all = [&] {
    for (int i = 0; i < kLocks; ++i) locks[i].lock();
    for (int i = kLocks; i > 0; --i) locks[i - 1].unlock();
  };
  corpus::in_turn(take_all, take_all);
  corpus::at_once(take_all, take_all);
}
