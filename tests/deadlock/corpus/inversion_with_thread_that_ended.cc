// SPDX-License-Identifier: Apache-2.0
//
// The first of two threads has ended before the second takes the locks in the
// other order, but nobody has waited for that: it was luck.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::observed first_thread;
  corpus::progress created;
  corpus::thread first([&] {
    created.await(1);
    corpus::nest(a, b);
    first_thread.here();
  });
  corpus::thread second([&] {
    created.await(2);
    corpus::nest(b, a);
  });
  created.reach(1);
  first_thread.await_end();
  created.reach(2);
  second.join();
  first.join();
}
