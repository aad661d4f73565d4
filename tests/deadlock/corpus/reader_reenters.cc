// SPDX-License-Identifier: Apache-2.0
//
// A reader reads again while a writer waits for it to go, and waits behind the
// writer.
//
// expect: reader_reentry
// allow: deadlock
// hangs: yes
#include "support/corpus.h"

int main() {
  corpus::shared_mutex s;
  corpus::observed writer;
  s.lock_shared();
  corpus::thread writes([&] {
    writer.here();
    corpus::nest(s);
  });
  writer.await_asleep();
  s.lock_shared();
  s.unlock_shared();
  s.unlock_shared();
}
