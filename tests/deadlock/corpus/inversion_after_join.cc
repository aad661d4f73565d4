// SPDX-License-Identifier: Apache-2.0
//
// Two threads take two locks in opposite orders. The order of one of them was
// seen before, in a thread that was joined long ago and is no excuse.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::thread before([&] { corpus::nest(a, b); });
  before.join();
  corpus::in_turn([&] { corpus::nest(b, a); }, [&] { corpus::nest(a, b); });
}
