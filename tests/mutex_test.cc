// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sync/mutex.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::mutex;

static_assert(sizeof(mutex) == 4);
static_assert(std::is_standard_layout_v<mutex>);
static_assert(std::is_nothrow_default_constructible_v<mutex>);
static_assert(std::is_trivially_destructible_v<mutex> == !kHooked);
static_assert(mutex_type<mutex>);
static_assert(timed_lockable<mutex>);
static_assert(std::is_same_v<syncxx::timed_mutex, mutex>);
static_assert(std::is_same_v<
              decltype(std::declval<mutex&>().lock(std::stop_token())), bool>);

constinit mutex global;

bool try_from_another_thread(mutex& m) {
  bool locked = false;
  std::thread([&] {
    locked = m.try_lock();
    if (locked) m.unlock();
  }).join();
  return locked;
}

TEST(MutexTest, GlobalIsReadyBeforeMain) {
  std::lock_guard lock(global);
  EXPECT_FALSE(try_from_another_thread(global));
}

TEST(MutexTest, WorksInZeroedMemory) {
  const zeroed<mutex> m = make_zeroed<mutex>();
  m->lock();
  EXPECT_FALSE(try_from_another_thread(*m));
  m->unlock();
  expect_exclusion(*m, 3, iterations(2000));
}

TEST(MutexTest, TryLockTellsWhetherItIsFree) {
  mutex m;
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

TEST(MutexTest, ExcludesThreads) {
  for (const int threads : {2, 4, 16}) {
    mutex m;
    expect_exclusion(m, threads, iterations(80'000) / threads);
    EXPECT_TRUE(try_from_another_thread(m));
  }
}

TEST(MutexTest, ExcludesThreadsOfAllForms) {
  mutex m;
  std::stop_source source;
  std::atomic<unsigned> turn{0};
  const auto enter = [&] {
    using namespace std::chrono;
    switch (turn.fetch_add(1) % 6) {
      case 0:
        while (!m.try_lock()) std::this_thread::yield();
        break;
      case 1:
        while (!m.try_lock_for(20us)) {
        }
        break;
      case 2:
        while (!m.try_lock_until(system_clock::now() + 50us)) {
        }
        break;
      case 3:
        ASSERT_TRUE(m.lock(source.get_token()));
        break;
      case 4:
        while (!m.try_lock_for(duration<double>(1e-4), source.get_token())) {
        }
        break;
      default:
        m.lock();
    }
  };
  expect_exclusion(6, iterations(5000), enter, [&] { m.unlock(); });
  EXPECT_TRUE(try_from_another_thread(m));
}

TEST(MutexTest, WaitersSleepAndAllAreServed) {
  mutex m;
  m.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 16; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&m] {
      m.lock();
      m.unlock();
      return true;
    }));
  }
  for (auto& one : waiting) one->await_sleep();
  for (auto& one : waiting) EXPECT_FALSE(one->finished());
  m.unlock();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_TRUE(try_from_another_thread(m));
}

TEST(MutexTest, UniqueLockConstructsInEveryWay) {
  mutex m;
  {
    std::unique_lock deferred(m, std::defer_lock);
    EXPECT_FALSE(deferred.owns_lock());
    EXPECT_TRUE(deferred.try_lock_for(1ms));
  }
  {
    std::unique_lock tried(m, std::try_to_lock);
    EXPECT_TRUE(tried.owns_lock());
  }
  {
    m.lock();
    std::unique_lock adopted(m, std::adopt_lock);
    EXPECT_FALSE(try_from_another_thread(m));
  }
  {
    std::unique_lock timed(m, 1ms);
    EXPECT_TRUE(timed.owns_lock());
    std::thread([&] {
      std::unique_lock late(m, std::chrono::steady_clock::now() + 2ms);
      EXPECT_FALSE(late.owns_lock());
    }).join();
  }
  EXPECT_TRUE(try_from_another_thread(m));
}

TEST(MutexTest, ScopedLockAndStdLockTakeSeveralInAnyOrder) {
  mutex a, b;
  std::mutex c;  // mixed with another's lock
  long counter = 0;
  const int rounds = iterations(5000);
  std::thread one([&] {
    for (int i = 0; i < rounds; ++i) {
      std::scoped_lock lock(a, b, c);
      ++counter;
    }
  });
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      std::lock(c, b, a);
      ++counter;
      a.unlock();
      b.unlock();
      c.unlock();
    }
  });
  one.join();
  other.join();
  EXPECT_EQ(counter, 2L * rounds);
  EXPECT_EQ(std::try_lock(a, b), -1);
  a.unlock();
  b.unlock();
}

TEST(MutexTest, WorksWithStdConditionVariableAny) {
  mutex m;
  std::condition_variable_any c;
  bool ready = false;
  background<bool> waiting([&] {
    std::unique_lock lock(m);
    c.wait(lock, [&] { return ready; });
    return true;
  });
  waiting.await_sleep();
  {
    std::lock_guard lock(m);
    ready = true;
  }
  c.notify_all();
  EXPECT_TRUE(waiting.result());
}

