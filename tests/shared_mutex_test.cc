// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/condition_variable.h>
#include <sync/lock_guards.h>
#include <sync/shared_mutex.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lock_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::shared_mutex;

static_assert(sizeof(shared_mutex) == 4);
static_assert(std::is_standard_layout_v<shared_mutex>);
static_assert(std::is_nothrow_default_constructible_v<shared_mutex>);
static_assert(std::is_trivially_destructible_v<shared_mutex> == !kHooked);
static_assert(mutex_type<shared_mutex>);
static_assert(shared_timed_lockable<shared_mutex>);
static_assert(std::is_same_v<syncxx::shared_timed_mutex, shared_mutex>);
static_assert(
    std::is_same_v<
        decltype(std::declval<shared_mutex&>().lock(std::stop_token())), bool>);

INSTANTIATE_TYPED_TEST_SUITE_P(SharedMutex, LockSuite, lock_kit<shared_mutex>);

constinit shared_mutex global;

// What another thread could get at this moment.
struct openings {
  bool shared, upgrade, exclusive;
  friend bool operator==(const openings&, const openings&) = default;
  friend std::ostream& operator<<(std::ostream& out, const openings& o) {
    return out << "shared " << o.shared << ", upgrade " << o.upgrade
               << ", exclusive " << o.exclusive;
  }
};
constexpr openings kFree{true, true, true};
constexpr openings kRead{true, true, false};
constexpr openings kUpgraded{true, false, false};
constexpr openings kWritten{false, false, false};

openings seen_by_another(shared_mutex& m) {
  openings o{};
  std::thread([&] {
    o.shared = m.try_lock_shared();
    if (o.shared) m.unlock_shared();
    o.upgrade = m.try_lock_upgrade();
    if (o.upgrade) m.unlock_upgrade();
    o.exclusive = m.try_lock();
    if (o.exclusive) m.unlock();
  }).join();
  return o;
}

using body = background<bool>;
template <class F>
std::unique_ptr<body> start(F f) {
  return std::make_unique<body>([f] {
    f();
    return true;
  });
}
template <class F>
std::unique_ptr<body> start_and_sleep(F f) {
  auto thread = start(f);
  thread->await_sleep();
  EXPECT_FALSE(thread->finished());
  return thread;
}

TEST(SharedMutexTest, GlobalIsReadyBeforeMain) {
  const std::shared_lock lock(global);
  EXPECT_EQ(seen_by_another(global), kRead);
}

TEST(SharedMutexTest, WorksInZeroedMemory) {
  const zeroed<shared_mutex> m = make_zeroed<shared_mutex>();
  EXPECT_EQ(seen_by_another(*m), kFree);
  m->lock();
  EXPECT_EQ(seen_by_another(*m), kWritten);
  m->unlock();
  EXPECT_EQ(seen_by_another(*m), kFree);
}

TEST(SharedMutexTest, WhoMayBesideWhom) {
  shared_mutex m;
  m.lock_shared();
  EXPECT_EQ(seen_by_another(m), kRead);
  m.unlock_shared();
  m.lock_upgrade();
  EXPECT_EQ(seen_by_another(m), kUpgraded);
  m.unlock_upgrade();
  m.lock();
  EXPECT_EQ(seen_by_another(m), kWritten);
  m.unlock();
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, OwnershipChangesWithoutBeingLost) {
  shared_mutex m;
  m.lock_upgrade();
  m.unlock_upgrade_and_lock();
  EXPECT_EQ(seen_by_another(m), kWritten);
  m.unlock_and_lock_upgrade();
  EXPECT_EQ(seen_by_another(m), kUpgraded);
  EXPECT_TRUE(m.try_unlock_upgrade_and_lock());
  EXPECT_EQ(seen_by_another(m), kWritten);
  m.unlock_and_lock_shared();
  EXPECT_EQ(seen_by_another(m), kRead);
  m.unlock_shared();
  m.lock_upgrade();
  m.unlock_upgrade_and_lock_shared();
  EXPECT_EQ(seen_by_another(m), kRead);
  m.unlock_shared();
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, UpgradeFailsBesideAReader) {
  shared_mutex m;
  m.lock_upgrade();
  m.lock_shared();  // (in one thread: a reader beside an upgrader)
  EXPECT_FALSE(m.try_unlock_upgrade_and_lock());
  EXPECT_EQ(seen_by_another(m), kUpgraded);
  m.unlock_shared();
  EXPECT_TRUE(m.try_unlock_upgrade_and_lock());
  m.unlock();
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, ExcludesWritersOfAllForms) {
  shared_mutex m;
  const std::stop_source source;
  std::atomic<unsigned> turn{0};
  const auto enter = [&] {
    using namespace std::chrono;
    switch (turn.fetch_add(1) % 8) {
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
      case 5:
        m.lock_upgrade();
        m.unlock_upgrade_and_lock();
        break;
      case 6:
        while (!m.try_lock_upgrade_for(30us, source.get_token())) {
        }
        while (!m.try_unlock_upgrade_and_lock()) std::this_thread::yield();
        break;
      default:
        m.lock();
    }
  };
  expect_exclusion(6, iterations(5000), enter, [&] { m.unlock(); });
  EXPECT_EQ(seen_by_another(m), kFree);
}

