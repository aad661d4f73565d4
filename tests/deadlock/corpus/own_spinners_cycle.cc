// SPDX-License-Identifier: Apache-2.0
//
// Three threads close a circle of three kinds of spinning locks, two of which
// pthread has no counterpart of.
//
// only: syncxx
// expect: lock_order_inversion
#include <sync/queue_lock.h>
#include <sync/ticket_lock.h>

#include "support/corpus.h"

int main() {
  syncxx::spinlock a;
  syncxx::ticket_lock b;
  syncxx::queue_lock c;
  corpus::in_turn([&] { corpus::nest(a, b); }, [&] { corpus::nest(b, c); },
                  [&] { corpus::nest(c, a); });
}
