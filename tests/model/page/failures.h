// SPDX-License-Identifier: Apache-2.0
//
// Small programs that fail, each in another way: what people are shown of them
// is tested with these.
#ifndef SYNCXX_TESTS_MODEL_PAGE_FAILURES_H_
#define SYNCXX_TESTS_MODEL_PAGE_FAILURES_H_

#include <sync/atomic.h>
#include <sync/model/check.h>
#include <sync/mutex.h>

namespace syncxx_test {

namespace model = syncxx::model;

// The tests know these lines by their numbers: keep them where they are.
inline void message_passing() {
  syncxx::cell<int> message(0);
  syncxx::atomic<bool> ready(false);
  model::thread writer([&] {
    message.set(42);
    ready.store(true, syncxx::memory_order_relaxed);
  });
  model::thread reader([&] {
    if (ready.load(syncxx::memory_order_acquire)) message.get();
  });
}

inline void stale_read() {
  syncxx::atomic<int> data(0), flag(0);
  model::thread writer([&] {
    data.store(1, syncxx::memory_order_relaxed);
    data.store(2, syncxx::memory_order_relaxed);
    flag.store(1, syncxx::memory_order_relaxed);
  });
  if (flag.load(syncxx::memory_order_relaxed) == 1)
    model::require(data.load(syncxx::memory_order_relaxed) == 2, "new data");
}

inline void two_locks_in_two_orders() {
  syncxx::mutex first, second;
  const auto both = [](syncxx::mutex& a, syncxx::mutex& b) {
    a.lock();
    b.lock();
    b.unlock();
    a.unlock();
  };
  model::thread other([&] { both(first, second); });
  both(second, first);
}

inline void use_after_free() {
  struct node {
    syncxx::atomic<int> users{1};
  };
  node* const shared = new node;
  model::thread other(
      [=] { shared->users.fetch_add(1, syncxx::memory_order_relaxed); });
  delete shared;
}

inline void handed_over() {
  syncxx::cell<int> goods(0);
  syncxx::atomic<int> state(0);
  model::thread maker([&] {
    goods.set(7);
    state.store(1, syncxx::memory_order_release);
  });
  int expected = 1;
  if (state.compare_exchange_strong(expected, 2, syncxx::memory_order_acquire))
    model::require(goods.get() == 8, "<script>document.title='run'</script>");
}

inline void forgotten_block() { static_cast<void>(new syncxx::atomic<int>(1)); }

inline void waiting_in_vain() {
  syncxx::atomic<int> flag(0);
  model::thread other([&] { flag.store(1, syncxx::memory_order_release); });
  while (flag.load(syncxx::memory_order_acquire) != 2) {
  }
}

inline void five_threads() {
  syncxx::atomic<int> n(0);
  const auto add = [&] { n.store(n.load() + 1); };
  { model::thread a(add), b(add), c(add), d(add); }
  model::require(n.load() == 4, "all count");
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_MODEL_PAGE_FAILURES_H_
