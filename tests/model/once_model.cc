// SPDX-License-Identifier: Apache-2.0
//
// Model tests of call_once: one call, ordering, no lost wakeup, calls that
// throw, recursion, time-out and stop beside the end of a call, destruction
// right after.
//
// Bounds: three threads with one call each; one spurious wake-up and one jump
// of the clock in what an operation depends on. Exhaustive, but for the test
// named Random...: 5000 executions.
#include <gtest/gtest.h>

#include <system_error>

#include <sync/once.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

using syncxx::call_once;
using syncxx::once_flag;

TEST(OnceModel, OneCallsAndAllSeeIt) {
  expect_ok([] {
    once_flag flag;
    syncxx::cell<int> data(0);
    const auto use = [&] {
      call_once(flag, [&] { data = data + 1; });
      model::require(data == 1, "called once");
    };
    model::thread other(use);
    use();
  });
}

TEST(OnceModel, Three) {
  expect_ok([] {
    once_flag flag;
    syncxx::cell<int> data(0);
    const auto use = [&] {
      call_once(flag, [&] { data = data + 1; });
      model::require(data == 1, "called once");
    };
    model::thread one(use), two(use);
    use();
  });
}

TEST(OnceModel, WhatIsDoneIsSeen) {
  expect_ok([] {
    once_flag flag;
    syncxx::cell<int> data(0);
    model::thread other([&] { call_once(flag, [&] { data = 1; }); });
    if (flag.is_done()) model::require(data == 1, "what it did is there");
  });
}

// The first call throws; what it wrote is seen by the next one.
void first_call_throws(int others) {
  once_flag flag;
  syncxx::cell<int> calls(0);
  int thrown = 0;
  const auto use = [&] {
    try {
      call_once(flag, [&] {
        calls = calls + 1;
        if (calls == 1) throw 1;
      });
      model::require(calls == 2, "what was done is there");
    } catch (int) {
      ++thrown;
    }
  };
  {
    model::thread one(use);
    model::thread two;
    if (others == 2) two = model::thread(use);
    use();
  }
  model::require(thrown == 1 && calls == 2, "called again, and no more");
}

TEST(OnceModel, ThrowsOnce) {
  expect_ok([] { first_call_throws(1); });
}

TEST(OnceModel, RandomThrowsOnceOfThree) {
  model::options how;
  how.search = model::options::mode::random;
  how.max_executions = 5000;
  expect_ok([] { first_call_throws(2); }, how);
}

TEST(LongOnceModel, ThrowsOnceOfThree) {
  expect_ok([] { first_call_throws(2); });
}

TEST(OnceModel, BesideATimeout) {
  expect_ok([] {
    once_flag flag;
    syncxx::cell<int> data(0);
    int calls = 0;
    const auto set = [&] {
      data = 1;
      ++calls;
    };
    {
      model::thread other([&] { call_once(flag, set); });
      if (syncxx::try_call_once_for(flag, kAWhile, set))
        model::require(data == 1, "what was done is there");
    }
    model::require(calls == 1 && flag.is_done(), "called once");
  });
}

TEST(OnceModel, TryDoesNotWait) {
  expect_ok([] {
    once_flag flag;
    syncxx::cell<int> data(0);
    const auto set = [&] { data = data + 1; };
    model::thread other([&] { call_once(flag, set); });
    if (syncxx::try_call_once(flag, set))
      model::require(data == 1, "what was done is there");
  });
}

// A call that does not end before it is told that another was stopped.
TEST(OnceModel, Stopped) {
  expect_ok([] {
    once_flag flag;
    syncxx::stop_source source;
    call_once(flag, [&] {
      model::thread other([&] {
        model::require(!call_once(flag, source.get_token(), [] {}), "stopped");
      });
      source.request_stop();
    });
  });
}

TEST(OnceModel, DoneAndStopped) {
  expect_ok([] {
    once_flag flag;
    syncxx::stop_source source;
    syncxx::cell<int> data(0);
    const auto set = [&] { data = 1; };
    model::thread other([&] {
      if (call_once(flag, source.get_token(), set))
        model::require(data == 1, "what was done is there");
    });
    call_once(flag, set);
    source.request_stop();
  });
}

TEST(OnceModel, MayBeDestroyedAfterwards) {
  expect_ok([] {
    auto* const flag = new once_flag;
    model::thread other([flag] { call_once(*flag, [] {}); });
    // Nobody uses it after a call that has waited for the other's.
    bool mine = false;
    call_once(*flag, [&] { mine = true; });
    if (mine) other.join();
    delete flag;
  });
}

TEST(OnceModel, RecursionIsReported) {
  expect_verdict(model::verdict::misuse, [] {
    once_flag flag;
    call_once(flag, [&] { call_once(flag, [] {}); });
  });
}

TEST(OnceModel, RecursionIsTheThreadsOwn) {
  const misuse_throws plain;
  expect_ok([] {
    once_flag flag;
    int told = 0;
    syncxx::cell<int> data(0);
    model::thread other([&] { call_once(flag, [&] { data = 1; }); });
    call_once(flag, [&] {
      data = 1;
      try {
        call_once(flag, [] {});
      } catch (const std::system_error& error) {
        told += error.code() == std::errc::resource_deadlock_would_occur;
      }
      model::require(told == 1, "told");
    });
    model::require(data == 1, "done");
  });
}

}  // namespace
}  // namespace syncxx_test
