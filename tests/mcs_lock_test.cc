// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/mcs_lock.h>
#include <sync/misuse.h>

#include <array>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/fair_lock_suite.h"
#include "tests/support/mcs_mutex.h"
#include "tests/support/misuse_child.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::mcs_lock;

static_assert(sizeof(mcs_lock) == 8);
static_assert(sizeof(mcs_lock::node) == (kHooked ? 32 : 16));
static_assert(std::is_standard_layout_v<mcs_lock>);
static_assert(std::is_trivially_destructible_v<mcs_lock> == !kHooked);
static_assert(std::is_trivially_destructible_v<mcs_lock::node> == !kHooked);
static_assert(pinned<mcs_lock> && pinned<mcs_lock::node> &&
              pinned<mcs_lock::guard>);
static_assert(!std::is_constructible_v<mcs_lock::guard>);

INSTANTIATE_TYPED_TEST_SUITE_P(McsLock, FairLockSuite, mcs_mutex);

bool try_lock_elsewhere(mcs_lock& lock) {
  bool locked = false;
  std::thread([&] {
    mcs_lock::node mine;
    locked = lock.try_lock(mine);
    if (locked) lock.unlock(mine);
  }).join();
  return locked;
}

constinit mcs_lock global;
constinit mcs_lock::node global_node;

TEST(McsLockTest, GlobalIsReadyBeforeMain) {
  global.lock(global_node);
  EXPECT_FALSE(try_lock_elsewhere(global));
  global.unlock(global_node);
  EXPECT_TRUE(try_lock_elsewhere(global));
}

TEST(McsLockTest, WorksInZeroedMemory) {
  const auto lock = make_zeroed<mcs_lock>();
  const auto mine = make_zeroed<mcs_lock::node>();
  lock->lock(*mine);
  EXPECT_FALSE(try_lock_elsewhere(*lock));
  lock->unlock(*mine);
  EXPECT_TRUE(try_lock_elsewhere(*lock));
}

TEST(McsLockTest, GuardOwnsForItsLifetime) {
  mcs_lock lock;
  {
    const mcs_lock::guard guard(lock);
    EXPECT_FALSE(try_lock_elsewhere(lock));
  }
  EXPECT_TRUE(try_lock_elsewhere(lock));
}

TEST(McsLockTest, GuardLetsGoWhenAnExceptionPasses) {
  mcs_lock lock;
  try {
    const mcs_lock::guard guard(lock);
    throw 1;
  } catch (int) {
  }
  EXPECT_TRUE(try_lock_elsewhere(lock));
}

// A node for each thread, used again and again, with and without waiting.
TEST(McsLockTest, NodesAreUsedAgain) {
  struct alignas(128) place {
    mcs_lock::node node;
  };
  mcs_lock lock;
  constexpr int kThreads = 4;
  std::array<place, kThreads> places;
  long count = 0;
  std::vector<std::thread> threads;
  const int rounds = iterations(3000);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      mcs_lock::node& mine = places[static_cast<std::size_t>(t)].node;
      for (int i = 0; i < rounds; ++i) {
        if (i % 3 != 0 || !lock.try_lock(mine)) lock.lock(mine);
        ++count;
        lock.unlock(mine);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, long{kThreads} * rounds);
}

// A node serves one lock after the other.
TEST(McsLockTest, ANodeServesAnyLock) {
  mcs_lock a, b;
  mcs_lock::node mine;
  for (int i = 0; i < 3; ++i) {
    a.lock(mine);
    a.unlock(mine);
    EXPECT_TRUE(b.try_lock(mine));
    EXPECT_FALSE(try_lock_elsewhere(b));
    b.unlock(mine);
  }
}

TEST(McsLockTest, ATryThatFailsLeavesTheNodeUnused) {
  mcs_lock a, b;
  mcs_lock::node holder, mine;
  a.lock(holder);
  EXPECT_FALSE(a.try_lock(mine));
  b.lock(mine);
  b.unlock(mine);
  a.unlock(holder);
}

// --- Misuse (the hooked library) ---------------------------------------------

class McsLockMisuse : public testing::Test {
 protected:
  void SetUp() override {
    if (!kHooked) GTEST_SKIP() << "the plain library cannot know";
  }
};

TEST_F(McsLockMisuse, UnlockWithAnotherNode) {
  mcs_lock lock, other;
  mcs_lock::node mine, idle, others;
  lock.lock(mine);
  other.lock(others);
  for (mcs_lock::node* const wrong : {&idle, &others})
    expect_system_error(std::errc::operation_not_permitted,
                        [&] { lock.unlock(*wrong); });
  // Nothing has changed.
  EXPECT_FALSE(try_lock_elsewhere(lock));
  lock.unlock(mine);
  other.unlock(others);
  EXPECT_TRUE(try_lock_elsewhere(lock));
}

TEST_F(McsLockMisuse, LockWithANodeInUse) {
  mcs_lock a, b;
  mcs_lock::node mine;
  a.lock(mine);
  expect_system_error(std::errc::resource_deadlock_would_occur,
                      [&] { b.lock(mine); });
  expect_system_error(std::errc::resource_deadlock_would_occur,
                      [&] { b.try_lock(mine); });
  EXPECT_TRUE(try_lock_elsewhere(b));
  a.unlock(mine);
  b.lock(mine);
  b.unlock(mine);
}

TEST_F(McsLockMisuse, SecondLock) {
  mcs_lock lock;
  mcs_lock::node mine, another;
  lock.lock(mine);
  expect_system_error(std::errc::resource_deadlock_would_occur,
                      [&] { lock.lock(another); });
  lock.unlock(mine);
}

TEST_F(McsLockMisuse, UnlockByAnotherThread) {
  mcs_lock lock;
  mcs_lock::node mine;
  lock.lock(mine);
  expect_system_error(std::errc::operation_not_permitted, [&] {
    std::exception_ptr error;
    std::thread([&] {
      try {
        lock.unlock(mine);
      } catch (...) {
        error = std::current_exception();
      }
    }).join();
    if (error) std::rethrow_exception(error);
  });
  lock.unlock(mine);
}

TEST_F(McsLockMisuse, NotLookedForWhereItIsOff) {
  const misuse_mode mode(syncxx::misuse_action::off);
  std::optional<mcs_lock::node> mine(std::in_place);
  alignas(mcs_lock) unsigned char memory[sizeof(mcs_lock)];
  mcs_lock* const lock = new (memory) mcs_lock;
  lock->lock(*mine);
  mine.reset();
}

using McsLockMisuseDeathTest = McsLockMisuse;

TEST_F(McsLockMisuseDeathTest, AWrongNodeEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const misuse_mode mode(syncxx::misuse_action::abort);
  mcs_lock lock;
  mcs_lock::node mine, another;
  EXPECT_DEATH(
      {
        lock.lock(mine);
        lock.unlock(another);
      },
      "unlock of an mcs_lock with a node that has not locked it");
}

TEST_F(McsLockMisuseDeathTest, ANodeThatGoesWhileItIsInUse) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto forget_the_node = [] {
    alignas(mcs_lock) static unsigned char memory[sizeof(mcs_lock)];
    mcs_lock* const lock = new (memory) mcs_lock;
    mcs_lock::node mine;
    lock->lock(mine);
  };
  for (const auto action :
       {syncxx::misuse_action::abort, syncxx::misuse_action::throw_exception}) {
    const misuse_mode mode(action);
    EXPECT_DEATH(forget_the_node(), "destruction of a node in use");
  }
}

}  // namespace
}  // namespace syncxx_test
