// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/spinlock.h>

#include <type_traits>

#include "tests/support/lock_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::spinlock;

static_assert(sizeof(spinlock) == 1);
static_assert(std::is_standard_layout_v<spinlock>);
static_assert(std::is_trivially_destructible_v<spinlock> == !kHooked);
static_assert(mutex_type<spinlock>);
static_assert(timed_lockable<spinlock>);

struct kit : lock_kit<spinlock> {
  static constexpr bool kSleeps = false;
  static constexpr bool kBounded = false;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Spinlock, LockSuite, kit);

TEST(SpinlockTest, NeighboursInOneWordAreIndependent) {
  spinlock s[4];
  s[1].lock();
  EXPECT_TRUE(try_from_another_thread(s[0]));
  EXPECT_FALSE(try_from_another_thread(s[1]));
  EXPECT_TRUE(try_from_another_thread(s[2]));
  s[0].lock();
  s[2].lock();
  s[1].unlock();
  EXPECT_FALSE(try_from_another_thread(s[0]));
  EXPECT_TRUE(try_from_another_thread(s[1]));
  EXPECT_FALSE(try_from_another_thread(s[2]));
  s[0].unlock();
  s[2].unlock();
}

}  // namespace
}  // namespace syncxx_test
