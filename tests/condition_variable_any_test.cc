// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/condition_variable.h>
#include <sync/mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/spinlock.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <type_traits>
#include <vector>

#include "tests/support/condition_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::condition_variable_any;

static_assert(sizeof(condition_variable_any) <= 8);
static_assert(pinned<condition_variable_any>);
static_assert(std::is_standard_layout_v<condition_variable_any>);
static_assert(std::is_trivially_destructible_v<condition_variable_any> ==
              !kHooked);
static_assert(noexcept(std::declval<condition_variable_any&>().notify_one()));
static_assert(noexcept(std::declval<condition_variable_any&>().notify_all()));

using kits = testing::Types<
    condition_kit<condition_variable_any, syncxx::mutex>,
    condition_kit<condition_variable_any, std::mutex>,
    condition_kit<condition_variable_any, syncxx::recursive_mutex>,
    condition_kit<condition_variable_any, std::timed_mutex>>;
struct kit_names {
  template <class Kit>
  static std::string GetName(int i) {
    static const char* const kNames[] = {"mutex", "std_mutex",
                                         "recursive_mutex", "std_timed_mutex"};
    return kNames[i];
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(With, ConditionSuite, kits, kit_names);

constinit condition_variable_any global;

// Waits for a flag with a lock made by `make_lock`, twice at once.
template <class MakeLock, class Set>
void expect_works(condition_variable_any& c, MakeLock make_lock, Set set,
                  const bool& flag) {
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&] {
      auto lock = make_lock();
      c.wait(lock, [&] { return flag; });
      return true;
    }));
  }
  for (auto& one : waiting) one->await_sleep();
  set();
  c.notify_all();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

TEST(ConditionVariableAnyTest, GlobalAndZeroedMemory) {
  const auto zeroed_one = make_zeroed<condition_variable_any>();
  for (condition_variable_any* c : {&global, zeroed_one.get()}) {
    std::mutex m;
    bool ready = false;
    expect_works(
        *c, [&] { return std::unique_lock(m); },
        [&] {
          std::lock_guard lock(m);
          ready = true;
        },
        ready);
  }
}

// All the readers wait at once, each with its share of the lock.
TEST(ConditionVariableAnyTest, WaitsWithASharedLock) {
  condition_variable_any c;
  std::shared_mutex m;
  bool ready = false;
  expect_works(
      c, [&] { return std::shared_lock(m); },
      [&] {
        std::lock_guard lock(m);
        ready = true;
      },
      ready);
}

// The least that a lock can be: lock() and unlock().
class bare_lock {
 public:
  explicit bare_lock(syncxx::mutex& m) : m_(m) { lock(); }
  bare_lock(const bare_lock&) = delete;
  ~bare_lock() {
    if (held_) unlock();
  }
  void lock() {
    m_.lock();
    held_ = true;
  }
  void unlock() {
    held_ = false;
    m_.unlock();
  }

 private:
  syncxx::mutex& m_;
  bool held_ = false;
};
static_assert(basic_lockable<bare_lock> && !lockable<bare_lock>);

TEST(ConditionVariableAnyTest, WaitsWithAUsersBasicLockable) {
  condition_variable_any c;
  syncxx::mutex m;
  bool ready = false;
  expect_works(
      c, [&] { return bare_lock(m); },
      [&] {
        bare_lock lock(m);
        ready = true;
      },
      ready);
}

TEST(ConditionVariableAnyTest, WaitsWithTheMutexItself) {
  condition_variable_any c;
  syncxx::mutex m;
  bool ready = false;
  background<bool> waiting([&] {
    m.lock();
    c.wait(m, [&] { return ready; });
    m.unlock();
    return true;
  });
  waiting.await_sleep();
  m.lock();
  ready = true;
  m.unlock();
  c.notify_one();
  EXPECT_TRUE(waiting.result());
}

TEST(ConditionVariableAnyTest, WaitsWithASpinlock) {
  condition_variable_any c;
  syncxx::spinlock s;
  bool ready = false;
  expect_works(
      c, [&] { return std::unique_lock(s); },
      [&] {
        std::lock_guard lock(s);
        ready = true;
      },
      ready);
}

// Waiters with different kinds of locks on one condition variable.
TEST(ConditionVariableAnyTest, LocksMayDifferFromWaiterToWaiter) {
  condition_variable_any c;
  syncxx::mutex ours;
  std::mutex theirs;
  bool ready[2] = {};
  background<bool> one([&] {
    std::unique_lock lock(ours);
    c.wait(lock, [&] { return ready[0]; });
    return true;
  });
  background<bool> other([&] {
    std::unique_lock lock(theirs);
    c.wait(lock, [&] { return ready[1]; });
    return true;
  });
  one.await_sleep();
  other.await_sleep();
  {
    std::scoped_lock lock(ours, theirs);
    ready[0] = ready[1] = true;
  }
  c.notify_all();
  EXPECT_TRUE(one.result());
  EXPECT_TRUE(other.result());
}

// A lock whose unlock() throws: the wait has not begun, and no notification of
// a later time goes to the one who never waited.
struct throwing_lock {
  void lock() {}
  void unlock() { throw std::runtime_error("unlock failed"); }
};

TEST(ConditionVariableAnyTest, UnlockThatThrowsEndsTheWait) {
  condition_variable_any c;
  throwing_lock bad;
  EXPECT_THROW(c.wait(bad), std::runtime_error);
  EXPECT_THROW(c.wait_for(bad, 1h), std::runtime_error);
  EXPECT_THROW(c.wait(bad, std::stop_token(), [] { return false; }),
               std::runtime_error);

  std::mutex m;
  std::unique_lock not_held(m, std::defer_lock);
  EXPECT_THROW(c.wait(not_held), std::system_error);

  background<bool> waiting([&] {
    std::unique_lock lock(m);
    c.wait(lock);
    return true;
  });
  waiting.await_sleep();
  c.notify_one();
  EXPECT_TRUE(waiting.result());
}

TEST(ConditionVariableAnyDeathTest, LockThatThrowsOnTheWayOutTerminates) {
  struct lost_lock {
    void lock() { throw std::runtime_error("lock failed"); }
    void unlock() {}
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        condition_variable_any c;
        lost_lock bad;
        try {
          c.wait_for(bad, 1ms);
        } catch (...) {
          std::_Exit(0);  // must not get here
        }
      },
      "");
}

TEST(ConditionVariableAnyTest, DestroyedWhileNotifiedWaitersStillWake) {
  for (int round = 0; round < iterations(60); ++round) {
    std::mutex m;
    auto c = std::make_unique<condition_variable_any>();
    condition_variable_any* const shared = c.get();
    std::vector<std::unique_ptr<background<bool>>> waiting;
    for (int i = 0; i < 4; ++i) {
      waiting.push_back(std::make_unique<background<bool>>([&m, shared] {
        std::unique_lock lock(m);
        shared->wait(lock);
        return lock.owns_lock();
      }));
      waiting.back()->await_sleep();
    }
    {
      std::lock_guard lock(m);
      c->notify_all();
      c.reset();
    }
    for (auto& one : waiting) EXPECT_TRUE(one->result());
  }
}

}  // namespace
}  // namespace syncxx_test
