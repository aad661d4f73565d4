// SPDX-License-Identifier: Apache-2.0
//
// Who gives up where threads wait for each other: set_deadlock_victim(). Each
// ring here is closed by its last thread, when all the others are asleep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/deadlock.h>
#include <sync/event.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>

#include <cstddef>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "tests/support/environment.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::deadlock_thread;
using syncxx::deadlock_victim;
using syncxx::misuse_action;

#if !(defined(SYNCXX_HOOKS) && SYNCXX_HOOKS)

TEST(DeadlockRecoveryTest, PlainLibraryDoesNothing) {
  syncxx::set_deadlock_victim(deadlock_victim::youngest);
  syncxx::set_deadlock_victim(
      [](std::span<const deadlock_thread>, void*) -> std::size_t {
        ADD_FAILURE();
        return 0;
      });
  syncxx::set_deadlock_priority(1);
  syncxx::mutex m;
  m.lock();
  auto waiter = run_in_background([&] { const std::lock_guard guard(m); });
  waiter.await_sleep();
  m.unlock();
  EXPECT_NO_THROW(waiter.result());
}

#else

using testing::HasSubstr;
using testing::StartsWith;

class DeadlockRecoveryTest : public testing::Test {
 protected:
  void SetUp() override {
    syncxx::set_misuse_action(misuse_action::throw_exception);
    testing::internal::CaptureStderr();
  }
  void TearDown() override {
    testing::internal::GetCapturedStderr();
    syncxx::set_deadlock_victim(deadlock_victim::closes_circle);
    syncxx::set_misuse_action(misuse_action::abort);
  }
};

// What one thread does: takes a lock, and when it is its turn another.
struct part {
  std::function<void()> begin, wait, end;
};

// Takes `mine` and gives it back, and waits for `next` in between.
template <class Mine, class Next>
part holds_and_wants(Mine& mine, Next& next) {
  return {[&] { mine.lock(); },
          [&] {
            next.lock();
            next.unlock();
          },
          [&] { mine.unlock(); }};
}

using numbers = std::vector<std::size_t>;

// The threads begin in the order of their numbers, and go to sleep in this one
// (empty: in the same); the last closes the circle. What the victims'
// exceptions say, by the numbers of their threads.
std::vector<std::string> run_ring(const std::vector<part>& parts,
                                  numbers order = {}) {
  while (order.size() < parts.size()) order.push_back(order.size());
  std::vector<std::string> what(parts.size());
  std::deque<syncxx::event> begun(parts.size()), go(parts.size());
  std::vector<std::unique_ptr<background<bool>>> threads;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    threads.push_back(std::make_unique<background<bool>>([&, i] {
      parts[i].begin();
      begun[i].set();
      go[i].wait();
      try {
        parts[i].wait();
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::resource_deadlock_would_occur);
        what[i] = error.what();
      }
      parts[i].end();
      return true;
    }));
    begun[i].wait();
  }
  for (const std::size_t i : order) {
    go[i].set();
    if (i != order.back()) threads[i]->await_sleep();
  }
  for (auto& thread : threads) thread->result();
  return what;
}

// The numbers of the victims.
numbers victims_of(const std::vector<part>& parts, const numbers& order = {}) {
  const std::vector<std::string> what = run_ring(parts, order);
  numbers victims;
  for (std::size_t i = 0; i < what.size(); ++i) {
    if (what[i].empty()) continue;
    EXPECT_THAT(what[i], HasSubstr("deadlock: this thread waits for "));
    victims.push_back(i);
  }
  return victims;
}

// A ring of n mutexes.
struct ring {
  explicit ring(std::size_t n) : locks(n) {
    for (std::size_t i = 0; i < n; ++i)
      parts.push_back(holds_and_wants(locks[i], locks[(i + 1) % n]));
  }
  std::vector<syncxx::mutex> locks;
  std::vector<part> parts;
};

TEST_F(DeadlockRecoveryTest, ClosesCircle) {
  EXPECT_EQ(victims_of(ring(4).parts), numbers{3});
}

