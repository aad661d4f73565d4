// SPDX-License-Identifier: Apache-2.0
//
// Five philosophers, five forks, and the Banker as their waiter. Each says on
// sitting down which two forks it may want, and then asks for one after the
// other, the left one first. With plain locks all five could hold a left fork
// and wait for ever; here the last left fork is not handed out while that could
// come to pass.
#include <sync/bankers_allocator.h>
#include <sync/thread.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <vector>

constexpr std::size_t kSeats = 5;
constexpr int kMeals = 500;

using table = syncxx::basic_bankers_allocator<kSeats>;  // a resource a fork

int main() {
  table forks({1, 1, 1, 1, 1});
  std::array<int, kSeats> used{};  // each by whoever holds its fork
  {
    std::vector<syncxx::thread> guests;
    for (std::size_t seat = 0; seat < kSeats; ++seat) {
      guests.emplace_back([&, seat] {
        table::amounts left{};
        table::amounts right{};
        left[seat] = 1;
        right[(seat + 1) % kSeats] = 1;
        table::amounts both = left;
        both[(seat + 1) % kSeats] = 1;
        table::customer guest = forks.join(both, "guest");
        for (int meal = 0; meal < kMeals; ++meal) {
          const table::grant first = guest.acquire(left);
          const table::grant second = guest.acquire(right);
          ++used[seat];
          ++used[(seat + 1) % kSeats];
        }
      });
    }
  }
  bool right = forks.available() == forks.total();
  for (const int n : used) right = right && n == 2 * kMeals;
  std::printf("%s\n", right ? "all have eaten" : "went wrong");

  // What it looks like from inside: four hold their left forks, and the fifth
  // is to wait.
  table again({1, 1, 1, 1, 1});
  std::vector<table::customer> guests;
  for (std::size_t seat = 0; seat < kSeats; ++seat) {
    table::amounts both{};
    both[seat] = both[(seat + 1) % kSeats] = 1;
    guests.push_back(again.join(both));
    if (seat == kSeats - 1) break;
    table::amounts left{};
    left[seat] = 1;
    guests[seat].acquire(left).keep();
  }
  std::printf("%s%s\n", again.snapshot().table().c_str(),
              again.why_blocked(guests[4], {0, 0, 0, 0, 1}).text.c_str());
  const bool refused = !guests[4].try_acquire({0, 0, 0, 0, 1}).has_value();
  return right && refused ? 0 : 1;
}
