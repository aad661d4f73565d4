// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>
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

using syncxx::byte_mutex;

static_assert(sizeof(byte_mutex) == 1);
static_assert(std::is_standard_layout_v<byte_mutex>);
static_assert(std::is_nothrow_default_constructible_v<byte_mutex>);
static_assert(std::is_trivially_destructible_v<byte_mutex> == !kHooked);
static_assert(mutex_type<byte_mutex>);
static_assert(timed_lockable<byte_mutex>);
static_assert(
    std::is_same_v<
        decltype(std::declval<byte_mutex&>().lock(std::stop_token())), bool>);

constinit byte_mutex global;

bool try_from_another_thread(byte_mutex& m) {
  bool locked = false;
  std::thread([&] {
    locked = m.try_lock();
    if (locked) m.unlock();
  }).join();
  return locked;
}

unsigned char byte_of(const byte_mutex& m) {
  return reinterpret_cast<const std::atomic<unsigned char>&>(m).load();
}

TEST(ByteMutexTest, GlobalIsReadyBeforeMain) {
  std::lock_guard lock(global);
  EXPECT_FALSE(try_from_another_thread(global));
}

TEST(ByteMutexTest, WorksInZeroedMemory) {
  const zeroed<byte_mutex> m = make_zeroed<byte_mutex>();
  m->lock();
  EXPECT_FALSE(try_from_another_thread(*m));
  m->unlock();
  expect_exclusion(*m, 3, iterations(2000));
}

TEST(ByteMutexTest, TryLockTellsWhetherItIsFree) {
  byte_mutex m;
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

TEST(ByteMutexTest, ExcludesThreads) {
  for (const int threads : {2, 4, 16}) {
    byte_mutex m;
    expect_exclusion(m, threads, iterations(80'000) / threads);
    EXPECT_EQ(byte_of(m), 0);
  }
}

TEST(ByteMutexTest, ExcludesThreadsOfAllForms) {
  byte_mutex m;
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

// Each of neighbouring bytes is a lock of its own, asleep or not.
TEST(ByteMutexTest, NeighboursInOneWordAreIndependent) {
  byte_mutex m[4];
  for (byte_mutex& each : m) each.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (byte_mutex& each : m) {
    waiting.push_back(std::make_unique<background<bool>>([&each] {
      each.lock();
      each.unlock();
      return true;
    }));
  }
  for (auto& one : waiting) one->await_sleep();
  for (const unsigned i : {2u, 0u, 3u, 1u}) {
    m[i].unlock();
    EXPECT_TRUE(waiting[i]->result());
    EXPECT_EQ(byte_of(m[i]), 0);
  }
}

TEST(ByteMutexTest, WaitersSleepAndAllAreServed) {
  byte_mutex m;
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
  EXPECT_EQ(byte_of(m), 0);
}

// A waiter that has slept longer than anybody has patience for is handed the
// lock by the unlock itself: the one who unlocks can't take it again.
TEST(ByteMutexTest, IsHandedToOneThatHasWaitedLong) {
  byte_mutex m;
  std::atomic<bool> let_go{false};
  m.lock();
  auto waiting = run_in_background([&] {
    m.lock();
    await([&] { return let_go.load(); });
    m.unlock();
  });
  waiting.await_sleep();
  std::this_thread::sleep_for(5ms);
  m.unlock();
  EXPECT_FALSE(m.try_lock());
  let_go.store(true);
  EXPECT_TRUE(waiting.result());
  EXPECT_EQ(byte_of(m), 0);
}

// One thread takes the lock again the moment it has let it go.
TEST(ByteMutexTest, AHogKeepsNobodyOut) {
  byte_mutex m;
  std::atomic<bool> done{false};
  std::thread hog([&] {
    while (!done.load(std::memory_order_relaxed)) {
      m.lock();
      const auto end = std::chrono::steady_clock::now() + 50us;
      while (std::chrono::steady_clock::now() < end) {
      }
      m.unlock();
    }
  });
  for (int i = 0; i < iterations(30); ++i) {
    m.lock();
    m.unlock();
  }
  done.store(true);
  hog.join();
}

// A timed wait that ends beside sleepers leaves them to the next unlock.
TEST(ByteMutexTest, OneThatGivesUpLeavesTheOthers) {
  byte_mutex m;
  m.lock();
  auto patient = run_in_background([&] {
    m.lock();
    m.unlock();
  });
  patient.await_sleep();
  auto hasty = run_in_background([&] { return m.try_lock_for(1ms); });
  EXPECT_FALSE(hasty.result());
  EXPECT_FALSE(patient.finished());
  m.unlock();
  EXPECT_TRUE(patient.result());
}

TEST(ByteMutexTest, WorksWithConditionVariableAny) {
  byte_mutex m;
  syncxx::condition_variable_any c;
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

TEST(ByteMutexTest, ScopedLockTakesSeveral) {
  byte_mutex a, b;
  std::mutex c;
  long counter = 0;
  const int rounds = iterations(5000);
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      std::scoped_lock lock(a, b, c);
      ++counter;
    }
  });
  for (int i = 0; i < rounds; ++i) {
    std::scoped_lock lock(c, b, a);
    ++counter;
  }
  other.join();
  EXPECT_EQ(counter, 2L * rounds);
}

}  // namespace
}  // namespace syncxx_test