TEST_F(DeadlockRecoveryTest, Youngest) {
  syncxx::set_deadlock_victim(deadlock_victim::youngest);
  EXPECT_EQ(victims_of(ring(2).parts), numbers{1});
  // It sleeps first, and the oldest closes the circle.
  EXPECT_EQ(victims_of(ring(4).parts, {3, 2, 1, 0}), numbers{3});
  EXPECT_EQ(victims_of(ring(4).parts, {0, 3, 1, 2}), numbers{3});
}

TEST_F(DeadlockRecoveryTest, FewestLocks) {
  syncxx::set_deadlock_victim(deadlock_victim::fewest_locks);
  for (std::size_t poor = 0; poor < 3; ++poor) {
    ring r(3);
    std::vector<syncxx::byte_mutex> more(3);
    for (std::size_t i = 0; i < 3; ++i) {
      if (i == poor) continue;
      const part plain = r.parts[i];
      r.parts[i].begin = [&, i, plain] {
        more[i].lock();
        plain.begin();
      };
      r.parts[i].end = [&, i, plain] {
        plain.end();
        more[i].unlock();
      };
    }
    EXPECT_EQ(victims_of(r.parts), numbers{poor});
  }
  // Among equals who began to wait last: that closes the circle.
  EXPECT_EQ(victims_of(ring(3).parts), numbers{2});
}

TEST_F(DeadlockRecoveryTest, LowestPriority) {
  syncxx::set_deadlock_victim(deadlock_victim::lowest_priority);
  for (std::size_t low = 0; low < 5; ++low) {
    ring r(5);
    for (std::size_t i = 0; i < 5; ++i) {
      r.parts[i].begin = [begin = r.parts[i].begin, i, low] {
        syncxx::set_deadlock_priority(i == low ? -1 : static_cast<int>(i));
        begin();
      };
    }
    EXPECT_EQ(victims_of(r.parts), numbers{low});
  }
}

struct seen_by_function {
  std::vector<deadlock_thread> circle;
  std::vector<std::string> names;
  std::size_t answer = 0;
};

std::size_t look(std::span<const deadlock_thread> circle, void* context) {
  auto& seen = *static_cast<seen_by_function*>(context);
  seen.circle.assign(circle.begin(), circle.end());
  seen.names.clear();
  for (const deadlock_thread& each : circle) seen.names.emplace_back(each.name);
  return seen.answer;
}

TEST_F(DeadlockRecoveryTest, FunctionSeesAllAndChooses) {
  seen_by_function seen;
  syncxx::set_deadlock_victim(look, &seen);
  for (seen.answer = 0; seen.answer < 4; ++seen.answer) {
    ring r(4);
    for (std::size_t i = 0; i < 4; ++i) {
      r.parts[i].begin = [begin = r.parts[i].begin, i] {
        pthread_setname_np(pthread_self(),
                           ("part " + std::to_string(i)).c_str());
        syncxx::set_deadlock_priority(static_cast<int>(10 * i));
        begin();
      };
    }
    // The circle begins with thread 3, which waits for 0, and so on.
    EXPECT_EQ(victims_of(r.parts), numbers{(seen.answer + 3) % 4});
    ASSERT_EQ(seen.circle.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
      const deadlock_thread& each = seen.circle[i];
      const std::size_t number = (i + 3) % 4;
      EXPECT_EQ(seen.names[i], "part " + std::to_string(number));
      EXPECT_EQ(each.priority, static_cast<int>(10 * number));
      EXPECT_EQ(each.locks_held, 1u);
      EXPECT_EQ(each.closes_circle, i == 0);
      EXPECT_TRUE(each.can_give_up);
      EXPECT_GT(each.tid, 0);
      EXPECT_GE(each.waiting.count(), 0);
      if (i > 1) {
        EXPECT_GT(each.serial, seen.circle[i - 1].serial);
        EXPECT_LE(each.waiting, seen.circle[i - 1].waiting);
      }
    }
  }
}