// Writers, upgraders and readers of all forms; readers see no half of a write.
TEST(SharedMutexTest, ReadersSeeWholeWrites) {
  shared_mutex m;
  long one = 0, other = 0;  // under m
  const std::stop_source source;
  const int rounds = iterations(6000);
  std::atomic<bool> torn{false};
  std::vector<std::thread> crew;
  const auto change = [&] {
    ++one;
    ++other;
  };
  const auto look = [&] {
    if (one != other) torn = true;
  };
  for (int t = 0; t < 2; ++t) {
    crew.emplace_back([&] {
      for (int i = 0; i < rounds; ++i) {
        m.lock();
        change();
        if (i % 3 == 0) {
          m.unlock_and_lock_shared();
          look();
          m.unlock_shared();
        } else if (i % 3 == 1) {
          m.unlock_and_lock_upgrade();
          look();
          m.unlock_upgrade();
        } else {
          m.unlock();
        }
      }
    });
    crew.emplace_back([&] {
      for (int i = 0; i < rounds; ++i) {
        m.lock_upgrade();
        const long before = one;
        m.unlock_upgrade_and_lock();
        if (one != before) torn = true;
        change();
        m.unlock();
      }
    });
    crew.emplace_back([&] {
      for (int i = 0; i < 2 * rounds; ++i) {
        switch (i % 4) {
          case 0:
            while (!m.try_lock_shared()) std::this_thread::yield();
            break;
          case 1:
            while (!m.try_lock_shared_for(20us)) {
            }
            break;
          case 2:
            ASSERT_TRUE(m.lock_shared(source.get_token()));
            break;
          default:
            m.lock_shared();
        }
        look();
        m.unlock_shared();
      }
    });
  }
  for (std::thread& thread : crew) thread.join();
  EXPECT_FALSE(torn.load());
  EXPECT_EQ(one, 4L * rounds);
  EXPECT_EQ(other, one);
  EXPECT_EQ(seen_by_another(m), kFree);
}

// --- Who waits for whom ------------------------------------------------------

TEST(SharedMutexTest, WaitersSleepAndAllAreServed) {
  shared_mutex m;
  m.lock();
  std::vector<std::unique_ptr<body>> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(start([&m] {
      m.lock_shared();
      m.unlock_shared();
    }));
    waiting.push_back(start([&m] {
      m.lock();
      m.unlock();
    }));
    waiting.push_back(start([&m] {
      m.lock_upgrade();
      m.unlock_upgrade_and_lock();
      m.unlock();
    }));
  }
  for (auto& one : waiting) one->await_sleep();
  for (auto& one : waiting) EXPECT_FALSE(one->finished());
  m.unlock();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, AWriterThatWaitsStopsNewReaders) {
  shared_mutex m;
  m.lock_shared();
  auto writer = start_and_sleep([&] {
    m.lock();
    m.unlock();
  });
  EXPECT_EQ(seen_by_another(m), kWritten);
  m.unlock_shared();
  EXPECT_TRUE(writer->result());
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, AWriterThatGivesUpLetsReadersIn) {
  shared_mutex m;
  std::stop_source source;
  m.lock_shared();
  body writer([&] { return m.lock(source.get_token()); });
  writer.await_sleep();
  auto reader = start_and_sleep([&] {
    m.lock_shared();
    m.unlock_shared();
  });
  source.request_stop();
  EXPECT_FALSE(writer.result());
  EXPECT_TRUE(reader->result());  // though the first one is still inside
  EXPECT_FALSE(run_in_background([&] { return m.try_lock_for(2ms); }).result());
  EXPECT_EQ(seen_by_another(m), kRead);
  m.unlock_shared();
  EXPECT_EQ(seen_by_another(m), kFree);
}

