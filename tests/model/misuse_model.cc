// SPDX-License-Identifier: Apache-2.0
//
// Misuse of the primitives (<sync/misuse.h>) is a verdict, with both places.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>

#include <sync/condition_variable.h>
#include <sync/latch.h>
#include <sync/misuse.h>
#include <sync/model/check.h>
#include <sync/mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

model::result expect_misuse(const std::string& says,
                            const std::function<void()>& test) {
  model::result r = model::check(test);
  EXPECT_STREQ(to_string(r.what), "misuse") << r.message;
  EXPECT_THAT(r.message, StartsWith(says));
  EXPECT_THAT(r.timeline, HasSubstr("! misuse")) << r.message;
  // It can be run again.
  model::options how;
  how.replay = r.replay;
  const model::result again = model::check(test, how);
  EXPECT_EQ(again.message, r.message);
  return r;
}

template <class Lock>
class LockMisuse : public ::testing::Test {};
using Locks =
    ::testing::Types<syncxx::mutex, syncxx::recursive_mutex, syncxx::spinlock,
                     syncxx::ticket_lock, syncxx::queue_lock>;
TYPED_TEST_SUITE(LockMisuse, Locks);

TYPED_TEST(LockMisuse, UnlockOfWhatNobodyHolds) {
  expect_misuse("unlock of a ", [] {
    TypeParam m;
    m.lock();
    m.unlock();
    m.unlock();
  });
}

TYPED_TEST(LockMisuse, UnlockByAnother) {
  const model::result r = expect_misuse("unlock of a ", [] {
    TypeParam m;
    m.lock();
    model::thread t([&] { m.unlock(); });
    t.join();
  });
  EXPECT_THAT(r.message, HasSubstr("by a thread that does not hold it"));
  EXPECT_THAT(r.message, HasSubstr("; thread 0 has locked it"));
}

// Only where the threads come in one of the orders.
TYPED_TEST(LockMisuse, UnlockByAnotherInOneOrder) {
  expect_misuse("unlock of a ", [] {
    TypeParam m;
    model::thread t([&] {
      if (m.try_lock()) m.unlock();
    });
    if (!m.try_lock()) m.unlock();
  });
}

TYPED_TEST(LockMisuse, DestroyedWhileHeld) {
  expect_misuse("destruction of a ", [] {
    TypeParam m;
    m.lock();
  });
}

TYPED_TEST(LockMisuse, RightUsesAreNone) {
  expect_ok([] {
    const auto m = std::make_unique<TypeParam>();
    const auto use = [&] { const std::lock_guard lock(*m); };
    {
      model::thread t(use);
      if (m->try_lock()) m->unlock();
      use();
    }
    // Another one at the same place.
    std::destroy_at(m.get());
    std::construct_at(m.get());
    use();
  });
}

TEST(Misuse, LockedTwice) {
  expect_misuse("lock() of a mutex that this thread already holds", [] {
    syncxx::mutex m;
    m.lock();
    m.lock();
  });
  expect_misuse("lock() of a spinlock that this thread already holds", [] {
    syncxx::spinlock m;
    m.lock();
    m.lock();
  });
  expect_ok([] {
    syncxx::recursive_mutex m;
    m.lock();
    m.lock();
    m.unlock();
    m.unlock();
  });
}

// Another waits for it.
TEST(Misuse, DestroyedWithAWaiter) {
  const model::result r = model::check([] {
    auto* const m = new syncxx::mutex;
    m->lock();
    model::thread t([=] { m->lock(); });
    t.detach();
    m->unlock();
    delete m;
  });
  EXPECT_TRUE(r.what == model::verdict::misuse ||
              r.what == model::verdict::use_after_free)
      << to_string(r.what) << ": " << r.message;
}

TEST(Misuse, Counts) {
  expect_misuse("release of a semaphore past its max()", [] {
    syncxx::binary_semaphore s(1);
    s.release();
  });
  expect_misuse("release of a negative number of tokens", [] {
    syncxx::counting_semaphore<> s(1);
    s.release(-1);
  });
  const model::result r = expect_misuse("", [] {
    syncxx::latch l(1);
    l.count_down(2);
  });
  EXPECT_THAT(r.message, HasSubstr("latch"));
}

TEST(Misuse, WaitWithoutTheLock) {
  expect_misuse("wait", [] {
    syncxx::mutex m;
    syncxx::condition_variable c;
    std::unique_lock<syncxx::mutex> lock(m, std::defer_lock);
    c.wait(lock);
  });
}

TEST(Misuse, ConditionVariablesHandTheLockOver) {
  expect_ok([] {
    syncxx::mutex m;
    syncxx::condition_variable c;
    bool go = false;
    model::thread t([&] {
      std::unique_lock lock(m);
      while (!go) c.wait(lock);
    });
    m.lock();
    go = true;
    m.unlock();
    c.notify_one();
  });
}

TEST(Misuse, BothPlaces) {
  int locked = 0, unlocked = 0;
  const model::result r = expect_misuse("unlock of a mutex by a thread", [&] {
    syncxx::mutex m;
    locked = __LINE__ + 1;
    m.lock();
    model::thread t([&] {
      unlocked = __LINE__ + 1;
      m.unlock();
      model::require(true);
    });
  });
  if (r.message.find(", at ") == std::string::npos)
    GTEST_SKIP() << "built without libbacktrace";
  EXPECT_EQ(r.message,
            "unlock of a mutex by a thread that does not hold it at "
            "misuse_model.cc:" +
                std::to_string(unlocked) +
                "; thread 0 has locked it, at misuse_model.cc:" +
                std::to_string(locked));
}

// As the plain library has it, for tests of what it does then.
TEST(Misuse, MayBeAnException) {
  const misuse_throws plain;
  expect_ok([] {
    syncxx::binary_semaphore s(1);
    bool told = false;
    try {
      s.release();
    } catch (const std::system_error&) {
      told = true;
    }
    model::require(told);
    syncxx::mutex m;
    m.lock();
    model::thread([&] { m.unlock(); }).join();
  });
}

}  // namespace
}  // namespace syncxx_test
