// SPDX-License-Identifier: Apache-2.0
//
// The guards at run time. Clang's analysis stays on in this file, so it also
// shows code that the analysis accepts; what it must refuse is in
// tests/codegen/annotations.cc.
#include <gtest/gtest.h>
#include <sync/condition_variable.h>
#include <sync/lock_guards.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::mutex;

// They are std's guards where std has them.
static_assert(
    std::is_base_of_v<std::unique_lock<mutex>, syncxx::unique_lock<mutex>>);
static_assert(std::is_same_v<syncxx::unique_lock<mutex>::mutex_type, mutex>);
static_assert(std::is_same_v<syncxx::lock_guard<mutex>::mutex_type, mutex>);
static_assert(!std::is_copy_constructible_v<syncxx::lock_guard<mutex>>);
static_assert(!std::is_move_constructible_v<syncxx::lock_guard<mutex>>);
static_assert(!std::is_copy_constructible_v<syncxx::unique_lock<mutex>>);
static_assert(std::is_nothrow_move_constructible_v<syncxx::unique_lock<mutex>>);
static_assert(std::is_nothrow_move_assignable_v<syncxx::unique_lock<mutex>>);
static_assert(!std::is_copy_constructible_v<syncxx::scoped_lock<mutex>>);
static_assert(!std::is_convertible_v<mutex&, syncxx::lock_guard<mutex>>);
static_assert(!std::is_convertible_v<mutex&, syncxx::unique_lock<mutex>>);
static_assert(
    std::is_same_v<decltype(syncxx::defer_lock), decltype(std::defer_lock)>);

template <class M>
bool is_free(M& m) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {  // looks, by trying
  bool locked = false;
  std::thread([&]() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    locked = m.try_lock();
    if (locked) m.unlock();
  }).join();
  return locked;
}

class account {
 public:
  void deposit(int n) {
    const syncxx::lock_guard lock(m_);
    balance_ += n;
  }
  bool withdraw(int n) {
    syncxx::unique_lock lock(m_);
    if (balance_ < n) return false;
    balance_ -= n;
    lock.unlock();
    lock.lock();
    return balance_ >= 0;
  }
  void transfer_to(account& other, int n) {
    syncxx::scoped_lock lock(m_, other.m_);
    balance_ -= n;
    other.balance_ += n;
  }
  int balance() {
    syncxx::scoped_lock lock(m_);
    return balance_;
  }

 private:
  mutex m_;
  int balance_ SYNCXX_GUARDED_BY(m_) = 0;
};

TEST(LockGuardsTest, GuardDataThatIsMarked) {
  account a, b;
  const int rounds = iterations(5000);
  a.deposit(rounds);
  b.deposit(rounds);
  std::thread there([&] {
    for (int i = 0; i < rounds; ++i) a.transfer_to(b, 1);
  });
  for (int i = 0; i < rounds; ++i) b.transfer_to(a, 1);
  there.join();
  EXPECT_EQ(a.balance(), rounds);
  EXPECT_EQ(b.balance(), rounds);
  EXPECT_TRUE(a.withdraw(rounds));
  EXPECT_FALSE(a.withdraw(1));
}

TEST(LockGuardsTest, LockGuardOwnsForItsScope) {
  mutex m;
  {
    const syncxx::lock_guard lock(m);
    EXPECT_FALSE(is_free(m));
  }
  EXPECT_TRUE(is_free(m));
  m.lock();
  {
    const syncxx::lock_guard lock(m, syncxx::adopt_lock);
    EXPECT_FALSE(is_free(m));
  }
  EXPECT_TRUE(is_free(m));
}

