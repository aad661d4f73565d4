// SPDX-License-Identifier: Apache-2.0
//
// Nobody starves at a shared_mutex, whoever hogs it.
#include <gtest/gtest.h>
#include <sync/shared_mutex.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::shared_mutex;

void work(std::chrono::nanoseconds d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Runs `hog` in some threads without a pause, and times `guest` beside them.
template <class Hog, class Guest>
void expect_no_starvation(const char* what, int hogs, Hog hog, Guest guest) {
  std::atomic<bool> done{false};
  std::atomic<long> turns{0};
  std::vector<std::thread> crew;
  for (int i = 0; i < hogs; ++i) {
    crew.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        hog();
        turns.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  std::chrono::steady_clock::duration longest{};
  for (int i = 0; i < iterations(100); ++i) {
    await([&, seen = turns.load()] { return turns.load() > seen + 10; });
    const auto begun = std::chrono::steady_clock::now();
    if (!guest()) {
      ADD_FAILURE() << what << " starved for 10 s in round " << i;
      break;
    }
    longest = std::max(longest, std::chrono::steady_clock::now() - begun);
  }
  done = true;
  for (std::thread& thread : crew) thread.join();
  std::printf("%s: longest wait %.3f ms\n", what,
              std::chrono::duration<double, std::milli>(longest).count());
}

TEST(SharedMutexFairnessTest, ReadersDoNotStarveAWriter) {
  shared_mutex m;
  expect_no_starvation(
      "a writer", 4,
      [&] {
        m.lock_shared();
        work(20us);
        m.unlock_shared();
      },
      [&] {
        if (!m.try_lock_for(10s)) return false;
        m.unlock();
        return true;
      });
}

TEST(SharedMutexFairnessTest, WritersDoNotStarveAReader) {
  shared_mutex m;
  expect_no_starvation(
      "a reader", 2,
      [&] {
        m.lock();
        work(20us);
        m.unlock();
      },
      [&] {
        if (!m.try_lock_shared_for(10s)) return false;
        m.unlock_shared();
        return true;
      });
}

TEST(SharedMutexFairnessTest, UpgradersDoNotStarveAWriter) {
  shared_mutex m;
  expect_no_starvation(
      "a writer beside upgraders", 2,
      [&] {
        m.lock_upgrade();
        work(20us);
        m.unlock_upgrade();
      },
      [&] {
        if (!m.try_lock_for(10s)) return false;
        m.unlock();
        return true;
      });
}

TEST(SharedMutexFairnessTest, NeitherStarvesAnUpgrader) {
  shared_mutex m;
  std::atomic<unsigned> turn{0};
  expect_no_starvation(
      "an upgrader", 3,
      [&] {
        if (turn.fetch_add(1) % 2 == 0) {
          m.lock();
          work(20us);
          m.unlock();
        } else {
          m.lock_shared();
          work(20us);
          m.unlock_shared();
        }
      },
      [&] {
        if (!m.try_lock_upgrade_for(10s)) return false;
        m.unlock_upgrade_and_lock();
        m.unlock();
        return true;
      });
}

// Those that are next may give up, just when it is their turn; whoever is
// behind them must not be forgotten.
TEST(SharedMutexFairnessTest, ImpatientWaitersLoseNothing) {
  shared_mutex m;
  std::atomic<bool> done{false};
  std::atomic<long> turns{0};
  std::vector<std::thread> crew;
  for (int i = 0; i < 2; ++i) {
    crew.emplace_back([&, i] {
      while (!done.load()) {
        m.lock();
        work(100us);
        if (i == 0) {
          m.unlock();
        } else {
          m.unlock_and_lock_shared();
          m.unlock_shared();
        }
      }
    });
  }
  for (int i = 0; i < 6; ++i) {
    crew.emplace_back([&, i] {
      for (int round = 0; !done.load(); ++round) {
        const auto time = std::chrono::microseconds(900 + 100 * (round % 8));
        std::stop_source source;
        std::jthread stopper;
        if (i % 3 == 1) {
          stopper = std::jthread([&source, time] {
            std::this_thread::sleep_for(time);
            source.request_stop();
          });
        }
        const bool reads = i < 3;
        bool locked = true;
        if (i % 3 == 0)
          locked = reads ? m.try_lock_shared_for(time) : m.try_lock_for(time);
        else if (i % 3 == 1)
          locked = reads ? m.lock_shared(source.get_token())
                         : m.lock(source.get_token());
        else if (reads)
          m.lock_shared();
        else
          m.lock();
        if (!locked) continue;
        turns.fetch_add(1);
        if (reads)
          m.unlock_shared();
        else
          m.unlock();
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + 2s;
  while (std::chrono::steady_clock::now() < end) short_pause();
  done.store(true);
  for (std::thread& thread : crew) thread.join();
  EXPECT_GT(turns.load(), 0);
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

}  // namespace
}  // namespace syncxx_test
