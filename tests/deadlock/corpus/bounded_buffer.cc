// SPDX-License-Identifier: Apache-2.0
//
// Producers and consumers around a buffer of four places, with two condition
// variables.
//
// expect: none
#include "support/corpus.h"

int main() {
  constexpr int kItems = 400;
  corpus::mutex m;
  corpus::condition_variable has_room;
  corpus::condition_variable has_items;
  int inside = 0;
  const auto produce = [&] {
    for (int i = 0; i < kItems; ++i) {
      std::unique_lock lock(m);
      has_room.wait(lock, [&] { return inside < 4; });
      ++inside;
      has_items.notify_one();
    }
  };
  const auto consume = [&] {
    for (int i = 0; i < kItems; ++i) {
      std::unique_lock lock(m);
      has_items.wait(lock, [&] { return inside > 0; });
      --inside;
      has_room.notify_one();
    }
  };
  corpus::at_once(produce, consume, produce, consume);
  corpus::require(inside == 0, "what went in came out");
}
