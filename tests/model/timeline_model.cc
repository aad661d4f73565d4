// SPDX-License-Identifier: Apache-2.0
//
// What people are shown of a failing execution, word for word. (The page is
// opened in a browser by page/check_page.py.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <regex>
#include <sstream>
#include <string>

#include <sync/atomic.h>
#include <sync/lock_guards.h>
#include <sync/model/check.h>
#include <sync/mutex.h>

#include "src/futex/syscall.h"
#include "tests/model/page/failures.h"

namespace syncxx_test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// Without the places that depend on the compiler: of statements that go over
// several lines, and those that only the stack tells (places_model.cc).
std::string settled(const std::string& timeline) {
  static const std::regex depends(
      "((starts thread|joins thread|allocates|deletes|wakes .* the futex) "
      "[^ \n]*(, [0-9]+ bytes)?)(\n +|  )(after )?[a-z_]+\\.(h|cc):[0-9]+");
  static const std::regex about("(is about to go on), at [a-z_]+\\.h:[0-9]+");
  static const std::regex ended("(0 has ended), after [a-z_]+\\.h:[0-9]+");
  static const std::regex made("[,;] allocated at [a-z_]+\\.h:[0-9]+");
  std::string s = std::regex_replace(timeline, depends, "$1");
  s = std::regex_replace(s, about, "$1");
  s = std::regex_replace(s, ended, "$1");
  return std::regex_replace(s, made, "");
}

// Raw strings begin with a line's end, for them to be readable.
std::string timeline_of(const std::function<void()>& test) {
  return "\n" + settled(model::check(test).timeline);
}

TEST(TimelineModel, NoneOfWhatDoesNotFail) {
  EXPECT_EQ(model::check([] {}).timeline, "");
}

TEST(TimelineModel, RaceOfMessagePassing) {
  EXPECT_EQ(timeline_of(message_passing), R"(
 step  thread 0                       thread 1                       thread 2
    1  starts thread 1
    2  starts thread 2
*   3                                 writes 42 to message
                                        failures.h:21
    4                                 writes 1 to ready, relaxed
                                        failures.h:22
    5                                                                reads 1 from ready, acquire
                                                                       written at failures.h:22 by
                                                                         thread 1, step 4
                                                                       failures.h:25
!   6                                                                reads message  failures.h:25
                                                                       ! data_race with step 3

data_race: the read at failures.h:25 and the write at failures.h:21 by thread 1 of the cell message are not ordered by happens-before

at the end:
  thread 0 is about to go on
  thread 1 has come this far, after failures.h:22
  thread 2 fails, at failures.h:25

objects:
  message  cell of 4 bytes, at first 0, used at failures.h:21
             message.set(42);
  ready    atomic of 1 byte, at first 0, used at failures.h:22
             ready.store(true, syncxx::memory_order_relaxed);
)");
}

TEST(TimelineModel, StaleRead) {
  EXPECT_EQ(timeline_of(stale_read), R"(
 step  thread 0                                       thread 1
    1  starts thread 1
    2                                                 writes 1 to data, relaxed  failures.h:32
    3                                                 writes 2 to data, relaxed  failures.h:33
    4                                                 writes 1 to flag, relaxed  failures.h:34
    5  reads 1 from flag, relaxed  failures.h:36
         written at failures.h:34 by thread 1,
           step 4
    6  reads 1 from data, relaxed  failures.h:37
         written at failures.h:32 by thread 1,
           step 2; stale: step 3 has written 2
!   7  requires what does not hold  failures.h:37
         ! assertion_failed

assertion_failed: new data, at failures.h:37

at the end:
  thread 0 fails, at failures.h:37
  thread 1 has come this far, after failures.h:34

objects:
  data  atomic of 4 bytes, at first 0, used at failures.h:32
          data.store(1, syncxx::memory_order_relaxed);
  flag  atomic of 4 bytes, at first 0, used at failures.h:36
          if (flag.load(syncxx::memory_order_relaxed) == 1)
)");
}

TEST(TimelineModel, UseAfterFree) {
  EXPECT_EQ(timeline_of(use_after_free), R"(
 step  thread 0                                       thread 1
    1  allocates b1, 4 bytes
    2  starts thread 1
*   3  deletes b1
!   4                                                 fetch_add on users, relaxed  failures.h:58
                                                        ! use_after_free with step 3

use_after_free: access of the atomic users, whose life has ended

at the end:
  thread 0 is about to go on
  thread 1 fails, at failures.h:58

objects:
  users  atomic of 4 bytes, at first 1, used at failures.h:58
           [=] { shared->users.fetch_add(1, syncxx::memory_order_relaxed); });
  b1     block of 4 bytes
)");
}

