// SPDX-License-Identifier: Apache-2.0
//
// Threads read with the right to write, and write without letting go; others
// only read.
//
// Only this library's shared_mutex can be upgraded.
//
// only: syncxx
// expect: none
#include "support/corpus.h"

int main() {
  corpus::shared_mutex s;
  int value = 0;
  const auto raise = [&] {
    for (int i = 0; i < 100; ++i) {
      s.lock_upgrade();
      const int seen = value;
      s.unlock_upgrade_and_lock();
      value = seen + 1;
      s.unlock();
    }
  };
  const auto look = [&] {
    for (int i = 0; i < 100; ++i) {
      s.lock_shared();
      corpus::require(value <= 200, "no raise is doubled");
      s.unlock_shared();
    }
  };
  corpus::at_once(raise, look, raise);
  corpus::require(value == 200, "no raise is lost");
}
