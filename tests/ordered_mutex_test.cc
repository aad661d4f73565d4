// SPDX-License-Identifier: Apache-2.0
//
// At run time; what must not compile is in tests/codegen/refused.cc.
#include <gtest/gtest.h>
#include <sync/condition_variable.h>
#include <sync/guarded.h>
#include <sync/lock_all.h>
#include <sync/ordered_mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::ordered_lock;
using syncxx::ordered_mutex;

enum class layer : unsigned char { registry = 10, account = 20, log = 30 };
using registry_mutex = ordered_mutex<layer::registry>;
using account_mutex = ordered_mutex<layer::account, syncxx::shared_mutex>;
using log_mutex = ordered_mutex<layer::log, std::mutex>;

static_assert(mutex_type<registry_mutex> && timed_lockable<registry_mutex>);
static_assert(shared_timed_lockable<account_mutex>);
static_assert(lockable<log_mutex> && lockable<ordered_mutex<-7>>);
static_assert(sizeof(registry_mutex) == sizeof(syncxx::mutex));
static_assert(sizeof(account_mutex) == sizeof(syncxx::shared_mutex));
static_assert(registry_mutex::level == 10 && ordered_mutex<-7>::level == -7);
static_assert(!shared_timed_lockable<registry_mutex>);
static_assert(!timed_lockable<log_mutex>);
[[maybe_unused]] constinit registry_mutex g_constant;

// Expects the error of a wrong order; its message names both levels.
template <class F>
void expect_refused(int level, int held, F lock) {
  try {
    lock();
    ADD_FAILURE() << "level " << level << " was not refused beside " << held;
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(),
              std::make_error_code(std::errc::resource_deadlock_would_occur));
    const std::string what = error.what();
    EXPECT_NE(what.find("level " + std::to_string(level)), std::string::npos)
        << what;
    EXPECT_NE(what.find("level " + std::to_string(held)), std::string::npos)
        << what;
  }
}

