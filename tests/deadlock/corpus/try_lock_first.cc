// SPDX-License-Identifier: Apache-2.0
//
// A lock that was taken by try_lock() is as held as any: its holder then waits
// for the other one.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn([&] { corpus::nest(a, b); },
                  [&] { corpus::nest(corpus::trying(b), a); });
}
