// SPDX-License-Identifier: Apache-2.0
//
// interprocess:: shared_mutex, pi_mutex and barrier between real processes, and
// processes of them that are killed. (What all types have in common:
// interprocess_test.cc.)
#include <gtest/gtest.h>
#include <sync/interprocess.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <type_traits>

#include "tests/support/child_process.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/shared_memory.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

namespace interprocess = syncxx::interprocess;

// --- shared_mutex ------------------------------------------------------------

TEST(InterprocessSharedMutexTest, ProcessesInAllRoles) {
  struct counted {
    interprocess::shared_mutex mutex;
    interprocess::latch all_there;
    long count, mirror;
  };
  shared<counted> memory;
  std::construct_at(&memory->all_there, 3);
  const int turns = iterations(5000);
  std::list<process> crew;
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back(memory, [turns, i](counted& c) {
      const auto change = [&] {
        c.count = c.count + 1;
        c.mirror = c.mirror + 1;
      };
      c.all_there.arrive_and_wait();
      for (int n = 0; n < turns; ++n) {
        if ((n + i) % 3 == 0) {
          c.mutex.lock_upgrade();
          const long seen = c.count;
          c.mutex.unlock_upgrade_and_lock();
          ASSERT_EQ(c.count, seen);
          change();
          c.mutex.unlock_and_lock_shared();
          ASSERT_EQ(c.count, seen + 1);
          c.mutex.unlock_shared();
        } else if ((n + i) % 3 == 1) {
          const std::lock_guard own(c.mutex);
          change();
        } else {
          while (!c.mutex.try_lock_for(50us)) {
          }
          change();
          c.mutex.unlock();
        }
        const std::shared_lock own(c.mutex);
        ASSERT_EQ(c.count, c.mirror);
      }
    });
  }
  for (process& p : crew) EXPECT_TRUE(p.succeeds());
  EXPECT_EQ(memory->count, 3L * turns);
  EXPECT_TRUE(memory->mutex.try_lock()) << "it is not free in the end";
  memory->mutex.unlock();
}

// Readers in two processes, of which one is always inside, for each leaves when
// the other has come: a writer that only waited for that to end would wait for
// ever. (A reader that is kept out lets the other one go after a while.)
TEST(InterprocessSharedMutexTest, WritersAreNotStarvedByReaders) {
  struct baton {
    interprocess::shared_mutex mutex;
    std::atomic<unsigned> came[2];
    std::atomic<bool> over;
  };
  shared<baton> memory;
  const auto read = [](int me) {
    return [me](baton& b) {
      while (!b.over) {
        b.mutex.lock_shared();
        const unsigned seen = b.came[1 - me];
        ++b.came[me];
        for (int i = 0; i < 100 && b.came[1 - me] == seen && !b.over; ++i)
          std::this_thread::sleep_for(100us);
        b.mutex.unlock_shared();
      }
    };
  };
  process one(memory, read(0)), other(memory, read(1));
  await([&] { return memory->came[0] > 2 && memory->came[1] > 2; });
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(memory->mutex.try_lock_for(20s)) << "after " << i;
    memory->mutex.unlock();
  }
  memory->over = true;
  EXPECT_TRUE(one.succeeds());
  EXPECT_TRUE(other.succeeds());
}

// A writer that is killed while it waits for readers: what it has asked for is
// forgotten.
TEST(InterprocessSharedMutexTest, WriterKilledBehindAReader) {
  shared<interprocess::shared_mutex> memory;
  auto& m = *memory;
  for (const bool upgrader : {false, true}) {
    upgrader ? m.lock_upgrade() : m.lock_shared();
    process writer(memory, [](auto& at) { at.lock(); });
    writer.await_sleep();
    writer.kill();
    EXPECT_TRUE(m.try_lock_shared());
    m.lock_shared();
    EXPECT_TRUE(succeeds_in_child([&] {
      m.lock_shared();
      m.unlock_shared();
    }));
    EXPECT_EQ(m.try_lock_upgrade(), !upgrader);
    if (!upgrader) m.unlock_upgrade();
    for (int i = 0; i < 2; ++i) m.unlock_shared();
    upgrader ? m.unlock_upgrade() : m.unlock_shared();
    ASSERT_TRUE(m.try_lock());
    m.unlock();
  }
  // The last thing that happens: bits are left on a lock that is free.
  m.lock_shared();
  process writer(memory, [](auto& at) { at.lock(); });
  writer.await_sleep();
  writer.kill();
  m.unlock_shared();
  ASSERT_TRUE(m.try_lock());
  m.unlock();
  EXPECT_EQ(*reinterpret_cast<const volatile std::uint32_t*>(&m), 0u);
}

