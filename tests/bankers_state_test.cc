// SPDX-License-Identifier: Apache-2.0
//
// bankers_state: the published examples, tables, and reasons.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/bankers_allocator.h>

#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/bankers_reference.h"

namespace syncxx_test {
namespace {

using syncxx::bankers_state;
using syncxx::blocked_because;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(BankersStateTest, SilberschatzFiveByThree) {
  bankers_state s = silberschatz();
  EXPECT_THAT(s.safe_sequence(), ElementsAre("P1", "P3", "P4", "P0", "P2"));
  // The one that the book gives.
  EXPECT_TRUE(is_safe_order(s, {1, 3, 4, 2, 0}));
  // P1 asks for (1, 0, 2): granted; the book's order is P1 P3 P4 P0 P2.
  EXPECT_EQ(s.why_blocked(1, {1, 0, 2}).why, blocked_because::nothing);
  s.customers[1].holding = {3, 0, 2};
  EXPECT_THAT(s.safe_sequence(), ElementsAre("P1", "P3", "P4", "P0", "P2"));
  // Then P4 asks for (3, 3, 0): not available. P0 for (0, 2, 0): unsafe.
  const auto p4 = s.why_blocked(4, {3, 3, 0});
  EXPECT_EQ(p4.why, blocked_because::unavailable);
  EXPECT_THAT(p4.text, HasSubstr("3 of resource 0, of which 2 are available"));
  const auto p0 = s.why_blocked(0, {0, 2, 0});
  EXPECT_EQ(p0.why, blocked_because::would_be_unsafe);
  EXPECT_FALSE(p0.customers.empty());
}

TEST(BankersStateTest, TanenbaumSingleResource) {
  EXPECT_TRUE(tanenbaum_single('a').is_safe());
  const bankers_state b = tanenbaum_single('b');
  EXPECT_EQ(b.safe_sequence().front(), "C");  // "all but C can be delayed"
  EXPECT_EQ(b.why_blocked(1, {1}).why, blocked_because::would_be_unsafe);
  const bankers_state::verdict c = tanenbaum_single('c').examine();
  EXPECT_FALSE(c.safe);
  EXPECT_THAT(c.stuck, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(tanenbaum_single('c').safe_sequence(), IsEmpty());
}

TEST(BankersStateTest, TanenbaumMultipleResources) {
  bankers_state s = tanenbaum_multiple();
  EXPECT_EQ(s.safe_sequence().front(), "D");
  EXPECT_TRUE(is_safe_order(s, {3, 0, 1, 2, 4}));
  EXPECT_TRUE(is_safe_order(s, {3, 4, 0, 1, 2}));
  // B is given a printer; E's request for the last one would be a deadlock.
  EXPECT_EQ(s.why_blocked(1, {0, 0, 1, 0}).why, blocked_because::nothing);
  s.customers[1].holding[2] = 1;
  EXPECT_EQ(s.why_blocked(4, {0, 0, 1, 0}).why,
            blocked_because::would_be_unsafe);
}

TEST(BankersStateTest, TheVerdictIsTheTextbooksWithAnOrderThatHolds) {
  std::mt19937 random(7);
  int safe = 0;
  for (int n = 0; n < 5000; ++n) {
    bankers_state s;
    const std::size_t m = 1 + random() % 4;
    for (std::size_t k = 0; k < m; ++k) s.total.push_back(random() % 12);
    for (std::size_t i = random() % 8; i > 0; --i) {
      bankers_state::customer c;
      for (std::size_t k = 0; k < m; ++k) {
        c.max.push_back(random() % 8);
        c.holding.push_back(std::min<std::uint64_t>(c.max[k], random() % 3));
      }
      s.customers.push_back(c);
    }
    const bankers_state::verdict v = s.examine();
    ASSERT_EQ(v.safe, textbook_is_safe(s));
    ASSERT_EQ(v.finish.size() + v.stuck.size(), s.customers.size());
    if (v.safe) {
      ASSERT_TRUE(is_safe_order(s, v.finish));
      ++safe;
    }
  }
  EXPECT_GT(safe, 500);
  EXPECT_LT(safe, 4500);
}

TEST(BankersStateTest, WhoseReleasesWouldUnblock) {
  bankers_state s{
      .total = {4},
      .customers = {
          {"a", {4}, {1}}, {"b", {2}, {2}}, {"c", {2}, {1}}, {"d", {4}, {0}}}};
  const auto one = s.why_blocked(0, {1});
  EXPECT_EQ(one.why, blocked_because::unavailable);
  EXPECT_THAT(one.customers, ElementsAre("b", "c"));
  EXPECT_FALSE(one.together);
  const auto all = s.why_blocked(0, {3});
  EXPECT_THAT(all.customers, ElementsAre("b", "c"));
  EXPECT_TRUE(all.together);
  EXPECT_THAT(all.text, HasSubstr("'b' and 'c' hold together"));
  s.total = {3};  // one was lost
  const auto lost = s.why_blocked(0, {1});
  EXPECT_EQ(lost.why, blocked_because::state_is_unsafe);
  EXPECT_THAT(lost.text, HasSubstr("more than there is"));
  EXPECT_THAT(lost.customers, IsEmpty());  // a's claim is beyond the total
  EXPECT_THROW(s.why_blocked(0, {4}), std::invalid_argument);
  EXPECT_THROW(s.why_blocked(4, {1}), std::invalid_argument);
}

TEST(BankersStateTest, ATableForPeople) {
  EXPECT_EQ(silberschatz().table(),
            "           Allocation  Max         Need\n"
            "P0          0 1 0       7 5 3       7 4 3\n"
            "P1          2 0 0       3 2 2       1 2 2\n"
            "P2          3 0 2       9 0 2       6 0 0\n"
            "P3          2 1 1       2 2 2       0 1 1\n"
            "P4          0 0 2       4 3 3       4 3 1\n"
            "Available   3 3 2\n"
            "Total      10 5 7\n");
}

TEST(BankersStateTest, StatesThatCannotBe) {
  bankers_state s = silberschatz();
  s.customers[2].holding = {10, 0, 2};
  EXPECT_THROW(s.examine(), std::invalid_argument);
  s.customers[2].holding = {1, 0};
  EXPECT_THROW(s.table(), std::invalid_argument);
  s = {.total = {std::uint64_t{1} << 62}};
  EXPECT_THROW(s.examine(), std::length_error);
  const std::uint64_t most = (std::uint64_t{1} << 62) - 1;
  s = {.total = {most},
       .customers = {{"a", {most}, {most}}, {"b", {most}, {0}}}};
  EXPECT_TRUE(s.is_safe());
  s.customers[1].holding = {1};
  EXPECT_THROW(s.examine(), std::length_error);
  EXPECT_THROW(bankers_state{}.examine(), std::invalid_argument);
}

}  // namespace
}  // namespace syncxx_test
