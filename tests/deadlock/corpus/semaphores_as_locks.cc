// SPDX-License-Identifier: Apache-2.0
//
// Two semaphores of one token each, which whoever takes it gives back, in
// opposite orders.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::semaphore a(1);
  corpus::semaphore b(1);
  using corpus::token;
  // Before they are nested, so that a checker can see how they are used.
  corpus::nest(token(a));
  corpus::nest(token(b));
  corpus::in_turn([&] { corpus::nest(token(a), token(b)); },
                  [&] { corpus::nest(token(b), token(a)); });
}
