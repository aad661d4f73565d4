// SPDX-License-Identifier: Apache-2.0
//
// Four threads close a circle of a mutex, a recursive one, a shared one and a
// semaphore that is used as a lock.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::recursive_mutex r;
  corpus::shared_mutex s;
  corpus::semaphore t(1);
  using corpus::token;
  corpus::nest(token(t));
  corpus::in_turn([&] { corpus::nest(m, r); }, [&] { corpus::nest(r, s); },
                  [&] { corpus::nest(corpus::reading(s), token(t)); },
                  [&] { corpus::nest(token(t), m); });
}
