// SPDX-License-Identifier: Apache-2.0
//
// A mutex is destroyed that another thread holds.
//
// expect: destroyed_while_held
#include "support/corpus.h"

int main() {
  auto m = std::make_unique<corpus::mutex>();
  corpus::progress turn;
  corpus::thread owner([&] {
    m->lock();
    turn.reach(1);
    turn.await(2);
  });
  turn.await(1);
  m.reset();
  turn.reach(2);
  owner.join();
}
