// SPDX-License-Identifier: Apache-2.0
//
// The lock before two locks in opposite orders is only read by both threads: it
// keeps neither out.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::shared_mutex gate;
  corpus::mutex a;
  corpus::mutex b;
  using corpus::reading;
  corpus::in_turn([&] { corpus::nest(reading(gate), a, b); },
                  [&] { corpus::nest(reading(gate), b, a); });
}
