// SPDX-License-Identifier: Apache-2.0
//
// A thread takes two locks and is joined; then another is created and takes
// them in the other order.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::thread first([&] { corpus::nest(a, b); });
  first.join();
  corpus::thread second([&] { corpus::nest(b, a); });
  second.join();
}
