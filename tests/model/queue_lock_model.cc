// SPDX-License-Identifier: Apache-2.0
//
// Model tests of queue_lock: exclusion, no lost wake, order, destruction right
// after unlock.
//
// Bounds: three threads with one turn each, two with two; one spurious wake-up
// in what an operation depends on. Exhaustive, but for 5000 random executions
// of four threads. Waiters behind the first one sleep at once: that they spin
// before is left out.
#include <gtest/gtest.h>

#include <cstdint>

#include <sync/queue_lock.h>

#include "tests/model/support/checks.h"
#include "tests/model/support/lines.h"

namespace syncxx_test {
namespace {

using syncxx::queue_lock;

TEST(QueueLockModel, TwoThreadsExcludeEachOther) {
  expect_ok(exclusion<queue_lock>(2, 1));
}
TEST(QueueLockModel, ThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<queue_lock>(3, 1));
}
TEST(QueueLockModel, TwoThreadsWithTwoTurnsEach) {
  expect_ok(exclusion<queue_lock>(2, 2));
}
TEST(QueueLockModel, RandomFourThreadsWithTwoTurnsEach) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 5000;
  expect_ok(exclusion<queue_lock>(4, 2), some);
}
TEST(QueueLockModel, TryBesideLock) { expect_ok(try_beside_lock<queue_lock>); }
TEST(QueueLockModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<queue_lock>);
}
TEST(QueueLockModel, TwoAtOnce) { expect_ok(two_at_once<queue_lock>); }

bool somebody_waits(const queue_lock& lock) {
  return (first_word<std::uintptr_t>(lock) & ~std::uintptr_t{1}) != 0;
}

TEST(QueueLockModel, ServesInOrder) {
  expect_ok([] { served_in_order<queue_lock>(somebody_waits); });
}
TEST(QueueLockModel, NobodyIsOvertaken) {
  expect_ok([] { nobody_is_overtaken<queue_lock>(somebody_waits); });
}

}  // namespace
}  // namespace syncxx_test
