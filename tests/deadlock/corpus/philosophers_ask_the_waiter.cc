// SPDX-License-Identifier: Apache-2.0
//
// Five philosophers each take the left fork first, but only one at a time may
// reach for forks.
//
// expect: none
#include "support/corpus.h"

int main() {
  constexpr int kSeats = 5;
  const corpus::several<corpus::mutex> forks(kSeats);
  corpus::mutex waiter;
  const auto dine = [&](int seat) {
    corpus::mutex& left = forks[seat];
    corpus::mutex& right = forks[(seat + 1) % kSeats];
    waiter.lock();
    left.lock();
    right.lock();
    waiter.unlock();
    right.unlock();
    left.unlock();
  };
  corpus::in_turn_of(kSeats, dine);
  corpus::at_once_of(kSeats, [&](int seat) {
    for (int i = 0; i < 50; ++i) dine(seat);
  });
}
