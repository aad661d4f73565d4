// SPDX-License-Identifier: Apache-2.0
//
// Model tests of locks that serve threads in the order in which they come.
#ifndef SYNCXX_TESTS_MODEL_SUPPORT_LINES_H_
#define SYNCXX_TESTS_MODEL_SUPPORT_LINES_H_

#include <sync/atomic.h>
#include <sync/model/check.h>
#include <sync/thread.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {

// The atomic that a lock begins with (all of them are standard-layout).
template <class T, class Lock>
T first_word(const Lock& lock) {
  return reinterpret_cast<const syncxx::atomic<T>&>(lock).load(
      syncxx::memory_order_relaxed);
}

// Two come while the lock is held, the second when it has seen that the first
// is in line: `somebody_waits(lock)` says so.
template <class Lock, class SomebodyWaits>
void served_in_order(SomebodyWaits somebody_waits) {
  Lock lock;
  syncxx::cell<int> served(0);
  lock.lock();
  model::thread first([&] {
    lock.lock();
    model::require(served == 0, "the first one is served first");
    served = 1;
    lock.unlock();
  });
  model::thread second([&] {
    model::assume(somebody_waits(lock));
    lock.lock();
    model::require(served == 1, "the second one is served next");
    served = 2;
    lock.unlock();
  });
  lock.unlock();
}

// The one that holds the lock lets it go and comes again at once: the one that
// it has seen waiting is served before.
template <class Lock, class SomebodyWaits>
void nobody_is_overtaken(SomebodyWaits somebody_waits) {
  Lock lock;
  syncxx::cell<bool> served(false);
  lock.lock();
  model::thread other([&] {
    lock.lock();
    served = true;
    lock.unlock();
  });
  model::assume(somebody_waits(lock));
  lock.unlock();
  lock.lock();
  model::require(served, "the other one has been served");
  lock.unlock();
}

// Two locks that both threads hold at once and give back in either order.
template <class Lock>
void two_at_once() {
  Lock a, b;
  syncxx::cell<int> in_a(0), in_b(0);
  model::thread other([&] {
    a.lock();
    b.lock();
    in_b = in_b + 1;
    a.unlock();  // not the last one
    b.unlock();
  });
  a.lock();
  in_a = in_a + 1;
  b.lock();
  in_b = in_b + 1;
  b.unlock();
  a.unlock();
  other.join();
  model::require(in_a == 1 && in_b == 2, "every turn counts");
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_MODEL_SUPPORT_LINES_H_
