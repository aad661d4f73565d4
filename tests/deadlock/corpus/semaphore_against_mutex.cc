// SPDX-License-Identifier: Apache-2.0
//
// A semaphore that is used as a lock, and a mutex, in opposite orders.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::semaphore s(1);
  corpus::mutex m;
  using corpus::token;
  corpus::nest(token(s));
  corpus::in_turn([&] { corpus::nest(token(s), m); },
                  [&] { corpus::nest(m, token(s)); });
}
