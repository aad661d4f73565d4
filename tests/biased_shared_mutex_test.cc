// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/biased_shared_mutex.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/guard_page.h"
#include "tests/support/lock_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/syscall_meter.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using lock_type = syncxx::biased_shared_mutex;
using std::chrono::steady_clock;

static_assert(mutex_type<lock_type> && timed_lockable<lock_type>);
static_assert(kHooked || std::is_trivially_destructible_v<lock_type>);
INSTANTIATE_TYPED_TEST_SUITE_P(BiasedSharedMutex, LockSuite,
                               lock_kit<lock_type>);

constinit lock_type g_lock;

// What another thread gets at once.
bool others_lock(lock_type& m) { return try_from_another_thread(m); }
bool others_share(lock_type& m) {
  bool shared = false;
  std::thread([&] {
    shared = m.try_lock_shared();
    if (shared) m.unlock_shared();
  }).join();
  return shared;
}

// Leaves the lock biased, with a record for the calling thread.
void bias(lock_type& m) {
  for (int i = 0; i < 2; ++i) {
    m.lock_shared();
    m.unlock_shared();
  }
}

TEST(BiasedSharedMutexTest, WorksInZeroedAndInStaticMemory) {
  const auto zeroed = make_zeroed<lock_type>();
  for (lock_type* m : {zeroed.get(), &g_lock}) {
    bias(*m);
    m->lock();
    EXPECT_FALSE(others_lock(*m));
    EXPECT_FALSE(others_share(*m));
    m->unlock();
    m->lock_shared();
    EXPECT_FALSE(others_lock(*m));
    EXPECT_TRUE(others_share(*m));
    m->unlock_shared();
    EXPECT_TRUE(others_lock(*m));
  }
}

TEST(BiasedSharedMutexTest, WorksWithTheStandardsGuards) {
  lock_type m;
  { const std::unique_lock lock(m); }
  { const std::shared_lock lock(m); }
  { const std::shared_lock lock(m, 1ms); }
  { const std::shared_lock lock(m, std::try_to_lock); }
  lock_type other;
  { const std::scoped_lock both(m, other); }
  EXPECT_TRUE(others_lock(m));
}

