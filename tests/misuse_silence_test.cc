// SPDX-License-Identifier: Apache-2.0
//
// The misuse checker says nothing where nothing is wrong. Each test runs with
// the action `abort`: a false alarm ends it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/latch.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/mcs_mutex.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::misuse_action;

class MisuseSilence : public testing::Test {
 protected:
  void SetUp() override {
    if (!kHooked) GTEST_SKIP() << "the plain library has no misuse checker";
  }
  // Whatever SYNCXX_DEADLOCK says.
  const misuse_mode mode_{misuse_action::abort};
};

template <class L>
class MisuseSilenceOf : public MisuseSilence {};
using lock_types =
    testing::Types<syncxx::mutex, syncxx::recursive_mutex, syncxx::spinlock,
                   syncxx::byte_mutex, syncxx::ticket_lock, mcs_mutex,
                   syncxx::queue_lock>;
TYPED_TEST_SUITE(MisuseSilenceOf, lock_types);

void switch_off() { syncxx::set_misuse_action(misuse_action::off); }
void switch_on() { syncxx::set_misuse_action(misuse_action::abort); }

TYPED_TEST(MisuseSilenceOf, TakenWhileOffGivenBackWhileOn) {
  TypeParam lock;
  switch_off();
  lock.lock();
  switch_on();
  lock.unlock();
  lock.lock();
  lock.unlock();
}

// What was recorded before the gap does not count after it.
TYPED_TEST(MisuseSilenceOf, ChangedHandsWhileOff) {
  TypeParam lock;
  lock.lock();
  switch_off();
  lock.unlock();
  std::atomic<bool> taken{false};
  std::atomic<bool> on{false};
  std::thread other([&] {
    lock.lock();
    taken.store(true);
    await([&] { return on.load(); });
    lock.unlock();
  });
  await([&] { return taken.load(); });
  switch_on();
  on.store(true);
  lock.lock();  // not "already held"
  lock.unlock();
  other.join();
}

TYPED_TEST(MisuseSilenceOf, DestroyedAfterItWasGivenBackWhileOff) {
  auto lock = std::make_unique<TypeParam>();
  lock->lock();
  switch_off();
  lock->unlock();
  switch_on();
  lock.reset();
}

// Other actions than off are no gap.
TYPED_TEST(MisuseSilenceOf, OtherActionsWhileHeld) {
  TypeParam lock;
  lock.lock();
  syncxx::set_misuse_action(misuse_action::report);
  syncxx::set_misuse_action(misuse_action::throw_exception);
  switch_on();
  lock.unlock();
}

TYPED_TEST(MisuseSilenceOf, SwitchedOnAndOffUnderLoad) {
  std::array<TypeParam, 3> shared;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 3; ++seed) {
    threads.emplace_back([&, seed] {
      std::minstd_rand random(seed);
      while (!stop.load()) {
        TypeParam& lock = shared[random() % shared.size()];
        if (random() % 4 == 0) {
          if (lock.try_lock()) lock.unlock();
        } else {
          const std::lock_guard<TypeParam> guard(lock);
        }
        [[maybe_unused]] const TypeParam on_stack;
      }
    });
  }
  for (int i = 0; i < iterations(1500); ++i) {
    switch_off();
    if (i % 3 == 0) std::this_thread::yield();
    switch_on();
    if (i % 5 == 0) std::this_thread::yield();
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
}

TYPED_TEST(MisuseSilenceOf, FailedAndTimedTries) {
  TypeParam lock;
  lock.lock();
  std::thread([&] {
    EXPECT_FALSE(lock.try_lock());
    if constexpr (timed_lockable<TypeParam>) {
      EXPECT_FALSE(lock.try_lock_for(0ms));
      EXPECT_FALSE(lock.try_lock_for(5ms));
      EXPECT_FALSE(lock.try_lock_until(std::chrono::system_clock::now() + 5ms));
    }
  }).join();
  lock.unlock();
  std::thread([&] {
    ASSERT_TRUE(lock.try_lock());
    lock.unlock();
    if constexpr (timed_lockable<TypeParam>) {
      ASSERT_TRUE(lock.try_lock_for(5ms));
      lock.unlock();
    }
  }).join();
}

