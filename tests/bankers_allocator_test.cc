// SPDX-License-Identifier: Apache-2.0
//
// bankers_allocator: grants, waits, claims, joining and leaving, gain and loss.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/bankers_allocator.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/support/bankers_reference.h"
#include "tests/support/threads.h"
#include "tests/support/user_clock.h"

namespace syncxx_test {
namespace {

using syncxx::bankers_allocator;
using syncxx::basic_bankers_allocator;
using syncxx::blocked_because;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using customer = bankers_allocator::customer;
using grant = bankers_allocator::grant;
using amounts = bankers_allocator::amounts;

static_assert(!std::is_copy_constructible_v<grant> &&
              std::is_nothrow_move_constructible_v<grant> &&
              std::is_nothrow_move_assignable_v<grant>);
static_assert(!std::is_copy_constructible_v<customer> &&
              std::is_nothrow_move_constructible_v<customer> &&
              std::is_nothrow_move_assignable_v<customer>);

void await_waiting(const bankers_allocator& a, std::size_t n) {
  await([&] { return a.waiting() == n; });
}

TEST(BankersAllocatorTest, SilberschatzByHand) {
  bankers_allocator a({10, 5, 7});
  std::vector<customer> p;
  for (const auto& c : silberschatz().customers) p.push_back(a.join(c.max));
  std::vector<grant> grants;
  for (std::size_t i = 0; i < 5; ++i)
    grants.push_back(p[i].acquire(silberschatz().customers[i].holding));
  EXPECT_EQ(a.available(), (amounts{3, 3, 2}));
  EXPECT_THAT(a.safe_sequence(), ElementsAre("P1", "P3", "P4", "P0", "P2"));
  std::optional<grant> more = p[1].try_acquire({1, 0, 2});
  ASSERT_TRUE(more.has_value());
  EXPECT_FALSE(p[4].try_acquire({3, 3, 0}).has_value());
  EXPECT_FALSE(p[0].try_acquire({0, 2, 0}).has_value());
  EXPECT_TRUE(a.is_safe());
  more.reset();
  EXPECT_EQ(a.available(), (amounts{3, 3, 2}));
  EXPECT_EQ(p[1].holding(), (amounts{2, 0, 0}));
}

TEST(BankersAllocatorTest, FixedNumberOfResources) {
  basic_bankers_allocator<3> a({10, 5, 7});
  auto p = a.join({7, 5, 3}, "p");
  {
    auto g = p.acquire({1, 2, 3});
    EXPECT_EQ(g.granted(), (std::array<std::uint64_t, 3>{1, 2, 3}));
    EXPECT_EQ(a.available(), (std::array<std::uint64_t, 3>{9, 3, 4}));
    EXPECT_EQ(p.claim(), (std::array<std::uint64_t, 3>{7, 5, 3}));
  }
  EXPECT_EQ(a.available(), a.total());
}

TEST(BankersAllocatorTest, GrantsGiveBackOnce) {
  bankers_allocator a({10});
  customer c = a.join({8}, "c");
  {
    grant g = c.acquire({5});
    EXPECT_TRUE(static_cast<bool>(g));
    g.release({2});
    EXPECT_EQ(c.holding(), amounts{3});
    EXPECT_EQ(g.granted(), amounts{3});
    grant h = std::move(g);
    EXPECT_FALSE(static_cast<bool>(g));  // NOLINT(bugprone-use-after-move)
    g.release();
    EXPECT_EQ(c.holding(), amounts{3});
    h = c.acquire({1});  // gives back the 3
    EXPECT_EQ(c.holding(), amounts{1});
  }
  EXPECT_EQ(c.holding(), amounts{0});
}

TEST(BankersAllocatorTest, WhatACustomerReleasesItsGrantsDoNotGiveBackAgain) {
  bankers_allocator a({10});
  customer c = a.join({8}, "c");
  {
    const grant g = c.acquire({3});
    const grant h = c.acquire({2});
    c.release({4});
    EXPECT_EQ(c.holding(), amounts{1});
  }
  EXPECT_EQ(c.holding(), amounts{0});
  {
    grant kept = c.acquire({3});
    kept.keep();
    const grant g = c.acquire({4});
    c.release({1});  // of what was kept
  }
  EXPECT_EQ(c.holding(), amounts{2});
  c.release({2});
  EXPECT_EQ(a.available(), amounts{10});
}

TEST(BankersAllocatorTest, ACustomerThatLeavesGivesBackAll) {
  bankers_allocator a({10});
  grant left;
  {
    customer c = a.join({8}, "c");
    left = c.acquire({5});
    c.acquire({2}).keep();
    EXPECT_EQ(a.available(), amounts{3});
  }
  EXPECT_EQ(a.available(), amounts{10});
  customer other = a.join({8}, "takes its slot");
  const grant g = other.acquire({6});
  left.release();  // somebody else's grant
  EXPECT_EQ(other.holding(), amounts{6});
  EXPECT_EQ(a.customers(), 1U);
}

TEST(BankersAllocatorTest, MovedCustomers) {
  bankers_allocator a({4});
  customer first = a.join({2}, "first");
  customer second = a.join({2}, "second");
  first.acquire({2}).keep();
  first = std::move(second);  // the first one leaves
  EXPECT_EQ(first.name(), "second");
  EXPECT_EQ(a.customers(), 1U);
  EXPECT_EQ(a.available(), amounts{4});
  EXPECT_FALSE(static_cast<bool>(second));  // NOLINT(bugprone-use-after-move)
}

TEST(BankersAllocatorTest, ARequestWaitsUntilItIsSafe) {
  bankers_allocator a({3});
  customer one = a.join({3}, "one");
  customer two = a.join({3}, "two");
  std::optional<grant> held = one.acquire({2});
  background<amounts> waits([&] { return two.acquire({1}).granted(); });
  await_waiting(a, 1);  // there is one, but then neither could finish
  const auto why = a.why_blocked(two);
  EXPECT_EQ(why.why, blocked_because::would_be_unsafe);
  EXPECT_THAT(why.customers, ElementsAre("one"));
  EXPECT_THAT(why.text, HasSubstr("'one' and 'two' might wait for ever"));
  EXPECT_THAT(a.why_blocked(one).text, HasSubstr("does not wait"));
  held.reset();
  EXPECT_EQ(waits.result(), amounts{1});
  EXPECT_EQ(a.available(), amounts{3});
}

TEST(BankersAllocatorTest, TimedAndStoppedRequests) {
  using namespace std::chrono_literals;
  bankers_allocator a({2});
  customer one = a.join({2}, "one");
  customer two = a.join({2}, "two");
  std::optional<grant> held = one.acquire({2});
  EXPECT_FALSE(two.try_acquire_for({1}, 1ms).has_value());
  EXPECT_FALSE(two.try_acquire_for({1}, -1h).has_value());
  EXPECT_FALSE(
      two.try_acquire_until({1}, std::chrono::system_clock::now() + 1ms)
          .has_value());
  EXPECT_FALSE(
      two.try_acquire_until({1}, scaled_clock<1, 2>::now() + 1ms).has_value());
  std::stop_source stop;
  background<bool> waits(
      [&] { return two.acquire({1}, stop.get_token()).has_value(); });
  await_waiting(a, 1);
  stop.request_stop();
  EXPECT_FALSE(waits.result());
  EXPECT_FALSE(two.try_acquire_for({1}, 1h, stop.get_token()).has_value());
  EXPECT_EQ(a.waiting(), 0U);
  held.reset();
  // To be had at once.
  EXPECT_TRUE(two.acquire({1}, stop.get_token()).has_value());
  EXPECT_TRUE(two.try_acquire_for({1}, -1h).has_value());
  EXPECT_EQ(a.available(), amounts{2});
}

TEST(BankersAllocatorTest, AskingForNothingNeverWaits) {
  bankers_allocator a({2});
  customer one = a.join({2}, "one");
  const grant held = one.acquire({2});
  customer two = a.join({2}, "two");
  EXPECT_TRUE(two.try_acquire({0}).has_value());
  a.shrink({1});
  EXPECT_TRUE(two.try_acquire({0}).has_value());
}

TEST(BankersAllocatorTest, ManyThreadsOneOfThemAtATimeInEachPlace) {
  constexpr std::size_t kPlaces = 4;
  constexpr int kTurns = 1000;
  bankers_allocator a(amounts(kPlaces, 1), {.patience = 2});
  std::array<int, kPlaces> visits{};  // each by whoever has the place
  std::vector<std::thread> crew;
  for (std::size_t t = 0; t < kPlaces; ++t) {
    crew.emplace_back([&, t] {
      customer c = a.join(amounts(kPlaces, 1));
      for (int turn = 0; turn < kTurns; ++turn) {
        std::array<grant, 2> held;
        for (std::size_t i = 0; i < held.size(); ++i) {
          amounts one(kPlaces);
          const std::size_t place =
              (t + i * (1 + static_cast<std::size_t>(turn) % 3)) % kPlaces;
          one[place] = 1;
          held[i] = c.acquire(one);
          ++visits[place];
        }
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(std::accumulate(visits.begin(), visits.end(), 0),
            static_cast<int>(kPlaces) * kTurns * 2);
  EXPECT_EQ(a.available(), a.total());
}

TEST(BankersAllocatorTest, ClaimsChangeIfItIsSafe) {
  bankers_allocator a({4});
  customer one = a.join({2}, "one");
  customer two = a.join({3}, "two");
  const grant g = one.acquire({2});
  const grant h = two.acquire({1});
  EXPECT_TRUE(one.change_claim({3}));  // one more is there
  EXPECT_FALSE(two.change_claim({4}) && one.change_claim({4}));
  EXPECT_EQ(one.claim(), amounts{3});
  EXPECT_TRUE(one.change_claim({2}));
  EXPECT_EQ(one.claim(), amounts{2});
  EXPECT_TRUE(a.is_safe());
}

TEST(BankersAllocatorTest, ALoweredClaimLetsOthersGo) {
  bankers_allocator a({3});
  customer one = a.join({3}, "one");
  customer two = a.join({3}, "two");
  const grant held = one.acquire({2});
  background<bool> waits([&] { return static_cast<bool>(two.acquire({1})); });
  await_waiting(a, 1);
  EXPECT_TRUE(one.change_claim({2}));
  EXPECT_TRUE(waits.result());
}

TEST(BankersAllocatorTest, GainLetsOthersGo) {
  bankers_allocator a({3});
  customer one = a.join({3}, "one");
  customer two = a.join({3}, "two");
  const grant held = one.acquire({3});
  background<bool> waits([&] { return static_cast<bool>(two.acquire({3})); });
  await_waiting(a, 1);
  a.grow({2});
  EXPECT_EQ(a.waiting(), 1U);
  a.grow({1});
  EXPECT_TRUE(waits.result());
  EXPECT_EQ(a.total(), amounts{6});
}

TEST(BankersAllocatorTest, AfterALossNothingIsGrantedUntilItIsSafeAgain) {
  bankers_allocator a({4});
  customer one = a.join({3}, "one");
  customer two = a.join({3}, "two");
  customer three = a.join({1}, "three");
  std::optional<grant> g = one.acquire({2});
  std::optional<grant> h = two.acquire({1});
  a.shrink({1});
  EXPECT_FALSE(a.is_safe());  // 0 are left, one and two need 1 and 2
  EXPECT_THAT(a.safe_sequence(), IsEmpty());
  EXPECT_EQ(one.holding(), amounts{2});
  EXPECT_EQ(a.why_blocked(three, {1}).why, blocked_because::state_is_unsafe);
  EXPECT_FALSE(one.try_acquire({1}).has_value());
  EXPECT_FALSE(three.change_claim({2}));
  background<bool> waits([&] { return static_cast<bool>(three.acquire({1})); });
  await_waiting(a, 1);
  g->release({1});  // 1 is left: still neither could finish
  EXPECT_FALSE(a.is_safe());
  EXPECT_EQ(a.waiting(), 1U);
  h.reset();
  EXPECT_TRUE(a.is_safe());
  EXPECT_TRUE(waits.result());
  // More is lost than is free, and a claim is beyond what is left.
  a.shrink({3});
  EXPECT_EQ(a.available(), amounts{0});
  g.reset();
  EXPECT_FALSE(a.is_safe());
  a.grow({3});
  EXPECT_TRUE(a.is_safe());
}

TEST(BankersAllocatorTest, SnapshotsAreRestored) {
  bankers_allocator a({10, 5, 7});
  std::vector<customer> p = a.restore(silberschatz());
  EXPECT_EQ(a.snapshot(), silberschatz());
  EXPECT_EQ(a.why_blocked(p[0], {0, 2, 0}).why, blocked_because::nothing);
  ASSERT_TRUE(p[1].try_acquire({1, 0, 2}).has_value());
  p[1].release({2, 0, 0});  // what is restored is kept
  EXPECT_EQ(p[1].holding(), (amounts{0, 0, 0}));
  p.clear();
  EXPECT_EQ(a.available(), a.total());
  // One that is unsafe: nothing is granted until it is not.
  bankers_allocator b({1});
  std::vector<customer> q = b.restore(tanenbaum_single('c'));
  EXPECT_FALSE(b.is_safe());
  EXPECT_FALSE(q[2].try_acquire({1}).has_value());
  q[3].release({4});
  EXPECT_TRUE(b.is_safe());
  EXPECT_TRUE(q[2].try_acquire({1}).has_value());
}

// --- Who is served first -----------------------------------------------------

TEST(BankersFairnessTest, ByPriorityThenFirstComeFirstServed) {
  bankers_allocator a({1});
  customer holder = a.join({1}, "holder");
  std::optional<grant> held = holder.acquire({1});
  std::vector<customer> c;
  std::vector<std::string> order;
  for (const int priority : {0, 5, 0, 5, 9}) {
    c.push_back(a.join({1}, "", priority));
  }
  std::vector<std::thread> crew;
  for (std::size_t i = 0; i < c.size(); ++i) {
    crew.emplace_back([&, i] {
      const grant g = c[i].acquire({1});
      order.push_back(c[i].name());  // whoever holds it is alone
    });
    await_waiting(a, i + 1);
  }
  held.reset();
  for (std::thread& t : crew) t.join();
  EXPECT_THAT(order, ElementsAre("P5", "P2", "P4", "P1", "P3"));
}

// A large request among small ones that could go on for ever.
TEST(BankersFairnessTest, NobodyWhoHoldsNothingPassesTheElder) {
  bankers_allocator a({2}, {.patience = 3});
  customer big = a.join({2}, "big");
  customer small = a.join({1}, "small");
  customer other = a.join({1}, "other", /*priority=*/7);
  grant held = small.acquire({1});
  background<bool> waits([&] { return static_cast<bool>(big.acquire({2})); });
  await_waiting(a, 1);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(other.try_acquire({1}).has_value()) << i;
  EXPECT_FALSE(other.try_acquire({1}).has_value());
  EXPECT_TRUE(other.try_acquire({0}).has_value());
  const auto why = a.why_blocked(other, {1});
  EXPECT_EQ(why.why, blocked_because::another_is_first);
  EXPECT_THAT(why.customers, ElementsAre("big"));
  background<bool> behind(
      [&] { return static_cast<bool>(other.acquire({1})); });
  await_waiting(a, 2);
  held.release();
  EXPECT_TRUE(waits.result());
  EXPECT_TRUE(behind.result());
  EXPECT_EQ(a.available(), amounts{2});
}

// If nobody passed the elder this would be a deadlock.
TEST(BankersFairnessTest, WhoHoldsSomethingMayFinishBeforeTheElder) {
  bankers_allocator a({3}, {.patience = 0});
  customer big = a.join({3}, "big");
  customer half = a.join({2}, "half");
  grant first = half.acquire({1});
  background<bool> waits([&] { return static_cast<bool>(big.acquire({3})); });
  await_waiting(a, 1);
  customer newcomer = a.join({1}, "newcomer");
  EXPECT_FALSE(newcomer.try_acquire({1}).has_value());
  std::optional<grant> second = half.try_acquire({1});
  EXPECT_TRUE(second.has_value());
  second.reset();
  first.release();
  EXPECT_TRUE(waits.result());
}

TEST(BankersFairnessTest, AnElderThatGivesUpHoldsNobodyBack) {
  bankers_allocator a({2}, {.patience = 0});
  customer big = a.join({2}, "big");
  customer small = a.join({1}, "small");
  customer other = a.join({1}, "other");
  const grant held = small.acquire({1});
  std::stop_source stop;
  background<bool> waits(
      [&] { return big.acquire({2}, stop.get_token()).has_value(); });
  await_waiting(a, 1);
  background<bool> behind(
      [&] { return static_cast<bool>(other.acquire({1})); });
  await_waiting(a, 2);
  stop.request_stop();
  EXPECT_FALSE(waits.result());
  EXPECT_TRUE(behind.result());
}

}  // namespace
}  // namespace syncxx_test
