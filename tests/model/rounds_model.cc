// SPDX-License-Identifier: Apache-2.0
//
// Loops that write while they wait, as far as the checker follows them
// (src/model/spin.cc), and sleeps that may end by themselves.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include <sync/detail/spin_wait.h>
#include <sync/futex.h>
#include <sync/spinlock.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

// Takes a lock to look, as long as it finds nothing.
struct locked_flag {
  syncxx::spinlock lock;
  syncxx::cell<bool> set{false};

  bool look() {
    lock.lock();
    const bool found = set;
    lock.unlock();
    return found;
  }
  void wait() {
    for (syncxx::detail::patience others; !look(); others.wait()) {
    }
  }
};

TEST(RoundsModel, AWaitThatTakesALockEnds) {
  expect_ok([] {
    locked_flag flag;
    model::thread setter([&] {
      flag.lock.lock();
      flag.set = true;
      flag.lock.unlock();
    });
    flag.wait();
  });
}

TEST(RoundsModel, InVainIsALivelock) {
  expect_verdict(model::verdict::livelock, [] {
    locked_flag flag;
    model::thread passer([&] { flag.look(); });
    flag.wait();
  });
}

// Nobody wakes the sleeper: its time runs out, and that is all.
TEST(RoundsModel, ATimedSleepIsNoDeadlock) {
  expect_ok([] {
    syncxx::atomic<std::uint32_t> word{0};
    const syncxx::futex_result how =
        syncxx::futex_wait_for(word, 0, std::chrono::milliseconds(1));
    model::require(how != syncxx::futex_result::value_changed, "still 0");
  });
}

TEST(RoundsModel, ASleepWithoutAWakeIsADeadlock) {
  expect_verdict(model::verdict::deadlock, [] {
    syncxx::atomic<std::uint32_t> word{0};
    syncxx::futex_wait(word, 0);
  });
}

// The second look comes after the exchange that fails for no reason.
TEST(RoundsModel, ARetriedWeakExchangeIsNoLivelock) {
  expect_ok([] {
    syncxx::atomic<int> n{0};
    int seen = n.load(syncxx::memory_order_relaxed);
    while (!n.compare_exchange_weak(seen, 1, syncxx::memory_order_relaxed))
      seen = n.load(syncxx::memory_order_relaxed);
    model::require(n.load(syncxx::memory_order_relaxed) == 1, "stored");
  });
}

}  // namespace
}  // namespace syncxx_test
