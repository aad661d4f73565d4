// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sync/semaphore.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::binary_semaphore;
using syncxx::counting_semaphore;

static_assert(sizeof(counting_semaphore<>) == 4);
static_assert(sizeof(binary_semaphore) == 4);
static_assert(std::is_same_v<binary_semaphore, counting_semaphore<1>>);
static_assert(counting_semaphore<>::max() == (1 << 30) - 1);
static_assert(counting_semaphore<7>::max() >= 7);
static_assert(counting_semaphore<0>::max() >= 0);
static_assert(noexcept(counting_semaphore<>::max()));
static_assert(pinned<counting_semaphore<>>);
static_assert(!std::is_default_constructible_v<counting_semaphore<>>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, counting_semaphore<>>);
static_assert(std::is_standard_layout_v<counting_semaphore<>>);
static_assert(std::is_trivially_destructible_v<counting_semaphore<>> ==
              !kHooked);
static_assert(noexcept(std::declval<counting_semaphore<>&>().try_acquire()));

constinit counting_semaphore<> global(2);

// Takes all tokens and tells how many there were.
template <class S>
int drain(S& s) {
  int n = 0;
  while (s.try_acquire()) ++n;
  return n;
}

TEST(SemaphoreTest, GlobalIsReadyBeforeMain) {
  EXPECT_EQ(drain(global), 2);
  global.release(2);
}

TEST(SemaphoreTest, WorksInZeroedMemory) {
  const auto s = make_zeroed<counting_semaphore<>>();
  EXPECT_FALSE(s->try_acquire());
  background<bool> waiting([&] {
    s->acquire();
    return true;
  });
  waiting.await_sleep();
  s->release();
  EXPECT_TRUE(waiting.result());
  EXPECT_FALSE(s->try_acquire());
}

TEST(SemaphoreTest, CountsTokens) {
  counting_semaphore<10> s(3);
  s.acquire();
  EXPECT_EQ(drain(s), 2);
  s.release(4);
  s.release();
  s.release(0);
  EXPECT_EQ(drain(s), 5);
}

TEST(SemaphoreTest, RefusesABadStart) {
  EXPECT_THROW(counting_semaphore<5>(-1), std::invalid_argument);
  EXPECT_THROW(counting_semaphore<5>(counting_semaphore<5>::max() + 1),
               std::invalid_argument);
  EXPECT_THROW(counting_semaphore<>(std::ptrdiff_t{1} << 40),
               std::invalid_argument);
  EXPECT_NO_THROW(counting_semaphore<5>{counting_semaphore<5>::max()});
}

TEST(SemaphoreTest, ReleasePastMaxIsAnErrorAndChangesNothing) {
  binary_semaphore b(1);
  expect_system_error(std::errc::value_too_large, [&] { b.release(); });
  EXPECT_EQ(drain(b), 1);
  expect_system_error(std::errc::value_too_large, [&] { b.release(2); });
  EXPECT_EQ(drain(b), 0);

  counting_semaphore<> s(counting_semaphore<>::max() - 1);
  s.release();
  expect_system_error(std::errc::value_too_large, [&] { s.release(); });
  expect_system_error(std::errc::value_too_large,
                      [&] { s.release(counting_semaphore<>::max()); });
  expect_system_error(std::errc::value_too_large,
                      [&] { s.release(std::ptrdiff_t{1} << 40); });
  s.acquire();
  s.release();
}

// Gives n tokens; false where that would have been too many.
template <class S>
bool release_if_room(S& s, std::ptrdiff_t n) {
  try {
    s.release(n);
    return true;
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::value_too_large) << error.what();
    return false;
  }
}