TEST_F(DeadlockRecoveryTest, FunctionThatNamesNobody) {
  seen_by_function seen;
  syncxx::set_deadlock_victim(look, &seen);
  seen.answer = 1000;
  EXPECT_EQ(victims_of(ring(3).parts), numbers{2});
  EXPECT_EQ(seen.circle.size(), 3u);
  syncxx::set_deadlock_victim(nullptr);
  seen.circle.clear();
  EXPECT_EQ(victims_of(ring(3).parts), numbers{2});
  EXPECT_TRUE(seen.circle.empty());
}

std::size_t sleeper(std::span<const deadlock_thread> circle, void*) {
  return circle.size() - 1;  // what the one that closes it holds
}

// Thread 0 sleeps for what thread 1 holds, and is the victim.
template <class Held, class Wanted>
void expect_woken(Held& held, Wanted& wanted) {
  syncxx::set_deadlock_victim(sleeper);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(victims_of({holds_and_wants(held, wanted),
                          holds_and_wants(wanted, held)}),
              numbers{0});
  }
}

template <class M>
struct shared_side {
  void lock() const { m.lock_shared(); }
  void unlock() const { m.unlock_shared(); }
  M& m;
};
template <class M>
struct upgrade_side {
  void lock() const { m.lock_upgrade(); }
  void unlock() const { m.unlock_upgrade(); }
  M& m;
};
struct token {
  void lock() const { s.acquire(); }
  void unlock() const { s.release(); }
  syncxx::counting_semaphore<>& s;
};

template <class Wanted>
class DeadlockRecoveryOfTest : public DeadlockRecoveryTest {};
using sleeping_locks =
    testing::Types<syncxx::mutex, syncxx::recursive_mutex, syncxx::byte_mutex,
                   syncxx::shared_mutex, syncxx::biased_shared_mutex,
                   syncxx::robust_mutex>;
TYPED_TEST_SUITE(DeadlockRecoveryOfTest, sleeping_locks);

TYPED_TEST(DeadlockRecoveryOfTest, SleeperIsWoken) {
  if (std::is_same_v<TypeParam, syncxx::robust_mutex> &&
      !no_robust_lists().empty())
    GTEST_SKIP() << no_robust_lists();
  syncxx::mutex held;
  TypeParam wanted;
  expect_woken(held, wanted);
}

TEST_F(DeadlockRecoveryTest, SleepingReaderIsWoken) {
  syncxx::mutex held;
  syncxx::shared_mutex wanted;
  const shared_side<syncxx::shared_mutex> reads{wanted};
  syncxx::set_deadlock_victim(sleeper);
  EXPECT_EQ(
      victims_of({holds_and_wants(held, reads), holds_and_wants(wanted, held)}),
      numbers{0});
}

TEST_F(DeadlockRecoveryTest, SleepingUpgraderIsWoken) {
  syncxx::mutex held;
  syncxx::shared_mutex wanted;
  const upgrade_side<syncxx::shared_mutex> upgrades{wanted};
  expect_woken(held, upgrades);
}

TEST_F(DeadlockRecoveryTest, SleeperForSemaphoreIsWoken) {
  syncxx::mutex held;
  syncxx::counting_semaphore<> wanted(1);
  const token one{wanted};
  one.lock();  // proves that it is used as a lock
  one.unlock();
  expect_woken(held, one);
}

// What answers to no stop request is passed over.
TEST_F(DeadlockRecoveryTest, SleeperThatCannotGiveUp) {
  if (!no_pi_futexes().empty()) GTEST_SKIP() << no_pi_futexes();
  syncxx::mutex held;
  syncxx::pi_mutex wanted;
  syncxx::set_deadlock_victim(sleeper);
  EXPECT_EQ(victims_of(
                {holds_and_wants(held, wanted), holds_and_wants(wanted, held)}),
            numbers{1});
  syncxx::set_deadlock_victim(deadlock_victim::youngest);
  EXPECT_EQ(victims_of(
                {holds_and_wants(held, wanted), holds_and_wants(wanted, held)}),
            numbers{1});
}

