// SPDX-License-Identifier: Apache-2.0
//
// One thread takes two locks in both orders, which alone is harmless; another
// takes them in one of these orders, and that is not.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn(
      [&] {
        corpus::nest(a, b);
        corpus::nest(b, a);
      },
      [&] { corpus::nest(a, b); });
}
