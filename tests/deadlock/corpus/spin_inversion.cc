// SPDX-License-Identifier: Apache-2.0
//
// Two spinlocks in opposite orders.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::spinlock a;
  corpus::spinlock b;
  corpus::in_turn([&] { corpus::nest(a, b); }, [&] { corpus::nest(b, a); });
}