// At max(), whatever several threads give at once is refused to each of them.
TEST(SemaphoreTest, ReleasesPastMaxTogetherAreAllRefused) {
  // Reporting each would take longer than the race.
  const misuse_mode quietly(syncxx::misuse_action::off);
  counting_semaphore<> s(counting_semaphore<>::max());
  for (const std::ptrdiff_t n :
       {std::ptrdiff_t{1}, std::ptrdiff_t{1} << 16,
        (std::ptrdiff_t{1} << 16) + 1, counting_semaphore<>::max()}) {
    const int rounds = iterations(n == 1 ? 50'000 : 5000);
    std::atomic<long> granted{0};
    starting_line line(3);
    const auto give = [&] {
      line.ready_and_go();
      for (int i = 0; i < rounds && granted.load() == 0; ++i)
        if (release_if_room(s, n)) granted.fetch_add(1);
    };
    std::thread crew[] = {std::thread(give), std::thread(give),
                          std::thread(give)};
    for (std::thread& thread : crew) thread.join();
    ASSERT_EQ(granted.load(), 0) << "releases of " << n << " past max()";
    // max() tokens are left, neither more nor fewer.
    ASSERT_TRUE(s.try_acquire()) << "the tokens were lost";
    EXPECT_TRUE(release_if_room(s, 1));
    EXPECT_FALSE(release_if_room(s, 1));
  }
}

// Threads that take tokens and give them back, next to others that give too
// many: those may find the semaphore full in place of these, but each token
// that was given is there, and nobody sleeps beside a token.
template <class S>
void overfill_while_others_take() {
  const misuse_mode quietly(syncxx::misuse_action::off);
  S s(S::max());
  std::atomic<long> given{0};
  std::atomic<long> taken{0};
  std::atomic<int> takers{3};
  starting_line line(5);
  std::stop_source never_stopped;
  std::vector<std::thread> crew;
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back([&, i] {
      line.ready_and_go();
      for (int round = 0; round < iterations(30'000); ++round) {
        if (i == 0)
          s.acquire();
        else if (i == 1)
          EXPECT_TRUE(s.acquire(never_stopped.get_token()));
        else
          EXPECT_TRUE(s.try_acquire_for(1h));
        taken.fetch_add(1);
        if (release_if_room(s, 1)) given.fetch_add(1);
      }
      takers.fetch_sub(1);
    });
  }
  for (int i = 0; i < 2; ++i) {
    crew.emplace_back([&] {
      line.ready_and_go();
      while (takers.load() != 0)
        if (release_if_room(s, 1)) given.fetch_add(1);
    });
  }
  for (std::thread& thread : crew) thread.join();
  const long missing = taken.load() - given.load();
  ASSERT_GE(missing, 0) << "more was given than there was room for";
  ASSERT_TRUE(release_if_room(s, missing));
  EXPECT_FALSE(release_if_room(s, 1)) << "tokens were lost";
  EXPECT_TRUE(s.try_acquire());
}

TEST(SemaphoreTest, ReleasesPastMaxLoseNoTokenOfOthers) {
  overfill_while_others_take<counting_semaphore<>>();
  overfill_while_others_take<counting_semaphore<3>>();
  overfill_while_others_take<binary_semaphore>();
}

TEST(SemaphoreTest, NegativeReleaseIsAnError) {
  counting_semaphore<> s(1);
  expect_system_error(std::errc::invalid_argument, [&] { s.release(-1); });
  expect_system_error(std::errc::invalid_argument, [&] {
    s.release(std::numeric_limits<std::ptrdiff_t>::min());
  });
  EXPECT_EQ(drain(s), 1);
}

TEST(SemaphoreTest, ReleaseOfNServesNWaiters) {
  constexpr int kWaiters = 8;
  counting_semaphore<> s(0);
  std::atomic<int> served{0};
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < kWaiters; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&] {
      s.acquire();
      served.fetch_add(1);
      return true;
    }));
  }
  for (auto& one : waiting) one->await_sleep();
  s.release(3);
  await([&] { return served.load() == 3; });
  int asleep = 0;
  for (auto& one : waiting) {
    if (!one->finished()) one->await_sleep();
    asleep += one->finished() ? 0 : 1;
  }
  EXPECT_EQ(asleep, kWaiters - 3);
  EXPECT_EQ(served.load(), 3);
  s.release(kWaiters);
  for (auto& one : waiting) one->result();
  EXPECT_EQ(drain(s), 3);
}

// Each release() of one is enough for one waiter, however close they come.
TEST(SemaphoreTest, SeparateReleasesServeSeparateWaiters) {
  for (int round = 0; round < iterations(500); ++round) {
    counting_semaphore<> s(0);
    background<bool> one([&] {
      s.acquire();
      return true;
    });
    background<bool> other([&] {
      s.acquire();
      return true;
    });
    if (round % 2 == 0) {
      one.await_sleep();
      other.await_sleep();
    }
    s.release();
    s.release();
    EXPECT_TRUE(one.result());
    EXPECT_TRUE(other.result());
    EXPECT_EQ(drain(s), 0);
  }
}

TEST(SemaphoreTest, BinarySemaphoreExcludes) {
  binary_semaphore s(1);
  expect_exclusion(
      4, iterations(20'000), [&] { s.acquire(); }, [&] { s.release(); });
  EXPECT_EQ(drain(s), 1);
}

TEST(SemaphoreTest, ReleaseHandsWritesOver) {
  counting_semaphore<> items(0);
  counting_semaphore<> room(4);
  int buffer[4] = {};
  const int n = iterations(20'000);
  std::thread producer([&] {
    for (int i = 0; i < n; ++i) {
      room.acquire();
      buffer[i % 4] = i;
      items.release();
    }
  });
  int wrong = 0;
  for (int i = 0; i < n; ++i) {
    items.acquire();
    wrong += buffer[i % 4] == i ? 0 : 1;
    room.release();
  }
  producer.join();
  EXPECT_EQ(wrong, 0);
}

TEST(SemaphoreTest, ManyProducersAndConsumersLoseNoToken) {
  counting_semaphore<> s(0);
  const int each = iterations(20'000);
  std::vector<std::thread> crew;
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back([&, i] {
      for (int k = 0; k < each; ++k) {
        if (i == 0)
          s.acquire();
        else
          while (!s.try_acquire_for(std::chrono::microseconds(50))) {
          }
      }
    });
    crew.emplace_back([&] {
      for (int k = 0; k < each; k += 2) s.release(std::min(2, each - k));
    });
  }
  for (std::thread& thread : crew) thread.join();
  EXPECT_EQ(drain(s), 0);
}

counting_semaphore<>* released_by_handler = nullptr;

TEST(SemaphoreTest, ReleaseFromASignalHandler) {
  if (kThreadSanitizer) GTEST_SKIP() << "TSan delays signal handlers";
  counting_semaphore<> s(0);
  released_by_handler = &s;
  struct sigaction action = {};
  action.sa_handler = [](int) { released_by_handler->release(); };
  sigaction(SIGUSR2, &action, nullptr);
  background<bool> waiting([&] {
    s.acquire();  // the handler interrupts this very wait
    return true;
  });
  waiting.await_sleep();
  pthread_kill(waiting.native(), SIGUSR2);
  EXPECT_TRUE(waiting.result());
  signal(SIGUSR2, SIG_DFL);
}

}  // namespace
}  // namespace syncxx_test