// A waiter that has lost the race for long is handed the lock: a thread that
// takes it again at once, for ever, cannot keep it.
TEST(MutexTest, BargingIsBounded) {
  mutex m;
  std::atomic<bool> done{false};
  std::atomic<long> acquired{0};
  std::thread hog([&] {
    while (!done.load(std::memory_order_relaxed)) {
      m.lock();
      const auto end = std::chrono::steady_clock::now() + 20us;
      while (std::chrono::steady_clock::now() < end) {
      }
      acquired.fetch_add(1, std::memory_order_relaxed);
      m.unlock();
    }
  });
  await([&] { return acquired.load() > 0; });
  long most_overtakes = 0;
  std::chrono::steady_clock::duration longest{};
  for (int i = 0; i < iterations(100); ++i) {
    // The hog is at it again, awake, and has the lock most of the time.
    await([&, seen = acquired.load()] { return acquired.load() > seen + 10; });
    const long before = acquired.load();
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(m.try_lock_for(5s)) << "starved for 5 s in round " << i;
    longest = std::max(longest, std::chrono::steady_clock::now() - start);
    most_overtakes = std::max(most_overtakes, acquired.load() - before);
    m.unlock();
  }
  done.store(true);
  hog.join();
  const auto longest_us =
      std::chrono::duration_cast<std::chrono::microseconds>(longest).count();
  std::printf("longest wait %lld us, most overtakes %ld\n",
              static_cast<long long>(longest_us), most_overtakes);
  RecordProperty("most_overtakes", static_cast<int>(most_overtakes));
  RecordProperty("longest_wait_us", static_cast<int>(longest_us));
}

// The one that is next may give up (time or stop), just when it is handed the
// lock; whoever is behind it must not be forgotten.
TEST(MutexTest, ImpatientNextOwnersLoseNothing) {
  mutex m;
  std::atomic<bool> done{false};
  std::atomic<long> turns{0};
  std::vector<std::thread> crew;
  for (int i = 0; i < 2; ++i) {
    crew.emplace_back([&] {  // hogs, so that waiters lose for long
      while (!done.load()) {
        m.lock();
        const auto end = std::chrono::steady_clock::now() + 100us;
        while (std::chrono::steady_clock::now() < end) {
        }
        m.unlock();
      }
    });
  }
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back([&, i] {
      for (int round = 0; !done.load(); ++round) {
        bool locked;
        if (i == 0) {
          locked = m.try_lock_for(
              std::chrono::microseconds(900 + 100 * (round % 8)));
        } else if (i == 1) {
          std::stop_source source;
          std::jthread stopper([&source, round] {
            std::this_thread::sleep_for(
                std::chrono::microseconds(900 + 150 * (round % 6)));
            source.request_stop();
          });
          locked = m.lock(source.get_token());
        } else {
          m.lock();
          locked = true;
        }
        if (!locked) continue;
        turns.fetch_add(1);
        m.unlock();
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + 2s;
  while (std::chrono::steady_clock::now() < end) short_pause();
  done.store(true);
  for (std::thread& thread : crew) thread.join();
  EXPECT_GT(turns.load(), 0);
  EXPECT_TRUE(try_from_another_thread(m));
}

// Puts the calling thread on one CPU, where it runs before all threads of
// normal priority and beside none of its own kind. False: not permitted.
bool become_real_time() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
  int cpu = CPU_SETSIZE - 1;
  while (cpu > 0 && !CPU_ISSET(cpu, &allowed)) --cpu;
  CPU_ZERO(&allowed);
  CPU_SET(cpu, &allowed);
  sched_param lowest = {};
  lowest.sched_priority = sched_get_priority_min(SCHED_FIFO);
  return sched_setaffinity(0, sizeof allowed, &allowed) == 0 &&
         pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest) == 0;
}

// The lock is handed to the waiter that has waited too long. Waiters with a
// stop token, which sleep where any wake reaches them, may be woken in its
// place; they pass that wake on to it, and not to each other for ever, though
// their priority makes the kernel wake them first.
TEST(MutexTest, NextOwnersWakeReachesItPastRealTimeWaiters) {
  if (!run_in_background(become_real_time).result())
    GTEST_SKIP() << "no permission for SCHED_FIFO";
  mutex m;
  std::stop_source source;
  const auto lock_and_unlock = [&m] {
    m.lock();
    m.unlock();
    return true;
  };
  std::unique_ptr<background<bool>> next;
  m.lock();
  do {
    next = std::make_unique<background<bool>>(lock_and_unlock);
    next->await_sleep();
    std::this_thread::sleep_for(2ms);  // longer than its patience
    m.unlock();                        // wakes it in vain
    m.lock();
  } while (next->finished());  // unless it has been faster
  next->await_sleep();
  {
    std::vector<std::unique_ptr<background<bool>>> real_time;
    for (int i = 0; i < 2; ++i) {
      real_time.push_back(std::make_unique<background<bool>>([&] {
        if (become_real_time() && m.lock(source.get_token())) m.unlock();
        return true;
      }));
      real_time.back()->await_sleep();
    }
    m.unlock();
    // It is awake now, or they wake each other without end. (Awake, it may
    // still have to wait for a CPU.)
    const auto is_awake = [&] {
      return next->finished() || thread_state(next->tid()) != 'S';
    };
    constexpr long kWithoutEnd = 10'000;
    await([&] {
      if (is_awake()) return true;
      for (auto& one : real_time)
        if (sleeps_so_far(one->tid()) > kWithoutEnd) return true;
      return false;
    });
    EXPECT_TRUE(is_awake()) << "its wake goes round among the others";
    source.request_stop();
  }
  next->result();
  EXPECT_TRUE(try_from_another_thread(m));
}

}  // namespace
}  // namespace syncxx_test