TEST(TimelineModel, AssertionAfterACompareExchange) {
  EXPECT_EQ(timeline_of(handed_over), R"(
 step  thread 0                                       thread 1
    1  starts thread 1
    2                                                 writes 7 to goods  failures.h:66
    3                                                 writes 1 to state, release  failures.h:67
    4  compare_exchange on state: 1 becomes 2,
           acquire  failures.h:70
         written at failures.h:67 by thread 1,
           step 3
    5  reads 7 from goods  failures.h:71
         written at failures.h:66 by thread 1,
           step 2
!   6  requires what does not hold  failures.h:71
         ! assertion_failed

assertion_failed: <script>document.title='run'</script>, at failures.h:71

at the end:
  thread 0 fails, at failures.h:71
  thread 1 has come this far, after failures.h:67

objects:
  goods  cell of 4 bytes, at first 0, used at failures.h:66
           goods.set(7);
  state  atomic of 4 bytes, at first 0, used at failures.h:70
           if (state.compare_exchange_strong(expected, 2, syncxx::memory_order_acquire))
)");
}

TEST(TimelineModel, Leak) {
  EXPECT_EQ(timeline_of(forgotten_block), R"(
 step  thread 0
!   1  allocates b1, 4 bytes
         nothing deletes it

leak: 1 blocks of 4 bytes in all are never deleted

at the end:
  thread 0 has ended

objects:
  b1  block of 4 bytes
)");
}

