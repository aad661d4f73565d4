// SPDX-License-Identifier: Apache-2.0
//
// The gate before two locks in opposite orders is a shared lock: one thread
// writes and the other reads, so they exclude each other.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::shared_mutex gate;
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn([&] { corpus::nest(gate, a, b); },
                  [&] { corpus::nest(corpus::reading(gate), b, a); });
}