// A reader that sleeps goes before a writer that sleeps, though that one came
// first.
TEST(SharedMutexTest, AfterAWriterTheReadersThatWaited) {
  for (int round = 0; round < iterations(50); ++round) {
    shared_mutex m;
    std::atomic<int> place{0};
    int of_reader = 0, of_writer = 0;
    m.lock();
    auto writer = start_and_sleep([&] {
      m.lock();
      of_writer = ++place;
      m.unlock();
    });
    auto reader = start_and_sleep([&] {
      m.lock_shared();
      of_reader = ++place;
      m.unlock_shared();
    });
    m.unlock();
    reader->result();
    writer->result();
    EXPECT_LT(of_reader, of_writer) << "in round " << round;
    EXPECT_EQ(seen_by_another(m), kFree);
  }
}

TEST(SharedMutexTest, AnUpgraderWaitsForReadersAndStopsNewOnes) {
  shared_mutex m;
  m.lock_shared();
  auto upgrader = start_and_sleep([&] {
    m.lock_upgrade();  // at once
    m.unlock_upgrade_and_lock();
    m.unlock();
  });
  EXPECT_EQ(seen_by_another(m), kWritten);
  m.unlock_shared();
  EXPECT_TRUE(upgrader->result());
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, TheSecondUpgraderWaits) {
  shared_mutex m;
  m.lock_upgrade();
  auto other = start_and_sleep([&] {
    m.lock_upgrade();
    m.unlock_upgrade();
  });
  m.unlock_upgrade_and_lock();
  EXPECT_FALSE(other->finished());
  m.unlock_and_lock_shared();
  EXPECT_TRUE(other->result());
  m.unlock_shared();
}

TEST(SharedMutexTest, GivingWritingUpLetsReadersIn) {
  shared_mutex m;
  for (const bool upgrade : {true, false}) {
    m.lock();
    auto reader = start_and_sleep([&] {
      m.lock_shared();
      m.unlock_shared();
    });
    if (upgrade)
      m.unlock_and_lock_upgrade();
    else
      m.unlock_and_lock_shared();
    EXPECT_TRUE(reader->result());
    if (upgrade)
      m.unlock_upgrade();
    else
      m.unlock_shared();
  }
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, AnUpgraderThatGoesOnReadingLetsWritersWaitForIt) {
  shared_mutex m;
  m.lock_upgrade();
  auto writer = start_and_sleep([&] {
    m.lock();
    m.unlock();
  });
  EXPECT_EQ(seen_by_another(m), kUpgraded);
  m.unlock_upgrade_and_lock_shared();
  await([&] { return !seen_by_another(m).shared; });  // it has been woken
  EXPECT_FALSE(writer->finished());
  m.unlock_shared();
  EXPECT_TRUE(writer->result());
}

TEST(SharedMutexTest, EachWaitCanBeStopped) {
  shared_mutex m;
  m.lock();
  std::stop_source source;
  const std::stop_token stop = source.get_token();
  std::vector<std::unique_ptr<body>> waiting;
  for (int i = 0; i < 2; ++i) {
    const auto add = [&](auto f) {
      waiting.push_back(std::make_unique<body>(f));
    };
    add([&, stop] { return m.lock(stop); });
    add([&, stop] { return m.lock_shared(stop); });
    add([&, stop] { return m.lock_upgrade(stop); });
    add([&, stop] { return m.try_lock_for(1h, stop); });
    add([&, stop] { return m.try_lock_shared_for(1h, stop); });
    add([&, stop] { return m.try_lock_upgrade_for(1h, stop); });
  }
  for (auto& one : waiting) one->await_sleep();
  source.request_stop();
  for (auto& one : waiting) EXPECT_FALSE(one->result());
  EXPECT_EQ(seen_by_another(m), kWritten);
  m.unlock();
  EXPECT_EQ(seen_by_another(m), kFree);
}

// --- Too many readers --------------------------------------------------------

