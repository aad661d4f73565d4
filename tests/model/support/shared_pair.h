// SPDX-License-Identifier: Apache-2.0
//
// What the model tests of shared_mutex, and of interprocess::shared_mutex,
// guard with it.
#ifndef SYNCXX_TESTS_MODEL_SUPPORT_SHARED_PAIR_H_
#define SYNCXX_TESTS_MODEL_SUPPORT_SHARED_PAIR_H_

#include <sync/atomic.h>
#include <sync/interprocess/shared_mutex.h>
#include <sync/shared_mutex.h>

#include "tests/model/support/checks.h"
#include "tests/support/thread_safety_off.h"

namespace syncxx_test {

// Data under a shared_mutex: a writer changes both, a reader finds them equal.
template <class SharedMutex>
struct basic_shared_pair {
  SharedMutex m;
  syncxx::cell<int> one{0}, other{0};

  void change() {
    one = one + 1;
    other = other + 1;
  }
  void look() const {
    model::require(one == other, "a reader sees no half of a write");
  }
  void write() {
    m.lock();
    change();
    m.unlock();
  }
  void read() {
    m.lock_shared();
    look();
    m.unlock_shared();
  }
  void upgrade() {
    m.lock_upgrade();
    const int before = one;
    m.unlock_upgrade_and_lock();
    model::require(one == before, "nobody writes before the upgrade");
    change();
    m.unlock();
  }
  void expect_free(int changes) {
    model::require(m.try_lock(), "the lock is free");
    model::require(one == changes, "every write counts");
    m.unlock();
  }
};

// The tests are typed by the lock.
using shared_mutexes =
    ::testing::Types<syncxx::shared_mutex, syncxx::interprocess::shared_mutex>;

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_MODEL_SUPPORT_SHARED_PAIR_H_
