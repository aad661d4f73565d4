// SPDX-License-Identifier: Apache-2.0
//
// How a finding is told: its text, where that goes, what is not told, and to
// whom else. (JSON: deadlock_json_test. Misuse, and reports where little works:
// misuse_report_test, misuse_malloc_test.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/detail/config.h>

#if SYNCXX_HOOKED

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "src/deadlock/report/names.h"
#include "src/deadlock/report/suppressions.h"
#include "tests/support/findings.h"
#include "tests/support/misuse_child.h"
#include "tests/support/temporary_directory.h"

namespace syncxx_test {
namespace {

using detail::report;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Where things were taken, and where they were waited for.
detail::place place_of_held() { return place_here(); }
detail::place place_of_wanted() { return place_here(); }

finding inversion_of(const circle& c) {
  return c.as(finding_kind::lock_order_inversion, "two orders of two locks");
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; ++at) ++n;
  return n;
}

// --- The text ----------------------------------------------------------------

TEST(DeadlockReportTest, CircleOfTwoIsDrawnAndBothPlacesOfEachAreNamed) {
  const outcome o = in_child([] {
    detail::set_name(object_at(1), "accounts");
    const circle c(2, place_of_held(), place_of_wanted());
    EXPECT_TRUE(report(c.as(finding_kind::deadlock, "two threads wait")));
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_THAT(o.said,
              StartsWith("syncxx: deadlock: two threads wait [deadlock]\n"
                         "  +-> mutex 0x1000\n"
                         "  |     | held by thread 2147418112 (has ended), "
                         "which waits for\n"
                         "  |     v\n"
                         "  |   mutex 0x2000 \"accounts\"\n"
                         "  |     | held by thread 2147418113 (has ended), "
                         "which waits for\n"
                         "  +-----+\n"
                         "  link 1   thread 2147418112 (has ended)\n"
                         "    holds  mutex 0x1000, since\n"
                         "           at "));
  EXPECT_THAT(o.said, HasSubstr("    wants  mutex 0x2000 \"accounts\"\n"
                                "           at "));
  EXPECT_THAT(o.said, HasSubstr("  link 2   thread 2147418113"));
  EXPECT_THAT(o.said, HasSubstr("  what to do: take "));
  if (!has_lines()) return;
  EXPECT_EQ(count(o.said, "place_of_held"), 2u) << o;
  EXPECT_EQ(count(o.said, "place_of_wanted"), 2u) << o;
  EXPECT_THAT(o.said, HasSubstr("deadlock_report_test.cc:"));
}

TEST(DeadlockReportTest, InversionSaysWhatWasTakenNotWhatIsWaitedFor) {
  const outcome o = in_child([] {
    circle c(2, place_of_held(), place_of_wanted());
    c.links()[0].held.object.kind = object_kind::shared_mutex_shared;
    report(inversion_of(c));
  });
  EXPECT_THAT(o.said, StartsWith("syncxx: lock order inversion: two orders of "
                                 "two locks [lock_order_inversion]\n"));
  EXPECT_THAT(o.said, HasSubstr("which then took\n"));
  EXPECT_THAT(o.said, HasSubstr("    held   shared_mutex 0x1000 (shared)"));
  EXPECT_THAT(o.said, HasSubstr("    took   mutex 0x2000\n"));
  EXPECT_THAT(o.said, Not(HasSubstr("waits for")));
}

// A link that begins with a thread: what waits for it waits for its end.
TEST(DeadlockReportTest, JoinIsALinkWithoutAHeldObject) {
  const outcome o = in_child([] {
    circle c(2, place_of_held(), place_of_wanted());
    c.links()[0].wanted.object.kind = object_kind::thread;
    c.links()[1].held.object.address = nullptr;
    report(c.as(finding_kind::deadlock));
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_THAT(o.said, HasSubstr("  |   the end of thread 2147418113 (has "
                                "ended)\n  |     | thread 2147418113"));
  EXPECT_EQ(count(o.said, "    holds  "), 1u) << o;
  EXPECT_EQ(count(o.said, "    wants  "), 2u) << o;
}

TEST(DeadlockReportTest, CircleOfAThousandIsPrintedWhole) {
  constexpr std::size_t kSize = 1000;
  const outcome o = in_child([] {
    const circle c(kSize, place_of_held(), place_of_wanted());
    report(c.as(finding_kind::deadlock));
  });
  EXPECT_TRUE(o.exited(outcome::kDone));
  EXPECT_THAT(o.said.substr(0, 200), HasSubstr("  1000 links: "));
  for (std::size_t i = 0; i < kSize; ++i) {
    const std::string tid = std::to_string(kFirstTid + static_cast<int>(i));
    const std::string number = std::to_string(i + 1);
    EXPECT_NE(o.said.find("  -> thread " + tid), std::string::npos);
    EXPECT_NE(o.said.find("\n  link " + number + " "), std::string::npos);
  }
  EXPECT_EQ(count(o.said, "    holds  mutex 0x"), kSize);
  EXPECT_EQ(count(o.said, "    wants  mutex 0x"), kSize);
  EXPECT_THAT(o.said.substr(o.said.size() - 20), HasSubstr("(report 1)\n"));
}

TEST(DeadlockReportTest, EachKindNamesWhatTheOtherHasDone) {
  struct expectation {
    finding_kind kind;
    const char* label;
    const char* name;
  };
  for (const expectation& e :
       {expectation{finding_kind::self_deadlock, "held by", "self_deadlock"},
        {finding_kind::unlock_not_owner, "held by", "unlock_not_owner"},
        {finding_kind::destroyed_while_held, "held by", "destroyed_while_held"},
        {finding_kind::thread_exit_holding, "taken", "thread_exit_holding"},
        {finding_kind::wrong_mutex_for_condition, "waiting",
         "wrong_mutex_for_condition"},
        {finding_kind::blocking_under_spinlock, "spinlock",
         "blocking_under_spinlock"},
        {finding_kind::reader_reentry, "shared", "reader_reentry"},
        {finding_kind::long_hold, "taken", "long_hold"},
        {finding_kind::lost_notify, "last", "lost_notify"},
        {finding_kind::misuse, "held by", "misuse"}}) {
    const outcome o = in_child([&] {
      const deed here = deed_of(1, 1, place_of_wanted());
      const deed other = deed_of(2, 2, place_of_held(), object_kind::spinlock);
      report({.kind = e.kind,
              .what = "made up",
              .code = EINVAL,
              .here = &here,
              .other = &other,
              .duration_ns =
                  e.kind == finding_kind::long_hold ? 1'230'000'000 : 0});
    });
    EXPECT_TRUE(o.exited(outcome::kDone)) << o;
    EXPECT_THAT(o.said, HasSubstr(": made up [" + std::string(e.name) + "]\n"));
    const std::string here = first_place(o.said, "here");
    const std::string other = first_place(o.said, e.label);
    EXPECT_THAT(o.said, HasSubstr("  object   mutex 0x2000\n"));
    EXPECT_THAT(o.said, HasSubstr(": spinlock 0x3000\n"));
    if (has_lines()) {
      EXPECT_THAT(here, HasSubstr("place_of_wanted")) << o;
      EXPECT_THAT(other, HasSubstr("place_of_held")) << o;
    }
    EXPECT_EQ(count(o.said, "  for      1.2 s\n"),
              e.kind == finding_kind::long_hold ? 1u : 0u);
  }
}

// --- Once --------------------------------------------------------------------

TEST(DeadlockReportTest, TheSameCircleFromAnotherLinkIsTheSame) {
  const outcome o = in_child([] {
    circle c(3, place_of_held(), place_of_wanted());
    c.links()[1].held.at = place_of_wanted();
    EXPECT_TRUE(report(inversion_of(c)));
    std::rotate(c.links().begin(), c.links().begin() + 1, c.links().end());
    EXPECT_TRUE(report(inversion_of(c)));
    c.links()[0].held.at.depth = 1;
    EXPECT_TRUE(report(inversion_of(c)));
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_EQ(count(o.said, "  what to do"), 2u) << o;
  EXPECT_EQ(count(o.said, ", at the same places as in report 1: "), 1u) << o;
}

TEST(DeadlockReportTest, ThreadsDoNotMixAndErrnoIsKept) {
  constexpr int kThreads = 6;
  constexpr int kLinks = 300;  // more than the memory that is there at once
  const outcome o = in_child([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([t] {
        circle c(kLinks, place_of_held(), place_of_wanted());
        c.links()[0].held.at.code[0] += static_cast<std::uintptr_t>(t);
        errno = EXDEV;
        report(c.as(finding_kind::deadlock));
        if (errno != EXDEV) _exit(1);
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_TRUE(o.exited(outcome::kDone));
  EXPECT_EQ(count(o.said, "syncxx: deadlock: "), 0u + kThreads);
  std::size_t at = 0;
  for (int t = 0; t < kThreads; ++t) {  // each is one piece
    at = o.said.find("syncxx: deadlock: ", at);
    const std::size_t end = o.said.find("(report ", at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(count(o.said.substr(at, end - at), "\n  link "), 0u + kLinks);
    at = end;
  }
}

// --- Names -------------------------------------------------------------------

TEST(DeadlockReportTest, NamesAreCopiedReplacedAndForgotten) {
  int objects[1000] = {};
  EXPECT_EQ(detail::name_of(&objects[0]), nullptr);
  for (int i = 0; i < 1000; ++i) {
    std::string name = "object " + std::to_string(i);
    detail::set_name(&objects[i], name.c_str());
    name.assign(name.size(), 'x');
  }
  for (int i = 0; i < 1000; i += 2) detail::forget_name(&objects[i]);
  for (int i = 0; i < 1000; ++i) {
    const char* const name = detail::name_of(&objects[i]);
    EXPECT_EQ(name == nullptr, i % 2 == 0);
    EXPECT_TRUE(name == nullptr || name == "object " + std::to_string(i));
  }
  detail::set_name(&objects[1], std::string(200, 'n').c_str());
  EXPECT_EQ(detail::name_of(&objects[1]), std::string(63, 'n'));
  detail::set_name(&objects[1], "");
  EXPECT_EQ(detail::name_of(&objects[1]), nullptr);
  for (const int& object : objects) detail::forget_name(&object);
}

TEST(DeadlockReportTest, NamesByManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      int objects[50] = {};
      const std::string own = "of thread " + std::to_string(t);
      for (int round = 0; round < iterations(200); ++round) {
        for (const int& object : objects)
          detail::set_name(&object, own.c_str());
        char name[detail::kNameSize];
        for (const int& object : objects) {
          ASSERT_TRUE(detail::copy_name(&object, name));
          EXPECT_EQ(name, own);
          detail::forget_name(&object);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// --- Suppressions ------------------------------------------------------------

TEST(DeadlockSuppressionsTest, Patterns) {
  using detail::suppressions::matches;
  EXPECT_TRUE(matches("", ""));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("*", "anything"));
  EXPECT_TRUE(matches("a*c*e", "abcde"));
  EXPECT_TRUE(matches("*ab", "aab"));
  EXPECT_TRUE(matches("a**b", "ab"));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_FALSE(matches("a", "ab"));
  EXPECT_FALSE(matches("*ab", "aba"));
  EXPECT_FALSE(matches("a*b*c", "acb"));

  using detail::suppressions::matches_function;
  EXPECT_TRUE(matches_function("ns::f", "ns::f(int, void (*)(char)) const"));
  EXPECT_TRUE(matches_function("ns::f(int)", "ns::f(int)"));
  EXPECT_TRUE(matches_function("(anonymous namespace)::f",
                               "(anonymous namespace)::f(int)"));
  EXPECT_TRUE(matches_function("main", "main"));
  EXPECT_FALSE(matches_function("ns::f", "ns::f2(int)"));
  EXPECT_FALSE(matches_function("*", ""));

  using detail::suppressions::matches_path;
  EXPECT_TRUE(matches_path("c.cc", "/a/b/c.cc"));
  EXPECT_TRUE(matches_path("/a/*", "/a/b/c.cc"));
  EXPECT_FALSE(matches_path("b/c.cc", "/a/b/c.cc"));
}

TEST(DeadlockSuppressionsTest, FindingsThatMatchAreNotTold) {
  struct attempt {
    const char* kind;
    const char* pattern;
    bool tells;
    bool needs_lines = false;
  };
  for (const attempt& a : {
           attempt{"*", "no such thing", true},
           attempt{"deadlock", "my lock", true},
           attempt{"lock_order_inversion", "my lock", false},
           attempt{"*", "my *", false},
           attempt{"*", "deadlock_report_test*", false},  // the module
           attempt{"*", "*place_of_held", false, true},
           attempt{"*", "deadlock_report_test.cc", false, true},
       }) {
    if (a.needs_lines && !has_lines()) continue;
    const outcome o = in_child([&] {
      detail::set_name(object_at(1), "my lock");
      EXPECT_TRUE(detail::suppressions::add(a.kind, a.pattern));
      const circle c(2, place_of_held(), place_of_wanted());
      for (int i = 0; i < 2; ++i)
        if (report(inversion_of(c)) != a.tells) _exit(1);
    });
    EXPECT_TRUE(o.exited(outcome::kDone)) << a.kind << ":" << a.pattern << o;
    EXPECT_EQ(o.said.empty(), !a.tells) << a.kind << ":" << a.pattern << o;
  }
}

TEST(DeadlockSuppressionsTest, AddedLaterConcernWhatWasToldBefore) {
  const outcome o = in_child([] {
    detail::set_name(object_at(1), "my lock");
    const circle c(2, place_of_held(), place_of_wanted());
    if (!report(inversion_of(c))) _exit(1);
    if (!detail::suppressions::add("*", "my lock")) _exit(2);
    if (report(inversion_of(c))) _exit(3);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_EQ(count(o.said, "syncxx: "), 1u) << o;
}

TEST(DeadlockSuppressionsTest, KindsAndPatternsThatAreNone) {
  EXPECT_FALSE(detail::suppressions::add("dead lock", "x"));
  EXPECT_FALSE(detail::suppressions::add("deadlock", ""));
  EXPECT_FALSE(detail::suppressions::add(nullptr, "x"));
  EXPECT_FALSE(detail::suppressions::add("*", std::string(2000, 'x').c_str()));
}

TEST(DeadlockSuppressionsTest, FileSaysWhatItDoesNotUnderstand) {
  const temporary_directory files;
  std::ofstream(files / "list") << "# a comment\n\n"
                                   "  deadlock : *no_such_thing* \r\n"
                                   "dead lock:x\n"
                                   "deadlock\n"
                                   "deadlock:\n"
                                   "*:other lock";
  const outcome o = in_child([&] {
    set_environment("SYNCXX_DEADLOCK_SUPPRESSIONS", files / "list");
    detail::set_name(object_at(1), "other lock");
    const circle c(2, place_of_held(), place_of_wanted());
    if (report(inversion_of(c))) _exit(1);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  const std::string file = "syncxx: " + (files / "list");
  EXPECT_EQ(o.said,
            file +
                ":4: no kind of finding is called \"dead lock\"; the line "
                "is left out\n" +
                file + ":5: not kind:pattern; the line is left out\n" + file +
                ":6: there is no pattern behind the colon; the line is left "
                "out\n");
}

TEST(DeadlockSuppressionsTest, FileThatIsNotThere) {
  const outcome o = in_child([&] {
    set_environment("SYNCXX_DEADLOCK_SUPPRESSIONS", "/nonexistent/file");
  });
  EXPECT_EQ(o.said,
            "syncxx: suppressions: /nonexistent/file cannot be read: No such "
            "file or directory\n");
}

// --- Callback ----------------------------------------------------------------

int g_calls = 0;
std::string g_heard;

TEST(DeadlockReportTest, CallbackHearsOfNewFindingsAndMayFindSomething) {
  const outcome o = in_child([] {
    const circle c(2, place_of_held(), place_of_wanted());
    int context = 0;
    detail::set_callback(
        [](const finding& found, const char* text, void* argument) {
          ++g_calls;
          ++*static_cast<int*>(argument);
          g_heard = text;
          if (found.kind != finding_kind::lock_order_inversion) _exit(1);
          const circle inner(3, place_of_held(), place_of_wanted());
          report(inner.as(finding_kind::deadlock));
        },
        &context);
    report(inversion_of(c));
    report(inversion_of(c));
    if (g_calls != 1 || context != 1) _exit(2);
    if (g_heard.find("two orders of two locks") == g_heard.npos) _exit(3);
    if (g_heard.find("(report 1)\n") == g_heard.npos) _exit(4);
    detail::set_callback(nullptr, nullptr);
    report(c.as(finding_kind::deadlock));
    if (g_calls != 1) _exit(5);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_EQ(count(o.said, "syncxx: deadlock: "), 2u) << o;
}

// --- Where it goes -----------------------------------------------------------

TEST(DeadlockReportTest, LogIsAppendedToInsteadOfStderr) {
  const temporary_directory files;
  std::ofstream(files / "log") << "before\n";
  const outcome o = in_child([&] {
    set_environment("SYNCXX_DEADLOCK_LOG", files / "log");
    report(inversion_of(circle(2, place_of_held(), place_of_wanted())));
    report(inversion_of(circle(3, place_of_held(), place_of_wanted())));
  });
  EXPECT_EQ(o.said, "");
  const std::string log = contents_of(files / "log");
  EXPECT_THAT(log, StartsWith("before\nsyncxx: lock order inversion: "));
  EXPECT_EQ(count(log, "syncxx: lock order inversion: "), 2u) << log;
}

TEST(DeadlockReportTest, LogIsFoundFromAnotherDirectory) {
  const temporary_directory files;
  const outcome o = in_child([&] {
    if (chdir((files / "").c_str()) != 0) _exit(1);
    set_environment("SYNCXX_DEADLOCK_LOG", "log");
    if (chdir("/") != 0) _exit(1);
    report(inversion_of(circle(2, place_of_held(), place_of_wanted())));
  });
  EXPECT_EQ(o.said, "");
  EXPECT_THAT(contents_of(files / "log"), HasSubstr("what to do"));
}

TEST(DeadlockReportTest, DISABLED_OneReport) {
  report(inversion_of(circle(2, place_of_held(), place_of_wanted())));
}

TEST(DeadlockReportTest, EnvironmentIsReadWhenTheProgramStarts) {
  const temporary_directory files;
  const std::string command =
      "cd '" + (files / "") +
      "' && SYNCXX_DEADLOCK_LOG=log SYNCXX_DEADLOCK_JSON=json "
      "SYNCXX_DEADLOCK_DOT=graph '" +
      std::filesystem::read_symlink("/proc/self/exe").string() +
      "' --gtest_also_run_disabled_tests --gtest_filter=*DISABLED_OneReport "
      "> /dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(contents_of(files / "log"), HasSubstr("what to do"));
  EXPECT_THAT(contents_of(files / "json"), StartsWith("{\"version\":1,"));
  EXPECT_THAT(contents_of(files / "graph"), StartsWith("digraph"));
}

TEST(DeadlockReportTest, FilesThatCannotBeWrittenAreSaidOnce) {
  const outcome o = in_child([&] {
    for (const char* variable : {"SYNCXX_DEADLOCK_LOG", "SYNCXX_DEADLOCK_JSON",
                                 "SYNCXX_DEADLOCK_DOT"}) {
      set_environment(variable, "/nonexistent/file");
    }
    report(inversion_of(circle(2, place_of_held(), place_of_wanted())));
    report(inversion_of(circle(3, place_of_held(), place_of_wanted())));
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  for (const char* variable : {"LOG", "JSON", "DOT"}) {
    EXPECT_EQ(count(o.said, "syncxx: SYNCXX_DEADLOCK_" + std::string(variable) +
                                "=/nonexistent/file cannot be written: No such "
                                "file or directory"),
              1u)
        << o;
  }
  EXPECT_EQ(count(o.said, "  what to do"), 2u) << o;
}

TEST(DeadlockReportTest, FilesCanBeChangedAtRunTime) {
  const temporary_directory files;
  const outcome o = in_child([&] {
    set_environment("SYNCXX_DEADLOCK_LOG", files / "log");
    using detail::report_file;
    using detail::set_report_file;
    set_report_file(report_file::log, (files / "other").c_str());
    set_report_file(report_file::json, (files / "json").c_str());
    set_report_file(report_file::graph, (files / "graph").c_str());
    report(inversion_of(circle(2, place_of_held(), place_of_wanted())));
    set_report_file(report_file::log, nullptr);
    set_report_file(report_file::json, "");
    report(inversion_of(circle(3, place_of_held(), place_of_wanted())));
  });
  EXPECT_EQ(count(o.said, "  what to do"), 1u) << o;
  EXPECT_EQ(contents_of(files / "log"), "");
  EXPECT_EQ(count(contents_of(files / "other"), "  what to do"), 1u);
  EXPECT_EQ(count(contents_of(files / "json"), "\n"), 1u);
  EXPECT_EQ(count(contents_of(files / "graph"), " -> "), 5u);
}

// --- The graph ---------------------------------------------------------------

// Every line of the graph is a node or an edge, with quotes in pairs.
void expect_is_graph(const std::string& graph, std::size_t nodes,
                     std::size_t edges) {
  EXPECT_THAT(graph, StartsWith("digraph syncxx {\n"));
  EXPECT_EQ(graph.substr(graph.size() - 2), "}\n");
  EXPECT_EQ(count(graph, " -> "), edges) << graph;
  EXPECT_EQ(count(graph, "\" [label=\"") - edges, nodes) << graph;
  std::size_t quotes = 0;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    if (graph[i] == '\\')
      ++i;
    else if (graph[i] == '"')
      ++quotes;
    EXPECT_TRUE(graph[i] != '\n' || quotes % 2 == 0) << graph;
  }
}

TEST(DeadlockReportTest, GraphHasAllCirclesSoFar) {
  const temporary_directory files;
  const std::string file = files / "graph.dot";
  const outcome o = in_child([&] {
    set_environment("SYNCXX_DEADLOCK_DOT", file);
    detail::set_name(object_at(0), "a \"quoted\"\\ na\nme");
    report(inversion_of(circle(2, place_of_held(), place_of_wanted())));
    expect_is_graph(contents_of(file), 2, 2);
    const deed here = deed_of(1, 1, place_of_wanted());
    report({.kind = finding_kind::misuse,
            .what = "no circle",
            .code = EINVAL,
            .here = &here});
    circle c(10, place_of_held(), place_of_wanted());
    c.links()[3].held.object.address = nullptr;
    report(c.as(finding_kind::deadlock));
    if (testing::Test::HasFailure()) _exit(1);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  const std::string graph = contents_of(file);
  expect_is_graph(graph, 12, 12);
  EXPECT_THAT(graph, HasSubstr("\\\"quoted\\\"\\\\ na me"));
  EXPECT_EQ(count(graph, "color=red"), 10u);
  EXPECT_EQ(count(graph, "style=dashed"), 2u);
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& e :
       std::filesystem::directory_iterator(files / "")) {
    ++entries;
  }
  EXPECT_EQ(entries, 1u) << "a temporary file is left";
  if (!is_on_path("dot")) GTEST_SKIP() << "no Graphviz here";
  EXPECT_EQ(std::system(("dot -Tsvg -o /dev/null '" + file + "'").c_str()), 0);
}

}  // namespace
}  // namespace syncxx_test

#else

TEST(DeadlockReportTest, PlainLibrary) {
  GTEST_SKIP() << "the plain library reports nothing";
}

#endif  // SYNCXX_HOOKED
