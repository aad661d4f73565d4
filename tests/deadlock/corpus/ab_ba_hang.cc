// SPDX-License-Identifier: Apache-2.0
//
// Two threads take two locks in opposite orders and meet in the middle.
//
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::meeting inside(2);
  const auto take = [&](corpus::mutex& first, corpus::mutex& second) {
    first.lock();
    inside.arrive_and_wait();
    second.lock();
    second.unlock();
    first.unlock();
  };
  corpus::at_once([&] { take(a, b); }, [&] { take(b, a); });
}
