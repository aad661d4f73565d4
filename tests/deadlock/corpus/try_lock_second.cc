// SPDX-License-Identifier: Apache-2.0
//
// One thread takes two locks, and another holds the second and only tries the
// first: it waits for nothing.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn([&] { corpus::nest(a, b); },
                  [&] { corpus::nest(b, corpus::trying(a)); });
}
