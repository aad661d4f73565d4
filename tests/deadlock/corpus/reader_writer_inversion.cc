// SPDX-License-Identifier: Apache-2.0
//
// Two threads each read one shared lock and then write the other's.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::shared_mutex a;
  corpus::shared_mutex b;
  using corpus::reading;
  corpus::in_turn([&] { corpus::nest(reading(a), b); },
                  [&] { corpus::nest(reading(b), a); });
}
