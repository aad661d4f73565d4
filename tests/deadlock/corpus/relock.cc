// SPDX-License-Identifier: Apache-2.0
//
// A thread locks a mutex that it holds.
//
// expect: self_deadlock
// allow: deadlock
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  m.lock();
  m.lock();
  m.unlock();
  m.unlock();
}
