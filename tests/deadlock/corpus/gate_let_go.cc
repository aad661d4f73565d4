// SPDX-License-Identifier: Apache-2.0
//
// The gate is let go after the first of two locks: both threads can be behind
// it.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex gate;
  corpus::mutex a;
  corpus::mutex b;
  const auto take = [&](corpus::mutex& first, corpus::mutex& second) {
    gate.lock();
    first.lock();
    gate.unlock();
    second.lock();
    second.unlock();
    first.unlock();
  };
  corpus::in_turn([&] { take(a, b); }, [&] { take(b, a); });
}
