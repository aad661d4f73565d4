// SPDX-License-Identifier: Apache-2.0
//
// Two threads meet in opposite orders, and both give up after a while: no
// deadlock for ever, but one each time.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::meeting inside(2);
  const auto take = [&](corpus::mutex& first, corpus::mutex& second) {
    first.lock();
    inside.arrive_and_wait();
    if (second.try_lock_for(corpus::milliseconds(60))) second.unlock();
    first.unlock();
  };
  corpus::at_once([&] { take(a, b); }, [&] { take(b, a); });
}
