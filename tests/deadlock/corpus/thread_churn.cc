// SPDX-License-Identifier: Apache-2.0
//
// A hundred threads, one after the other, take two locks in changing orders.
// The kernel and the C library use their numbers and stacks again.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  for (int round = 0; round < 50; ++round) {
    corpus::thread first([&] { corpus::nest(a, b); });
    first.join();
    corpus::thread second([&] { corpus::nest(b, a); });
    second.join();
  }
}
