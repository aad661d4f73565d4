// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/queue_lock.h>

#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "tests/support/fair_lock_suite.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::queue_lock;

static_assert(sizeof(queue_lock) == 8);
static_assert(std::is_standard_layout_v<queue_lock>);
static_assert(std::is_trivially_destructible_v<queue_lock> == !kHooked);

INSTANTIATE_TYPED_TEST_SUITE_P(QueueLock, FairLockSuite, queue_lock);

constinit queue_lock global;

TEST(QueueLockTest, GlobalIsReadyBeforeMain) {
  std::lock_guard lock(global);
  EXPECT_FALSE(try_from_another_thread(global));
}

TEST(QueueLockTest, WorksInZeroedMemory) {
  const auto l = make_zeroed<queue_lock>();
  l->lock();
  EXPECT_FALSE(try_from_another_thread(*l));
  l->unlock();
  EXPECT_TRUE(try_from_another_thread(*l));
}

// All but the first of those that wait go to sleep, and are woken in turn.
TEST(QueueLockTest, ThoseBehindTheFirstSleep) {
  queue_lock lock;
  std::vector<int> served;
  lock.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 5; ++i) {
    const auto before = line_of(lock);
    waiting.push_back(std::make_unique<background<bool>>([&, i] {
      const std::lock_guard guard(lock);
      served.push_back(i);
      return true;
    }));
    await([&] { return line_of(lock) != before; });
    if (i != 0) waiting.back()->await_sleep();
  }
  lock.unlock();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace syncxx_test
