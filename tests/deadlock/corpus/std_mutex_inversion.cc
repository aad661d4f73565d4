// SPDX-License-Identifier: Apache-2.0
//
// std::mutex in std::thread, in opposite orders.
//
// Only as pthread: on Linux these types are made of it.
//
// only: pthread
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  std::mutex a;
  std::mutex b;
  corpus::progress turn;
  std::thread first([&] {
    turn.await(1);
    const std::lock_guard outer(a);
    const std::lock_guard inner(b);
    turn.reach(2);
  });
  std::thread second([&] {
    turn.await(2);
    const std::lock_guard outer(b);
    const std::lock_guard inner(a);
  });
  turn.reach(1);
  first.join();
  second.join();
}
