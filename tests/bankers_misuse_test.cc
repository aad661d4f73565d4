// SPDX-License-Identifier: Apache-2.0
//
// bankers_allocator used wrongly: what is said, and that nothing has changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/bankers_allocator.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "tests/support/environment.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::bankers_allocator;
using testing::HasSubstr;
using customer = bankers_allocator::customer;
using grant = bankers_allocator::grant;

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

template <class Error, class F>
void expect_error(const char* words, F f) {
  try {
    f();
    ADD_FAILURE() << "nothing was thrown; expected: " << words;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

class BankersMisuseTest : public testing::Test {
 protected:
  BankersMisuseTest()
      : a({10, 5}), c(a.join({6, 4}, "c")), g(c.acquire({2, 1})) {}
  ~BankersMisuseTest() override {
    EXPECT_EQ(a.snapshot(),
              (syncxx::bankers_state{{10, 5}, {{"c", {6, 4}, {2, 1}}}}));
    EXPECT_EQ(a.waiting(), 0U);
  }
  bankers_allocator a;
  customer c;
  grant g;
};

TEST_F(BankersMisuseTest, Requests) {
  using error = std::invalid_argument;
  expect_error<error>(
      "request of customer 'c' for 4 of resource 1: its claim is 4, of which "
      "it holds 1",
      [&] {
        c.acquire({0, 4});
      });
  expect_error<error>("for 18446744073709551615 of resource 0", [&] {
    c.try_acquire({kMax, 0});
  });
  expect_error<error>("request of customer 'c' with 3 amounts: there are 2",
                      [&] {
                        c.acquire({1, 1, 1});
                      });
  expect_error<error>("with 0 amounts", [&] { c.try_acquire({}); });
  expect_error<error>("its claim is 6", [&] {
    static_cast<void>(a.why_blocked(c, {7, 0}));
  });
}

TEST_F(BankersMisuseTest, Releases) {
  using error = std::invalid_argument;
  expect_error<error>("release by customer 'c' of 3 of resource 0: it holds 2",
                      [&] {
                        c.release({3, 0});
                      });
  expect_error<error>("of 18446744073709551615 of resource 1", [&] {
    c.release({0, kMax});
  });
  expect_error<error>("release of customer 'c' with 1 amounts",
                      [&] { c.release({1}); });
  expect_error<error>(
      "release of 2 of resource 1 of a grant to customer 'c', which has 1",
      [&] {
        g.release({0, 2});
      });
}

TEST_F(BankersMisuseTest, Claims) {
  using error = std::invalid_argument;
  expect_error<error>("claim of customer 'x' to 6 of resource 1: there are 5",
                      [&] {
                        static_cast<void>(a.join({1, 6}, "x"));
                      });
  expect_error<error>("claim of customer 'P1' with 1 amounts",
                      [&] { static_cast<void>(a.join({1})); });
  expect_error<error>("claim of customer 'c' to 11 of resource 0", [&] {
    static_cast<void>(c.change_claim({11, 4}));
  });
  expect_error<error>(
      "claim of customer 'c' to 1 of resource 0, of which it holds 2", [&] {
        static_cast<void>(c.change_claim({1, 4}));
      });
}

TEST_F(BankersMisuseTest, Totals) {
  expect_error<std::length_error>(
      "growth by 18446744073709551615 of resource 1, of which there are 5",
      [&] {
        a.grow({0, kMax});
      });
  expect_error<std::invalid_argument>(
      "loss of 11 of resource 0, of which there are 10", [&] {
        a.shrink({11, 0});
      });
  expect_error<std::invalid_argument>("growth of the total with 1 amounts",
                                      [&] { a.grow({1}); });
  expect_error<std::length_error>("at most 2^62 - 1", [] {
    bankers_allocator b({1, kMax});
  });
  expect_error<std::invalid_argument>("at least one resource",
                                      [] { bankers_allocator b({}); });
}

TEST_F(BankersMisuseTest, CustomersThatAreGone) {
  using error = std::system_error;
  customer other = a.join({1, 1}, "other");
  const customer moved = std::move(other);
  const char* const words = "of a customer that has left, or was moved from";
  // NOLINTBEGIN(bugprone-use-after-move)
  expect_error<error>(words, [&] { other.acquire({0, 0}); });
  expect_error<error>(words, [&] { other.release({0, 0}); });
  expect_error<error>(words, [&] { static_cast<void>(other.name()); });
  expect_error<error>(words, [&] { static_cast<void>(other.holding()); });
  expect_error<error>(words, [&] { static_cast<void>(a.why_blocked(other)); });
  // NOLINTEND(bugprone-use-after-move)
  expect_error<error>("has 2 customers", [&] {
    static_cast<void>(a.restore({.total = {1, 1}}));
  });
}

TEST_F(BankersMisuseTest, NeitherLeavesNorShrinksBelowWhatItWaitsFor) {
  customer other = a.join({10, 0}, "other");
  std::stop_source stop;
  background<bool> waits([&] {
    return other.acquire({9, 0}, stop.get_token()).has_value();
  });
  await([&] { return a.waiting() == 1; });
  expect_error<std::system_error>(
      "leaving of customer 'other', for which 1 requests wait",
      [&] { other.leave(); });
  expect_error<std::invalid_argument>("it holds 0 and waits for 9", [&] {
    static_cast<void>(other.change_claim({8, 0}));
  });
  stop.request_stop();
  EXPECT_FALSE(waits.result());
}

TEST(BankersMisuseDeathTest, WhatCannotThrowEndsTheProgram) {
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not start this death test";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        auto a =
            std::make_unique<bankers_allocator>(bankers_allocator::amounts{1});
        const customer c = a->join({1}, "c");
        a.reset();
      },
      "destruction of a bankers_allocator that has 1 customers");
  EXPECT_DEATH(
      {
        bankers_allocator a({1});
        customer holder = a.join({1}, "holder");
        const grant g = holder.acquire({1});
        auto c = std::make_unique<customer>(a.join({1}, "c"));
        std::thread waits([&] { c->acquire({1}); });
        await([&] { return a.waiting() == 1; });
        c.reset();
      },
      "leaving of customer 'c', for which 1 requests wait");
}

}  // namespace
}  // namespace syncxx_test
