// SPDX-License-Identifier: Apache-2.0
//
// The lines of SYNCXX_DEADLOCK_JSON, read by a parser of somebody else's
// (nlohmann-json3-dev): docs/design/deadlock-reports.md is what they must be.
#include <gtest/gtest.h>
#include <sync/detail/config.h>

#if SYNCXX_HOOKED && __has_include(<nlohmann/json.hpp>)

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "src/deadlock/process.h"
#include "src/deadlock/report/json.h"
#include "src/deadlock/report/names.h"
#include "tests/support/findings.h"
#include "tests/support/misuse_child.h"
#include "tests/support/temporary_directory.h"

namespace syncxx_test {
namespace {

using detail::report;
using nlohmann::json;

detail::place place_of_held() { return place_here(); }
detail::place place_of_wanted() { return place_here(); }

// The lines that a child has written that runs `body`.
template <class Body>
std::vector<json> lines_of(Body body) {
  const temporary_directory files;
  const std::string file = files / "findings.json";
  const outcome o = in_child([&] {
    set_environment("SYNCXX_DEADLOCK_JSON", file);
    body();
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  std::vector<json> lines;
  std::istringstream in(contents_of(file));
  for (std::string line; std::getline(in, line);) {
    lines.push_back(json::parse(line, nullptr, false));
    EXPECT_FALSE(lines.back().is_discarded()) << line;
  }
  return lines;
}

void expect_frame(const json& frame) {
  EXPECT_EQ(frame.size(), 5u) << frame;
  for (const char* key : {"function", "file", "module"})
    EXPECT_TRUE(frame.at(key).is_string() || frame.at(key).is_null()) << frame;
  EXPECT_TRUE(frame.at("line").is_number() || frame.at("line").is_null());
  EXPECT_EQ(frame.at("offset").get<std::string>().substr(0, 2), "0x");
}

void expect_stack(const json& stack, const std::string& function) {
  ASSERT_FALSE(stack.empty());
  for (const json& frame : stack) expect_frame(frame);
  if (!has_lines()) return;
  EXPECT_NE(stack[0].at("function").get<std::string>().find(function),
            std::string::npos)
      << stack;
  EXPECT_NE(
      stack[0].at("file").get<std::string>().find("deadlock_json_test.cc"),
      std::string::npos)
      << stack;
  EXPECT_GT(stack[0].at("line").get<int>(), 0);
}

TEST(DeadlockJsonTest, CircleHasAllOfTheSchema) {
  const auto before = std::chrono::system_clock::now();
  const auto lines = lines_of([] {
    detail::set_name(object_at(1), "accounts");
    circle c(3, place_of_held(), place_of_wanted());
    c.links()[1].held.object.kind = object_kind::shared_mutex_shared;
    c.links()[2].held.object.address = nullptr;
    report(c.as(finding_kind::deadlock, "a \"circle\""));
  });
  ASSERT_EQ(lines.size(), 1u);
  const json& line = lines[0];
  EXPECT_EQ(line.at("version"), 1);
  EXPECT_EQ(line.at("kind"), "deadlock");
  EXPECT_EQ(line.at("what"), "a \"circle\"");
  EXPECT_EQ(line.at("report"), 1);
  EXPECT_GT(line.at("pid").get<int>(), 0);
  EXPECT_NE(line.at("pid").get<int>(), getpid()) << "it was a child";
  const std::chrono::nanoseconds at(line.at("time_ns").get<std::int64_t>());
  EXPECT_GE(at, before.time_since_epoch());
  EXPECT_LE(at, std::chrono::system_clock::now().time_since_epoch());
  EXPECT_NE(line.at("program").get<std::string>().find("deadlock_json_test"),
            std::string::npos);
  for (const char* key : {"here", "other", "before"})
    EXPECT_TRUE(line.at(key).is_null());

  const json& links = line.at("links");
  ASSERT_EQ(links.size(), 3u);
  EXPECT_EQ(links[0].at("thread").at("serial"), 1);
  EXPECT_EQ(links[0].at("thread").at("tid"), kFirstTid);
  EXPECT_TRUE(links[0].at("thread").at("name").is_null());
  EXPECT_EQ(
      links[0].at("held").at("object"),
      (json{{"kind", "mutex"}, {"address", "0x1000"}, {"name", nullptr}}));
  EXPECT_EQ(links[1].at("held").at("object"), (json{{"kind", "shared_mutex"},
                                                    {"mode", "shared"},
                                                    {"address", "0x2000"},
                                                    {"name", "accounts"}}));
  EXPECT_TRUE(links[2].at("held").is_null());
  EXPECT_EQ(links[2].at("wanted").at("object").at("address"), "0x1000");
  expect_stack(links[0].at("held").at("stack"), "place_of_held");
  expect_stack(links[0].at("wanted").at("stack"), "place_of_wanted");
}

TEST(DeadlockJsonTest, OtherKindsHaveDeeds) {
  const auto lines = lines_of([] {
    deed here = deed_of(1, 1, place_of_wanted());
    here.tid = detail::process::thread_id();
    const deed other = deed_of(2, 2, place_of_held());
    const deed nowhere = deed_of(3, 3, detail::place());
    report({.kind = finding_kind::long_hold,
            .what = "held for long",
            .code = 0,
            .here = &here,
            .other = &other,
            .before = &nowhere,
            .duration_ns = 123});
    report({.kind = finding_kind::long_hold,
            .what = "held for long",
            .code = 0,
            .here = &here,
            .other = &other,
            .before = &nowhere});  // the same: no line
    report({.kind = finding_kind::misuse,
            .what = "alone",
            .code = 0,
            .here = &here});
  });
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].at("kind"), "long_hold");
  EXPECT_EQ(lines[0].at("duration_ns"), 123);
  EXPECT_EQ(lines[0].at("links"), json::array());
  EXPECT_TRUE(lines[0].at("here").at("thread").at("name").is_string());
  expect_stack(lines[0].at("here").at("stack"), "place_of_wanted");
  expect_stack(lines[0].at("other").at("stack"), "place_of_held");
  EXPECT_EQ(lines[0].at("other").at("object").at("address"), "0x3000");
  EXPECT_EQ(lines[0].at("before").at("stack"), json::array());
  EXPECT_EQ(lines[1].at("report"), 2);
  EXPECT_FALSE(lines[1].contains("duration_ns"));
  EXPECT_TRUE(lines[1].at("other").is_null());
}

TEST(DeadlockJsonTest, LinesOfThreadsDoNotMix) {
  constexpr int kThreads = 4;
  const auto lines = lines_of([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([t] {
        circle c(200, place_of_held(), place_of_wanted());
        c.links()[0].held.at.code[0] += static_cast<std::uintptr_t>(t);
        report(c.as(finding_kind::deadlock));
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  ASSERT_EQ(lines.size(), 0u + kThreads);
  for (const json& line : lines) EXPECT_EQ(line.at("links").size(), 200u);
}

// Whatever the bytes are, the parser gets valid UTF-8, and the same text where
// it was.
TEST(DeadlockJsonTest, StringsOfAnyBytes) {
  const auto written = [](std::string_view bytes) {
    static char storage[4096];
    detail::text out(storage);
    detail::json_writer(out).string(bytes);
    const json parsed = json::parse(std::string(out.view()), nullptr, false);
    EXPECT_TRUE(parsed.is_string()) << out.view();
    return parsed.is_string() ? parsed.get<std::string>() : "";
  };
  for (const std::string_view valid :
       {"", "plain", "quote \" backslash \\ slash /", "\t\n\r\b\f\x01\x1f\x7f",
        "\u00e9 \u20ac \U0001F512 \U0010FFFF"}) {
    EXPECT_EQ(written(valid), valid);
  }
  EXPECT_EQ(written(std::string_view("a\0b", 3)), std::string("a\0b", 3));
  const std::string bad = "\ufffd";
  EXPECT_EQ(written("\x80"), bad);
  EXPECT_EQ(written("\xff-"), bad + "-");
  EXPECT_EQ(written("\xc3"), bad);                      // cut off
  EXPECT_EQ(written("\xc0\xaf"), bad + bad);            // overlong
  EXPECT_EQ(written("\xed\xa0\x80"), bad + bad + bad);  // a surrogate
  EXPECT_EQ(written("\xf4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(written("\xe2\x82x"), bad + bad + "x");
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const char pair[] = {static_cast<char>(first), static_cast<char>(second)};
      written({pair, 2});
    }
  }
}

TEST(DeadlockJsonTest, Commas) {
  char storage[256];
  detail::text out(storage);
  detail::json_writer to(out);
  to.open('{').key("a").open('[').number(-1).hex(255).null().open('[');
  to.close(']').open('{').close('}').close(']').key("b").string("c");
  to.close('}');
  EXPECT_EQ(out.view(), R"({"a":[-1,"0xff",null,[],{}],"b":"c"})");
}

}  // namespace
}  // namespace syncxx_test

#else

TEST(DeadlockJsonTest, Nothing) {
  GTEST_SKIP() << "the plain library reports nothing, or no nlohmann/json here";
}

#endif
