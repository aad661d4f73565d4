// SPDX-License-Identifier: Apache-2.0
//
// A circle of three locks, but two of its three links are one thread's, which
// cannot be at both at a time.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::mutex c;
  corpus::in_turn(
      [&] {
        corpus::nest(a, b);
        corpus::nest(b, c);
      },
      [&] { corpus::nest(c, a); });
}
