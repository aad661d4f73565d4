// SPDX-License-Identifier: Apache-2.0
//
// What a test's body may do besides sharing memory: thread_local objects, and
// what it must not do: overflow its stack, check within a check.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include <sync/atomic.h>
#include <sync/model/check.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using syncxx::atomic;
using syncxx::memory_order_relaxed;

thread_local int t_count = 7;
thread_local int t_zero;

TEST(ThreadLocal, BelongsToAModelledThread) {
  expect_ok([] {
    atomic<int> x{0};
    const auto work = [&] {
      model::require(t_count == 7 && t_zero == 0, "as a new thread has them");
      ++t_count;
      x.fetch_add(1, memory_order_relaxed);
      ++t_zero;
      x.fetch_add(1, memory_order_relaxed);
      model::require(t_count == 8 && t_zero == 1, "nobody else changes them");
    };
    model::thread a(work), b(work);
    work();
  });
  EXPECT_EQ(t_count, 7);  // of the thread that calls check()
  EXPECT_EQ(t_zero, 0);
}

atomic<int>* g_alive = nullptr;

struct counted {
  counted() { g_alive->fetch_add(1, memory_order_relaxed); }
  ~counted() { g_alive->fetch_sub(1, memory_order_relaxed); }
  int value = 3;
};
thread_local counted t_counted;

TEST(ThreadLocal, IsMadeAndDestroyedWithItsThread) {
  expect_ok([] {
    atomic<int> alive{0};
    g_alive = &alive;
    {
      model::thread a([] { model::require(t_counted.value++ == 3); });
      model::thread b([] { model::require(t_counted.value++ == 3); });
    }
    model::require(alive.load(memory_order_relaxed) == 0, "both are gone");
  });
}

// Runs end in the middle of the handlers. (That what is caught is freed all the
// same, LeakSanitizer sees: ./dev model --asan.)
TEST(Exceptions, AreHandledAcrossSwitches) {
  expect_ok([] {
    atomic<int> x{0};
    const auto work = [&](int mine) {
      try {
        throw std::runtime_error(std::string(100, 'x'));
      } catch (const std::exception& e) {
        model::assume(x.fetch_add(mine, memory_order_relaxed) != 2);
        try {
          throw mine;
        } catch (int caught) {
          x.fetch_sub(1, memory_order_relaxed);
          model::require(caught == mine, "its own");
        }
        model::require(e.what()[99] == 'x', "its own");
      }
    };
    model::thread a(work, 2), b(work, 3);
  });
}

// Not a tail call, nor a loop.
__attribute__((noinline)) int descend(int depth) {
  volatile char some[256] = {};
  some[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : descend(depth + 1) + some[0];
}

TEST(Overflow, IsAnError) {
  for (int i = 0; i < 3; ++i) {  // and the next check goes on as if nothing was
    const model::result r = model::check([] {
      atomic<int> x{0};
      model::thread a([&] { x.store(descend(1)); });
    });
    EXPECT_STREQ(to_string(r.what), "misuse");
    EXPECT_NE(r.message.find("thread 1 has used up its stack of 256 KiB"),
              std::string::npos)
        << r.message;
  }
  expect_ok([] { model::thread a([] {}); });
}

TEST(Check, WithinACheckIsAnError) {
  expect_ok([] {
    const model::result r = model::check([] {});
    model::require(r.what == model::verdict::misuse);
  });
}

}  // namespace
}  // namespace syncxx_test