TYPED_TEST(MisuseSilenceOf, ManyHeldGivenBackInAnyOrder) {
  std::vector<TypeParam> locks(static_cast<std::size_t>(iterations(20000)));
  std::vector<std::size_t> order(locks.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::minstd_rand random(7);
  for (int round = 0; round < 3; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) locks[i].lock();
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) locks[i].unlock();
  }
}

TYPED_TEST(MisuseSilenceOf, ScopedLockOfMany) {
  if (!timed_lockable<TypeParam>)
    GTEST_SKIP() << "std::lock is not for locks in order of arrival";
  std::array<TypeParam, 6> l;
  const auto take = [&](auto&... all) {
    for (int i = 0; i < iterations(3000); ++i)
      const std::scoped_lock guard(all...);
  };
  std::thread forwards([&] { take(l[0], l[1], l[2], l[3], l[4], l[5]); });
  std::thread backwards([&] { take(l[5], l[4], l[3], l[2], l[1], l[0]); });
  forwards.join();
  backwards.join();
}

TYPED_TEST(MisuseSilenceOf, AddressIsUsedAgain) {
  alignas(TypeParam) std::byte memory[sizeof(TypeParam)];
  for (int i = 0; i < iterations(2000); ++i) {
    auto* const lock = new (memory) TypeParam;
    std::thread* other = nullptr;
    if (i % 100 == 0) {
      other = new std::thread(
          [lock] { const std::lock_guard<TypeParam> guard(*lock); });
    }
    lock->lock();
    lock->unlock();
    if (other != nullptr) other->join();
    delete other;
    if (i % 2 == 0) lock->~TypeParam();  // else its memory is taken away
  }
}

TYPED_TEST(MisuseSilenceOf, ChildOfAForkGivesBackWhatItsThreadHeld) {
  TypeParam mine;
  TypeParam others;
  mine.lock();
  std::atomic<int> stage{0};
  std::thread other([&] {
    others.lock();
    stage.store(1);
    await([&] { return stage.load() == 2; });
    others.unlock();
  });
  await([&] { return stage.load() == 1; });
  EXPECT_TRUE(succeeds_in_child([&] {
    mine.unlock();
    mine.lock();
    mine.unlock();
    EXPECT_FALSE(others.try_lock());
    others.~TypeParam();  // as exit() destroys static objects
    const misuse_mode thrown(misuse_action::throw_exception);
    // The table works, and knows.
    TypeParam fresh;
    fresh.lock();
    if (!kThreadSanitizer)  // it allows no threads here
      std::thread([&] { EXPECT_FALSE(fresh.try_lock()); }).join();
    fresh.unlock();
  }));
  mine.unlock();
  stage.store(2);
  other.join();
}

// Threads are in the table while the process forks.
TYPED_TEST(MisuseSilenceOf, ForkUnderLoad) {
  if (kThreadSanitizer) GTEST_SKIP() << "a child with threads of its own";
  std::array<TypeParam, 8> shared;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = t; !stop.load(); ++i)
        const std::lock_guard<TypeParam> guard(shared[i % shared.size()]);
    });
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(succeeds_in_child([] {
      std::array<TypeParam, 100> locks;
      for (TypeParam& lock : locks) lock.lock();
      for (TypeParam& lock : locks) lock.unlock();
    }));
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
}

