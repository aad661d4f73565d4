// SPDX-License-Identifier: Apache-2.0
//
// What the model tests of the primitives have in common: how to run one, and
// tests that fit every lock.
#ifndef SYNCXX_TESTS_MODEL_SUPPORT_CHECKS_H_
#define SYNCXX_TESTS_MODEL_SUPPORT_CHECKS_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <sync/atomic.h>
#include <sync/misuse.h>
#include <sync/model/check.h>
#include <sync/thread.h>

namespace syncxx_test {

namespace model = syncxx::model;

// As in the plain library: misuse is an exception and no verdict.
class misuse_throws {
 public:
  misuse_throws() {
    syncxx::set_misuse_action(syncxx::misuse_action::throw_exception);
  }
  ~misuse_throws() { syncxx::set_misuse_action(syncxx::misuse_action::abort); }
  misuse_throws(const misuse_throws&) = delete;
  misuse_throws& operator=(const misuse_throws&) = delete;
};

inline void expect_ok(const std::function<void()>& test,
                      const model::options& how = {}) {
  const model::result r = model::check(test, how);
  EXPECT_EQ(r.what, model::verdict::ok)
      << model::to_string(r.what) << ": " << r.message;
  EXPECT_GT(r.executions, 0u);
  ::testing::Test::RecordProperty("executions", std::to_string(r.executions));
  ::testing::Test::RecordProperty("blocked", std::to_string(r.blocked));
}

inline void expect_verdict(model::verdict what,
                           const std::function<void()>& test) {
  const model::result r = model::check(test);
  EXPECT_EQ(r.what, what) << model::to_string(r.what) << ": " << r.message;
}

// `threads` threads each own the lock `rounds` times and count: they exclude
// each other, what one wrote the next one sees, and all get through.
template <class Lock>
std::function<void()> exclusion(int threads, int rounds) {
  return [=] {
    Lock lock;
    syncxx::cell<int> count(0);
    const auto work = [&] {
      for (int i = 0; i < rounds; ++i) {
        lock.lock();
        count = count + 1;
        lock.unlock();
      }
    };
    {
      std::vector<model::thread> crew;
      for (int i = 1; i < threads; ++i) crew.emplace_back(work);
      work();
    }
    model::require(count == threads * rounds, "every turn counts");
  };
}

// One that waits beside one that only tries.
template <class Lock>
void try_beside_lock() {
  Lock lock;
  syncxx::cell<int> count(0);
  model::thread other([&] {
    lock.lock();
    count = count + 1;
    lock.unlock();
  });
  int mine = 0;
  if (lock.try_lock()) {
    mine = 1;
    count = count + 1;
    lock.unlock();
  }
  other.join();
  model::require(count == 1 + mine, "every turn counts");
}

template <class Lock>
void expect_free(Lock& lock) {
  if (lock.try_lock())
    lock.unlock();
  else
    model::require(false, "the lock is free");
}

// A wait that may run out of time beside one that may not: the lock changes
// hands, and is free in the end.
template <class Lock>
void lock_beside_a_timeout() {
  Lock lock;
  syncxx::cell<int> count(0);
  int mine = 0;
  {
    model::thread other([&] {
      lock.lock();
      count = count + 1;
      lock.unlock();
    });
    if (lock.try_lock_for(std::chrono::milliseconds(1))) {
      mine = 1;
      count = count + 1;
      lock.unlock();
    }
  }
  model::require(count == 1 + mine, "every turn counts");
  expect_free(lock);
}

// A stop request ends the wait for a lock that is not given back.
template <class Lock>
void lock_stopped() {
  Lock lock;
  lock.lock();
  {
    syncxx::stop_source source;
    model::thread waiter(
        [&] { model::require(!lock.lock(source.get_token()), "stopped"); });
    source.request_stop();
  }
  lock.unlock();
  expect_free(lock);
}

// The lock is given back and a stop requested: either way the wait ends.
template <class Lock>
void lock_freed_and_stopped() {
  Lock lock;
  syncxx::cell<int> count(0);
  syncxx::stop_source source;
  bool owned = false;
  lock.lock();
  model::thread waiter([&] {
    if (lock.lock(source.get_token())) {
      owned = true;
      count = count + 1;
      lock.unlock();
    }
  });
  count = count + 1;
  lock.unlock();
  source.request_stop();
  waiter.join();
  model::require(count == (owned ? 2 : 1), "every turn counts");
  expect_free(lock);
}

// The last user of a lock may free it at once, though another is still on its
// way out of unlock().
template <class Lock>
void destruction_after_unlock() {
  struct shared {
    Lock lock;
    syncxx::cell<int> users{2};
  };
  shared* const s = new shared;
  const auto use = [s] {
    s->lock.lock();
    s->users = s->users - 1;
    const bool last = s->users == 0;
    s->lock.unlock();
    if (last) delete s;
  };
  model::thread other(use);
  use();
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_MODEL_SUPPORT_CHECKS_H_
