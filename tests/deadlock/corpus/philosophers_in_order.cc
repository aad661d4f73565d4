// SPDX-License-Identifier: Apache-2.0
//
// Five philosophers, five forks: each takes the one with the lower number
// first.
//
// expect: none
#include <algorithm>

#include "support/corpus.h"

int main() {
  constexpr int kSeats = 5;
  const corpus::several<corpus::mutex> forks(kSeats);
  const auto dine = [&](int seat) {
    const int left = seat;
    const int right = (seat + 1) % kSeats;
    corpus::nest(forks[std::min(left, right)], forks[std::max(left, right)]);
  };
  corpus::in_turn_of(kSeats, dine);
  corpus::at_once_of(kSeats, [&](int seat) {
    for (int i = 0; i < 50; ++i) dine(seat);
  });
}
