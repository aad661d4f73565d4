// SPDX-License-Identifier: Apache-2.0
//
// Two threads each read one shared lock and want to write the other's.
//
// expect: deadlock
// allow: lock_order_inversion
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::shared_mutex a;
  corpus::shared_mutex b;
  corpus::meeting inside(2);
  const auto take = [&](corpus::shared_mutex& first,
                        corpus::shared_mutex& second) {
    first.lock_shared();
    inside.arrive_and_wait();
    second.lock();
    second.unlock();
    first.unlock_shared();
  };
  corpus::at_once([&] { take(a, b); }, [&] { take(b, a); });
}
