// SPDX-License-Identifier: Apache-2.0
//
// Producers and consumers with two semaphores: whoever takes a token of one
// gives a token of the other, and so never gives back what it took.
//
// expect: none
#include "support/corpus.h"

int main() {
  constexpr int kItems = 300;
  corpus::semaphore room(4);
  corpus::semaphore items(0);
  corpus::mutex m;
  int inside = 0;
  const auto produce = [&] {
    for (int i = 0; i < kItems; ++i) {
      room.acquire();
      m.lock();
      ++inside;
      m.unlock();
      items.release();
    }
  };
  const auto consume = [&] {
    for (int i = 0; i < kItems; ++i) {
      items.acquire();
      m.lock();
      --inside;
      m.unlock();
      room.release();
    }
  };
  corpus::at_once(produce, consume, produce, consume);
  corpus::require(inside == 0, "what went in came out");
}
