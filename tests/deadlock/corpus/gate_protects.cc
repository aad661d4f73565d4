// SPDX-License-Identifier: Apache-2.0
//
// Two threads take two locks in opposite orders, but each under a third, the
// gate, which lets one in at a time.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex gate;
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn([&] { corpus::nest(gate, a, b); },
                  [&] { corpus::nest(gate, b, a); });
}
