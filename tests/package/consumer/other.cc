// SPDX-License-Identifier: Apache-2.0
//
// The program's second file: takes the umbrella header, and links.
#include <sync/sync.h>

#include <mutex>

int counted_elsewhere(syncxx::mutex& m, int& counter);

int counted_elsewhere(syncxx::mutex& m, int& counter) {
  const std::lock_guard lock(m);
  return ++counter;
}
