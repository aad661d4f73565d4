// SPDX-License-Identifier: Apache-2.0
//
// Five philosophers each take the left fork, and all have one when they reach
// for the right one.
//
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  constexpr int kSeats = 5;
  const corpus::several<corpus::mutex> forks(kSeats);
  corpus::meeting all_have_one(kSeats);
  corpus::at_once_of(kSeats, [&](int seat) {
    forks[seat].lock();
    all_have_one.arrive_and_wait();
    forks[(seat + 1) % kSeats].lock();
    forks[(seat + 1) % kSeats].unlock();
    forks[seat].unlock();
  });
}
