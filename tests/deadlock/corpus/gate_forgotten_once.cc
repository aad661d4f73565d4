// SPDX-License-Identifier: Apache-2.0
//
// Two threads take two locks in opposite orders behind a gate; one of them does
// so once more without the gate.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex gate;
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn(
      [&] {
        corpus::nest(gate, a, b);
        corpus::nest(a, b);
      },
      [&] { corpus::nest(gate, b, a); });
}
