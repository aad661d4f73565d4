// SPDX-License-Identifier: Apache-2.0
//
// wait_any: which one is taken, what is refused, and races for many objects
// between threads and processes. The ways to wait are in the wait matrix
// (tests/support/waitable_any.cc).
#include <gtest/gtest.h>
#include <sync/event.h>
#include <sync/interprocess.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>
#include <sync/wait_any.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/shared_memory.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

namespace interprocess = syncxx::interprocess;
using syncxx::try_wait_any;
using syncxx::wait_any;
using syncxx::wait_any_for;
using syncxx::wait_any_until;
using taken = std::optional<std::size_t>;

// --- What can be waited for --------------------------------------------------

template <class... W>
constexpr bool kCompiles = requires(W&... w) {
  wait_any(w...);
};
static_assert(kCompiles<syncxx::mutex, syncxx::counting_semaphore<3>,
                        syncxx::binary_semaphore, syncxx::event,
                        syncxx::auto_reset_event, syncxx::latch>);
static_assert(kCompiles<interprocess::mutex, interprocess::counting_semaphore<>,
                        interprocess::event, interprocess::auto_reset_event,
                        interprocess::latch>);
static_assert(kCompiles<const syncxx::event, const syncxx::latch>);
static_assert(!kCompiles<const syncxx::mutex>);
static_assert(!kCompiles<syncxx::recursive_mutex>);
static_assert(!kCompiles<syncxx::event, syncxx::spinlock>);
static_assert(!kCompiles<std::mutex>);
static_assert(!kCompiles<int>);
static_assert(!kCompiles<>);
static_assert(std::is_same_v<
              std::size_t, decltype(wait_any(std::declval<syncxx::event&>()))>);

TEST(WaitAnyTest, TheLowestIndexIsTaken) {
  syncxx::event first(true);
  syncxx::binary_semaphore second(1);
  syncxx::latch third(0);
  EXPECT_EQ(wait_any(first, second, third), 0u);
  EXPECT_EQ(wait_any(second, first, third), 0u);
  EXPECT_EQ(wait_any(second, first, third), 1u);  // its token is gone
  first.reset();
  EXPECT_EQ(wait_any(second, first, third), 2u);
}

TEST(WaitAnyTest, TakesAsEachTypeIsTaken) {
  syncxx::mutex mutex;
  syncxx::counting_semaphore<> tokens(2);
  syncxx::auto_reset_event once(true);
  syncxx::event set(true);
  EXPECT_EQ(wait_any(mutex), 0u);
  std::thread([&] { EXPECT_FALSE(mutex.try_lock()); }).join();
  { const std::unique_lock owner(mutex, std::adopt_lock); }
  EXPECT_EQ(wait_any(tokens), 0u);
  EXPECT_EQ(wait_any(tokens), 0u);
  EXPECT_FALSE(tokens.try_acquire());
  EXPECT_EQ(wait_any(once), 0u);
  EXPECT_FALSE(once.is_set());
  EXPECT_EQ(wait_any(set), 0u);
  EXPECT_TRUE(set.is_set());
}

TEST(WaitAnyTest, EveryForm) {
  using namespace std::chrono;
  syncxx::event no, yes(true);
  const syncxx::waitable_ref refs[] = {no, yes};
  const std::vector<syncxx::waitable_ref> none_there(3, no);
  std::stop_source source;
  const std::stop_token stop = source.get_token();
  const auto soon = [] { return steady_clock::now() + 2ms; };
  EXPECT_EQ(try_wait_any(no, yes), taken(1));
  EXPECT_EQ(wait_any(stop, no, yes), taken(1));
  EXPECT_EQ(wait_any_for(1ms, no, yes), taken(1));
  EXPECT_EQ(wait_any_for(1ms, stop, no, yes), taken(1));
  EXPECT_EQ(wait_any_until(soon(), no, yes), taken(1));
  EXPECT_EQ(wait_any_until(system_clock::now(), stop, no, yes), taken(1));
  EXPECT_EQ(wait_any(refs), 1u);
  EXPECT_EQ(try_wait_any(refs), taken(1));
  EXPECT_EQ(wait_any(stop, refs), taken(1));
  EXPECT_EQ(wait_any_for(1ms, refs), taken(1));
  EXPECT_EQ(wait_any_for(1ms, stop, refs), taken(1));
  EXPECT_EQ(wait_any_until(soon(), refs), taken(1));
  EXPECT_EQ(wait_any_until(soon(), stop, refs), taken(1));

  EXPECT_EQ(try_wait_any(no, no), std::nullopt);
  EXPECT_EQ(wait_any_for(2ms, no), std::nullopt);
  EXPECT_EQ(wait_any_for(2ms, stop, none_there), std::nullopt);
  EXPECT_EQ(wait_any_until(soon(), none_there), std::nullopt);
  EXPECT_EQ(wait_any_until(soon(), stop, no, no), std::nullopt);
  source.request_stop();
  EXPECT_EQ(wait_any(stop, none_there), std::nullopt);
  EXPECT_EQ(wait_any(stop, no), std::nullopt);
  EXPECT_EQ(wait_any_for(1h, stop, no), std::nullopt);
  EXPECT_EQ(wait_any(stop, no, yes), taken(1));
}

