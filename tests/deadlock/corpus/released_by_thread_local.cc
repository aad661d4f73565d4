// SPDX-License-Identifier: Apache-2.0
//
// A thread ends with a lock that the destructor of a thread_local object gives
// back.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::thread worker([&] {
    // Registered before the lock is taken, so that it goes after what a checker
    // might register then.
    thread_local std::unique_lock<corpus::mutex> guard;
    guard = std::unique_lock(m);
  });
  worker.join();
  corpus::nest(m);
}
