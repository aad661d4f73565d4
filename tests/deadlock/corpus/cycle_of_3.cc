// SPDX-License-Identifier: Apache-2.0
//
// Three threads, each with two of three locks, one after the other.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  constexpr int kThreads = 3;
  const corpus::several<corpus::mutex> locks(kThreads);
  corpus::in_turn_of(kThreads, [&](int i) {
    corpus::nest(locks[i], locks[(i + 1) % kThreads]);
  });
}
