// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/barrier.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::barrier;
using token = barrier<>::arrival_token;

struct counting {
  int* count;
  void operator()() noexcept { ++*count; }
};

static_assert(sizeof(barrier<>) == 12);
static_assert(sizeof(barrier<counting>) <= 24);
static_assert(std::is_trivially_destructible_v<barrier<>> == !kHooked);
static_assert(pinned<barrier<>>);
static_assert(!std::is_default_constructible_v<barrier<>>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, barrier<>>);
static_assert(noexcept(barrier<>::max()) && barrier<>::max() >= 1 << 22,
              "as many as there can be threads");

// Cpp17MoveConstructible, Cpp17MoveAssignable, Cpp17Destructible, and no copy:
// an arrival is waited for once.
static_assert(std::is_nothrow_move_constructible_v<token>);
static_assert(std::is_nothrow_move_assignable_v<token>);
static_assert(!std::is_copy_constructible_v<token>);

static_assert(
    std::is_same_v<decltype(std::declval<barrier<>&>().arrive()), token>);
static_assert(
    std::is_same_v<decltype(barrier(3, counting{nullptr})), barrier<counting>>);

constinit barrier<> global(2);

TEST(BarrierTest, GlobalIsReadyBeforeMain) {
  token one = global.arrive();
  EXPECT_FALSE(global.try_wait(one));
  token other = global.arrive();
  EXPECT_TRUE(global.try_wait(one));
  EXPECT_TRUE(global.try_wait(other));
}

TEST(BarrierTest, PhasesFollowEachOther) {
  barrier<> b(3);
  for (int phase = 0; phase < 600; ++phase) {
    token one = b.arrive();
    token two = b.arrive();
    EXPECT_FALSE(b.try_wait(one));
    EXPECT_FALSE(b.try_wait(two));
    token three = b.arrive();
    EXPECT_TRUE(b.try_wait(one));
    EXPECT_TRUE(b.try_wait(two));
    EXPECT_TRUE(b.try_wait(three));
    b.wait(std::move(one));
    b.wait(std::move(two));
    b.wait(std::move(three));
  }
}

TEST(BarrierTest, ArrivesForOthers) {
  barrier<> b(5);
  token t = b.arrive(4);
  EXPECT_FALSE(b.try_wait(t));
  static_cast<void>(b.arrive());
  EXPECT_TRUE(b.try_wait(t));
  token all = b.arrive(5);
  EXPECT_TRUE(b.try_wait(all));
}

TEST(BarrierTest, OfOneNeverBlocks) {
  int completions = 0;
  barrier b(1, counting{&completions});
  for (int i = 0; i < 300; ++i) b.arrive_and_wait();
  EXPECT_EQ(completions, 300);
}

TEST(BarrierTest, RefusesABadStart) {
  EXPECT_THROW(barrier<>(-1), std::invalid_argument);
  EXPECT_THROW(barrier<>(barrier<>::max() + 1), std::invalid_argument);
  EXPECT_THROW(barrier<>{std::numeric_limits<std::ptrdiff_t>::max()},
               std::invalid_argument);
  barrier<> b(barrier<>::max());
  token t = b.arrive(barrier<>::max() - 1);
  EXPECT_FALSE(b.try_wait(t));
  t = b.arrive();
  EXPECT_TRUE(b.try_wait(t));
}

TEST(BarrierTest, ArrivingWithoutBeingExpectedIsAnErrorAndChangesNothing) {
  barrier<> b(2);
  const auto refused = [&](std::ptrdiff_t n) {
    expect_system_error(std::errc::invalid_argument,
                        [&] { static_cast<void>(b.arrive(n)); });
  };
  refused(0);
  refused(-1);
  refused(3);
  refused(barrier<>::max());
  refused(std::ptrdiff_t{1} << 40);
  token t = b.arrive();
  refused(2);
  EXPECT_FALSE(b.try_wait(t));
  static_cast<void>(b.arrive());
  EXPECT_TRUE(b.try_wait(t));
}

