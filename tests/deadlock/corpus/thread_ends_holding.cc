// SPDX-License-Identifier: Apache-2.0
//
// A thread ends with a lock that nobody can give back any more.
//
// expect: thread_exit_holding
#include "support/corpus.h"

int main() {
  // Never destroyed, for that would be another defect.
  corpus::mutex& m = *new corpus::mutex;
  corpus::thread worker([&] { m.lock(); });
  worker.join();
  corpus::require(!m.try_lock(), "m is held");
}