TEST(WaitAnyTest, TooManyAndNone) {
  syncxx::counting_semaphore<> tokens(1000);
  std::vector<syncxx::waitable_ref> refs(129, tokens);
  EXPECT_THROW(wait_any(refs), std::length_error);
  EXPECT_THROW(wait_any_for(0s, refs), std::length_error);
  EXPECT_THROW(try_wait_any(refs), std::length_error);
  EXPECT_TRUE(tokens.try_acquire());
  refs.pop_back();
  EXPECT_EQ(wait_any(refs), 0u);
  refs.clear();
  EXPECT_THROW(wait_any(refs), std::invalid_argument);
  EXPECT_THROW(wait_any_for(0s, refs), std::invalid_argument);
}

// Each of 128 objects of all types can end the wait.
TEST(WaitAnyTest, EachOf128MixedObjects) {
  std::deque<syncxx::mutex> mutexes(32);
  std::deque<syncxx::event> events(32);
  std::deque<syncxx::auto_reset_event> onces(32);
  std::deque<interprocess::binary_semaphore> tokens;
  std::vector<syncxx::waitable_ref> all;
  for (std::size_t i = 0; i < 32; ++i) {
    mutexes[i].lock();
    all.emplace_back(mutexes[i]);
    all.emplace_back(events[i]);
    all.emplace_back(onces[i]);
    all.emplace_back(tokens.emplace_back(0));
  }
  const std::stop_source never;
  for (std::size_t i = 0; i < 128; ++i) {
    auto waiting = run_in_background([&] {
      const taken which =
          i % 8 < 4 ? wait_any(never.get_token(), all) : taken(wait_any(all));
      if (which && *which % 4 == 0) mutexes[*which / 4].unlock();
      return which;
    });
    waiting.await_sleep();
    EXPECT_FALSE(waiting.finished());
    if (i % 4 == 0) mutexes[i / 4].unlock();
    if (i % 4 == 1) events[i / 4].set();
    if (i % 4 == 2) onces[i / 4].set();
    if (i % 4 == 3) tokens[i / 4].release();
    EXPECT_EQ(waiting.result(), taken(i));
    if (i % 4 == 0) mutexes[i / 4].lock();
    if (i % 4 == 1) events[i / 4].reset();
  }
  for (auto& m : mutexes) m.unlock();
}

// A set that is reset at once still lets through whoever slept.
TEST(WaitAnyTest, NoSetIsLostToAReset) {
  syncxx::event pulse;
  syncxx::mutex owned;
  owned.lock();
  for (int i = 0; i < iterations(50); ++i) {
    auto waiting = run_in_background([&] { return wait_any(owned, pulse); });
    waiting.await_sleep();
    pulse.set();
    pulse.reset();
    EXPECT_EQ(waiting.result(), 1u);
  }
  owned.unlock();
}

// One wake, consumed by a thread that finds something better: it is passed on.
// The chooser sleeps longest, so that the wake is its.
template <class Release, class Wait, class It>
void wake_is_passed_on(It& it, Release release, Wait wait) {
  for (int i = 0; i < iterations(100); ++i) {
    syncxx::event better;
    auto chooser = run_in_background([&] {
      const std::size_t which = wait_any(better, it);
      if (which == 1) release();
      return which;
    });
    chooser.await_sleep();
    auto bystander = run_in_background([&] {
      wait();
      release();
    });
    bystander.await_sleep();
    if (i % 2 == 0) better.set();
    release();
    better.set();
    bystander.result();
    chooser.result();
    wait();
  }
}

TEST(WaitAnyTest, MutexIsHandedOn) {
  syncxx::mutex mutex;
  mutex.lock();
  wake_is_passed_on(
      mutex, [&] { mutex.unlock(); }, [&] { mutex.lock(); });
  mutex.unlock();
}

TEST(WaitAnyTest, TokenIsHandedOn) {
  syncxx::counting_semaphore<> tokens(0);
  wake_is_passed_on(
      tokens, [&] { tokens.release(); }, [&] { tokens.acquire(); });
}

// --- Races -------------------------------------------------------------------

// The 128 objects of a race: what is given is taken once, or is there at the
// end.
struct pot {
  static constexpr std::size_t kEach = 42;
  static constexpr std::size_t kMutexes = 40;
  static constexpr std::size_t kLocks = 43;  // the others are shared mutexes
  std::array<interprocess::counting_semaphore<>, kEach> tokens =
      make(std::make_index_sequence<kEach>());
  std::array<interprocess::auto_reset_event, kEach> onces;
  std::array<interprocess::mutex, kMutexes> mutexes;
  std::array<interprocess::shared_mutex, kLocks - kMutexes> shared_mutexes;
  std::array<int, kLocks> inside{};  // each under its lock
  interprocess::event over;
  interprocess::latch all_there{3};
  std::atomic<long> given{0};
  std::atomic<long> got{0};

