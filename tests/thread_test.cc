// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/thread.h>

#include <atomic>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::thread;

static_assert(std::is_nothrow_default_constructible_v<thread>);
static_assert(std::is_nothrow_move_constructible_v<thread>);
static_assert(std::is_nothrow_move_assignable_v<thread>);
static_assert(!std::is_copy_constructible_v<thread>);
static_assert(!std::is_copy_assignable_v<thread>);
static_assert(std::is_same_v<thread::id, std::thread::id>);

TEST(ThreadTest, JoinsInItsDestructor) {
  std::atomic<bool> done{false};
  {
    thread t([&] {
      std::this_thread::sleep_for(5ms);
      done.store(true);
    });
    EXPECT_TRUE(t.joinable());
    EXPECT_NE(t.get_id(), thread::id());
    EXPECT_NE(t.get_id(), std::this_thread::get_id());
  }
  EXPECT_TRUE(done.load());
}

TEST(ThreadTest, DefaultIsNoThread) {
  thread t;
  EXPECT_FALSE(t.joinable());
  EXPECT_EQ(t.get_id(), thread::id());
  EXPECT_THROW(t.join(), std::system_error);
  EXPECT_THROW(t.detach(), std::system_error);
}

struct adder {
  int sum = 0;
  void add(int n) { sum += n; }
};

TEST(ThreadTest, CallsWithDecayedArguments) {
  int n = 1;
  adder a;
  thread([](int by_value, int& by_reference) { by_reference += by_value; }, 41,
         std::ref(n))
      .join();
  EXPECT_EQ(n, 42);
  thread(&adder::add, &a, 5).join();
  EXPECT_EQ(a.sum, 5);
  auto only_moves = std::make_unique<int>(9);
  int seen = 0;
  thread([&seen](std::unique_ptr<int> p) { seen = *p; }, std::move(only_moves))
      .join();
  EXPECT_EQ(seen, 9);
}

TEST(ThreadTest, MovesAndSwaps) {
  std::atomic<int> ran{0};
  thread a([&] { ran.fetch_add(1); });
  const thread::id id = a.get_id();
  thread b(std::move(a));
  EXPECT_FALSE(a.joinable());
  EXPECT_EQ(b.get_id(), id);
  a.swap(b);
  EXPECT_EQ(a.get_id(), id);
  swap(a, b);
  EXPECT_EQ(b.get_id(), id);
  b.join();
  EXPECT_FALSE(b.joinable());
  EXPECT_EQ(ran.load(), 1);
}

TEST(ThreadTest, AssignmentJoinsTheOldThread) {
  std::atomic<bool> first_done{false};
  std::atomic<bool> second_done{false};
  thread t([&] {
    std::this_thread::sleep_for(5ms);
    first_done.store(true);
  });
  t = thread([&] { second_done.store(true); });
  EXPECT_TRUE(first_done.load());
  t = thread();
  EXPECT_TRUE(second_done.load());
}

TEST(ThreadTest, DetachedThreadRunsOn) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  {
    thread t([done] { done->store(true); });
    t.detach();
    EXPECT_FALSE(t.joinable());
  }
  await([&] { return done->load(); });
}

TEST(ThreadTest, LivesInContainers) {
  std::atomic<int> ran{0};
  {
    std::vector<thread> crew;
    for (int i = 0; i < 8; ++i) crew.emplace_back([&] { ran.fetch_add(1); });
  }
  EXPECT_EQ(ran.load(), 8);
}

TEST(ThreadTest, TellsAboutTheMachine) {
  EXPECT_EQ(thread::hardware_concurrency(),
            std::thread::hardware_concurrency());
  thread t([] {});
  EXPECT_NE(t.native_handle(), thread::native_handle_type());
}

}  // namespace
}  // namespace syncxx_test