TYPED_TEST(MisuseSilenceOf, ManyThreadsManyLocks) {
  std::array<TypeParam, 40> shared;
  std::array<int, 40> counters{};
  std::vector<std::thread> threads;
  constexpr int kThreads = 8;
  const int rounds = iterations(20000);
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(t + 1);
      for (int i = 0; i < rounds; ++i) {
        const std::size_t n = random() % shared.size();
        const std::lock_guard<TypeParam> guard(shared[n]);
        ++counters[n];
        TypeParam own;
        own.lock();
        own.unlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int sum = 0;
  for (const int n : counters) sum += n;
  EXPECT_EQ(sum, kThreads * rounds);
}

TEST_F(MisuseSilence, RecursiveLevels) {
  syncxx::recursive_mutex lock;
  for (int i = 0; i < 3; ++i) lock.lock();
  ASSERT_TRUE(lock.try_lock());
  for (int i = 0; i < 4; ++i) lock.unlock();
}

// Each waiter gives the lock back and takes it again while others hold it.
template <class Lock, class Condition>
void take_turns(Lock& lock, Condition& condition, int rounds) {
  int turn = 0;
  const auto play = [&](int parity) {
    for (int i = 0; i < rounds; ++i) {
      std::unique_lock<Lock> held(lock);
      condition.wait(held, [&] { return turn % 2 == parity; });
      ++turn;
      condition.notify_all();
    }
  };
  std::thread ping([&] { play(0); });
  std::thread pong([&] { play(1); });
  ping.join();
  pong.join();
  EXPECT_EQ(turn, 2 * rounds);
}

TEST_F(MisuseSilence, ConditionVariableWaits) {
  syncxx::mutex lock;
  syncxx::condition_variable condition;
  take_turns(lock, condition, iterations(2000));
  std::unique_lock<syncxx::mutex> held(lock);
  EXPECT_FALSE(condition.wait_for(held, 1ms, [] { return false; }));
}

TEST_F(MisuseSilence, ConditionVariableAnyWaits) {
  syncxx::spinlock lock;
  syncxx::condition_variable_any condition;
  take_turns(lock, condition, iterations(1000));
}

// Semaphores, latches and events have no owner.
TEST_F(MisuseSilence, TokensPassBetweenThreads) {
  syncxx::binary_semaphore a(1);
  syncxx::binary_semaphore b(0);
  const int rounds = iterations(2000);
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      b.acquire();
      a.release();
    }
  });
  for (int i = 0; i < rounds; ++i) {
    a.acquire();
    b.release();
  }
  other.join();
  syncxx::latch done(3);
  std::thread counter([&] { done.count_down(2); });
  done.arrive_and_wait();
  counter.join();
  syncxx::event set(false);
  std::thread setter([&] { set.set(); });
  set.wait();
  setter.join();
}

syncxx::counting_semaphore<> g_signalled(0);

// Signal handlers that come while the thread is in the checker.
TEST_F(MisuseSilence, ReleaseInASignalHandler) {
  struct sigaction action = {};
  action.sa_handler = [](int) { g_signalled.release(); };
  action.sa_flags = SA_RESTART;
  struct sigaction before;
  ASSERT_EQ(sigaction(SIGUSR2, &action, &before), 0);
  std::atomic<bool> stop{false};
  std::thread interrupted([&] {
    std::array<syncxx::mutex, 30> locks;
    while (!stop.load()) {
      for (syncxx::mutex& lock : locks) lock.lock();
      for (syncxx::mutex& lock : locks) lock.unlock();
    }
  });
  const int signals = iterations(3000);
  for (int i = 0; i < signals; ++i) {
    ASSERT_EQ(pthread_kill(interrupted.native_handle(), SIGUSR2), 0);
    g_signalled.acquire();
  }
  stop.store(true);
  interrupted.join();
  sigaction(SIGUSR2, &before, nullptr);
}

long resident_kilobytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// What is remembered is bounded by what is held and alive.
TEST_F(MisuseSilence, MemoryDoesNotGrowWithUse) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's memory grows by itself";
  std::vector<syncxx::mutex> locks(200000);
  const auto use = [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      locks[i].lock();
      locks[i].unlock();
      const auto semaphore = std::make_unique<syncxx::counting_semaphore<>>(0);
      semaphore->release();
    }
  };
  use(0, 2000);
  const long before = resident_kilobytes();
  use(2000, locks.size());
  EXPECT_LT(resident_kilobytes() - before, 4096);
}

}  // namespace
}  // namespace syncxx_test