  template <std::size_t... I>
  static std::array<interprocess::counting_semaphore<>, kEach> make(
      std::index_sequence<I...>) {
    return {interprocess::counting_semaphore<>(I * 0)...};
  }

  template <class F>
  auto on_lock(std::size_t i, F f) {
    return i < kMutexes ? f(mutexes[i]) : f(shared_mutexes[i - kMutexes]);
  }
  void lock(std::size_t i) {
    on_lock(i, [](auto& m) { m.lock(); });
  }
  bool try_lock(std::size_t i) {
    return on_lock(i, [](auto& m) { return m.try_lock(); });
  }
  void unlock(std::size_t i) {
    on_lock(i, [](auto& m) { m.unlock(); });
  }
};

// Takes until all is over.
void take_from(pot& p, std::uint32_t seed) {
  std::vector<syncxx::waitable_ref> all(1, p.over);
  for (std::size_t i = 0; i < pot::kEach; ++i) all.emplace_back(p.tokens[i]);
  for (std::size_t i = 0; i < pot::kEach; ++i) all.emplace_back(p.onces[i]);
  for (auto& m : p.mutexes) all.emplace_back(m);
  for (auto& m : p.shared_mutexes) all.emplace_back(m);
  EXPECT_EQ(all.size(), 128u);
  std::minstd_rand random(seed);
  const std::stop_source never;
  p.all_there.arrive_and_wait();
  for (;;) {
    taken which;
    switch (random() % 3) {
      case 0:
        which = wait_any(all);
        break;
      case 1:
        which = wait_any_for(50us, all);
        break;
      default:
        which = wait_any(never.get_token(), all);
        break;
    }
    if (!which) continue;
    if (*which == 0) return;
    if (*which <= 2 * pot::kEach) {
      p.got.fetch_add(1);
      continue;
    }
    const std::size_t m = *which - 1 - 2 * pot::kEach;
    EXPECT_EQ(p.inside[m]++, 0);
    --p.inside[m];
    p.unlock(m);
  }
}

// Gives tokens, and keeps the locks busy. All but one of them most of the
// time, so that those who take must sleep.
void give_to(pot& p, int gifts, std::uint32_t seed) {
  std::minstd_rand random(seed);
  for (std::size_t m = 0; m < pot::kLocks; ++m) p.lock(m);
  p.all_there.arrive_and_wait();
  for (int n = 0; n < gifts; ++n) {
    const std::size_t i = random() % pot::kEach;
    const std::size_t m = random() % pot::kLocks;
    p.unlock(m);
    if (random() % 2 == 0) {
      p.tokens[i].release();
      p.given.fetch_add(1);
    } else {
      p.onces[i].set();  // may count for one with an earlier
    }
    p.lock(m);
    EXPECT_EQ(p.inside[m]++, 0);
    --p.inside[m];
    if (n % 16 == 0) short_pause();  // they take all, and sleep
  }
  for (std::size_t m = 0; m < pot::kLocks; ++m) p.unlock(m);
}

// Takes what is left, and gives the number of tokens.
long rest_of(pot& p) {
  long rest = 0;
  for (auto& s : p.tokens)
    while (s.try_acquire()) ++rest;
  for (std::size_t m = 0; m < pot::kLocks; ++m) {
    const bool free = p.try_lock(m);
    EXPECT_TRUE(free);
    if (free) p.unlock(m);
  }
  return rest;
}

TEST(WaitAnyRace, BetweenThreads) {
  const auto p = std::make_unique<pot>();
  const int gifts = iterations(5000);
  std::thread one([&] { take_from(*p, 1); }), two([&] { take_from(*p, 2); });
  give_to(*p, gifts, 3);
  p->over.set();
  one.join();
  two.join();
  const long rest = rest_of(*p);
  EXPECT_LE(p->given + 0, p->got + rest) << "tokens were lost";
  EXPECT_LE(p->got + rest, gifts) << "tokens were made from nothing";
}

TEST(WaitAnyRace, BetweenProcesses) {
  shared<pot> memory;
  std::construct_at(&*memory);
  const int gifts = iterations(5000);
  process one(memory, [](pot& p) { take_from(p, 1); });
  process two(memory, [](pot& p) { take_from(p, 2); });
  give_to(*memory, gifts, 3);
  memory->over.set();
  EXPECT_TRUE(one.succeeds());
  EXPECT_TRUE(two.succeeds());
  const long rest = rest_of(*memory);
  EXPECT_LE(memory->given + 0, memory->got + rest) << "tokens were lost";
  EXPECT_LE(memory->got + rest, gifts) << "tokens were made from nothing";
}

}  // namespace
}  // namespace syncxx_test