TEST(TimelineModel, WaitingInVain) {
  EXPECT_EQ(timeline_of(waiting_in_vain), R"(
 step  thread 0                                       thread 1
    1  starts thread 1
    2                                                 writes 1 to flag, release  failures.h:78

livelock: nobody will change what is waited for: thread 0 spins at failures.h:79

at the end:
  thread 0 spins on flag, which stays 1, at failures.h:79
  thread 1 has ended, after failures.h:78

objects:
  flag  atomic of 4 bytes, at first 0, used at failures.h:79
          while (flag.load(syncxx::memory_order_acquire) != 2) {
)");
}

// More threads than fit beside each other.
TEST(TimelineModel, FiveThreads) {
  EXPECT_THAT(timeline_of(five_threads), HasSubstr(R"(
 step  T0    T1    T2    T3    T4
    1  starts thread 1
    2  starts thread 2
    3  starts thread 3
    4  starts thread 4
    5        reads 0 from n, seq_cst  failures.h:85
               the initial value
    6        writes 1 to n, seq_cst  failures.h:85
    7              reads 1 from n, seq_cst  failures.h:85
                     written at failures.h:85 by thread 1, step 6
)"));
}

// Of what is in the library itself only what does not move with its lines.
TEST(TimelineModel, DeadlockOfTwoLocks) {
  const model::result r = model::check(two_locks_in_two_orders);
  EXPECT_EQ(r.what, model::verdict::deadlock);
  const auto lines = [&r](const char* pattern) {
    const std::regex wanted(pattern);
    return std::distance(
        std::sregex_iterator(r.timeline.begin(), r.timeline.end(), wanted),
        std::sregex_iterator());
  };
  EXPECT_EQ(lines("sleeps on the futex word_(#2)?, which is \\d\n"), 2);
  EXPECT_EQ(lines("\n  thread 0 sleeps on the futex word_"), 1);
  EXPECT_EQ(lines("\n  thread 1 sleeps on the futex word_"), 1);
  EXPECT_EQ(lines("0\\s+becomes 1"), 2) << r.timeline;
}

// A sleep, the wake-up that ends it, and who has done that; and sleeps that end
// otherwise.
std::string sleep_ending_with(int ending) {
  namespace sys = syncxx::detail::sys;
  return timeline_of([ending] {
    syncxx::detail::futex_word word(0);
    model::thread other([&] {
      word.store(1, syncxx::memory_order_relaxed);
      sys::futex_wake(&word, 1, syncxx::detail::kAnySleeper,
                      syncxx::futex_scope::process_private);
    });
    const auto until =
        ending == -ETIMEDOUT
            ? syncxx::detail::deadline::after(std::chrono::hours(1))
            : syncxx::detail::deadline::never();
    const int end =
        sys::futex_wait(&word, 0, until, syncxx::detail::kAnySleeper,
                        syncxx::futex_scope::process_private);
    other.join();
    model::require(end != ending);
  });
}

TEST(TimelineModel, SleepsAndWakes) {
  EXPECT_THAT(sleep_ending_with(0),
              AllOf(HasSubstr("sleeps on the futex word, which is 0\n"),
                    HasSubstr("wakes 1 sleeper on the futex word"),
                    ContainsRegex("wakes up from the futex word\n"
                                  " +woken (at timeline_model.cc:[0-9]+ )?by "
                                  "thread 1,[ \n]+step 4")));
  EXPECT_THAT(
      sleep_ending_with(-EAGAIN),
      ContainsRegex("does not sleep on the futex word: it is 1,\n +not 0"));
  EXPECT_THAT(sleep_ending_with(-EINTR),
              HasSubstr("returns from the futex word as if by a signal"));
  EXPECT_THAT(sleep_ending_with(-ETIMEDOUT),
              HasSubstr("runs out of time on the futex word"));
}

TEST(TimelineModel, FencesChoicesAndUpdates) {
  const auto test = [] {
    syncxx::atomic<int> n(5);
    const int chosen = model::choose(3);
    n.fetch_add(chosen, syncxx::memory_order_acq_rel);
    syncxx::atomic_thread_fence(syncxx::memory_order_seq_cst);
    int expected = 6;
    n.compare_exchange_strong(expected, 1);
    model::require(n.load() != 7);
  };
  EXPECT_THAT(
      timeline_of(test),
      AllOf(HasSubstr("1  chooses 2 of 3  timeline_model.cc:"),
            HasSubstr("2  fetch_add on n: 5 becomes 7, acq_rel  timeline_"),
            HasSubstr("3  fence, seq_cst  timeline_model.cc:"),
            HasSubstr("4  compare_exchange on n fails: 7, not 6, seq_cst  "),
            HasSubstr("by thread 0, step 2\n"),
            HasSubstr("5  reads 7 from n, seq_cst  timeline_model.cc:")));
}

TEST(TimelineModel, SpuriousFailure) {
  const auto test = [] {
    syncxx::atomic<int> n(0);
    int expected = 0;
    model::require(n.compare_exchange_weak(expected, 1));
  };
  EXPECT_THAT(timeline_of(test),
              HasSubstr("compare_exchange_weak on n fails spuriously"));
}

// Objects without a call that names them, and values of all sizes.
TEST(TimelineModel, NamesAndValues) {
  struct pair {
    std::uint64_t low, high;
  };
  const std::string t = timeline_of([] {
    syncxx::atomic<pair> wide({0, 0});
    syncxx::atomic<std::uint64_t> plain(0);
    syncxx::cell<int> number(0);
    wide.store({2, 1});
    plain = ~std::uint64_t{0};
    number = 3;
    model::require(false);
  });
  EXPECT_THAT(t, HasSubstr("writes 0x10000000000000002 to wide, seq_cst"));
  EXPECT_THAT(t, HasSubstr("writes 0xffffffffffffffff to a1, seq_cst"));
  EXPECT_THAT(t, HasSubstr("writes 3 to c1  "));
}

// Out of the compiler's sight, which warns of the second.
void (*volatile const drop)(void*) = [](void* p) { ::operator delete(p); };

TEST(TimelineModel, DoubleDelete) {
  const auto test = [] {
    auto* const p = new syncxx::atomic<int>(1);
    p->store(2);
    drop(p);
    drop(p);
  };
  const std::string t = timeline_of(test);
  EXPECT_THAT(t, ContainsRegex("\n\\*   3  deletes b1\n!   4  deletes b1\n"));
  EXPECT_THAT(t, HasSubstr("! double_free with step 3"));
  EXPECT_THAT(t, HasSubstr("the block of 4 bytes b1 is deleted again"));
  EXPECT_THAT(t, Not(HasSubstr("0x")));
}

TEST(TimelineModel, EndBesideAnAccess) {
  const auto test = [] {
    auto* const p = new syncxx::atomic<int>(1);
    model::thread other([=] { p->store(2, syncxx::memory_order_relaxed); });
    other.detach();
    while (p->load(syncxx::memory_order_relaxed) != 2) {
    }
    delete p;
  };
  EXPECT_THAT(timeline_of(test), HasSubstr("! use_after_free with step 3"));
}

// The execution is run once more to be shown: it must be the same again. Two
// threads do a few random things, and some of what they may see is a failure.
void random_failure(unsigned seed) {
  syncxx::atomic<int> x(0), y(0);
  syncxx::mutex lock;
  syncxx::cell<int> shared(0);
  int seen[2] = {};
  const auto work = [&](unsigned number) {
    std::minstd_rand random(seed * 2 + number);
    for (int i = 0; i < 4; ++i) {
      syncxx::atomic<int>& a = random() % 2 == 0 ? x : y;
      const auto order = random() % 2 == 0 ? syncxx::memory_order_relaxed
                                           : syncxx::memory_order_seq_cst;
      switch (random() % 6) {
        case 0:
          a.store(i + 1, order);
          break;
        case 1:
          a.fetch_add(3, order);
          break;
        case 2: {
          const syncxx::lock_guard guard(lock);
          shared = shared + 1;
          break;
        }
        case 3:
          if (random() % 16 == 0) shared = 1;
          break;
        default:
          seen[number] = seen[number] * 7 + a.load(order);
      }
    }
  };
  {
    model::thread other([&] { work(1); });
    work(0);
  }
  model::require((seen[0] * 5 + seen[1]) % 3 != 1, "of a random kind");
}

TEST(TimelineModel, EveryFailureIsShown) {
  int failed = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    const model::result r = model::check([seed] { random_failure(seed); });
    if (r) continue;
    ++failed;
    EXPECT_THAT(r.timeline, ContainsRegex("\n! +[0-9]+ ")) << "seed " << seed;
    model::options how;
    how.search = model::options::mode::random;
    const model::result random =
        model::check([seed] { random_failure(seed); }, how);
    if (random) continue;
    EXPECT_THAT(random.timeline, ContainsRegex("\n! +[0-9]+ "))
        << "random, seed " << seed;
  }
  EXPECT_GT(failed, 100);
}

TEST(TimelineModel, OfARandomExecutionAndItsReplay) {
  for (const auto test : {message_passing, stale_read, use_after_free,
                          two_locks_in_two_orders, five_threads}) {
    model::options how;
    how.search = model::options::mode::random;
    const model::result r = model::check(test, how);
    ASSERT_FALSE(r);
    EXPECT_THAT(r.timeline, HasSubstr("  starts thread 1"));
    EXPECT_THAT(r.timeline, HasSubstr("\nat the end:\n"));
    how = {};
    how.replay = r.replay;
    const model::result again = model::check(test, how);
    EXPECT_EQ(again.what, r.what);
    EXPECT_EQ(again.timeline, r.timeline);
  }
}

// Neither an exception nor much else has a step of its own.
TEST(TimelineModel, Exception) {
  EXPECT_THAT(timeline_of([] { throw 3; }), HasSubstr("!   1  fails\n"));
}

// --- The page ----------------------------------------------------------------

class PageModel : public ::testing::Test {
 protected:
  PageModel() {
    char pattern[] = "/tmp/syncxx-page-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    how_.html = folder_ + "/page.html";
  }
  ~PageModel() override {
    std::remove(how_.html.c_str());
    std::remove(folder_.c_str());
  }
  std::string page() const {
    std::ifstream in(how_.html);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
  }

  std::string folder_;
  model::options how_;
};

TEST_F(PageModel, NoneOfWhatDoesNotFail) {
  EXPECT_TRUE(model::check([] {}, how_));
  EXPECT_EQ(::access(how_.html.c_str(), F_OK), -1);
}

TEST_F(PageModel, NeedsNothingElse) {
  EXPECT_FALSE(model::check(message_passing, how_));
  const std::string html = page();
  EXPECT_EQ(html.substr(0, 15), "<!DOCTYPE html>");
  EXPECT_EQ(html.substr(html.size() - 8), "</html>\n");
  EXPECT_THAT(html, Not(HasSubstr("http:")));
  EXPECT_THAT(html, Not(HasSubstr("https:")));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_THAT(html, HasSubstr("written at failures.h:22 by thread 1"));
  for (const char* part : {"{trace}", "{style}", "{script}", "{text}",
                           "{verdict}", "{message}", "{left-out}"})
    EXPECT_THAT(html, Not(HasSubstr(part)));
}

TEST_F(PageModel, TextRemainsText) {
  const auto test = [] {
    const model::engine::source odd = [] {
      model::engine::source s;
      s.file = "</script><b>\"\\\n.cc";
      s.line = 1;
      return s;
    }();
    syncxx::atomic<int> n(0);
    n.store(1, syncxx::memory_order_relaxed, odd);
    model::require(false, "</pre><script>alert(1)</script> &amp; \"", odd);
  };
  EXPECT_FALSE(model::check(test, how_));
  const std::string html = page();
  EXPECT_THAT(html, Not(HasSubstr("</pre><script>")));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  EXPECT_THAT(html, HasSubstr("&lt;/pre&gt;&lt;script&gt;alert(1)&lt;"));
  EXPECT_THAT(html, HasSubstr("&amp;amp; &quot;"));
  EXPECT_THAT(html, HasSubstr("script\\u003e\\u003cb\\u003e\\u0022\\u005c"));
}

TEST_F(PageModel, SaysThatItCannotBeWritten) {
  how_.html = folder_ + "/no/such/folder.html";
  EXPECT_THAT(model::check(message_passing, how_).message,
              HasSubstr("folder.html cannot be written"));
}

}  // namespace
}  // namespace syncxx_test
