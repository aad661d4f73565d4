// SPDX-License-Identifier: Apache-2.0
//
// Each of two threads holds 1000 locks at a time, taken in one order, and lets
// go of them in another.
//
// expect: none
#include "support/corpus.h"

int main() {
  constexpr int kLocks = 1000;
  const corpus::several<corpus::mutex> locks(kLocks);
  const auto take_all = [&] {
    for (int i = 0; i < kLocks; ++i) locks[i].lock();
    for (int i = 0; i < kLocks; i += 2) locks[i].unlock();
    for (int i = kLocks - 1; i > 0; i -= 2) locks[i].unlock();
  };
  corpus::in_turn(take_all, take_all);
  corpus::at_once(take_all, take_all);
}
