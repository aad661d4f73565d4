// SPDX-License-Identifier: Apache-2.0
//
// Model tests of mcs_lock: exclusion, order, nodes that are freed or used again
// right after unlock, destruction right after unlock.
//
// Bounds: four threads with one turn each, two with two. Exhaustive.
#include <gtest/gtest.h>

#include <vector>

#include <sync/mcs_lock.h>

#include "tests/model/support/checks.h"
#include "tests/model/support/lines.h"
#include "tests/support/mcs_mutex.h"

namespace syncxx_test {
namespace {

using syncxx::mcs_lock;

TEST(McsLockModel, TwoThreadsExcludeEachOther) {
  expect_ok(exclusion<mcs_mutex>(2, 1));
}
TEST(McsLockModel, ThreeThreadsExcludeEachOther) {
  expect_ok(exclusion<mcs_mutex>(3, 1));
}
TEST(McsLockModel, FourThreadsExcludeEachOther) {
  expect_ok(exclusion<mcs_mutex>(4, 1));
}
TEST(McsLockModel, TryBesideLock) { expect_ok(try_beside_lock<mcs_mutex>); }
TEST(McsLockModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<mcs_mutex>);
}
TEST(McsLockModel, TwoAtOnce) { expect_ok(two_at_once<mcs_mutex>); }

// Each thread has one node for all of its turns.
TEST(McsLockModel, NodesAreUsedAgain) {
  expect_ok([] {
    mcs_lock lock;
    syncxx::cell<int> count(0);
    const auto work = [&] {
      mcs_lock::node mine;
      for (int i = 0; i < 2; ++i) {
        lock.lock(mine);
        count = count + 1;
        lock.unlock(mine);
      }
    };
    {
      model::thread other(work);
      work();
    }
    model::require(count == 4, "every turn counts");
  });
}

TEST(McsLockModel, NodesAreUsedAgainByTryLock) {
  expect_ok([] {
    mcs_lock lock;
    syncxx::cell<int> count(0);
    int tried = 0;
    {
      model::thread other([&] {
        mcs_lock::node mine;
        lock.lock(mine);
        count = count + 1;
        lock.unlock(mine);
        if (lock.try_lock(mine)) {
          ++tried;
          count = count + 1;
          lock.unlock(mine);
        }
      });
      const mcs_lock::guard guard(lock);
      count = count + 1;
    }
    model::require(count == 2 + tried, "every turn counts");
  });
}

// While `owner` has the lock.
bool somebody_waits(const mcs_lock& lock, const mcs_lock::node& owner) {
  const auto* const last = first_word<mcs_lock::node*>(lock);
  return last != nullptr && last != &owner;
}

TEST(McsLockModel, ServesInOrder) {
  expect_ok([] {
    mcs_lock lock;
    syncxx::cell<int> served(0);
    mcs_lock::node mine;
    lock.lock(mine);
    model::thread first([&] {
      const mcs_lock::guard guard(lock);
      model::require(served == 0, "the first one is served first");
      served = 1;
    });
    model::thread second([&] {
      model::assume(somebody_waits(lock, mine));
      const mcs_lock::guard guard(lock);
      model::require(served == 1, "the second one is served next");
      served = 2;
    });
    lock.unlock(mine);
  });
}

TEST(McsLockModel, NobodyIsOvertaken) {
  expect_ok([] {
    mcs_lock lock;
    syncxx::cell<bool> served(false);
    mcs_lock::node mine;
    lock.lock(mine);
    model::thread other([&] {
      const mcs_lock::guard guard(lock);
      served = true;
    });
    model::assume(somebody_waits(lock, mine));
    lock.unlock(mine);
    lock.lock(mine);
    model::require(served, "the other one has been served");
    lock.unlock(mine);
  });
}

TEST(McsLockModel, WrongNodesAreFound) {
  expect_verdict(model::verdict::misuse, [] {
    mcs_lock lock;
    mcs_lock::node mine, another;
    lock.lock(mine);
    lock.unlock(another);
  });
  expect_verdict(model::verdict::misuse, [] {
    mcs_lock a, b;
    mcs_lock::node mine;
    a.lock(mine);
    b.lock(mine);
  });
  expect_verdict(model::verdict::misuse, [] {
    mcs_lock lock;
    const auto forget_the_node = [&] {
      mcs_lock::node mine;
      lock.lock(mine);
    };
    forget_the_node();
  });
}

}  // namespace
}  // namespace syncxx_test
