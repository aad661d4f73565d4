// SPDX-License-Identifier: Apache-2.0
//
// Memory is freed with a mutex in it that another thread holds.
//
// Only as pthread: this library's locks tell of their end in the destructor.
//
// only: pthread
// expect: destroyed_while_held
#include "support/corpus.h"

int main() {
  struct session {
    pthread_mutex_t lock;
    int number;
  };
  auto* const memory = static_cast<session*>(std::calloc(1, sizeof(session)));
  corpus::require(memory != nullptr, "there is memory");
  corpus::check(pthread_mutex_init(&memory->lock, nullptr));
  corpus::progress turn;
  corpus::thread owner([&] {
    corpus::check(pthread_mutex_lock(&memory->lock));
    turn.reach(1);
    turn.await(2);
  });
  turn.await(1);
  std::free(memory);
  turn.reach(2);
  owner.join();
}