// From here on ownership moves at run time, beyond what the analysis follows.
TEST(LockGuardsTest, UniqueLockIsStds) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  mutex m;
  syncxx::unique_lock<mutex> empty;
  EXPECT_FALSE(empty.owns_lock());
  EXPECT_THROW(empty.lock(), std::system_error);
  EXPECT_THROW(empty.unlock(), std::system_error);

  syncxx::unique_lock lock(m, syncxx::defer_lock);
  EXPECT_TRUE(lock.try_lock());
  EXPECT_THROW(lock.lock(), std::system_error);
  EXPECT_EQ(lock.mutex(), &m);
  syncxx::unique_lock moved(std::move(lock));
  EXPECT_FALSE(lock.owns_lock());
  EXPECT_TRUE(moved.owns_lock());
  empty = std::move(moved);
  EXPECT_TRUE(empty);
  EXPECT_FALSE(is_free(m));
  EXPECT_EQ(empty.release(), &m);
  m.unlock();
  EXPECT_TRUE(is_free(m));

  {
    syncxx::unique_lock timed(m, 1ms);
    EXPECT_TRUE(timed.owns_lock());
  }
  {
    syncxx::unique_lock until(m, std::chrono::system_clock::now() + 1ms);
    EXPECT_TRUE(until.owns_lock());
    until.unlock();
    EXPECT_TRUE(until.try_lock_for(1ms));
    until.unlock();
    EXPECT_TRUE(until.try_lock_until(std::chrono::steady_clock::now() + 1ms));
  }
  {
    syncxx::unique_lock tried(m, syncxx::try_to_lock);
    EXPECT_TRUE(tried.owns_lock());
    std::unique_lock<mutex>& base = tried;  // passes as a std::unique_lock
    EXPECT_TRUE(base.owns_lock());
  }
  EXPECT_TRUE(is_free(m));
}

TEST(LockGuardsTest, FailedTryOwnsNothing) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  mutex m;
  const syncxx::lock_guard held(m);
  std::thread([&]() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    const syncxx::unique_lock tried(m, syncxx::try_to_lock);
    EXPECT_FALSE(tried.owns_lock());
    const syncxx::unique_lock timed(m, 1ms);
    EXPECT_FALSE(timed.owns_lock());
  }).join();
  EXPECT_FALSE(is_free(m)) << "a guard unlocked what it did not own";
}

TEST(LockGuardsTest, UniqueLockWorksWithBothConditionVariables)
SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  mutex m;
  syncxx::condition_variable ours;
  std::condition_variable_any theirs;
  bool ready = false;
  background<bool> waiting([&]() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    syncxx::unique_lock lock(m);
    ours.wait(lock, [&] { return ready; });
    theirs.wait_for(lock, 1ms);
    return lock.owns_lock();
  });
  waiting.await_sleep();
  {
    const syncxx::lock_guard lock(m);
    ready = true;
  }
  ours.notify_one();
  EXPECT_TRUE(waiting.result());
}

TEST(LockGuardsTest, ScopedLockOfNoneOneTwoAndMore)
SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  mutex a, b;
  syncxx::spinlock c;
  { [[maybe_unused]] const syncxx::scoped_lock<> none; }
  {
    syncxx::scoped_lock one(a);
    EXPECT_FALSE(is_free(a));
  }
  {
    syncxx::scoped_lock two(a, b);
    EXPECT_FALSE(is_free(b));
  }
  {
    syncxx::scoped_lock three(a, b, c);
    EXPECT_FALSE(is_free(c));
  }
  {
    syncxx::lock(a, b);
    syncxx::scoped_lock adopted(syncxx::adopt_lock, a, b);
    EXPECT_FALSE(is_free(a));
  }
  EXPECT_TRUE(is_free(a));
  EXPECT_TRUE(is_free(b));
  EXPECT_TRUE(is_free(c));
}

