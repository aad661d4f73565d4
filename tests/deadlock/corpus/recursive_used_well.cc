// SPDX-License-Identifier: Apache-2.0
//
// A recursive lock is taken again, with another lock taken in between: the
// inner level waits for nothing, so it is no second order.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::recursive_mutex r;
  corpus::mutex m;
  const auto use = [&] {
    for (int i = 0; i < 100; ++i) corpus::nest(r, m, r);
  };
  corpus::in_turn(use, use);
  corpus::at_once(use, use);
}