// A reader and then a writer sleep; the reader is killed: nobody is left who
// would wake the writer but the owner.
TEST(InterprocessSharedMutexTest, ReaderKilledAheadOfAWriter) {
  shared<interprocess::shared_mutex> memory;
  auto& m = *memory;
  for (const bool upgrades : {false, true}) {
    m.lock();
    process reader(memory, [](auto& at) { at.lock_shared(); });
    reader.await_sleep();
    process writer(memory, [upgrades](auto& at) {
      upgrades ? at.lock_upgrade() : at.lock();
      upgrades ? at.unlock_upgrade() : at.unlock();
    });
    writer.await_sleep();
    reader.kill();
    m.unlock();
    EXPECT_TRUE(writer.succeeds());
  }
}

// An upgrader sleeps in the queue, and the writer that has been woken ahead of
// it is killed while it waits for readers.
TEST(InterprocessSharedMutexTest, WokenWriterKilledAheadOfAnUpgrader) {
  shared<interprocess::shared_mutex> memory;
  auto& m = *memory;
  m.lock();
  process writer(memory, [](auto& at) { at.lock(); });
  writer.await_sleep();
  process upgrader(memory, [](auto& at) {
    at.lock_upgrade();
    at.unlock_upgrade();
  });
  upgrader.await_sleep();
  m.unlock_and_lock_shared();
  writer.await_sleep();
  writer.kill();
  m.unlock_shared();
  EXPECT_TRUE(upgrader.succeeds());
}

// --- pi_mutex ----------------------------------------------------------------

class InterprocessPiMutexTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = no_pi_futexes(); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(InterprocessPiMutexTest, ProcessesExcludeEachOther) {
  struct counted {
    interprocess::pi_mutex mutex;
    interprocess::latch all_there;
    long count;
  };
  shared<counted> memory;
  std::construct_at(&memory->all_there, 3);
  const int turns = iterations(5000);
  std::list<process> crew;
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back(memory, [turns](counted& c) {
      c.all_there.arrive_and_wait();
      for (int n = 0; n < turns; ++n) {
        if (n % 4 == 0)
          while (!c.mutex.try_lock_for(50us)) {
          }
        else
          c.mutex.lock();
        c.count = c.count + 1;
        c.mutex.unlock();
      }
    });
  }
  for (process& p : crew) EXPECT_TRUE(p.succeeds());
  EXPECT_EQ(memory->count, 3L * turns);
}

// An owner that is killed: nobody waits for ever, and those that are told are
// told what happened.
TEST_F(InterprocessPiMutexTest, OwnerKilled) {
  const misuse_mode quiet(syncxx::misuse_action::throw_exception);
  const auto lock = [](auto& m) {
    try {
      m.lock();
      m.unlock();
      return false;
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::owner_dead);
      return true;
    }
  };
  for (const bool with_waiters : {false, true}) {
    shared<interprocess::pi_mutex> memory;
    auto& m = *memory;
    process owner(memory, [](auto& at) {
      at.lock();
      pause();
    });
    await([&] {
      const bool free = m.try_lock();
      if (free) m.unlock();
      return !free;
    });
    std::list<process> waiting;
    for (int i = 0; with_waiters && i < 2; ++i) {
      waiting.emplace_back(memory, lock);
      waiting.back().await_sleep();
    }
    owner.kill();
    for (process& p : waiting) EXPECT_TRUE(p.succeeds());
    if (!with_waiters) {
      EXPECT_TRUE(lock(m));
      EXPECT_FALSE(m.try_lock());
    } else {
      EXPECT_TRUE(m.try_lock());
      m.unlock();
    }
  }
}

