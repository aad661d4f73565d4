// SPDX-License-Identifier: Apache-2.0
//
// Each of two threads takes a gate before the two locks, but not the same one.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex gate;
  corpus::mutex other_gate;
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn([&] { corpus::nest(gate, a, b); },
                  [&] { corpus::nest(other_gate, b, a); });
}