TEST(BarrierTest, OfNobodyRefusesEverybody) {
  barrier<> b(0);
  expect_system_error(std::errc::invalid_argument,
                      [&] { static_cast<void>(b.arrive()); });
  expect_system_error(std::errc::invalid_argument,
                      [&] { b.arrive_and_wait(); });
  expect_system_error(std::errc::invalid_argument,
                      [&] { b.arrive_and_drop(); });
}

TEST(BarrierTest, ZeroedMemoryIsABarrierOfNobody) {
  const auto b = make_zeroed<barrier<>>();
  expect_system_error(std::errc::invalid_argument,
                      [&] { static_cast<void>(b->arrive()); });
}

TEST(BarrierTest, WaitWithAForeignTokenIsAnError) {
  barrier<> b(1), other(2);
  token foreign = other.arrive();
  const auto refuses = [&](token& t) {
    expect_system_error(std::errc::invalid_argument,
                        [&] { b.wait(std::move(t)); });
    expect_system_error(std::errc::invalid_argument, [&] { b.try_wait(t); });
    expect_system_error(std::errc::invalid_argument,
                        [&] { b.wait_for(t, 1h); });
    expect_system_error(std::errc::invalid_argument,
                        [&] { b.wait(t, std::stop_token()); });
  };
  refuses(foreign);
  token mine = b.arrive();
  token moved = std::move(mine);
  refuses(mine);  // NOLINT(bugprone-use-after-move): that is the test
  EXPECT_TRUE(b.try_wait(moved));
}

TEST(BarrierTest, TokensCanBeMovedAndAssigned) {
  barrier<> b(2);
  token one = b.arrive();
  token two = std::move(one);
  EXPECT_FALSE(b.try_wait(two));
  static_cast<void>(b.arrive());
  one = b.arrive();  // of the next phase
  EXPECT_FALSE(b.try_wait(one));
  EXPECT_TRUE(b.try_wait(two)) << "of the phase before";
  two = std::move(one);
  EXPECT_FALSE(b.try_wait(two));
}

TEST(BarrierTest, TokenIsGoodAfterATimeout) {
  barrier<> b(2);
  token t = b.arrive();
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE(b.wait_for(t, 0s));
  EXPECT_FALSE(b.wait_for(t, 1ms));
  EXPECT_FALSE(b.wait_until(t, std::chrono::system_clock::now() + 1ms));
  EXPECT_FALSE(b.wait(t, stopped.get_token()));
  EXPECT_FALSE(b.wait_for(t, 1h, stopped.get_token()));
  auto waiting = run_in_background([&] { b.wait(std::move(t)); });
  waiting.await_sleep();
  static_cast<void>(b.arrive());
  waiting.result();
}

// [thread.barrier.class]: once a phase, by one of those that arrive, before any
// of them goes on; what it did, and what they did before, is seen.
TEST(BarrierTest, CompletionRunsOnceAPhaseBeforeAnybodyGoesOn) {
  constexpr int kThreads = 4;
  const int rounds = iterations(2000);
  int parts[kThreads] = {};
  int completions = 0;
  int sum = 0;
  std::atomic<int> wrong{0};
  const auto complete = [&]() noexcept {
    ++completions;
    sum = 0;
    for (const int part : parts) sum += part;
  };
  barrier b(kThreads, complete);
  std::vector<std::thread> crew;
  for (int& mine : parts) {
    crew.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        mine = round;
        if (round % 3 == 0)
          b.wait(b.arrive());
        else
          b.arrive_and_wait();
        if (completions != 2 * round + 1 || sum != kThreads * round)
          wrong.fetch_add(1);
        b.arrive_and_wait();  // all have looked
      }
    });
  }
  for (std::thread& thread : crew) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(completions, 2 * rounds);
}

