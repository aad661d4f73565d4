// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/recursive_mutex.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <stop_token>
#include <thread>
#include <type_traits>

#include "tests/support/exclusion.h"
#include "tests/support/lock_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::recursive_mutex;

static_assert(std::is_standard_layout_v<recursive_mutex>);
static_assert(std::is_trivially_destructible_v<recursive_mutex> == !kHooked);
static_assert(mutex_type<recursive_mutex>);
static_assert(timed_lockable<recursive_mutex>);
static_assert(std::is_same_v<syncxx::recursive_timed_mutex, recursive_mutex>);

INSTANTIATE_TYPED_TEST_SUITE_P(RecursiveMutex, LockSuite,
                               lock_kit<recursive_mutex>);

constinit recursive_mutex global;

TEST(RecursiveMutexTest, OwnerEntersAgainInEveryForm) {
  std::stop_source stopped;
  stopped.request_stop();
  recursive_mutex m;
  m.lock();
  m.lock();
  EXPECT_TRUE(m.try_lock());
  EXPECT_TRUE(m.try_lock_for(-1s));
  EXPECT_TRUE(m.try_lock_until(std::chrono::steady_clock::now() - 1s));
  EXPECT_TRUE(m.lock(stopped.get_token()));
  EXPECT_TRUE(m.try_lock_for(1s, stopped.get_token()));
  EXPECT_TRUE(
      m.try_lock_until(std::chrono::system_clock::now(), stopped.get_token()));
  for (int level = 8; level > 0; --level) {
    EXPECT_FALSE(try_from_another_thread(m)) << "free at level " << level;
    m.unlock();
  }
  EXPECT_TRUE(try_from_another_thread(m));
}

TEST(RecursiveMutexTest, GlobalIsReadyBeforeMain) {
  std::scoped_lock outer(global);
  std::scoped_lock inner(global);
  EXPECT_FALSE(try_from_another_thread(global));
}

TEST(RecursiveMutexTest, WorksInZeroedMemory) {
  const zeroed<recursive_mutex> m = make_zeroed<recursive_mutex>();
  m->lock();
  m->lock();
  EXPECT_FALSE(try_from_another_thread(*m));
  m->unlock();
  m->unlock();
  expect_exclusion(*m, 3, iterations(2000));
}

TEST(RecursiveMutexTest, ExcludesThreadsAtAnyDepth) {
  recursive_mutex m;
  expect_exclusion(
      4, iterations(10'000),
      [&] {
        m.lock();
        m.lock();
      },
      [&] {
        m.unlock();
        m.unlock();
      });
  EXPECT_TRUE(try_from_another_thread(m));
}

// The lock is handed over only when the last level is left.
TEST(RecursiveMutexTest, WaiterGetsItAfterTheLastUnlock) {
  recursive_mutex m;
  m.lock();
  m.lock();
  background<bool> waiting([&] {
    m.lock();
    m.lock();
    m.unlock();
    m.unlock();
    return true;
  });
  waiting.await_sleep();
  m.unlock();
  short_pause();
  EXPECT_FALSE(waiting.finished());
  m.unlock();
  EXPECT_TRUE(waiting.result());
}

// A thread that ends does not leave its identity to the next one's locks.
TEST(RecursiveMutexTest, LaterThreadIsNotTakenForAnEarlierOne) {
  recursive_mutex m;
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      m.lock();
      m.lock();
      m.unlock();
      m.unlock();
    }).join();
    m.lock();
    EXPECT_FALSE(try_from_another_thread(m));
    m.unlock();
  }
}

TEST(RecursiveMutexTest, UniqueLocksNest) {
  recursive_mutex m;
  std::unique_lock outer(m);
  std::unique_lock inner(m, std::try_to_lock);
  EXPECT_TRUE(inner.owns_lock());
  outer.unlock();
  EXPECT_FALSE(try_from_another_thread(m));
  inner.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

TEST(RecursiveMutexTest, StrangersUnlockIsAnError) {
  recursive_mutex m;
  expect_system_error(std::errc::operation_not_permitted, [&] { m.unlock(); });
  m.lock();
  std::thread([&] {
    expect_system_error(std::errc::operation_not_permitted,
                        [&] { m.unlock(); });
  }).join();
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

// Where in a recursive_mutex the number of levels is kept: the 32-bit word that
// a further lock() counts up by one.
std::size_t offset_of_levels(recursive_mutex& m) {
  unsigned char before[sizeof m];
  std::memcpy(before, static_cast<void*>(&m), sizeof m);
  m.lock();
  for (std::size_t at = 0; at < sizeof m; at += 4) {
    std::uint32_t was, is;
    std::memcpy(&was, before + at, 4);
    std::memcpy(&is, reinterpret_cast<unsigned char*>(&m) + at, 4);
    if (is == was + 1) {
      m.unlock();
      return at;
    }
  }
  ADD_FAILURE() << "no word counts the levels";
  return 0;
}

// Four thousand million levels, by presetting the word.
TEST(RecursiveMutexTest, TooManyLevelsAreAnError) {
  recursive_mutex m;
  m.lock();
  const std::size_t at = offset_of_levels(m);
  unsigned char* const levels = reinterpret_cast<unsigned char*>(&m) + at;
  std::uint32_t one_level;
  std::memcpy(&one_level, levels, 4);
  const std::uint32_t nearly_full = 0xffff'fff0u;
  std::memcpy(levels, &nearly_full, 4);
  int more = 0;
  while (more < 64 && m.try_lock()) ++more;
  EXPECT_LT(more, 16) << "the count of levels wrapped";
  EXPECT_FALSE(m.try_lock());
  EXPECT_FALSE(m.try_lock_for(1h)) << "must not wait for itself";
  EXPECT_FALSE(m.try_lock_until(std::chrono::steady_clock::time_point::max()));
  expect_system_error(std::errc::resource_unavailable_try_again,
                      [&] { m.lock(); });
  std::memcpy(levels, &one_level, 4);
  m.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

}  // namespace
}  // namespace syncxx_test
