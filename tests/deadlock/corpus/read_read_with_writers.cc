// SPDX-License-Identifier: Apache-2.0
//
// Two threads read two shared locks in opposite orders, and others write: a
// writer that waits behind one reader keeps the other out.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::shared_mutex a;
  corpus::shared_mutex b;
  using corpus::reading;
  corpus::in_turn([&] { corpus::nest(a); }, [&] { corpus::nest(b); },
                  [&] { corpus::nest(reading(a), reading(b)); },
                  [&] { corpus::nest(reading(b), reading(a)); });
}
