// SPDX-License-Identifier: Apache-2.0
//
// One thread reads and then takes a mutex, another takes the mutex and then
// reads; a third that wants to write keeps the second out until the first is
// through.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::shared_mutex s;
  corpus::mutex m;
  using corpus::reading;
  corpus::in_turn([&] { corpus::nest(s); },
                  [&] { corpus::nest(reading(s), m); },
                  [&] { corpus::nest(m, reading(s)); });
}
