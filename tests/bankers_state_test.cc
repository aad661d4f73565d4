// SPDX-License-Identifier: Apache-2.0
//
// bankers_state: the published examples, tables, JSON, and reasons.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/bankers_allocator.h>

#include <cstdint>
#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>
#define HAVE_JSON 1
#endif
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

#ifdef HAVE_JSON

TEST(BankersStateTest, JsonIsWhatOthersTakeForJson) {
  bankers_state s = silberschatz();
  s.customers[0].name = "quote \" back \\ line \n bell \a tab \t \xc3\xa9";
  s.customers[1].name = "bad \xff byte";
  const auto parsed = nlohmann::json::parse(s.to_json());
  EXPECT_EQ(parsed["total"], (std::vector<int>{10, 5, 7}));
  EXPECT_EQ(parsed["customers"][0]["name"], s.customers[0].name);
  EXPECT_EQ(parsed["customers"][1]["name"], "bad \xef\xbf\xbd byte");
  EXPECT_EQ(parsed["customers"][2]["max"], (std::vector<int>{9, 0, 2}));
  EXPECT_EQ(parsed["customers"][2]["holding"], (std::vector<int>{3, 0, 2}));
  const bankers_state back = bankers_state::from_json(s.to_json());
  s.customers[1].name = "bad \xef\xbf\xbd byte";
  EXPECT_EQ(back.to_json(), s.to_json());
  for (const int indent : {-1, 0, 3}) {
    EXPECT_EQ(
        bankers_state::from_json(parsed.dump(indent, ' ', true)).to_json(),
        s.to_json());
  }
  EXPECT_EQ(bankers_state{.total = {1}}.to_json(),
            R"({"total":[1],"customers":[]})");
}

#endif  // HAVE_JSON

TEST(BankersStateTest, OtherMembersArePassedOverAndNamesMadeUp) {
  const bankers_state s = bankers_state::from_json(
      R"( {"note":{"a":[1.5e-3,-0,true,false,null,"x",{}]}, "customers":[
      {"max":[1],"holding":[0],"since":12},
      {"holding":[0],"name":"\u00e9\ud83d\ude00\n","max":[1]}],"total":[1]} )");
  EXPECT_EQ(s.customers[0].name, "P0");
  EXPECT_EQ(s.customers[1].name, "\xc3\xa9\xf0\x9f\x98\x80\n");
}

struct bad_json {
  const char* text;
  const char* message;
};
class BadJsonTest : public testing::TestWithParam<bad_json> {};

TEST_P(BadJsonTest, SaysWhereAndWhat) {
  try {
    bankers_state::from_json(GetParam().text);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadJsonTest,
    testing::Values(
        bad_json{"",
                 "line 1, column 1: the state is to be an object {…}, "
                 "found the end"},
        bad_json{"[]", "the state is to be an object {…}, found '['"},
        bad_json{"{}", "the state has no \"total\""},
        bad_json{R"({"total":[1]})", "no \"customers\""},
        bad_json{"{\n \"total\": [1, x]}",
                 "line 2, column 15: total[1] is to be a whole number, found "
                 "'x'"},
        bad_json{R"({"total":[-1]})", "column 11: total[0] is negative"},
        bad_json{R"({"total":[1.5]})", "total[0] is no whole number"},
        bad_json{R"({"total":[1e2]})", "total[0] is no whole number"},
        bad_json{R"({"total":[01]})", "total[0] begins with a 0"},
        bad_json{R"({"total":["1"]})", "total[0] is to be a whole number"},
        bad_json{R"({"total":[4611686018427387904]})", "at most 2^62 - 1"},
        bad_json{R"({"total":[99999999999999999999999]})", "too great"},
        bad_json{R"({"total":[]})", "total is empty"},
        bad_json{R"({"total":[1,]})", "total[1] is to be a whole number"},
        bad_json{R"({"total":[1 2]})", "expected ']' in total, found '2'"},
        bad_json{R"({"total":3})", "total is to be an array […], found '3'"},
        bad_json{R"({"total":[1],"total":[1]})", "a second \"total\""},
        bad_json{R"({"total":[1],"customers":[]} x)", "behind the state"},
        bad_json{R"({"total":[1],"customers":[3]})",
                 "customers[0] is to be an object"},
        bad_json{R"({"total":[1],"customers":[{"max":[1]}]})",
                 "column 27: customers[0] has no \"holding\""},
        bad_json{R"({"total":[1],"customers":[{"holding":[1]}]})",
                 "customers[0] has no \"max\""},
        bad_json{R"({"total":[1],"customers":[{"name":1}]})",
                 "customers[0].name is to be a string"},
        bad_json{R"({"total":[1],"customers":[{"max":[1,2],"holding":[0]}]})",
                 "customers[0] ('P0').max has 2 amounts, total has 1"},
        bad_json{R"({"total":[1],"customers":[{"max":[1],"holding":[]}]})",
                 "('P0').holding has 0 amounts, total has 1"},
        bad_json{R"({"total":[1],"customers":[{"max":[1],"holding":[2]}]})",
                 "holds 2 of resource 0: its max is 1"},
        bad_json{R"({"total":[1],"customers":[{"max":[1],"holding":[-2]}]})",
                 "customers[0].holding[0] is negative"},
        bad_json{R"({"total)", "a string without an end"},
        bad_json{R"({"a\x":1})", "expected an escape"},
        bad_json{R"({"\ud800":1})", "half a surrogate pair"},
        bad_json{R"({"\u12g4":1})", "four hexadecimal digits"},
        bad_json{"{\"\xff\":1}", "no UTF-8"},
        bad_json{"{\"\x01\":1}", "control character"},
        bad_json{R"({"x":+1})", "expected a value, found '+'"},
        bad_json{R"({"x":1.})", "expected a digit, found '}'"},
        bad_json{R"({1:1})", "expected the name of a member"},
        bad_json{R"({"x" 1})", "expected ':' in the state, found '1'"}));

TEST(BankersStateTest, NoDepthOverflowsTheStack) {
  const std::string deep(1'000'000, '[');
  EXPECT_THROW(bankers_state::from_json("{\"x\":" + deep),
               std::invalid_argument);
}

// Each prefix and many damaged texts: an error, or a state; nothing else.
TEST(BankersStateTest, DamagedTextsAreErrors) {
  const std::string whole = silberschatz().to_json();
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_THROW(bankers_state::from_json(whole.substr(0, n)),
                 std::invalid_argument);
  std::mt19937 random(3);
  int read = 0;
  for (int n = 0; n < 20'000; ++n) {
    std::string text = whole;
    text[random() % text.size()] = static_cast<char>(random());
    try {
      bankers_state::from_json(text).examine();
#ifdef HAVE_JSON
      EXPECT_TRUE(nlohmann::json::accept(text)) << text;
#endif
      ++read;
    } catch (const std::invalid_argument&) {
    }
  }
  EXPECT_GT(read, 100);
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
