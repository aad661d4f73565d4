// SPDX-License-Identifier: Apache-2.0
//
// A latch is counted down more often than it counts.
//
// Only this library has latches.
//
// only: syncxx
// expect: misuse
#include <sync/latch.h>

#include "support/corpus.h"

int main() {
  syncxx::latch done(1);
  done.count_down();
  try {
    done.count_down();
    corpus::require(false, "it is refused");
  } catch (const std::system_error&) {
  }
}
