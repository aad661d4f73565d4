// SPDX-License-Identifier: Apache-2.0
//
// A circle of three threads, two of which have a gate in common: never are all
// three inside.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex gate;
  corpus::mutex a;
  corpus::mutex b;
  corpus::mutex c;
  corpus::in_turn([&] { corpus::nest(gate, a, b); },
                  [&] { corpus::nest(gate, b, c); },
                  [&] { corpus::nest(c, a); });
}