// Counts by halves: a reader that is inside while a writer is sees them differ.
// Each thread writes now and then, so that the bias comes and goes.
TEST(BiasedSharedMutexTest, ReadersAndWritersExcludeEachOther) {
  lock_type m;
  long first = 0, second = 0;
  std::atomic<bool> torn{false};
  std::vector<std::thread> crew;
  const int rounds = iterations(20'000);
  for (int t = 0; t < 4; ++t) {
    crew.emplace_back([&, t] {
      for (int i = 0; i < rounds; ++i) {
        if ((i + t) % 97 == 0) {
          m.lock();
          ++first;
          if (i % 5 == 0) std::this_thread::yield();
          ++second;
          m.unlock();
        } else {
          m.lock_shared();
          if (first != second) torn = true;
          m.unlock_shared();
        }
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_FALSE(torn);
  EXPECT_EQ(first, second);
}

// A writer sleeps until a visible reader has gone; so does one that is timed or
// may be stopped.
TEST(BiasedSharedMutexTest, AWriterSleepsForAVisibleReader) {
  lock_type m;
  bias(m);
  std::stop_source never;
  for (int form = 0; form < 3; ++form) {
    m.lock_shared();
    auto writer = run_in_background([&] {
      bool owned = true;
      if (form == 0) m.lock();
      if (form == 1) owned = m.try_lock_for(1h);
      if (form == 2) owned = m.lock(never.get_token());
      if (owned) m.unlock();
      return owned;
    });
    writer.await_sleep();
    EXPECT_FALSE(writer.finished());
    m.unlock_shared();
    EXPECT_TRUE(writer.result());
    bias(m);
  }
}

// Several locks that one thread reads: each unlock wakes the writer of its own.
TEST(BiasedSharedMutexTest, WritersOfManyLocksWaitForOneReader) {
  std::array<lock_type, 12> locks;  // more than a thread has slots
  for (lock_type& m : locks) bias(m);
  for (lock_type& m : locks) m.lock_shared();
  std::vector<std::unique_ptr<background<bool>>> writers;
  for (lock_type& m : locks) {
    writers.push_back(std::make_unique<background<bool>>([&m] {
      m.lock();
      m.unlock();
      return true;
    }));
  }
  for (auto& w : writers) w->await_sleep();
  for (std::size_t i = locks.size(); i-- > 0;) {
    EXPECT_FALSE(writers[i]->finished());
    locks[i].unlock_shared();
    EXPECT_TRUE(writers[i]->result());
  }
}

// Whatever the slots, and in whatever order they are given up.
TEST(BiasedSharedMutexTest, AThreadReadsManyLocksInAnyOrder) {
  std::array<lock_type, 20> locks;
  for (lock_type& m : locks) bias(m);
  for (std::size_t step : {1u, 3u, 7u, 19u}) {
    for (lock_type& m : locks) m.lock_shared();
    for (std::size_t i = 0; i < locks.size(); ++i) {
      lock_type& m = locks[i * step % locks.size()];
      EXPECT_FALSE(others_lock(m));
      m.unlock_shared();
      EXPECT_TRUE(others_lock(m));
      bias(m);
    }
  }
}

// A thread may read a lock twice while no writer wants it.
TEST(BiasedSharedMutexTest, AThreadReadsALockTwice) {
  lock_type m;
  bias(m);
  m.lock_shared();
  m.lock_shared();
  m.unlock_shared();
  EXPECT_FALSE(others_lock(m));
  m.unlock_shared();
  EXPECT_TRUE(others_lock(m));
}

TEST(BiasedSharedMutexTest, AWaitForAVisibleReaderEndsInTime) {
  lock_type m;
  bias(m);
  m.lock_shared();
  std::stop_source source;
  std::thread([&] {
    EXPECT_FALSE(m.try_lock());
    EXPECT_FALSE(m.try_lock_for(0ms));
    const auto begin = steady_clock::now();
    EXPECT_FALSE(m.try_lock_for(20ms));
    EXPECT_FALSE(m.try_lock_until(std::chrono::system_clock::now() + 20ms));
    EXPECT_FALSE(
        m.try_lock_until(steady_clock::now() + 20ms, source.get_token()));
    EXPECT_GE(steady_clock::now() - begin, 60ms);
  }).join();
  auto stopped = run_in_background([&] { return m.lock(source.get_token()); });
  stopped.await_sleep();
  source.request_stop();
  EXPECT_FALSE(stopped.result());
  // What they have given up does not count: readers are let in, and the reader
  // is still waited for.
  EXPECT_TRUE(others_share(m));
  EXPECT_FALSE(others_lock(m));
  m.unlock_shared();
  EXPECT_TRUE(others_lock(m));
}

TEST(BiasedSharedMutexTest, AReadersWaitEndsInTime) {
  lock_type m;
  m.lock();
  std::stop_source source;
  std::thread([&] {
    EXPECT_FALSE(m.try_lock_shared_for(20ms));
    EXPECT_FALSE(
        m.try_lock_shared_until(std::chrono::system_clock::now() + 20ms));
    EXPECT_FALSE(m.try_lock_shared_for(20ms, source.get_token()));
    EXPECT_FALSE(m.try_lock_shared_until(steady_clock::now() + 20ms,
                                         source.get_token()));
  }).join();
  auto stopped =
      run_in_background([&] { return m.lock_shared(source.get_token()); });
  stopped.await_sleep();
  source.request_stop();
  EXPECT_FALSE(stopped.result());
  m.unlock();
  EXPECT_TRUE(m.try_lock_shared_for(0ms));
  m.unlock_shared();
}

// Records are handed on: more threads, one after the other and in crowds, than
// could have one each for good.
TEST(BiasedSharedMutexTest, ThreadsComeAndGo) {
  lock_type m;
  long count = 0;
  for (int round = 0; round < iterations(200); ++round) {
    std::vector<std::thread> crowd;
    for (int t = 0; t < 4; ++t) {
      crowd.emplace_back([&] {
        m.lock_shared();
        m.unlock_shared();
        m.lock();
        ++count;
        m.unlock();
        m.lock_shared();
        m.unlock_shared();
      });
    }
    for (std::thread& t : crowd) t.join();
  }
  EXPECT_EQ(count, 4L * iterations(200));
}

// A thread_local that is destroyed when the thread's record has been given back
// still reads; one that holds a lock across that still gives it back.
TEST(BiasedSharedMutexTest, LocksWorkWhileAThreadEnds) {
  static lock_type m;
  struct at_end {
    bool held = false;
    ~at_end() {
      if (held) m.unlock_shared();
      m.lock_shared();
      m.unlock_shared();
    }
  };
  for (const bool held : {false, true}) {
    std::thread([&] {
      static thread_local at_end last;
      last.held = held;  // made before the record: destroyed after it
      bias(m);
      if (held) m.lock_shared();
    }).join();
    EXPECT_TRUE(others_lock(m));
  }
}

// The object goes as soon as its last user may, whoever that is.
TEST(BiasedSharedMutexTest, MayBeUnmappedAfterTheLastUnlock) {
  EXPECT_TRUE(succeeds_in_child([] {
    for (int round = 0; round < iterations(400); ++round) {
      guard_page<lock_type> page;
      bias(*page);
      std::atomic<bool> reading{false};
      std::thread reader([&] {
        page->lock_shared();
        reading.store(true);
        if (round % 3 == 0) std::this_thread::yield();
        page->unlock_shared();
      });
      while (!reading.load()) std::this_thread::yield();
      page->lock();
      page->unlock();
      page.destroy();
      reader.join();
    }
  }));
}

// In the child the parent's readers are forgotten: what is made anew in the
// same place, or elsewhere, has none.
TEST(BiasedSharedMutexTest, LocksMadeAnewInTheChildOfAForkAreFree) {
  alignas(lock_type) static std::byte memory[sizeof(lock_type)];
  auto* const m = new (memory) lock_type;
  bias(*m);
  std::atomic<int> readers{0};
  std::atomic<bool> leave{false};
  std::thread other([&] {
    m->lock_shared();
    readers.fetch_add(1);
    while (!leave.load()) short_pause();
    m->unlock_shared();
  });
  m->lock_shared();
  await([&] { return readers.load() == 1; });
  EXPECT_TRUE(succeeds_in_child([&] {
    auto* const anew = new (memory) lock_type;
    EXPECT_TRUE(anew->try_lock_for(1h));
    anew->unlock();
    bias(*anew);
    EXPECT_TRUE(anew->try_lock());
    anew->unlock();
  }));
  m->unlock_shared();
  EXPECT_FALSE(others_lock(*m));
  leave.store(true);
  other.join();
  EXPECT_TRUE(others_lock(*m));
  m->~lock_type();
}

// Where every ninth access writes, the bias that costs each writer a heavy
// fence stays away; where writes are rare again, it comes back.
TEST(BiasedSharedMutexTest, FrequentWritersAreSparedTheHeavyFence) {
  if (!no_syscall_counting().empty()) GTEST_SKIP() << no_syscall_counting();
  constexpr int kWrites = 1000;
  const auto readings = measure_syscalls([](syscall_meter& meter) {
    lock_type m;
    const auto read = [&] {
      m.lock_shared();
      m.unlock_shared();
    };
    const auto write = [&] {
      m.lock();
      m.unlock();
    };
    meter.count("a write after each 8 reads", [&] {
      for (int i = 0; i < kWrites; ++i) {
        for (int k = 0; k < 8; ++k) read();
        write();
      }
    });
    // (A fence that was interrupted keeps it away for longer.)
    for (int i = 0; i < 10; ++i) {
      const auto end = std::chrono::steady_clock::now() + 20ms;
      while (std::chrono::steady_clock::now() < end) read();
      meter.count("a write after many reads", write);
    }
  });
  ASSERT_EQ(readings.size(), 11u);
  EXPECT_GE(readings[0].calls, 1);
  EXPECT_LT(readings[0].calls, kWrites / 8);
  EXPECT_EQ(readings[0].first_call, SYS_membarrier);
  EXPECT_EQ(readings[10].calls, 1);
  EXPECT_EQ(readings[10].first_call, SYS_membarrier);
}

void expect_error(int code, const auto& f) {
  try {
    f();
    ADD_FAILURE() << "no exception";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code().value(), code);
  }
}

TEST(BiasedSharedMutexTest, MisuseOfTheSharedSideIsAnError) {
  if (kHooked) GTEST_SKIP() << "reported: see misuse.md";
  lock_type m;
  expect_error(EPERM, [&] { m.unlock_shared(); });
  bias(m);
  expect_error(EPERM, [&] { m.unlock_shared(); });
  EXPECT_TRUE(others_lock(m));
}

// The lock behind begins with its mutex, then comes the count, in twos.
TEST(BiasedSharedMutexTest, TooManyReadersAreAnError) {
  lock_type m;
  const std::uint32_t full = 2 * syncxx::detail::gated_shared_lock::kMaxReaders;
  std::memcpy(reinterpret_cast<std::byte*>(&m) + 4, &full, sizeof full);
  expect_error(EAGAIN, [&] { m.lock_shared(); });
  expect_error(EAGAIN, [&] { static_cast<void>(m.try_lock_shared()); });
  expect_error(EAGAIN, [&] { static_cast<void>(m.try_lock_shared_for(1ms)); });
  const std::uint32_t none = 0;
  std::memcpy(reinterpret_cast<std::byte*>(&m) + 4, &none, sizeof none);
  EXPECT_TRUE(others_lock(m));
}

}  // namespace
}  // namespace syncxx_test
