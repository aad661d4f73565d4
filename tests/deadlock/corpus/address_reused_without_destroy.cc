// SPDX-License-Identifier: Apache-2.0
//
// Memory with a lock in it is given back, by free() and by munmap(), without
// pthread_mutex_destroy(); the next lock there is another one.
//
// Only as pthread: this library's locks tell of their end in the destructor.
//
// only: pthread
// expect: none
#include <sys/mman.h>

#include <new>

#include "support/corpus.h"

namespace {

class plain_mutex {
 public:
  void lock() { corpus::check(pthread_mutex_lock(&mutex_)); }
  void unlock() { corpus::check(pthread_mutex_unlock(&mutex_)); }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

constexpr std::size_t kPage = 4096;

void* map_at(void* where) {
  void* const page = mmap(
      where, kPage, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | (where != nullptr ? MAP_FIXED : 0), -1, 0);
  corpus::require(page != MAP_FAILED, "there is memory");
  return page;
}

// `here` gives memory, and `again` the same address once more.
template <class Here, class Again>
void use_twice(Here here, Again again) {
  plain_mutex b;
  plain_mutex* lock = nullptr;
  corpus::progress turn;
  corpus::thread first([&] {
    turn.await(1);
    corpus::nest(*lock, b);
    turn.reach(2);
    turn.await(4);
  });
  corpus::thread second([&] {
    turn.await(3);
    corpus::nest(b, *lock);
    turn.reach(4);
  });
  lock = new (here()) plain_mutex;
  turn.reach(1);
  turn.await(2);
  lock = new (again(lock)) plain_mutex;
  turn.reach(3);
  first.join();
  second.join();
}

}  // namespace

int main() {
  // free() keeps what it got last for the next malloc() of that size, so that
  // the address is the same one, all but surely.
  use_twice([] { return std::malloc(sizeof(plain_mutex)); },
            [](plain_mutex* lock) {
              std::free(lock);
              return std::malloc(sizeof(plain_mutex));
            });
  use_twice([] { return map_at(nullptr); },
            [](plain_mutex* lock) {
              munmap(lock, kPage);
              return map_at(lock);
            });
}