// The one that closes the circle stands in a line that it can't leave.
TEST_F(DeadlockRecoveryTest, CloserThatCannotGiveUp) {
  syncxx::queue_lock held;
  syncxx::mutex wanted;
  syncxx::set_deadlock_victim(deadlock_victim::youngest);
  EXPECT_EQ(victims_of(
                {holds_and_wants(held, wanted), holds_and_wants(wanted, held)}),
            numbers{0});
}

// A writer waits for two readers, which both wait for it.
TEST_F(DeadlockRecoveryTest, TwoCirclesClosedAtOnce) {
  syncxx::set_deadlock_victim(deadlock_victim::youngest);
  syncxx::mutex m;
  syncxx::shared_mutex s;
  const shared_side<syncxx::shared_mutex> reads{s};
  const std::vector<part> parts{holds_and_wants(reads, m),
                                holds_and_wants(reads, m),
                                holds_and_wants(m, s)};
  // The writer is the youngest: one victim ends both.
  EXPECT_EQ(victims_of(parts), numbers{2});
  syncxx::set_deadlock_victim(sleeper);
  EXPECT_EQ(victims_of(parts), (numbers{0, 1}));
}

// What was meant for one wait is not felt in the next ones.
TEST_F(DeadlockRecoveryTest, VictimWaitsAgain) {
  syncxx::set_deadlock_victim(deadlock_victim::lowest_priority);
  syncxx::mutex a, b, c;
  syncxx::auto_reset_event has_a, has_b, over;
  c.lock();
  auto victim = run_in_background([&] {
    syncxx::set_deadlock_priority(-1);
    for (int round = 0; round < iterations(50); ++round) {
      {
        const std::lock_guard mine(a);
        has_a.set();
        has_b.wait();
        EXPECT_THROW(b.lock(), std::system_error);
      }
      over.wait();
    }
    const std::lock_guard last(c);
  });
  auto other = run_in_background([&] {
    for (int round = 0; round < iterations(50); ++round) {
      {
        const std::lock_guard mine(b);
        has_a.wait();
        has_b.set();
        const std::lock_guard next(a);
      }
      over.set();
    }
  });
  EXPECT_NO_THROW(other.result());
  victim.await_sleep();
  c.unlock();
  EXPECT_NO_THROW(victim.result());
}

// A wait that may be called off is one as before otherwise.
TEST_F(DeadlockRecoveryTest, NoVictimWithoutDeadlock) {
  syncxx::set_deadlock_victim(deadlock_victim::youngest);
  syncxx::mutex outer[2];
  syncxx::shared_mutex inner[2];
  std::vector<std::unique_ptr<background<bool>>> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.push_back(std::make_unique<background<bool>>([&, t] {
      for (int i = 0; i < iterations(5000); ++i) {
        const std::lock_guard first(outer[t % 2]);
        if (i % 3 == 0) {
          const std::lock_guard second(inner[t / 2]);
        } else {
          const std::shared_lock second(inner[t / 2]);
        }
      }
      return true;
    }));
  }
  for (auto& thread : threads) EXPECT_NO_THROW(thread->result());
}

// The environment is read once, before the policy is set.
TEST(DeadlockRecoveryDeathTest, Environment) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  setenv("SYNCXX_DEADLOCK", "throw", 1);
  const auto first_is_victim = [] {
    std::vector<std::string> what = run_ring(ring(2).parts);
    std::_Exit(!what[0].empty() && what[1].empty()   ? 10
               : what[0].empty() && !what[1].empty() ? 11
                                                     : 12);
  };
  // Both hold one lock, and the second began to wait last.
  setenv("SYNCXX_DEADLOCK_VICTIM", "fewest_locks", 1);
  EXPECT_EXIT(first_is_victim(), testing::ExitedWithCode(11), "");
  setenv("SYNCXX_DEADLOCK_VICTIM", "the_weakest", 1);
  EXPECT_EXIT(first_is_victim(), testing::ExitedWithCode(11),
              "SYNCXX_DEADLOCK_VICTIM=\"the_weakest\" is not known");
  unsetenv("SYNCXX_DEADLOCK_VICTIM");
  unsetenv("SYNCXX_DEADLOCK");
}

#endif

}  // namespace
}  // namespace syncxx_test
