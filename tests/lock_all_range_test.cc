// SPDX-License-Identifier: Apache-2.0
//
// lock_all of a number of locks that is known at run time.
#include <gtest/gtest.h>
#include <sync/lock_all.h>
#include <sync/mutex.h>

#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/lock_holder.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::all_lock;
using syncxx::lock_all;
using syncxx::lock_all_for;
using syncxx::lockable_ref;
using syncxx::mutex;
using syncxx::try_lock_all;
using syncxx::unlock_all;

TEST(LockAllRangeTest, RangesOfLocksPointersAndRefs) {
  std::deque<mutex> locks(50);
  const auto check = [&](auto&& range) {
    lock_all(range);
    EXPECT_TRUE(all_taken(locks[0], locks[25], locks[49]));
    unlock_all(range);
    {
      const all_lock all(range);
      EXPECT_TRUE(all_taken(locks[0], locks[25], locks[49]));
    }
    EXPECT_TRUE(all_free(locks[0], locks[25], locks[49]));
    ASSERT_TRUE(lock_all_for(1ms, range));
    { const all_lock adopted(std::adopt_lock, range); }
    EXPECT_EQ(try_lock_all(range), -1);
    unlock_all(range);
    const holder other(locks[30]);
    EXPECT_EQ(try_lock_all(range), 30);
    EXPECT_FALSE(lock_all_for(1ms, range));
    EXPECT_TRUE(all_free(locks[0], locks[49]));
  };
  check(locks);
  std::list<mutex*> pointers;
  std::vector<lockable_ref> refs;
  for (mutex& m : locks) {
    pointers.push_back(&m);
    refs.emplace_back(m);
  }
  check(pointers);
  check(refs);
  check(std::span<const lockable_ref>(refs));

  std::vector<std::unique_ptr<mutex>> owned(3);
  owned[0] = std::make_unique<mutex>();
  owned[2] = std::make_unique<mutex>();
  try {
    lock_all(owned);
    ADD_FAILURE() << "there is a null pointer";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("element 1"), std::string::npos);
  }
  EXPECT_TRUE(all_free(*owned[0]));

  std::vector<mutex*> none;
  lock_all(none);
  EXPECT_EQ(try_lock_all(none), -1);
  const all_lock nothing(none);
}

// A guard keeps its own list: the range may go.
TEST(LockAllRangeTest, AGuardOutlivesItsRange) {
  mutex a, b;
  {
    std::vector<lockable_ref> refs{a, b};
    const all_lock all(refs);
    refs.clear();
    EXPECT_TRUE(all_taken(a, b));
  }
  EXPECT_TRUE(all_free(a, b));
}

}  // namespace
}  // namespace syncxx_test
