// SPDX-License-Identifier: Apache-2.0
//
// One thread reads and then takes a mutex, another takes the mutex and then
// reads: the shared lock, which nobody writes, makes neither wait.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::shared_mutex s;
  corpus::mutex m;
  using corpus::reading;
  corpus::in_turn([&] { corpus::nest(reading(s), m); },
                  [&] { corpus::nest(m, reading(s)); });
}
