// SPDX-License-Identifier: Apache-2.0
//
// One thread takes two locks in both orders, and nobody else takes them.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::mutex other;
  corpus::in_turn(
      [&] {
        corpus::nest(a, b);
        corpus::nest(b, a);
      },
      [&] { corpus::nest(other); });
}
