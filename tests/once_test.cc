// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/once.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::call_once;
using syncxx::once_flag;
using syncxx::try_call_once;

static_assert(sizeof(once_flag) == 4);
static_assert(std::is_nothrow_default_constructible_v<once_flag>);
static_assert(std::is_trivially_destructible_v<once_flag> == !kHooked);
static_assert(std::is_standard_layout_v<once_flag>);
static_assert(pinned<once_flag>);

template <class... Args>
concept can_call_once = requires(once_flag& flag, Args&&... args) {
  call_once(flag, std::forward<Args>(args)...);
};
static_assert(can_call_once<void (*)()>);
static_assert(can_call_once<void (*)(int), int>);
static_assert(!can_call_once<void (*)(int)>);
static_assert(!can_call_once<int>);

constinit once_flag global;

TEST(OnceTest, GlobalIsReadyBeforeMain) {
  int calls = 0;
  EXPECT_FALSE(global.is_done());
  for (int i = 0; i < 3; ++i) call_once(global, [&] { ++calls; });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(global.is_done());
}

TEST(OnceTest, ZeroedMemoryHasNotCalled) {
  const auto flag = make_zeroed<once_flag>();
  int calls = 0;
  call_once(*flag, [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

// INVOKE(forward<Callable>(func), forward<Args>(args)...)
TEST(OnceTest, InvokesAsTheStandardSays) {
  struct object {
    int value = 0;
    void set(int to) { value = to; }
  };
  object o;
  {
    once_flag flag;
    call_once(flag, &object::set, o, 1);
    EXPECT_EQ(o.value, 1);
  }
  {
    once_flag flag;
    call_once(flag, &object::set, &o, 2);
    EXPECT_EQ(o.value, 2);
  }
  {
    once_flag flag;
    call_once(flag, &object::set, std::ref(o), 3);
    EXPECT_EQ(o.value, 3);
  }
  {
    once_flag flag;
    call_once(flag, &object::value, o);  // INVOKE of a data member
  }
  {
    once_flag flag;
    struct once_only {
      int* calls;
      void operator()() && { ++*calls; }
      void operator()() & = delete;
    };
    int calls = 0;
    call_once(flag, once_only{&calls});
    EXPECT_EQ(calls, 1);
  }
  {
    once_flag flag;
    std::unique_ptr<int> kept;
    int by_reference = 1;
    call_once(
        flag,
        [&](std::unique_ptr<int> p, int& r, const std::string& s) {
          kept = std::move(p);
          r = static_cast<int>(s.size());
        },
        std::make_unique<int>(7), by_reference, "four");
    ASSERT_TRUE(kept);
    EXPECT_EQ(*kept, 7);
    EXPECT_EQ(by_reference, 4);
  }
}

TEST(OnceTest, LeavesArgumentsAloneWhereItDoesNotCall) {
  once_flag flag;
  call_once(flag, [] {});
  auto p = std::make_unique<int>(1);
  call_once(
      flag, [](std::unique_ptr<int>) {}, std::move(p));
  EXPECT_TRUE(p);  // NOLINT(bugprone-use-after-move): that is the test
}

TEST(OnceTest, ReturnValuesAreDropped) {
  once_flag flag;
  static_assert(std::is_void_v<decltype(call_once(flag, [] { return 1; }))>);
  call_once(flag, [] { return std::string("x"); });
  EXPECT_TRUE(flag.is_done());
}

TEST(OnceTest, AfterAnExceptionTheNextOneCalls) {
  once_flag flag;
  int calls = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(call_once(flag,
                           [&] {
                             ++calls;
                             throw std::runtime_error("not yet");
                           }),
                 std::runtime_error);
    EXPECT_FALSE(flag.is_done());
  }
  call_once(flag, [&] { ++calls; });
  call_once(flag, [&] { ++calls; });
  EXPECT_EQ(calls, 4);
}

TEST(OnceTest, AnyKindOfException) {
  once_flag flag;
  EXPECT_THROW(call_once(flag, [] { throw 7; }), int);
  EXPECT_THROW(try_call_once(flag, [] { throw 7; }), int);
  EXPECT_THROW(syncxx::try_call_once_for(flag, 1s, [] { throw 7; }), int);
  EXPECT_THROW(syncxx::try_call_once_until(
                   flag, std::chrono::steady_clock::now(), [] { throw 7; }),
               int);
  EXPECT_TRUE(try_call_once(flag, [] {}));
}

TEST(OnceTest, FromInsideOfItsOwnCallIsAnError) {
  once_flag flag;
  once_flag between;
  const auto again = [&] {
    expect_system_error(std::errc::resource_deadlock_would_occur,
                        [&] { call_once(flag, [] {}); });
    expect_system_error(std::errc::resource_deadlock_would_occur,
                        [&] { try_call_once(flag, [] {}); });
    expect_system_error(std::errc::resource_deadlock_would_occur,
                        [&] { syncxx::try_call_once_for(flag, 1h, [] {}); });
    std::stop_source source;
    expect_system_error(std::errc::resource_deadlock_would_occur,
                        [&] { call_once(flag, source.get_token(), [] {}); });
  };
  call_once(flag, [&] {
    again();
    call_once(between, again);  // deeper
    again();
  });
  EXPECT_TRUE(flag.is_done());
  EXPECT_TRUE(between.is_done());
}

TEST(OnceTest, TheErrorEndsTheCallThatItIsNotCaughtIn) {
  once_flag flag;
  expect_system_error(std::errc::resource_deadlock_would_occur, [&] {
    call_once(flag, [&] { call_once(flag, [] {}); });
  });
  EXPECT_FALSE(flag.is_done());
  int calls = 0;
  call_once(flag, [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

// Another thread that calls meanwhile waits, and is no recursion.
TEST(OnceTest, OthersWaitForTheCall) {
  once_flag flag;
  int data = 0;
  std::unique_ptr<background<int>> other;
  call_once(flag, [&] {
    other = std::make_unique<background<int>>([&] {
      call_once(flag, [] { ADD_FAILURE() << "called a second time"; });
      return data;
    });
    other->await_sleep();
    EXPECT_FALSE(other->finished());
    data = 1;
  });
  EXPECT_EQ(other->result(), 1);
}

TEST(OnceTest, OneOfThoseThatWaitedCallsAfterAnException) {
  for (int round = 0; round < iterations(20); ++round) {
    once_flag flag;
    std::atomic<int> calls{0};
    std::vector<std::unique_ptr<background<bool>>> others;
    const auto attempt = [&] {
      for (int i = 0; i < 6; ++i) {
        others.push_back(std::make_unique<background<bool>>([&] {
          try {
            call_once(flag, [&] {
              if (calls.fetch_add(1) < 3) throw std::runtime_error("not yet");
            });
          } catch (const std::runtime_error&) {
            return false;
          }
          return true;
        }));
      }
      for (auto& other : others) other->await_sleep();
      calls.fetch_add(1);
      throw std::runtime_error("not yet");
    };
    EXPECT_THROW(call_once(flag, attempt), std::runtime_error);
    int through = 0;
    for (auto& other : others) through += other->result() ? 1 : 0;
    EXPECT_EQ(calls.load(), 4);
    EXPECT_EQ(through, 4) << "two calls threw, one did it, three waited";
    EXPECT_TRUE(flag.is_done());
  }
}

TEST(OnceTest, WhereNobodyCallsAStopOrATimeIsNoMatter) {
  std::stop_source stopped;
  stopped.request_stop();
  int calls = 0;
  const auto count = [&](int n) { calls += n; };
  {
    once_flag flag;
    EXPECT_TRUE(call_once(flag, stopped.get_token(), count, 1));
    EXPECT_TRUE(call_once(flag, stopped.get_token(), count, 1));
  }
  {
    once_flag flag;
    EXPECT_TRUE(syncxx::try_call_once_for(flag, -1s, count, 1));
    EXPECT_TRUE(
        syncxx::try_call_once_for(flag, -1s, stopped.get_token(), count, 1));
  }
  {
    once_flag flag;
    const std::chrono::system_clock::time_point past{};
    EXPECT_TRUE(
        syncxx::try_call_once_until(flag, past, stopped.get_token(), count, 1));
    EXPECT_TRUE(syncxx::try_call_once_until(flag, past, count, 1));
  }
  {
    once_flag flag;
    EXPECT_TRUE(try_call_once(flag, count, 1));
  }
  EXPECT_EQ(calls, 4);
}

TEST(OnceTest, TryDoesNotWait) {
  once_flag flag;
  call_once(flag, [&] {
    auto other = run_in_background([&] {
      return try_call_once(flag, [] { ADD_FAILURE() << "called twice"; });
    });
    EXPECT_FALSE(other.result());
  });
}

TEST(OnceTest, ExactlyOneOfManyCalls) {
  for (int round = 0; round < iterations(300); ++round) {
    once_flag flag;
    int data = 0;
    std::atomic<int> wrong{0};
    starting_line line(4);
    std::vector<std::thread> crew;
    for (int i = 0; i < 4; ++i) {
      crew.emplace_back([&] {
        line.ready_and_go();
        call_once(flag, [&] { ++data; });
        if (data != 1) wrong.fetch_add(1);
      });
    }
    for (std::thread& thread : crew) thread.join();
    EXPECT_EQ(wrong.load(), 0);
  }
}

// Thrown through several flags at once: each is free for the next.
TEST(OnceTest, UnwindsThroughNestedCalls) {
  once_flag flags[8];
  std::function<void(int)> go = [&](int depth) {
    if (depth == 8) throw std::runtime_error("at the bottom");
    call_once(flags[depth], go, depth + 1);
  };
  EXPECT_THROW(go(0), std::runtime_error);
  for (once_flag& flag : flags) {
    EXPECT_FALSE(flag.is_done());
    call_once(flag, [] {});
    EXPECT_TRUE(flag.is_done());
  }
}

}  // namespace
}  // namespace syncxx_test