// --- barrier -----------------------------------------------------------------

int g_completions = 0;  // each process's own
struct count_completions {
  void operator()() const noexcept { ++g_completions; }
};

template <class Completion>
void meet_in_rounds() {
  constexpr int kCrew = 3;
  struct meeting {
    interprocess::barrier<Completion> barrier;
    int at[kCrew];
    std::atomic<long> completions;
  };
  shared<meeting> memory;
  std::construct_at(&memory->barrier, kCrew);
  const int rounds = iterations(2000);
  std::list<process> crew;
  for (int me = 0; me < kCrew; ++me) {
    crew.emplace_back(memory, [rounds, me](meeting& m) {
      for (int n = 1; n <= rounds; ++n) {
        m.at[me] = n;
        if (n % 3 == me) {
          m.barrier.arrive_and_wait();
        } else {
          const auto token = m.barrier.arrive();
          if (!m.barrier.wait_for(token, 20us)) {
            EXPECT_TRUE(m.barrier.wait_for(token, 1h));
          }
        }
        for (const int other : m.at) ASSERT_EQ(other, n);
        m.barrier.arrive_and_wait();  // all have looked
      }
      m.completions.fetch_add(g_completions);
      if (me == 0)
        m.barrier.arrive_and_drop();
      else
        m.barrier.arrive_and_wait();
      if (me != 0) m.barrier.arrive_and_wait();
    });
  }
  for (process& p : crew) EXPECT_TRUE(p.succeeds());
  if (std::is_same_v<Completion, count_completions>) {
    EXPECT_EQ(memory->completions.load(), 2L * rounds);
  }
}
TEST(InterprocessBarrierTest, MeetInRounds) {
  meet_in_rounds<syncxx::detail::no_completion>();
}
TEST(InterprocessBarrierTest, MeetInRoundsWithACompletion) {
  meet_in_rounds<count_completions>();
}

using shared_barrier = shared<interprocess::barrier<>>;

TEST(InterprocessBarrierTest, WakesAllProcesses) {
  shared_barrier memory;
  std::construct_at(&*memory, 4);
  std::list<process> crew;
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back(memory, [i](auto& b) {
      const std::stop_source never;
      if (i == 0)
        b.arrive_and_wait();
      else if (i == 1)
        EXPECT_TRUE(b.wait_for(b.arrive(), 1h));
      else
        EXPECT_TRUE(b.wait(b.arrive(), never.get_token()));
    });
    crew.back().await_sleep();
    EXPECT_FALSE(crew.back().ended());
  }
  static_cast<void>(memory->arrive());
  memory.unmap();
  for (process& p : crew) EXPECT_TRUE(p.succeeds());
}

TEST(InterprocessBarrierTest, StopsAndTimesOut) {
  shared_barrier memory;
  std::construct_at(&*memory, 2);
  process waiting(memory, [](auto& b) {
    const auto token = b.arrive();
    EXPECT_FALSE(b.wait_for(token, 5ms));
    std::stop_source source;
    const pid_t me = this_tid();
    std::thread stopper([&] {
      await([&] { return asleep_in_futex(me); });
      source.request_stop();
    });
    EXPECT_FALSE(b.wait(token, source.get_token()));
    stopper.join();
    EXPECT_FALSE(b.try_wait(token));
  });
  EXPECT_TRUE(waiting.succeeds());
}

// Who has arrived has arrived.
TEST(InterprocessBarrierTest, KilledWhileItSleeps) {
  shared_barrier memory;
  std::construct_at(&*memory, 3);
  process killed(memory, [](auto& b) { b.arrive_and_wait(); });
  killed.await_sleep();
  process second(memory, [](auto& b) { b.arrive_and_wait(); });
  second.await_sleep();
  killed.kill();
  EXPECT_FALSE(second.ended());
  memory->arrive_and_wait();
  EXPECT_TRUE(second.succeeds());
}

}  // namespace
}  // namespace syncxx_test
