// SPDX-License-Identifier: Apache-2.0
//
// Nobody starves at a shared_mutex or a biased_shared_mutex, whoever hogs it.
#include <gtest/gtest.h>
#include <sync/biased_shared_mutex.h>
#include <sync/condition_variable.h>
#include <sync/mutex.h>
#include <sync/shared_mutex.h>
#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
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

template <class M>
class ReaderWriterFairnessTest : public testing::Test {};
using both_locks = testing::Types<shared_mutex, syncxx::biased_shared_mutex>;
TYPED_TEST_SUITE(ReaderWriterFairnessTest, both_locks);

TYPED_TEST(ReaderWriterFairnessTest, ReadersDoNotStarveAWriter) {
  TypeParam m;
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

TYPED_TEST(ReaderWriterFairnessTest, WritersDoNotStarveAReader) {
  TypeParam m;
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

// --- Relays: the lock is never free ------------------------------------------

// Two threads that hand a lock over from one to the other: nobody lets go
// before the other one is there too, or its patience is at an end. may_leave()
// counts the one out that it lets go.
template <class Lock, class Unlock, class MayLeave>
class relay {
 public:
  relay(std::chrono::milliseconds patience, Lock lock, Unlock unlock,
        MayLeave may_leave)
      : patience_(patience),
        lock_(lock),
        unlock_(unlock),
        may_leave_(may_leave) {
    for (int i : {0, 1}) threads_[i] = std::thread([this, i] { run(i); });
    await([this] { return turns_.load() > 4; });
  }
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;
  ~relay() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void run(int me) {
    tids_[me] = this_tid();
    while (!over_) {
      lock_();
      ++inside_;
      const auto end = std::chrono::steady_clock::now() + patience_;
      await([&] {
        if (may_leave_(inside_, tids_[1 - me])) return true;
        if (!over_ && std::chrono::steady_clock::now() < end) return false;
        --inside_;
        return true;
      });
      ++turns_;
      unlock_();
    }
  }

  const std::chrono::milliseconds patience_;
  const Lock lock_;
  const Unlock unlock_;
  const MayLeave may_leave_;
  std::atomic<bool> over_{false};
  std::atomic<long> turns_{0};
  std::atomic<int> inside_{0};
  std::atomic<pid_t> tids_[2] = {};
  std::thread threads_[2];
};

// So that a lock that is fair can go on.
constexpr std::chrono::milliseconds kPatience = 20ms;

// Readers are never all gone, unless a writer that waits stops them.
template <class M>
bool readers_starve_a_writer(M& m, std::chrono::milliseconds time,
                             std::chrono::milliseconds patience = kPatience) {
  const relay readers(
      patience, [&] { m.lock_shared(); }, [&] { m.unlock_shared(); },
      [](std::atomic<int>& inside, pid_t) {
        int n = inside;  // never the last one
        return n > 1 && inside.compare_exchange_strong(n, n - 1);
      });
  const bool owned = m.try_lock_for(time);
  if (owned) m.unlock();
  return !owned;
}
// When a writer goes, there is always another one that has come long ago.
template <class M>
bool writers_starve_a_reader(M& m, std::chrono::milliseconds time,
                             std::chrono::milliseconds patience = kPatience) {
  const relay writers(
      patience, [&] { m.lock(); }, [&] { m.unlock(); },
      [](std::atomic<int>& inside, pid_t other) {
        if (!asleep_in_futex(other)) return false;
        --inside;
        return true;
      });
  const bool owned = m.try_lock_shared_for(time);
  if (owned) m.unlock_shared();
  return !owned;
}

TYPED_TEST(ReaderWriterFairnessTest, ARelayOfReadersDoesNotStarveAWriter) {
  TypeParam m;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(readers_starve_a_writer(m, 30s));
}
TYPED_TEST(ReaderWriterFairnessTest, ARelayOfWritersDoesNotStarveAReader) {
  TypeParam m;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(writers_starve_a_reader(m, 30s));
}

// One side always goes first. The two tests above see both of them.
template <bool ReadersFirst>
class unfair_lock {
 public:
  void lock() {
    ++writers_waiting_;  // first: whoever sleeps here has been counted
    std::unique_lock own(mutex_);
    changed_.wait(own, [&] { return free_for_a_writer(); });
    --writers_waiting_;
    writing_ = true;
  }
  bool try_lock_for(std::chrono::milliseconds time) {
    std::unique_lock own(mutex_);
    if (!changed_.wait_for(own, time, [&] { return free_for_a_writer(); }))
      return false;
    return writing_ = true;
  }
  void unlock() {
    const std::lock_guard own(mutex_);
    writing_ = false;
    changed_.notify_all();
  }
  void lock_shared() {
    std::unique_lock own(mutex_);
    changed_.wait(own, [&] { return free_for_a_reader(); });
    ++readers_;
  }
  bool try_lock_shared_for(std::chrono::milliseconds time) {
    std::unique_lock own(mutex_);
    if (!changed_.wait_for(own, time, [&] { return free_for_a_reader(); }))
      return false;
    ++readers_;
    return true;
  }
  void unlock_shared() {
    const std::lock_guard own(mutex_);
    if (--readers_ == 0) changed_.notify_all();
  }

 private:
  bool free_for_a_writer() const { return !writing_ && readers_ == 0; }
  bool free_for_a_reader() const {
    return !writing_ && (ReadersFirst || writers_waiting_ == 0);
  }

  syncxx::mutex mutex_;
  syncxx::condition_variable changed_;
  bool writing_ = false;
  int readers_ = 0;
  std::atomic<int> writers_waiting_{0};
};

TEST(UnfairLockTest, IsSeenToStarve) {
  unfair_lock<true> readers_first;
  EXPECT_TRUE(readers_starve_a_writer(readers_first, 100ms, 1h));
  unfair_lock<false> writers_first;
  EXPECT_TRUE(writers_starve_a_reader(writers_first, 100ms, 1h));
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