// A readers' lock with an upgradable side, as simple as can be: what
// shared_lock and upgrade_lock call is counted.
class SYNCXX_CAPABILITY("mutex") upgradable {
 public:
  void lock_shared() SYNCXX_ACQUIRE_SHARED() { m_.lock_shared(); }
  bool try_lock_shared() SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return m_.try_lock_shared();
  }
  template <class T>
  bool try_lock_shared_for(const T& t) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return m_.try_lock_shared_for(t);
  }
  template <class T>
  bool try_lock_shared_until(const T& t) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return m_.try_lock_shared_until(t);
  }
  void unlock_shared() SYNCXX_RELEASE_SHARED() { m_.unlock_shared(); }

  void lock_upgrade() SYNCXX_ACQUIRE_SHARED() {
    while (!try_lock_upgrade()) std::this_thread::yield();
  }
  bool try_lock_upgrade() SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return !upgrading_.exchange(true);
  }
  template <class T>
  bool try_lock_upgrade_for(const T&) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_upgrade();
  }
  template <class T>
  bool try_lock_upgrade_until(const T&) SYNCXX_TRY_ACQUIRE_SHARED(true) {
    return try_lock_upgrade();
  }
  void unlock_upgrade() SYNCXX_RELEASE_SHARED() { upgrading_.store(false); }
  bool upgrading() const { return upgrading_.load(); }

  bool has_readers() {
    if (!m_.try_lock()) return true;
    m_.unlock();
    return false;
  }

 private:
  std::shared_timed_mutex m_;
  std::atomic<bool> upgrading_{false};
};

TEST(LockGuardsTest, SharedLockShares) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  upgradable m;
  {
    syncxx::shared_lock one(m);
    syncxx::shared_lock other(m, syncxx::try_to_lock);
    EXPECT_TRUE(one.owns_lock() && other.owns_lock());
    one.unlock();
    EXPECT_TRUE(m.has_readers());
    EXPECT_TRUE(one.try_lock_for(1ms));
    syncxx::shared_lock third(m, 1ms);
    EXPECT_TRUE(third.owns_lock());
    std::shared_lock<upgradable>& base = third;
    EXPECT_TRUE(base.owns_lock());
  }
  EXPECT_FALSE(m.has_readers());
}

// LWG 4172: the mutex stays locked, and owned.
template <class Guard>
void assign_to_itself(Guard& guard) {
  Guard& itself = guard;
  guard = std::move(itself);
  EXPECT_TRUE(guard.owns_lock());
}

TEST(LockGuardsTest, AMoveToItselfKeepsTheLock)
SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  mutex m;
  syncxx::unique_lock unique(m);
  assign_to_itself(unique);
  EXPECT_FALSE(is_free(m));

  upgradable u;
  {
    syncxx::shared_lock shared(u);
    assign_to_itself(shared);
    EXPECT_TRUE(u.has_readers());
  }
  syncxx::upgrade_lock upgrade(u);
  assign_to_itself(upgrade);
  EXPECT_TRUE(u.upgrading());
}

TEST(LockGuardsTest, UpgradeLockOwnsTheUpgradableSide)
SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  upgradable m;
  {
    syncxx::upgrade_lock lock(m);
    EXPECT_TRUE(m.upgrading());
    syncxx::upgrade_lock other(m, syncxx::try_to_lock);
    EXPECT_FALSE(other.owns_lock());
    EXPECT_FALSE(other.try_lock());
    lock.unlock();
    EXPECT_FALSE(m.upgrading());
    EXPECT_TRUE(other.try_lock_for(1ms));
    EXPECT_THROW(other.lock(), std::system_error);
    syncxx::upgrade_lock moved(std::move(other));
    EXPECT_FALSE(other);
    EXPECT_TRUE(moved);
    EXPECT_EQ(moved.mutex(), &m);
    EXPECT_TRUE(m.upgrading());
    lock = std::move(moved);
    EXPECT_TRUE(lock.owns_lock());
  }
  EXPECT_FALSE(m.upgrading());
  syncxx::upgrade_lock<upgradable> empty;
  EXPECT_THROW(empty.lock(), std::system_error);
  EXPECT_THROW(empty.unlock(), std::system_error);
  m.lock_upgrade();
  { syncxx::upgrade_lock adopted(m, syncxx::adopt_lock); }
  EXPECT_FALSE(m.upgrading());
  syncxx::upgrade_lock deferred(m, syncxx::defer_lock);
  EXPECT_FALSE(deferred.owns_lock());
  EXPECT_TRUE(deferred.try_lock_until(std::chrono::steady_clock::now() + 1ms));
  EXPECT_EQ(deferred.release(), &m);
  m.unlock_upgrade();
}

}  // namespace
}  // namespace syncxx_test
