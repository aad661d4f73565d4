// SPDX-License-Identifier: Apache-2.0
//
// Two locks are taken in opposite orders, with 5000 others taken between the
// first and the second of them.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  constexpr int kOthers = 5000;
  corpus::mutex a;
  corpus::mutex b;
  const corpus::several<corpus::mutex> others(kOthers);
  const auto take = [&](corpus::mutex& first, corpus::mutex& second) {
    first.lock();
    for (int i = 0; i < kOthers; ++i) corpus::nest(others[i]);
    second.lock();
    second.unlock();
    first.unlock();
  };
  corpus::in_turn([&] { take(a, b); }, [&] { take(b, a); });
}
