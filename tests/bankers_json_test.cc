// SPDX-License-Identifier: Apache-2.0
//
// <sync/bankers_json.h>: what is written is read again, and what is wrong in a
// text is said, with its place. (Nothing where JSON for Modern C++ is not to be
// had.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#if __has_include(<nlohmann/json.hpp>)

#include <sync/bankers_allocator.h>
#include <sync/bankers_json.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/bankers_reference.h"

namespace syncxx_test {
namespace {

using syncxx::bankers_state;
using syncxx::bankers_state_from_json;
using syncxx::to_json;
using testing::HasSubstr;

TEST(BankersJsonTest, WhatIsWrittenIsRead) {
  bankers_state s = silberschatz();
  s.customers[0].name = "quote \" back \\ line \n bell \a tab \t \xc3\xa9";
  s.customers[1].name = "bad \xff byte";
  const std::string text = to_json(s);
  EXPECT_EQ(text.substr(0, 46),
            R"({"total":[10,5,7],"customers":[{"name":"quote )");
  EXPECT_THAT(text, HasSubstr(R"("max":[9,0,2],"holding":[3,0,2]})"));
  s.customers[1].name = "bad \xef\xbf\xbd byte";
  EXPECT_EQ(bankers_state_from_json(text), s);
  const auto parsed = nlohmann::json::parse(text);
  for (const int indent : {-1, 0, 3})
    EXPECT_EQ(bankers_state_from_json(parsed.dump(indent, ' ', true)), s);
  EXPECT_EQ(to_json({.total = {1}}), R"({"total":[1],"customers":[]})");
}

TEST(BankersJsonTest, OtherMembersArePassedOverAndNamesMadeUp) {
  const bankers_state s = bankers_state_from_json(
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
    bankers_state_from_json(GetParam().text);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
    EXPECT_EQ(std::string(error.what()).substr(0, 8), "syncxx: ");
  }
}

INSTANTIATE_TEST_SUITE_P(
    NoJson, BadJsonTest,
    testing::Values(bad_json{"", "line 1, column 1: "},
                    bad_json{"{", "line 1, column 2: "},
                    bad_json{"{\n \"total\": [1, x]}", "line 2, column 15: "},
                    bad_json{R"({"total":[01]})", "column 12: "},
                    bad_json{R"({"total":[1,]})", "column 13: "},
                    bad_json{R"({"total":[1],"customers":[]} x)",
                             "column 30: "},
                    bad_json{R"({"total)", "missing closing quote"},
                    bad_json{R"({"\ud800":1})", "surrogate"},
                    bad_json{"{\"\xff\":1}", "UTF-8"},
                    bad_json{"{\"\x01\":1}", "control character"}));

INSTANTIATE_TEST_SUITE_P(
    NoState, BadJsonTest,
    testing::Values(
        bad_json{"[]", "the state is to be an object {…}, found []"},
        bad_json{"{}", "the state has no \"total\""},
        bad_json{R"({"total":[1]})", "the state has no \"customers\""},
        bad_json{R"({"total":[-1]})", "total[0] is negative: -1"},
        bad_json{R"({"total":[3,-1.5]})", "total[1] is negative"},
        bad_json{R"({"total":[1.5]})",
                 "total[0] is to be a whole number, found 1.5"},
        bad_json{R"({"total":["1"]})",
                 "total[0] is to be a whole number, found \"1\""},
        bad_json{R"({"total":[null]})", "whole number, found null"},
        bad_json{R"({"total":[4611686018427387904]})", "at most 2^62 - 1"},
        bad_json{R"({"total":[99999999999999999999999]})", "too great"},
        bad_json{R"({"total":[1e300]})", "too great"},
        bad_json{R"({"total":[],"customers":[]})", "total is empty"},
        bad_json{R"({"total":3})", "total is to be an array […], found 3"},
        bad_json{R"({"total":[1],"total":[1]})", "a second \"total\""},
        bad_json{R"({"total":[1],"customers":[3]})",
                 "customers[0] is to be an object {…}, found 3"},
        bad_json{R"({"total":[1],"customers":[{"max":[1]}]})",
                 "customers[0] has no \"holding\""},
        bad_json{R"({"total":[1],"customers":[{"holding":[1]}]})",
                 "customers[0] has no \"max\""},
        bad_json{R"({"total":[1],"customers":[{"name":1}]})",
                 "customers[0].name is to be a string, found 1"},
        bad_json{R"({"total":[1],"customers":[{"max":[1,2],"holding":[0]}]})",
                 "customers[0] ('P0').max has 2 amounts, total has 1"},
        bad_json{R"({"total":[1],"customers":[{"max":[1],"holding":[]}]})",
                 "('P0').holding has 0 amounts, total has 1"},
        bad_json{R"({"total":[1],"customers":[{"max":[1],"holding":[2]}]})",
                 "customers[0] ('P0') holds 2 of resource 0: its max is 1"},
        bad_json{R"({"total":[1],"customers":[{"max":[1],"holding":[-2]}]})",
                 "customers[0].holding[0] is negative"}));

TEST(BankersJsonTest, TooMuchHeldIsALengthError) {
  EXPECT_THROW(bankers_state_from_json(
                   R"({"total":[1],"customers":[
          {"max":[4611686018427387903],"holding":[4611686018427387903]},
          {"max":[1],"holding":[1]}]})"),
               std::length_error);
}

TEST(BankersJsonTest, NoDepthOverflowsTheStack) {
  const std::string deep(1'000'000, '[');
  EXPECT_THROW(bankers_state_from_json("{\"x\":" + deep),
               std::invalid_argument);
}

// Each prefix and many damaged texts: an error, or a state; nothing else.
TEST(BankersJsonTest, DamagedTextsAreErrors) {
  const std::string whole = to_json(silberschatz());
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_THROW(bankers_state_from_json(whole.substr(0, n)),
                 std::invalid_argument);
  std::mt19937 random(3);
  int read = 0;
  for (int n = 0; n < 20'000; ++n) {
    std::string text = whole;
    text[random() % text.size()] = static_cast<char>(random());
    try {
      bankers_state_from_json(text).examine();
      ++read;
    } catch (const std::invalid_argument&) {
    }
  }
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace syncxx_test

#endif  // nlohmann/json.hpp
