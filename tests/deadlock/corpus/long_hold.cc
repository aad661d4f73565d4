// SPDX-License-Identifier: Apache-2.0
//
// A lock is held for longer than the program has said it should be.
//
// env: SYNCXX_LONG_HOLD_MS=20
// expect: long_hold
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  m.lock();
  corpus::nap(corpus::milliseconds(100));
  m.unlock();
}
