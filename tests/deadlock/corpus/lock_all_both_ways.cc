// SPDX-License-Identifier: Apache-2.0
//
// Two threads take two locks at once, all or none, naming them in opposite
// orders (std::lock, and lock_all of this library).
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  int sum = 0;
  const auto add = [&sum](corpus::mutex& first, corpus::mutex& second) {
    for (int i = 0; i < 200; ++i) {
      corpus::lock_all(first, second);
      ++sum;
      first.unlock();
      second.unlock();
    }
  };
  corpus::in_turn([&] { add(a, b); }, [&] { add(b, a); });
  corpus::at_once([&] { add(a, b); }, [&] { add(b, a); });
  corpus::require(sum == 800, "one thread at a time");
}
