// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/biased_shared_mutex.h>
#include <sync/condition_variable.h>
#include <sync/guarded.h>
#include <sync/recursive_mutex.h>
#include <sync/spinlock.h>

#include <chrono>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::biased_shared_mutex;
using syncxx::guarded;

constinit guarded<int> g_number(3);
constinit guarded<int, biased_shared_mutex> g_shared(4);

static_assert(pinned<guarded<int>>);
static_assert(std::is_same_v<decltype(guarded(std::string())),
                             guarded<std::string, syncxx::mutex>>);
static_assert(timed_lockable<guarded<int>::guard>);
static_assert(
    std::is_same_v<decltype(*std::declval<const guarded<int>&>().lock()),
                   const int&>);
// A guard of a temporary would be left without its data.
template <class G>
concept can_lock = requires(G&& g) {
  std::forward<G>(g).lock();
};
static_assert(can_lock<guarded<int>&> && !can_lock<guarded<int>>);

TEST(GuardedTest, WithGivesTheDataAndReturnsTheResult) {
  guarded<std::map<int, std::string>> names;
  names.with([](auto& m) { m[1] = "one"; });
  EXPECT_EQ(names.with([](auto& m) { return m[1]; }), "one");
  const auto& constant = names;
  EXPECT_EQ(constant.with([](const auto& m) { return m.size(); }), 1u);
  EXPECT_EQ(g_number.with([](int& n) { return ++n; }), 4);
  EXPECT_EQ(g_shared.with([](int& n) { return ++n; }), 5);
}

TEST(GuardedTest, IsConstructedInPlaceAndHoldsWhatCannotBeCopied) {
  guarded<std::vector<int>> three(std::in_place, 3u, 7);
  EXPECT_EQ(three.lock()->size(), 3u);
  guarded<std::unique_ptr<int>> pointer(std::make_unique<int>(5));
  EXPECT_EQ(**pointer.lock(), 5);
}

