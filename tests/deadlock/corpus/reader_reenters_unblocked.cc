// SPDX-License-Identifier: Apache-2.0
//
// A reader reads again while a writer waits, with a lock that prefers readers
// (glibc's default): it does not wait for the writer.
//
// Only as pthread: this library's shared_mutex keeps readers out then.
//
// only: pthread
// expect: none
#include "support/corpus.h"

int main() {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  corpus::observed writer;
  corpus::check(pthread_rwlock_rdlock(&lock));
  corpus::thread writes([&] {
    writer.here();
    corpus::check(pthread_rwlock_wrlock(&lock));
    corpus::check(pthread_rwlock_unlock(&lock));
  });
  writer.await_asleep();
  corpus::check(pthread_rwlock_rdlock(&lock));
  corpus::check(pthread_rwlock_unlock(&lock));
  corpus::check(pthread_rwlock_unlock(&lock));
  writes.join();
  pthread_rwlock_destroy(&lock);
}
