// SPDX-License-Identifier: Apache-2.0
//
// Two threads that are both alive take two locks in opposite orders, one after
// the other: nothing happens today.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn([&] { corpus::nest(a, b); }, [&] { corpus::nest(b, a); });
}