TEST(GuardedTest, AnExceptionUnlocks) {
  guarded<int> n(1);
  EXPECT_THROW(n.with([](int&) { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_TRUE(n.try_lock());
}

template <class G>
class GuardedLocks : public testing::Test {};
using guarded_types =
    testing::Types<guarded<long>, guarded<long, syncxx::recursive_mutex>,
                   guarded<long, biased_shared_mutex>>;
TYPED_TEST_SUITE(GuardedLocks, guarded_types);

TYPED_TEST(GuardedLocks, ExcludeEachOther) {
  TypeParam value(0);
  std::vector<std::thread> crew;
  const int rounds = iterations(20'000);
  for (int t = 0; t < 3; ++t) {
    crew.emplace_back([&] {
      for (int i = 0; i < rounds; ++i) {
        if (i % 2 == 0)
          value.with([](long& n) { ++n; });
        else
          ++*value.lock();
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(std::as_const(value).with([](long n) { return n; }), 3L * rounds);
}

// What others get while a guard is held: nothing, by every form.
TYPED_TEST(GuardedLocks, AHeldLockIsNotGivenToOthers) {
  TypeParam value(0);
  const auto& constant = value;
  std::stop_source stopped;
  stopped.request_stop();
  const auto refused = [&] {
    EXPECT_FALSE(value.try_lock());
    EXPECT_FALSE(value.try_lock_for(1ms));
    EXPECT_FALSE(value.try_lock_until(std::chrono::system_clock::now() + 1ms));
    EXPECT_FALSE(value.lock(stopped.get_token()));
    EXPECT_FALSE(value.try_lock_for(1h, stopped.get_token()));
    EXPECT_FALSE(value.try_lock_until(std::chrono::steady_clock::now() + 1h,
                                      stopped.get_token()));
    EXPECT_FALSE(constant.try_lock());
    EXPECT_FALSE(constant.try_lock_for(1ms));
    EXPECT_FALSE(
        constant.try_lock_until(std::chrono::system_clock::now() + 1ms));
    EXPECT_FALSE(constant.lock(stopped.get_token()));
    EXPECT_FALSE(constant.try_lock_for(1h, stopped.get_token()));
    EXPECT_FALSE(constant.try_lock_until(std::chrono::steady_clock::now() + 1h,
                                         stopped.get_token()));
  };
  const auto given = [&] {
    EXPECT_TRUE(value.try_lock());
    EXPECT_TRUE(value.try_lock_for(1ms));
    EXPECT_TRUE(value.try_lock_until(std::chrono::system_clock::now()));
    EXPECT_TRUE(value.lock(stopped.get_token()));
    EXPECT_TRUE(value.try_lock_for(0ms, stopped.get_token()));
    EXPECT_TRUE(constant.try_lock());
    EXPECT_TRUE(constant.lock(stopped.get_token()));
    EXPECT_TRUE(constant.try_lock_for(0ms, stopped.get_token()));
    EXPECT_TRUE(constant.try_lock_until(std::chrono::steady_clock::now(),
                                        stopped.get_token()));
  };
  {
    const auto held = value.lock();
    std::thread(refused).join();
  }
  std::thread(given).join();
}

TEST(GuardedTest, ConstAccessIsSharedWhereTheLockCanBe) {
  const guarded<int, biased_shared_mutex> shared(1);
  const auto mine = shared.lock();
  std::thread([&] { EXPECT_EQ(*shared.lock(), 1); }).join();
  const guarded<int> alone(1);
  const auto held = alone.lock();
  std::thread([&] { EXPECT_FALSE(alone.try_lock()); }).join();
}

TEST(GuardedTest, AGuardIsMovedUnlockedAndLockedAgain) {
  guarded<int> n(1);
  auto first = n.lock();
  auto second = std::move(first);
  EXPECT_FALSE(first);
  EXPECT_EQ(*second, 1);
  second.unlock();
  EXPECT_FALSE(second);
  EXPECT_TRUE(n.try_lock());
  second.lock();
  EXPECT_THROW(second.lock(), std::system_error);
  EXPECT_EQ(*second, 1);
  first = std::move(second);
  EXPECT_EQ(*first, 1);
  first = {};
  EXPECT_TRUE(n.try_lock());
}

TEST(GuardedTest, AccessWithoutTheLockIsAnError) {
  guarded<std::string> text("x");
  auto guard = text.lock();
  guard.unlock();
  for (int i = 0; i < 2; ++i) {
    try {
      if (i == 0)
        guard->clear();
      else
        (*guard).clear();
      FAIL();
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code().value(), EPERM);
    }
  }
  EXPECT_THROW(static_cast<void>(*guarded<int>::guard()), std::system_error);
  guarded<std::string>::guard empty;
  EXPECT_THROW(empty.lock(), std::system_error);
}

TEST(GuardedTest, ConditionVariablesWaitWithAGuard) {
  guarded<int> n(0);
  syncxx::condition_variable_any any;
  auto first = run_in_background([&] {
    auto guard = n.lock();
    any.wait(guard, [&] { return *guard == 1; });
    *guard = 2;
    return *guard;
  });
  first.await_sleep();
  n.with([](int& v) { v = 1; });
  any.notify_all();
  EXPECT_EQ(first.result(), 2);

  syncxx::condition_variable own;
  auto second = run_in_background([&] {
    auto guard = n.lock();
    own.wait(guard.unique_lock(), [&] { return *guard == 3; });
    return *guard;
  });
  second.await_sleep();
  n.with([](int& v) { v = 3; });
  own.notify_all();
  EXPECT_EQ(second.result(), 3);
}

TEST(GuardedTest, ConditionVariablesWaitWithASharedGuard) {
  guarded<int, biased_shared_mutex> n(0);
  syncxx::condition_variable_any changed;
  auto reader = run_in_background([&] {
    auto guard = std::as_const(n).lock();
    changed.wait(guard, [&] { return *guard == 1; });
    return *guard;
  });
  reader.await_sleep();
  n.with([](int& v) { v = 1; });
  changed.notify_all();
  EXPECT_EQ(reader.result(), 1);
}

}  // namespace
}  // namespace syncxx_test
