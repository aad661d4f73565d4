// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/byte_mutex.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/lock_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::byte_mutex;

static_assert(sizeof(byte_mutex) == 1);
static_assert(std::is_standard_layout_v<byte_mutex>);
static_assert(std::is_nothrow_default_constructible_v<byte_mutex>);
static_assert(std::is_trivially_destructible_v<byte_mutex> == !kHooked);
static_assert(mutex_type<byte_mutex>);
static_assert(timed_lockable<byte_mutex>);
static_assert(
    std::is_same_v<
        decltype(std::declval<byte_mutex&>().lock(std::stop_token())), bool>);

struct kit : lock_kit<byte_mutex> {
  static constexpr bool kZeroWhenFree = true;
};
INSTANTIATE_TYPED_TEST_SUITE_P(ByteMutex, LockSuite, kit);

unsigned char byte_of(const byte_mutex& m) {
  return reinterpret_cast<const std::atomic<unsigned char>&>(m).load();
}

// Each of neighbouring bytes is a lock of its own, asleep or not.
TEST(ByteMutexTest, NeighboursInOneWordAreIndependent) {
  byte_mutex m[4];
  for (byte_mutex& each : m) each.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (byte_mutex& each : m) {
    waiting.push_back(std::make_unique<background<bool>>([&each] {
      each.lock();
      each.unlock();
      return true;
    }));
  }
  for (auto& one : waiting) one->await_sleep();
  for (const unsigned i : {2u, 0u, 3u, 1u}) {
    m[i].unlock();
    EXPECT_TRUE(waiting[i]->result());
    EXPECT_EQ(byte_of(m[i]), 0);
  }
}

// A waiter that has slept longer than anybody has patience for is handed the
// lock by the unlock itself: the one who unlocks can't take it again.
TEST(ByteMutexTest, IsHandedToOneThatHasWaitedLong) {
  byte_mutex m;
  std::atomic<bool> let_go{false};
  m.lock();
  auto waiting = run_in_background([&] {
    m.lock();
    await([&] { return let_go.load(); });
    m.unlock();
  });
  waiting.await_sleep();
  std::this_thread::sleep_for(5ms);
  m.unlock();
  EXPECT_FALSE(m.try_lock());
  let_go.store(true);
  EXPECT_TRUE(waiting.result());
  EXPECT_EQ(byte_of(m), 0);
}

}  // namespace
}  // namespace syncxx_test
