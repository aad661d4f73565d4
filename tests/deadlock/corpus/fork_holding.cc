// SPDX-License-Identifier: Apache-2.0
//
// A process forks with a lock held; parent and child each let go of their own.
//
// expect: none
#include <sys/wait.h>

#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::mutex other;
  m.lock();
  const pid_t child = fork();
  if (child == 0) {
    m.unlock();
    corpus::nest(m, other);
    _exit(0);
  }
  int status = -1;
  corpus::require(waitpid(child, &status, 0) == child && status == 0,
                  "the child ends well");
  m.unlock();
  corpus::nest(other);
}