TEST(BarrierTest, CompletionIsCalledAsALvalueAndKept) {
  struct stateful {
    std::unique_ptr<int> moved_in;
    std::vector<int>* seen;
    void operator()() & noexcept { seen->push_back(++*moved_in); }
  };
  std::vector<int> seen;
  barrier b(2, stateful{std::make_unique<int>(0), &seen});
  for (int i = 0; i < 3; ++i) static_cast<void>(b.arrive(2));
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
}

TEST(BarrierTest, ThoseThatDropAreNotExpected) {
  int completions = 0;
  barrier b(3, counting{&completions});
  b.arrive_and_drop();
  auto t = b.arrive();
  EXPECT_FALSE(b.try_wait(t)) << "of this phase three are expected";
  static_cast<void>(b.arrive());
  EXPECT_TRUE(b.try_wait(t));
  static_cast<void>(b.arrive(2));
  EXPECT_EQ(completions, 2);
  b.arrive_and_drop();
  b.arrive_and_wait();
  EXPECT_EQ(completions, 3);
  b.arrive_and_wait();
  b.arrive_and_drop();  // the last: a phase of its own, and then of nobody
  EXPECT_EQ(completions, 5);
  expect_system_error(std::errc::invalid_argument,
                      [&] { static_cast<void>(b.arrive()); });
}

// Threads leave one after the other; the others go on meeting.
template <class Barrier>
void dwindle(Barrier& b, int threads, std::atomic<int>& met) {
  std::vector<std::thread> crew;
  for (int i = 1; i <= threads; ++i) {
    crew.emplace_back([&, i] {
      for (int round = 1; round < i * 50; ++round) {
        b.arrive_and_wait();
        met.fetch_add(1);
      }
      b.arrive_and_drop();
    });
  }
  for (std::thread& thread : crew) thread.join();
}

TEST(BarrierTest, Dwindles) {
  for (int round = 0; round < iterations(20); ++round) {
    std::atomic<int> met{0};
    barrier<> plain(5);
    dwindle(plain, 5, met);
    EXPECT_EQ(met.load(), 50 * 15 - 5);
    int completions = 0;
    barrier b(5, counting{&completions});
    dwindle(b, 5, met);
    EXPECT_EQ(completions, 250);
  }
}

TEST(BarrierTest, SleepersAreReleasedTogether) {
  constexpr int kSleepers = 15;
  barrier<> b(kSleepers + 1);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<background<bool>>> waiting;
    for (int i = 0; i < kSleepers; ++i) {
      waiting.push_back(std::make_unique<background<bool>>([&] {
        b.arrive_and_wait();
        return true;
      }));
    }
    for (auto& one : waiting) one->await_sleep();
    for (auto& one : waiting) EXPECT_FALSE(one->finished());
    b.arrive_and_wait();
    for (auto& one : waiting) EXPECT_TRUE(one->result());
  }
}

