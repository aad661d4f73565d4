// SPDX-License-Identifier: Apache-2.0
//
// A recursive lock and a mutex in opposite orders.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::recursive_mutex r;
  corpus::mutex m;
  corpus::in_turn([&] { corpus::nest(r, r, m); }, [&] { corpus::nest(m, r); });
}
