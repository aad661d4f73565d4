// SPDX-License-Identifier: Apache-2.0
//
// C11's mutexes and threads, in opposite orders.
//
// Only as pthread: in glibc they are the same, but called by other names.
//
// only: pthread
// expect: lock_order_inversion
#include <threads.h>

#include "support/corpus.h"

namespace {

mtx_t g_a;
mtx_t g_b;
corpus::progress g_turn;

int first(void*) {
  g_turn.await(1);
  mtx_lock(&g_a);
  mtx_lock(&g_b);
  mtx_unlock(&g_b);
  mtx_unlock(&g_a);
  g_turn.reach(2);
  return 0;
}

int second(void*) {
  g_turn.await(2);
  mtx_lock(&g_b);
  mtx_lock(&g_a);
  mtx_unlock(&g_a);
  mtx_unlock(&g_b);
  return 0;
}

}  // namespace

int main() {
  mtx_init(&g_a, mtx_plain);
  mtx_init(&g_b, mtx_plain);
  thrd_t one{};
  thrd_t other{};
  corpus::require(thrd_create(&one, first, nullptr) == thrd_success &&
                      thrd_create(&other, second, nullptr) == thrd_success,
                  "there are threads");
  g_turn.reach(1);
  thrd_join(one, nullptr);
  thrd_join(other, nullptr);
  mtx_destroy(&g_a);
  mtx_destroy(&g_b);
}
