// SPDX-License-Identifier: Apache-2.0
//
// Messages name the program's own lines: also of what has no argument for its
// place (operators, conversions, constructors), and of what happens inside of a
// primitive.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <sync/atomic.h>
#include <sync/latch.h>
#include <sync/model/check.h>
#include <sync/mutex.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// The line that the next one is.
#define NEXT_LINE (__LINE__ + 1)  // EXPECT_ and its like are one line

std::string place(int line) {
  return "places_model.cc:" + std::to_string(line);
}

// A library that was built without libbacktrace cannot know.
bool stack_is_read() {
  static const bool known =
      model::check([] {
        syncxx::atomic<int> x(0);
        ++x;
        model::require(false);
      }).timeline.find("fetch_add on a1: 0 becomes 1, seq_cst  places_model") !=
      std::string::npos;
  return known;
}

class PlacesModel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!stack_is_read()) GTEST_SKIP() << "built without libbacktrace";
  }
};

std::string timeline_of(const std::function<void()>& test) {
  return model::check(test).timeline;
}
std::string message_of(const std::function<void()>& test) {
  return model::check(test).message;
}

TEST_F(PlacesModel, OperatorsOfAtomics) {
  syncxx::atomic<int>* x = nullptr;
  const auto test = [&](const std::function<void()>& operation) {
    return timeline_of([&] {
      syncxx::atomic<int> here(0);
      x = &here;
      operation();
      model::require(false);
    });
  };
  int line = NEXT_LINE;
  EXPECT_THAT(test([&] { ++*x; }), HasSubstr("seq_cst  " + place(line)));
  line = NEXT_LINE;
  EXPECT_THAT(test([&] { (*x)--; }), HasSubstr("seq_cst  " + place(line)));
  line = NEXT_LINE;
  EXPECT_THAT(test([&] { *x += 2; }), HasSubstr("seq_cst  " + place(line)));
  line = NEXT_LINE;
  EXPECT_THAT(test([&] { *x ^= 2; }), HasSubstr("seq_cst  " + place(line)));
  line = NEXT_LINE;
  EXPECT_THAT(test([&] { *x = 2; }), HasSubstr("seq_cst  " + place(line)));
  line = NEXT_LINE;
  EXPECT_THAT(test([&] { (void)(*x + 1); }), HasSubstr("  " + place(line)));
}

TEST_F(PlacesModel, OperatorsOfCells) {
  int read = 0, write = 0;
  const std::string message = message_of([&] {
    syncxx::cell<int> c(0);
    read = NEXT_LINE;
    model::thread reader([&] { model::require(c == 0); });
    write = NEXT_LINE;
    c = 1;
  });
  EXPECT_THAT(message, ContainsRegex("the read at " + place(read)));
  EXPECT_THAT(message, HasSubstr(place(write)));
  EXPECT_THAT(message, Not(HasSubstr("unknown")));
}

TEST_F(PlacesModel, UninitializedCell) {
  int line = 0;
  const auto test = [&] {
    syncxx::cell<int> c;
    line = NEXT_LINE;
    model::require(c == 0);
  };
  const std::string of_test = message_of(test);
  EXPECT_THAT(of_test, HasSubstr("written, at " + place(line)));
}

TEST_F(PlacesModel, ThreadsAreStartedAndJoined) {
  int start = 0, end = 0;
  const std::string timeline = timeline_of([&] {
    {
      start = NEXT_LINE;
      model::thread t([] {});
      end = NEXT_LINE;
    }
    model::require(false);
  });
  EXPECT_THAT(timeline, HasSubstr("starts thread 1  " + place(start)));
  EXPECT_THAT(timeline, HasSubstr("joins thread 1  " + place(end)));
}

TEST_F(PlacesModel, SpinningOnAConversion) {
  int line = 0;
  const auto test = [&] {
    syncxx::atomic<bool> go(false);
    line = NEXT_LINE;
    while (!go) {
    }
  };
  const std::string of_test = message_of(test);
  EXPECT_THAT(of_test, HasSubstr("thread 0 spins at " + place(line)));
}

// The line in the library is there as well, in the timeline.
TEST_F(PlacesModel, CallsOfPrimitives) {
  int here = 0, there = 0;
  const model::result r = model::check([&] {
    syncxx::mutex a, b;
    model::thread other([&] {
      const std::lock_guard first(a);
      there = NEXT_LINE;
      const std::lock_guard second(b);
    });
    b.lock();
    here = NEXT_LINE;
    a.lock();
    a.unlock();
    b.unlock();
  });
  EXPECT_STREQ(to_string(r.what), "deadlock");
  EXPECT_THAT(r.message,
              HasSubstr("thread 0 sleeps on a futex at " + place(here)));
  EXPECT_THAT(r.message,
              HasSubstr("thread 1 sleeps on a futex at " + place(there)));
  EXPECT_THAT(r.timeline,
              ContainsRegex(
                  "thread 0 sleeps on the futex .*, at (mutex|sleeper).cc:[0-9]"
                  "+, called at " +
                  place(here)));
}

TEST_F(PlacesModel, WaitsThatNobodyEnds) {
  int line = 0;
  const auto latch = [&] {
    syncxx::latch never(1);
    line = NEXT_LINE;
    never.wait();
  };
  const std::string of_latch = message_of(latch);
  EXPECT_THAT(of_latch, HasSubstr("on a futex at " + place(line)));
  const auto atomic = [&] {
    syncxx::atomic<int> x(0);
    line = NEXT_LINE;
    x.wait(0);
  };
  const std::string of_atomic = message_of(atomic);
  EXPECT_THAT(of_atomic, HasSubstr("on a futex at " + place(line)));
}

// By way of the standard library, too.
TEST_F(PlacesModel, Leaks) {
  int line = 0;
  const auto test = [&] {
    line = NEXT_LINE;
    int* volatile const p = std::make_unique<int>(1).release();
    model::require(*p == 1);
  };
  const model::result r = model::check(test);
  EXPECT_STREQ(to_string(r.what), "leak");
  EXPECT_THAT(r.message, HasSubstr("; allocated at " + place(line)));
  EXPECT_THAT(r.timeline, HasSubstr("allocated at " + place(line)));
}

TEST_F(PlacesModel, Deletes) {
  int first = 0, second = 0;
  const std::string timeline = timeline_of([&] {
    int* volatile const p = new int(1);
    first = NEXT_LINE;
    delete p;
    second = NEXT_LINE;
    delete p;
    model::require(p != nullptr);
  });
  EXPECT_THAT(timeline, HasSubstr("*   2  deletes b1  " + place(first)));
  EXPECT_THAT(timeline, HasSubstr("!   3  deletes b1  " + place(second)));
}

TEST_F(PlacesModel, ChoicesAndAssumptions) {
  int line = 0;
  const auto choice = [&] {
    line = NEXT_LINE;
    if (model::choose(2) == 1) model::require(false);
  };
  const std::string of_choice = timeline_of(choice);
  EXPECT_THAT(of_choice, HasSubstr("1 of 2  " + place(line)));
  const auto nothing = [&] {
    line = NEXT_LINE;
    model::choose(-1);
  };
  const std::string of_nothing = message_of(nothing);
  EXPECT_THAT(of_nothing, HasSubstr("choose(-1) at " + place(line)));
}

}  // namespace
}  // namespace syncxx_test