// Nobody is a round ahead, with more threads than CPUs and pauses of any
// length.
TEST(BarrierTest, RoundsStayTogether) {
  constexpr int kThreads = 5;
  const int rounds = iterations(3000);
  barrier<> b(kThreads);
  std::atomic<int> at[kThreads] = {};
  std::atomic<int> wrong{0};
  std::vector<std::thread> crew;
  for (int i = 0; i < kThreads; ++i) {
    crew.emplace_back([&, i] {
      std::minstd_rand random(static_cast<unsigned>(i) + 1);
      for (int round = 1; round <= rounds; ++round) {
        for (volatile auto n = random() % 300; n > 0;) n = n - 1;
        at[i].store(round, std::memory_order_relaxed);
        b.arrive_and_wait();
        for (const auto& other : at) {
          const int where = other.load(std::memory_order_relaxed);
          if (where < round || where > round + 1) wrong.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& thread : crew) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

// Threads that arrive without waiting do not know in which phase; each token
// must say it: of n arrivals, as many tokens are over as there were phases.
template <class Arrive>
void arrive_freely(int expected, int threads, int each, Arrive arrive) {
  barrier<> b(expected);
  std::vector<token> tokens[4];
  std::vector<std::thread> crew;
  starting_line line(threads);
  for (int i = 0; i < threads; ++i) {
    crew.emplace_back([&, i] {
      line.ready_and_go();
      for (int n = 0; n < each; ++n) arrive(b, tokens[i]);
    });
  }
  for (std::thread& thread : crew) thread.join();
  int over = 0;
  int all = 0;
  for (const auto& some : tokens) {
    for (const token& t : some) {
      ++all;
      over += b.try_wait(t) ? 1 : 0;
    }
  }
  EXPECT_EQ(over, all / expected * expected);
  // What is missing completes the phase of all others.
  static_cast<void>(b.arrive(expected - all % expected));
  for (const auto& some : tokens)
    for (const token& t : some) EXPECT_TRUE(b.try_wait(t));
}

TEST(BarrierTest, ArrivesAtomically) {
  for (const int expected : {2, 3, 7}) {
    arrive_freely(expected, 4, iterations(20'000),
                  [](barrier<>& b, std::vector<token>& mine) {
                    mine.push_back(b.arrive());
                  });
  }
}

// The same while others drop out: a drop is an arrival, and its phase and the
// later ones get the right numbers.
TEST(BarrierTest, DropsAtomically) {
  for (int round = 0; round < iterations(300); ++round) {
    constexpr int kDrops = 8;
    constexpr int kFirst = 10;
    barrier<> b(kFirst);
    std::vector<std::thread> crew;
    starting_line line(4);
    for (int i = 0; i < 4; ++i) {
      crew.emplace_back([&, i] {
        line.ready_and_go();
        for (int n = 0; n < kDrops / 2; ++n) {
          if (i % 2 == 0)
            b.arrive_and_drop();
          else
            static_cast<void>(b.arrive());
        }
      });
    }
    for (std::thread& thread : crew) thread.join();
    // 16 arrivals: the first phase took 10 of them, and of those 2 to 8 were
    // drops. 2 are expected in the end; the second phase may have expected up
    // to 8.
    int left = 0;
    for (;; ++left) {
      if (left > kFirst) break;
      token t = b.arrive();
      if (b.try_wait(t)) break;
    }
    EXPECT_LE(left, kFirst);
    // From now on it is 2.
    token one = b.arrive();
    EXPECT_FALSE(b.try_wait(one));
    token two = b.arrive();
    EXPECT_TRUE(b.try_wait(one));
    EXPECT_TRUE(b.try_wait(two));
  }
}

// The words are preset: phases are counted modulo 2^31, those of arrivals
// modulo 2^7.
void set_phase(barrier<>& b, std::uint32_t phase, std::uint32_t expected) {
  const std::uint32_t words[] = {phase, expected << 8 | (phase & 0xfe),
                                 expected};
  static_assert(sizeof words == sizeof b);
  std::memcpy(static_cast<void*>(&b), words, sizeof words);
}

TEST(BarrierTest, PhasesWrapAround) {
  for (const std::uint32_t first :
       {0xfffffffau, 0x7ffffffau, 0xfau, 0xfffffff0u}) {
    barrier<> b(1);
    set_phase(b, first, 2);
    token before = b.arrive();
    static_cast<void>(b.arrive());
    for (int i = 0; i < 16; ++i) {
      token one = b.arrive();
      EXPECT_FALSE(b.try_wait(one)) << first << ", phase " << i;
      EXPECT_FALSE(b.wait_for(one, 0s));
      EXPECT_TRUE(b.try_wait(before)) << first << ", phase " << i;
      auto other = run_in_background([&] { b.arrive_and_wait(); });
      b.wait(std::move(one));
      other.result();
      before = std::move(one);
    }
  }
}

}  // namespace
}  // namespace syncxx_test
