// SPDX-License-Identifier: Apache-2.0
//
// Four threads close a circle of locks that pthread has no counterpart of.
//
// only: syncxx
// expect: lock_order_inversion
#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/pi_mutex.h>
#include <sync/robust_mutex.h>

#include "support/corpus.h"

int main() {
  syncxx::pi_mutex a;
  syncxx::byte_mutex b;
  syncxx::robust_mutex c;
  syncxx::biased_shared_mutex d;
  corpus::in_turn([&] { corpus::nest(a, b); }, [&] { corpus::nest(b, c); },
                  [&] { corpus::nest(c, d); }, [&] { corpus::nest(d, a); });
}