// Whether the calling thread holds nothing at or above `M`'s level.
template <class M>
bool can_lock() {
  M m;
  try {
    m.check_order();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

TEST(OrderedMutexTest, AscendingOrderIsLockedAndUnlockedInAnyOrder) {
  registry_mutex low;
  account_mutex middle;
  log_mutex high;
  std::array<int, 3> order{0, 1, 2};
  do {
    low.lock();
    middle.lock();
    high.lock();
    for (const int which : order) {
      if (which == 0) low.unlock();
      if (which == 1) middle.unlock();
      if (which == 2) high.unlock();
    }
    EXPECT_TRUE(can_lock<ordered_mutex<-1000>>());
    EXPECT_TRUE(try_from_another_thread(low));
    EXPECT_TRUE(try_from_another_thread(middle));
    EXPECT_TRUE(try_from_another_thread(high));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(OrderedMutexTest, WrongOrderThrowsAtOnceAndChangesNothing) {
  registry_mutex low;
  account_mutex high;
  high.lock();
  expect_refused(10, 20, [&] { low.lock(); });
  EXPECT_TRUE(try_from_another_thread(low)) << "it was locked nevertheless";
  EXPECT_FALSE(try_from_another_thread(high)) << "the held one was let go";
  expect_refused(10, 20, [&] { low.lock(); });  // and again
  high.unlock();
  low.lock();
  high.lock();
  high.unlock();
  low.unlock();
}

TEST(OrderedMutexTest, EveryFormThatMayBlockKeepsTheOrder) {
  ordered_mutex<20, syncxx::shared_mutex> low;
  ordered_mutex<30> high;
  const std::lock_guard held(high);
  const std::stop_token stop;
  const auto soon = std::chrono::system_clock::now() + 1ms;
  const auto refused = [](auto lock) { expect_refused(20, 30, lock); };
  refused([&] { low.lock(); });
  refused([&] { low.lock(stop); });
  refused([&] { low.try_lock_for(1ms); });
  refused([&] { low.try_lock_for(1ms, stop); });
  refused([&] { low.try_lock_until(soon); });
  refused([&] { low.try_lock_until(soon, stop); });
  refused([&] { low.lock_shared(); });
  refused([&] { low.lock_shared(stop); });
  refused([&] { low.try_lock_shared_for(1ms); });
  refused([&] { low.try_lock_shared_for(1ms, stop); });
  refused([&] { low.try_lock_shared_until(soon); });
  refused([&] { low.try_lock_shared_until(soon, stop); });
  refused([&] { low.lock_upgrade(); });
  refused([&] { low.lock_upgrade(stop); });
  refused([&] { low.try_lock_upgrade_for(1ms); });
  refused([&] { low.try_lock_upgrade_for(1ms, stop); });
  refused([&] { low.try_lock_upgrade_until(soon); });
  refused([&] { low.try_lock_upgrade_until(soon, stop); });
  EXPECT_TRUE(try_from_another_thread(low));
}

// Each form takes the lock, others wait, and it counts as held.
TEST(OrderedMutexTest, EveryFormLocksAndCounts) {
  ordered_mutex<20, syncxx::shared_mutex> m;
  const std::stop_token stop;
  const auto soon = std::chrono::steady_clock::now() + 1h;
  const auto counts = [&](bool owned, auto unlock) {
    EXPECT_TRUE(owned);
    EXPECT_FALSE(try_from_another_thread(m));
    EXPECT_FALSE(can_lock<ordered_mutex<20>>());
    EXPECT_TRUE(can_lock<ordered_mutex<21>>());
    unlock();
    EXPECT_TRUE(can_lock<ordered_mutex<20>>());
    EXPECT_TRUE(try_from_another_thread(m));
  };
  const auto unlock = [&] { m.unlock(); };
  counts((m.lock(), true), unlock);
  counts(m.try_lock(), unlock);
  counts(m.lock(stop), unlock);
  counts(m.try_lock_for(1h), unlock);
  counts(m.try_lock_for(1h, stop), unlock);
  counts(m.try_lock_until(soon), unlock);
  counts(m.try_lock_until(soon, stop), unlock);
  const auto unlock_shared = [&] { m.unlock_shared(); };
  counts((m.lock_shared(), true), unlock_shared);
  counts(m.try_lock_shared(), unlock_shared);
  counts(m.lock_shared(stop), unlock_shared);
  counts(m.try_lock_shared_for(1h, stop), unlock_shared);
  counts(m.try_lock_shared_until(soon), unlock_shared);
  const auto unlock_upgrade = [&] { m.unlock_upgrade(); };
  counts((m.lock_upgrade(), true), unlock_upgrade);
  counts(m.try_lock_upgrade(), unlock_upgrade);
  counts(m.lock_upgrade(stop), unlock_upgrade);
  counts(m.try_lock_upgrade_for(1h), unlock_upgrade);
  counts(m.try_lock_upgrade_until(soon, stop), unlock_upgrade);
  m.lock_upgrade();
  counts(m.try_unlock_upgrade_and_lock(), unlock);
  m.lock();
  counts((m.unlock_and_lock_shared(), true), unlock_shared);
  m.lock();
  counts((m.unlock_and_lock_upgrade(), true), unlock_upgrade);
}

TEST(OrderedMutexTest, WhatFailsIsNotHeld) {
  ordered_mutex<20, syncxx::shared_mutex> m;
  std::stop_source stopped;
  stopped.request_stop();
  const auto stop = stopped.get_token();
  std::atomic<bool> locked{false}, over{false};
  background<bool> owner([&] {
    const std::lock_guard lock(m);
    locked = true;
    await([&] { return over.load(); });
    return true;
  });
  await([&] { return locked.load(); });
  EXPECT_FALSE(m.try_lock());
  EXPECT_FALSE(m.lock(stop));
  EXPECT_FALSE(m.try_lock_for(1ms));
  EXPECT_FALSE(m.try_lock_until(std::chrono::system_clock::now()));
  EXPECT_FALSE(m.try_lock_shared());
  EXPECT_FALSE(m.lock_shared(stop));
  EXPECT_FALSE(m.try_lock_shared_for(1ms));
  EXPECT_FALSE(m.try_lock_upgrade());
  EXPECT_FALSE(m.try_lock_upgrade_for(1h, stop));
  EXPECT_TRUE(can_lock<ordered_mutex<-5>>());
  over = true;
  EXPECT_TRUE(owner.result());
}

TEST(OrderedMutexTest, TheSameLevelIsRefusedUnlessTakenTogether) {
  ordered_mutex<5> a, b;
  {
    const std::lock_guard held(a);
    expect_refused(5, 5, [&] { b.lock(); });
    expect_refused(5, 5, [&] { a.lock(); });  // no deadlock with itself
  }
  {
    std::scoped_lock both(b, a);
    EXPECT_FALSE(try_from_another_thread(a));
    EXPECT_FALSE(try_from_another_thread(b));
  }
  syncxx::lock_all(a, b);
  EXPECT_FALSE(can_lock<ordered_mutex<5>>());
  a.unlock();
  EXPECT_FALSE(can_lock<ordered_mutex<5>>()) << "one of the two is still held";
  b.unlock();
  EXPECT_TRUE(can_lock<ordered_mutex<5>>());
}

TEST(OrderedMutexTest, TryLockMayTakeAnyLevelAndCountsAsHeld) {
  ordered_mutex<1> low;
  ordered_mutex<2> middle;
  ordered_mutex<3> high, higher_twin;
  high.lock();
  ASSERT_TRUE(low.try_lock());
  ASSERT_TRUE(higher_twin.try_lock());
  expect_refused(2, 3, [&] { middle.lock(); });
  high.unlock();
  expect_refused(2, 3, [&] { middle.lock(); });
  higher_twin.unlock();
  middle.lock();  // above `low`, which is held by a try
  low.unlock();
  expect_refused(1, 2, [&] { low.lock(); });
  middle.unlock();
  EXPECT_TRUE(can_lock<ordered_mutex<0>>());
}

TEST(OrderedMutexTest, AnUpgradeThatWaitsNeedsTheHighestLevel) {
  ordered_mutex<1, syncxx::shared_mutex> m, twin;
  ordered_mutex<2> above;
  m.lock_upgrade();
  above.lock();
  expect_refused(1, 2, [&] { m.unlock_upgrade_and_lock(); });
  above.unlock();
  ASSERT_TRUE(twin.try_lock_shared());
  EXPECT_THROW(m.unlock_upgrade_and_lock(), std::system_error);
  twin.unlock_shared();
  std::thread([&] {  // still an upgrader: readers come in
    EXPECT_TRUE(m.try_lock_shared());
    m.unlock_shared();
  })
      .join();
  m.unlock_upgrade_and_lock();
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
}

TEST(OrderedMutexTest, UnlockByAThreadThatHoldsNoneOfTheLevelThrows) {
  ordered_mutex<4, std::mutex> m;
  m.lock();
  std::thread([&] {
    ordered_mutex<3> other;
    const std::lock_guard held(other);
    try {
      m.unlock();
      ADD_FAILURE() << "unlocked by a stranger";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EPERM);
      EXPECT_NE(std::string(error.what()).find("level 4"), std::string::npos);
    }
  }).join();
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
}

// A lock whose operations throw when they are told to.
struct fragile {
  void lock() {
    if (fails) throw std::runtime_error("lock");
  }
  bool try_lock() {
    lock();
    return true;
  }
  void unlock() {}
  bool fails = false;
};
struct friend_of_fragile : fragile {
  friend_of_fragile() { fails = true; }
};

TEST(OrderedMutexTest, WhatTheMutexThrowsLeavesNothingHeld) {
  ordered_mutex<1, friend_of_fragile> m;
  EXPECT_THROW(m.lock(), std::runtime_error);
  EXPECT_THROW(static_cast<void>(m.try_lock()), std::runtime_error);
  EXPECT_TRUE(can_lock<ordered_mutex<0>>());
}

TEST(OrderedMutexTest, ARecursiveMutexIsNotLockedAgain) {
  ordered_mutex<1, syncxx::recursive_mutex> m;
  m.lock();
  expect_refused(1, 1, [&] { m.lock(); });
  EXPECT_TRUE(m.try_lock());
  m.unlock();
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

// --- Many levels -------------------------------------------------------------

template <int... I>
auto ladder(std::integer_sequence<int, I...>) {
  return std::make_unique<std::tuple<ordered_mutex<I, syncxx::spinlock>...>>();
}

TEST(OrderedMutexTest, AsManyLevelsAsThereAreAndNoMore) {
  constexpr int kMost = syncxx::detail::held_levels::kMost;
  const auto locks = ladder(std::make_integer_sequence<int, kMost>());
  std::apply([](auto&... m) { (m.lock(), ...); }, *locks);
  ordered_mutex<1000> more;
  const auto expect_full = [](auto lock) {
    try {
      lock();
      ADD_FAILURE() << "one level too many";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::make_error_code(
                                  std::errc::resource_unavailable_try_again));
    }
  };
  expect_full([&] { more.lock(); });
  expect_full([&] { static_cast<void>(more.try_lock()); });
  ordered_mutex<7> known;  // of a level that has its place
  EXPECT_TRUE(known.try_lock());
  known.unlock();
  std::get<3>(*locks).unlock();
  more.lock();
  more.unlock();
  ordered_mutex<1001> one_more;  // room for one, but not for both
  expect_full([&] { syncxx::lock_all(more, one_more); });
  EXPECT_TRUE(try_from_another_thread(more));
  ASSERT_TRUE(std::get<3>(*locks).try_lock());  // back into the middle
  std::apply([](auto&... m) { (m.unlock(), ...); }, *locks);
  EXPECT_TRUE(can_lock<ordered_mutex<-1>>());
}

// Against a plain list of what is held, a hundred thousand steps.
TEST(OrderedMutexTest, TheTableIsRightAfterAnyHistory) {
  constexpr int kLevels = 8;
  std::vector<int> held;
  unsigned random = 12345;
  const auto next = [&](unsigned n) {
    random = random * 1103515245u + 12345u;
    return (random >> 16) % n;
  };
  syncxx::detail::held_levels table;
  for (int i = 0; i < 100'000; ++i) {
    const int level = static_cast<int>(next(kLevels)) - 4;
    const int highest =
        held.empty() ? -1000 : *std::max_element(held.begin(), held.end());
    if (next(2) == 0 && held.size() < 40) {
      bool refused = false;
      try {
        table.expect_below(level);
      } catch (const std::system_error&) {
        refused = true;
      }
      ASSERT_EQ(refused, highest >= level);
      if (refused)
        table.add(level);  // by a try
      else
        table.push(level);
      held.push_back(level);
    } else {
      const auto it = std::find(held.begin(), held.end(), level);
      if (it == held.end()) {
        ASSERT_THROW(table.expect(level), std::system_error);
        continue;
      }
      ASSERT_NO_THROW(table.expect(level));
      const bool last =
          level == highest && std::count(held.begin(), held.end(), level) == 1;
      ASSERT_EQ(table.is_highest(level), last);
      if (last)
        table.pop();
      else
        table.remove(level);
      held.erase(it);
    }
  }
}

// --- With others -------------------------------------------------------------

TEST(OrderedMutexTest, GuardsCarryTheOrder) {
  registry_mutex low;
  account_mutex middle;
  log_mutex high;
  {
    const ordered_lock first(low);
    const ordered_lock second(middle, first);
    const ordered_lock third(high, second, first);
    EXPECT_FALSE(try_from_another_thread(high));
  }
  EXPECT_TRUE(try_from_another_thread(low));
  EXPECT_TRUE(try_from_another_thread(high));
  // The types are in order, but the thread holds another one besides.
  const ordered_lock first(low);
  const std::lock_guard besides(high);
  expect_refused(20, 30, [&] { const ordered_lock second(middle, first); });
}

TEST(OrderedMutexTest, StandardGuardsAndGuardedWork) {
  account_mutex m;
  {
    const std::unique_lock lock(m, 1ms);
    EXPECT_TRUE(lock.owns_lock());
  }
  {
    const std::shared_lock lock(m);
    EXPECT_FALSE(can_lock<account_mutex>());
  }
  EXPECT_TRUE(can_lock<account_mutex>());
  syncxx::guarded<int, registry_mutex> low(1);
  syncxx::guarded<int, account_mutex> high(2);
  EXPECT_EQ(low.with([&](int a) { return a + *high.lock(); }), 3);
  high.with([&](int) {
    expect_refused(10, 20, [&] { static_cast<void>(low.lock()); });
  });
}

TEST(OrderedMutexTest, AConditionVariableWaitsWithIt) {
  registry_mutex m;
  syncxx::condition_variable_any ready;
  bool is_ready = false;
  background<bool> waiting([&] {
    std::unique_lock lock(m);
    ready.wait(lock, [&] { return is_ready; });
    const bool counts = !can_lock<registry_mutex>();
    lock.unlock();
    return counts && can_lock<registry_mutex>();
  });
  waiting.await_sleep();
  {
    const ordered_lock lock(m);
    is_ready = true;
  }
  ready.notify_one();
  EXPECT_TRUE(waiting.result());
}

TEST(OrderedMutexTest, EachThreadHasItsOwnLevels) {
  registry_mutex low;
  account_mutex high;
  const std::lock_guard held(high);
  std::thread([&] {
    const std::lock_guard lock(low);
    EXPECT_FALSE(high.try_lock());
  }).join();
}

TEST(OrderedMutexTest, Excludes) {
  registry_mutex low;
  account_mutex high;
  expect_exclusion(
      4, iterations(10'000),
      [&] {
        low.lock();
        high.lock();
      },
      [&] {
        low.unlock();
        high.unlock();
      });
}

}  // namespace
}  // namespace syncxx_test
