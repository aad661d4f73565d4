// SPDX-License-Identifier: Apache-2.0
//
// Two threads read two shared locks in opposite orders, and nobody writes:
// readers do not wait for readers.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::shared_mutex a;
  corpus::shared_mutex b;
  using corpus::reading;
  corpus::in_turn([&] { corpus::nest(reading(a), reading(b)); },
                  [&] { corpus::nest(reading(b), reading(a)); });
}
