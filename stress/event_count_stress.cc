// SPDX-License-Identifier: Apache-2.0
//
// event_count: a semaphore that is a relaxed counter and an event count, under
// the cases for semaphores. A lost notification leaves a token where somebody
// sleeps for one.
#include <sync/event_count.h>

#include <atomic>
#include <cstddef>
#include <stop_token>

#include "support/semaphore_cases.h"

namespace {

class counted_tokens {
 public:
  explicit counted_tokens(std::ptrdiff_t tokens) : tokens_(tokens) {}

  void release(std::ptrdiff_t n = 1) {
    tokens_.fetch_add(n, std::memory_order_relaxed);
    if (n == 1)
      count_.notify_one();
    else
      count_.notify_all();
  }
  bool try_acquire() {
    std::ptrdiff_t now = tokens_.load(std::memory_order_relaxed);
    while (now > 0 && !tokens_.compare_exchange_weak(
                          now, now - 1, std::memory_order_relaxed)) {
    }
    return now > 0;
  }
  void acquire() { count_.await(take()); }
  bool acquire(const std::stop_token& stop) {
    return count_.await(take(), stop);
  }
  template <class D, class... Stop>
  bool try_acquire_for(const D& d, const Stop&... stop) {
    return count_.await_for(take(), d, stop...);
  }
  template <class T, class... Stop>
  bool try_acquire_until(const T& t, const Stop&... stop) {
    return count_.await_until(take(), t, stop...);
  }

 private:
  struct taker {
    bool operator()() const { return self->try_acquire(); }
    counted_tokens* self;
  };
  taker take() { return {this}; }

  std::atomic<std::ptrdiff_t> tokens_;
  syncxx::event_count count_;
};

const syncxx::stress::semaphore_suite<counted_tokens> suite;

}  // namespace