// The word as it is with so many readers inside.
void preset_readers(shared_mutex& m, std::uint32_t readers) {
  const std::uint32_t word = readers * 64;
  std::memcpy(static_cast<void*>(&m), &word, sizeof word);
}

TEST(SharedMutexTest, TooManyReadersAreAnError) {
  constexpr std::uint32_t kMost = syncxx::detail::raw_shared_mutex::kMaxReaders;
  const auto code = std::errc::resource_unavailable_try_again;
  const std::stop_source source;
  shared_mutex m;
  preset_readers(m, kMost - 1);
  m.lock_shared();  // the last one there is room for
  for (int i = 0; i < 3; ++i) {
    expect_system_error(code, [&] { m.lock_shared(); });
    expect_system_error(code, [&] { m.lock_shared(source.get_token()); });
    EXPECT_FALSE(m.try_lock_shared());
    EXPECT_FALSE(m.try_lock_shared_for(1h));
    EXPECT_FALSE(m.try_lock_shared_until(std::chrono::system_clock::now() + 1h,
                                         source.get_token()));
  }
  m.lock_upgrade();
  expect_system_error(code, [&] { m.unlock_upgrade_and_lock_shared(); });
  EXPECT_FALSE(m.try_lock_upgrade()) << "it was kept";
  m.unlock_upgrade();
  m.unlock_shared();
  m.lock_shared();
  m.unlock_shared();
  preset_readers(m, 0);
  EXPECT_EQ(seen_by_another(m), kFree);
}

// --- With guards and condition variables -------------------------------------

TEST(SharedMutexTest, GuardsOfStd) {
  shared_mutex m;
  {
    std::shared_lock one(m);
    std::shared_lock other(m, 1ms);
    EXPECT_TRUE(other.owns_lock());
    EXPECT_EQ(seen_by_another(m), kRead);
    const std::unique_lock writer(m, std::try_to_lock);
    EXPECT_FALSE(writer.owns_lock());
    one.unlock();
    EXPECT_TRUE(one.try_lock_until(std::chrono::steady_clock::now() + 1ms));
  }
  {
    std::unique_lock writer(m, 1ms);
    EXPECT_TRUE(writer.owns_lock());
    EXPECT_EQ(seen_by_another(m), kWritten);
  }
  shared_mutex n;
  {
    const std::scoped_lock both(m, n);
    EXPECT_EQ(seen_by_another(n), kWritten);
  }
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, OwnGuards) {
  shared_mutex m;
  {
    syncxx::upgrade_lock lock(m);
    EXPECT_EQ(seen_by_another(m), kUpgraded);
    const syncxx::shared_lock reader(m);
    std::thread([&] {
      const syncxx::upgrade_lock other(m, syncxx::try_to_lock);
      EXPECT_FALSE(other.owns_lock());
    }).join();
    lock.unlock();
    EXPECT_TRUE(lock.try_lock_for(1ms));
    EXPECT_EQ(seen_by_another(m), kUpgraded);
  }
  {
    const syncxx::unique_lock lock(m);
    EXPECT_EQ(seen_by_another(m), kWritten);
  }
  EXPECT_EQ(seen_by_another(m), kFree);
}

template <class Condition, template <class> class Guard>
void wait_with_a_condition() {
  shared_mutex m;
  Condition c;
  bool ready = false;
  body waiting([&] {
    Guard<shared_mutex> lock(m);
    c.wait(lock, [&] { return ready; });
    return lock.owns_lock();
  });
  waiting.await_sleep();
  {
    const std::lock_guard lock(m);
    ready = true;
  }
  c.notify_all();
  EXPECT_TRUE(waiting.result());
  EXPECT_EQ(seen_by_another(m), kFree);
}

TEST(SharedMutexTest, WorksWithConditionVariablesOfAnyLock) {
  wait_with_a_condition<std::condition_variable_any, std::unique_lock>();
  wait_with_a_condition<std::condition_variable_any, std::shared_lock>();
  wait_with_a_condition<syncxx::condition_variable_any, std::unique_lock>();
  wait_with_a_condition<syncxx::condition_variable_any, std::shared_lock>();
  wait_with_a_condition<syncxx::condition_variable_any, syncxx::upgrade_lock>();
}

}  // namespace
}  // namespace syncxx_test
