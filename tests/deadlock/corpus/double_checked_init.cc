// SPDX-License-Identifier: Apache-2.0
//
// Something is made by whoever needs it first: a look without the lock, and
// another with it. Making it takes a lock of its own.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex making;
  corpus::mutex registry;
  std::atomic<const int*> made{nullptr};
  int value = 0;
  const auto get = [&]() -> const int* {
    const int* found = made.load(std::memory_order_acquire);
    if (found != nullptr) return found;
    const std::unique_lock lock(making);
    found = made.load(std::memory_order_relaxed);
    if (found == nullptr) {
      const std::unique_lock inner(registry);
      value = 42;
      found = &value;
      made.store(found, std::memory_order_release);
    }
    return found;
  };
  corpus::at_once_of(4, [&](int) {
    corpus::require(*get() == 42, "it is whole");
    corpus::nest(registry);
    get();
  });
}
