// SPDX-License-Identifier: Apache-2.0
//
// Tests and options that are wrong, or look as if they were: each gets a clear
// answer, and no execution is explored that does not exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sync/atomic.h>
#include <sync/latch.h>
#include <sync/model/check.h>
#include <sync/mutex.h>

#include "tests/model/support/checks.h"
#include "tests/model/support/outcomes.h"

namespace syncxx_test {
namespace {

using syncxx::atomic;
using syncxx::cell;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto rlx = syncxx::memory_order_relaxed;

// --- Tests that do not do the same each time ---------------------------------

model::result expect_misuse(const std::function<void()>& test,
                            const std::string& says,
                            const model::options& how = {}) {
  model::result r = model::check(test, how);
  EXPECT_STREQ(to_string(r.what), "misuse") << r.message;
  EXPECT_THAT(r.message, HasSubstr(says));
  return r;
}

// Runs `odd` in a thread, between operations of another.
void beside(const std::function<void(atomic<int>&, atomic<int>&)>& odd) {
  atomic<int> x(0), y(0);
  model::thread t([&] {
    x.store(1, rlx);
    y.store(1, rlx);
  });
  odd(x, y);
  x.load(rlx);
  y.load(rlx);
}

constexpr const char* kNotTheSame = "the test is not deterministic";

TEST(Determinism, ACounterThatSurvives) {
  int runs = 0;
  const model::result r = expect_misuse(
      [&] {
        beside([&](atomic<int>& x, atomic<int>& y) {
          if (++runs % 2 == 0)
            x.load(rlx);
          else
            y.load(rlx);
        });
      },
      kNotTheSame);
  EXPECT_THAT(r.message,
              AllOf(HasSubstr("thread 0 uses another object"),
                    HasSubstr("(then at input_model.cc:"),
                    HasSubstr("must not depend on time, random numbers")));
  EXPECT_EQ(r.replay, "");  // it would be of no use
}

TEST(Determinism, TheClock) {
  const auto now = [] {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  };
  // (Far apart enough for the clock to have gone on.)
  expect_misuse(
      [&] {
        beside([&](atomic<int>& x, atomic<int>&) {
          const auto begin = now();
          while (now() == begin) {
          }
          static auto last = begin;
          const auto passed = std::exchange(last, begin) - begin;
          x.fetch_add(passed == 0 ? 1 : 2, rlx);
          if (passed != 0) x.load(rlx);
        });
      },
      kNotTheSame);
}

TEST(Determinism, RandomNumbers) {
  std::srand(1);
  expect_misuse(
      [&] {
        beside([&](atomic<int>& x, atomic<int>& y) {
          for (int i = 0; i < 8; ++i)
            (std::rand() % 2 == 0 ? x : y).load(rlx);  // NOLINT
        });
      },
      kNotTheSame);
}

TEST(Determinism, AddressesOfTheRealHeap) {
  std::vector<void*> all;
  expect_misuse(
      [&] {
        void* const p = std::malloc(100000);
        all.push_back(p);  // so that the next one lies elsewhere
        beside([&](atomic<int>& x, atomic<int>& y) {
          if (p == all.front())
            x.load(rlx);
          else
            y.load(rlx);
        });
      },
      kNotTheSame);
  for (void* const p : all) std::free(p);
}

// The test's own heap is the same each time: no mistake.
TEST(Determinism, AddressesOfTheTestsHeapRepeat) {
  std::set<const void*> seen;
  expect_ok([&] {
    const auto one = std::make_unique<int>(1);
    const auto other = std::make_unique<int>(2);
    seen.insert(one.get());
    beside([&](atomic<int>& x, atomic<int>& y) {
      if (reinterpret_cast<std::uintptr_t>(one.get()) % 64 == 0)
        x.load(rlx);
      else
        y.load(rlx);
    });
  });
  EXPECT_EQ(seen.size(), 1u);
}

// Fewer operations than before, and more of them.
TEST(Determinism, AnotherNumberOfOperations) {
  int runs = 0;
  expect_misuse(
      [&] {
        beside([&](atomic<int>& x, atomic<int>& y) {
          if (++runs == 1) {
            x.fetch_add(1, rlx);
            y.fetch_add(1, rlx);
          }
        });
      },
      kNotTheSame);
}

// --- Exceptions --------------------------------------------------------------

TEST(Exceptions, OutOfTheBodyAndOutOfAThread) {
  const model::result body =
      model::check([] { throw std::runtime_error("of the body"); });
  EXPECT_STREQ(to_string(body.what), "assertion_failed");
  EXPECT_EQ(body.message, "an exception came out of thread 0: of the body");
  const model::result thread = model::check(
      [] { model::thread t([] { throw std::runtime_error("of t"); }); });
  EXPECT_STREQ(to_string(thread.what), "assertion_failed");
  EXPECT_EQ(thread.message, "an exception came out of thread 1: of t");
  EXPECT_NE(thread.replay, "");
}

// --- Outside of a check ------------------------------------------------------

TEST(OutsideDeathTest, AtomicsAndPrimitives) {
  atomic<int> x(1);
  EXPECT_DEATH(x.load(), "an atomic operation outside of check\\(\\)");
  EXPECT_DEATH(++x, "an atomic operation outside of check\\(\\)");
  syncxx::mutex m;
  EXPECT_DEATH(m.lock(), "an atomic operation outside of check\\(\\)");
  EXPECT_DEATH(model::thread([] {}), "a model::thread outside of check\\(\\)");
  EXPECT_DEATH(model::require(false), "require\\(\\) outside of check\\(\\)");
  EXPECT_DEATH(model::assume(false), "assume\\(\\) outside of check\\(\\)");
  EXPECT_DEATH(model::choose(2), "choose\\(\\) outside of check\\(\\)");
}

// Objects may be made there, and cells are plain data.
TEST(OutsideOfCheck, ObjectsAndCells) {
  atomic<int> x(7);
  cell<int> c(1);
  c = 3;
  expect_ok([&] {
    model::require(x.load() == 7, "as it was made");
    model::require(c == 3);
    x.store(8);  // of this execution
    c = 3;
  });
  EXPECT_EQ(c.get(), 3);
}

// --- Other threads of the system ---------------------------------------------

TEST(OtherThreads, ChecksWaitForEachOther) {
  std::array<model::result, 4> results;
  std::array<std::set<outcome>, 4> seen;
  {
    std::vector<std::jthread> all;
    for (std::size_t i = 0; i < results.size(); ++i)
      all.emplace_back([&, i] {
        for (int n = 0; n < 20; ++n)
          results[i] = model::check([&] { seen[i].insert(store_buffering()); });
      });
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_STREQ(to_string(results[i].what), "ok") << results[i].message;
    EXPECT_EQ(results[i].executions, 4u);
    EXPECT_EQ(seen[i], kFour);
  }
}

// What another thread does while a check runs is no part of the test.
TEST(OtherThreads, MayAllocateAndMakeObjects) {
  std::atomic<bool> stop{false};
  std::jthread other([&] {
    while (!stop.load()) {
      std::vector<std::unique_ptr<int>> some(3);
      for (auto& p : some) p = std::make_unique<int>(1);
      atomic<int> x(1);
      cell<int> c(2);
      c = 3;
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 50; ++i) {
    const model::result r = model::check([] {
      const auto p = std::make_unique<int>(1);
      store_buffering();
    });
    EXPECT_STREQ(to_string(r.what), "ok") << r.message;
    EXPECT_EQ(r.executions, 4u);
  }
  stop.store(true);
}

TEST(OtherThreads, ARealThreadInATest) {
  expect_misuse([] { std::thread([] {}).join(); },
                "threads of a test are syncxx::thread or model::thread");
}

TEST(OtherThreadsDeathTest, ARealThreadUsesWhatIsChecked) {
  EXPECT_DEATH(model::check([] {
                 atomic<int> x(0);
                 std::thread([&] { x.store(1); }).join();
               }),
               "an atomic operation in a thread that the checker does not "
               "know");
}

// The test waits with the system's means: slow, but no mistake.
TEST(OtherThreads, ARealSleep) {
  const model::result r = model::check([] {
    ::usleep(1000);
    store_buffering();
  });
  EXPECT_STREQ(to_string(r.what), "ok") << r.message;
  EXPECT_EQ(r.executions, 4u);
}

// --- Processes ---------------------------------------------------------------

// A child may do what children do: end, or become another program.
TEST(Fork, AChildThatEnds) {
  expect_ok([] {
    atomic<int> x(0);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(3);
    int status = 0;
    model::require(::waitpid(child, &status, 0) == child);
    model::require(WEXITSTATUS(status) == 3);
    x.store(1);
  });
}

int status_of_child(const std::function<void()>& in_child) {
  int status = 0;
  expect_ok([&] {
    atomic<int> x(0);
    const pid_t child = ::fork();
    if (child == 0) {
      std::fclose(stderr);
      in_child();
      x.store(1);
      return;
    }
    ::waitpid(child, &status, 0);
  });
  return status;
}

TEST(Fork, AChildThatGoesOn) {
  const int status = status_of_child([] {});
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
}

TEST(ForkDeathTest, SaysSo) {
  const auto test = [] {
    atomic<int> x(0);
    if (const pid_t child = ::fork(); child != 0) {
      ::waitpid(child, nullptr, 0);
      std::abort();  // for there to be a death
    }
    x.store(1);
  };
  EXPECT_DEATH(model::check(test), "in a child of fork\\(\\)");
  EXPECT_DEATH(model::check([] {
                 if (const pid_t child = ::fork(); child != 0) {
                   ::waitpid(child, nullptr, 0);
                   std::abort();
                 }
               }),
               "the end of the test's body in a child of fork\\(\\)");
}

// --- Options -----------------------------------------------------------------

void two_stores() {
  atomic<int> x(0);
  const auto add = [&] { x.store(x.load() + 1); };
  { model::thread t(add), u(add); }
  model::require(x.load() == 2);
}

TEST(Options, APreemptionBoundBelowNone) {
  model::options how;
  how.preemption_bound = -2;
  expect_misuse(two_stores, "options::preemption_bound is -2", how);
}

TEST(Options, MalformedReplayStrings) {
  for (const char* const wrong : {"x",
                                  " ",
                                  "2",
                                  "10",
                                  "1 ",
                                  "1  0+1",
                                  "1 0",
                                  "1 +1",
                                  "1 0+",
                                  "1 0+x",
                                  "1 0+-1",
                                  "1 0+1 ",
                                  "1 0+1x",
                                  "1 0+1,0+1",
                                  "1\n0+1",
                                  "1 0z1",
                                  "1 0+0",
                                  "1 0c0",
                                  "1 0t0",
                                  "1 0! 0+1",
                                  "1 0!1",
                                  "1 99999999999+1",
                                  "1 0+99999999999",
                                  "1 -1+1",
                                  "1 0+1\t"}) {
    model::options how;
    how.replay = wrong;
    const model::result r = expect_misuse(
        two_stores, "options::replay is not a replay string", how);
    EXPECT_THAT(r.message, HasSubstr(std::string("\"") + wrong + "\""));
    EXPECT_EQ(r.executions, 0u) << wrong;
  }
}

TEST(Options, ReplayStringsOfAnotherTest) {
  // Threads that are not there; more than there is to do; reads that go too far
  // back; writes, choices and threads where there are none.
  for (const char* const wrong :
       {"1 7+3", "1 300+1", "1 0t1 0t2 1+50", "1 0t1 0t2 1+1 1r5",
        "1 0t1 0t2 1f1", "1 0t1 0t2 1w1", "1 0c1", "1 0t1 0t1", "1 0t1 0t300",
        "1 0t1 0t999999999", "1 0+5", "1 0t1 1t2", "1 0t1 0t2 0c1"}) {
    model::options how;
    how.replay = wrong;
    const model::result r =
        expect_misuse(two_stores, "the replay string does not fit", how);
    EXPECT_EQ(r.executions, 0u) << wrong;
  }
  const model::result other = model::check([] {
    atomic<int> x(0);
    model::thread t([&] { x.store(model::choose(3), rlx); });
    model::require(x.load(rlx) != 2);
  });
  ASSERT_NE(other.replay, "");
  model::options how;
  how.replay = other.replay;
  expect_misuse(two_stores, "the replay string does not fit", how);
}

TEST(Options, APageThatCannotBeWritten) {
  model::options how;
  how.html = "/no/such/folder/page.html";
  const model::result r = model::check(two_stores, how);
  EXPECT_STREQ(to_string(r.what), "assertion_failed");
  EXPECT_THAT(r.message, HasSubstr("/no/such/folder/page.html cannot be "
                                   "written: No such file or directory"));
  EXPECT_NE(r.timeline, "");
}

// --- Sizes -------------------------------------------------------------------

TEST(Sizes, TooManyThreads) {
  expect_misuse(
      [] {
        for (int i = 0; i < 300; ++i) model::thread([] {}).join();
      },
      "more than 256 threads");
}

TEST(Sizes, TooManyEvents) {
  const model::result r = model::check([] {
    atomic<int> x(0);
    for (int i = 0; i < 40000; ++i) x.store(i, rlx);
  });
  EXPECT_STREQ(to_string(r.what), "bound_reached");
  EXPECT_THAT(r.message, HasSubstr("32768 events: a loop without end?"));
}

TEST(Sizes, TooMuchMemory) {
  expect_misuse(
      [] {
        std::vector<std::unique_ptr<char[]>> all;
        for (;;) all.push_back(std::make_unique<char[]>(1 << 20));
      },
      "thread 0 has used up its heap of 32 MiB");
}

TEST(Sizes, AtomicsThatOverlap) {
  struct alignas(8) two {
    atomic<std::uint32_t> low{0}, high{0};
  };
  const model::result larger = expect_misuse(
      [] {
        two pair;
        pair.low.store(1);
        reinterpret_cast<atomic<std::uint64_t>*>(&pair)->load();
      },
      "an atomic access of 8 bytes");
  EXPECT_THAT(larger.message, HasSubstr("which has 4"));
  EXPECT_THAT(larger.timeline, HasSubstr("! misuse"));
  expect_misuse(
      [] {
        atomic<std::uint64_t> whole(0);
        reinterpret_cast<atomic<std::uint32_t>*>(
            reinterpret_cast<char*>(&whole) + 4)
            ->load();
      },
      "overlaps the atomic");
}

// --- Threads -----------------------------------------------------------------

TEST(Threads, JoinedTwice) {
  expect_misuse(
      [] {
        model::thread t([] {});
        t.join();
        t.join();
      },
      "join() of a thread that has none");
}

TEST(Threads, JoinedByItself) {
  const model::result r = model::check([] {
    atomic<model::thread*> self(nullptr);
    syncxx::latch never(1);
    model::thread t([&] {
      while (self.load() == nullptr) {
      }
      self.load()->join();
    });
    self.store(&t);
    never.wait();
  });
  EXPECT_STREQ(to_string(r.what), "deadlock");
  EXPECT_THAT(r.message, HasSubstr("thread 1 waits for the end of thread 1"));
}

// Neither joined nor detached: the destructor joins.
TEST(Threads, NeverJoined) {
  expect_ok([] {
    atomic<int> x(0);
    {
      model::thread t([&] { x.store(1, rlx); });
    }
    model::require(x.load(rlx) == 1);
  });
}

// A detached thread that goes on after the test's body.
TEST(Threads, DetachedAndStillThere) {
  const model::result r = model::check([] {
    auto* const x = new atomic<int>(0);
    model::thread t([=] {
      x->store(1);
      delete x;
    });
    t.detach();
  });
  EXPECT_STREQ(to_string(r.what), "ok") << r.message;
  expect_verdict(model::verdict::use_after_free, [] {
    atomic<int> x(0);
    model::thread t([&] { x.store(1, rlx); });
    t.detach();
  });
}

TEST(Threads, NothingToChooseFrom) {
  for (const int n : {0, -1, -1000})
    expect_misuse([n] { model::choose(n); },
                  "choose(" + std::to_string(n) + ") at input_model.cc:");
}

// --- Leaks -------------------------------------------------------------------

TEST(Leaks, AreOfCompleteExecutionsAndCanBeAllowed) {
  const auto test = [] {
    int* volatile const lost = new int(model::choose(2));
    model::assume(*lost == 1);
  };
  expect_verdict(model::verdict::leak, test);
  model::options how;
  how.check_leaks = false;
  expect_ok(test, how);
  // Nobody could have deleted it in what is cut short.
  const auto cut_short = [] {
    const auto p = std::make_unique<int>(1);
    model::assume(model::choose(2) == 1);
  };
  expect_ok(cut_short);
}

}  // namespace
}  // namespace syncxx_test
