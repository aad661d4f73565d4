// SPDX-License-Identifier: Apache-2.0
//
// Threads walk a list and lock the next node before they let go of the last.
//
// expect: none
#include "support/corpus.h"

int main() {
  constexpr int kNodes = 20;
  struct node {
    corpus::mutex lock;
    int visits = 0;
  };
  const corpus::several<node> list(kNodes);
  const auto walk = [&] {
    for (int round = 0; round < 20; ++round) {
      list[0].lock.lock();
      for (int i = 0; i < kNodes; ++i) {
        ++list[i].visits;
        if (i + 1 < kNodes) list[i + 1].lock.lock();
        list[i].lock.unlock();
      }
    }
  };
  corpus::at_once(walk, walk, walk);
  corpus::require(list[kNodes - 1].visits == 60, "all came through");
}
