// SPDX-License-Identifier: Apache-2.0
//
// What each primitive promises in the child of a fork (docs/guide/
// fork-and-signals.md): each test forks a process in which other threads hold
// the object or sleep on it. In the hooked library the child aborts at the
// first false alarm. (Those that have to be made anew: fork_anew_test.cc.)
#include <gtest/gtest.h>
#include <pthread.h>
#include <sync/barrier.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/once.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/environment.h"
#include "tests/support/in_child.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

class in_child_test : public testing::Test {
 protected:
  void SetUp() override {
    if (!no_fork_beside_threads().empty())
      GTEST_SKIP() << no_fork_beside_threads();
  }
};

template <class M>
class LockInChildTest : public in_child_test {};
using locks =
    testing::Types<syncxx::mutex, syncxx::recursive_mutex, syncxx::spinlock>;
TYPED_TEST_SUITE(LockInChildTest, locks);

template <class M>
constexpr bool kParks = !std::is_same_v<M, syncxx::spinlock>;

TYPED_TEST(LockInChildTest, HeldByAThreadThatIsNotThere) {
  TypeParam m;
  {
    const holder<TypeParam> other(m);
    EXPECT_TRUE(succeeds_in_child([&] {
      EXPECT_FALSE(m.try_lock()) << "nobody has given it back";
      EXPECT_FALSE(m.try_lock_for(1ms));
      m.reset_after_fork();
      expect_works(m);
    }));
    EXPECT_FALSE(m.try_lock()) << "the parent's is its own";
  }
  expect_works(m);
}

TYPED_TEST(LockInChildTest, HeldByOneAndWaitedForByOthers) {
  if (!kParks<TypeParam>) GTEST_SKIP() << "nobody sleeps";
  TypeParam m;
  std::vector<std::unique_ptr<background<bool>>> waiting;
  {
    const holder<TypeParam> other(m);
    for (int i = 0; i < 3; ++i) {
      waiting.push_back(std::make_unique<background<bool>>([&] {
        const std::lock_guard<TypeParam> lock(m);
        return true;
      }));
    }
    for (auto& one : waiting) one->await_sleep();
    EXPECT_TRUE(succeeds_in_child([&] {
      m.reset_after_fork();
      expect_works(m);
    }));
  }
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

// The forking thread holds it, and others wait, one of them with a claim.
TYPED_TEST(LockInChildTest, HeldByTheForkingThread) {
  TypeParam m;
  m.lock();
  std::vector<std::unique_ptr<background<bool>>> waiting;
  if (kParks<TypeParam>) {
    waiting.push_back(std::make_unique<background<bool>>([&] {
      const std::lock_guard<TypeParam> lock(m);
      return true;
    }));
    waiting.back()->await_sleep();
  }
  EXPECT_TRUE(succeeds_in_child([&] {
    m.reset_after_fork();
    ASSERT_TRUE(m.try_lock()) << "free";
    m.unlock();
    expect_works(m);
  }));
  m.unlock();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

TYPED_TEST(LockInChildTest, HeldByTheForkingThreadAloneMayBeUnlocked) {
  TypeParam m;
  m.lock();
  EXPECT_TRUE(succeeds_in_child([&] {
    m.unlock();
    expect_works(m);
  }));
  m.unlock();
}

TYPED_TEST(LockInChildTest, FreeIsFree) {
  TypeParam m;
  EXPECT_TRUE(succeeds_in_child([&] {
    expect_works(m);
    m.reset_after_fork();
    expect_works(m);
  }));
}

// With a claim in the word an unlock would keep the lock for a thread that is
// not there.
TEST(MutexInChildTest, ClaimedByAThreadThatIsNotThere) {
  for (const std::uint32_t word : {6u, 7u}) {
    syncxx::mutex m;
    std::memcpy(static_cast<void*>(&m), &word, sizeof word);
    EXPECT_FALSE(m.try_lock());
    m.reset_after_fork();
    expect_works(m);
  }
}

TEST(RecursiveMutexInChildTest, LevelsAreGone) {
  syncxx::recursive_mutex m;
  for (int i = 0; i < 3; ++i) m.lock();
  EXPECT_TRUE(succeeds_in_child([&] {
    m.unlock();  // one of three
    m.reset_after_fork();
    expect_system_error(std::errc::operation_not_permitted,
                        [&] { m.unlock(); });
    m.lock();
    m.lock();
    m.unlock();
    m.unlock();
    expect_works(m);
  }));
  for (int i = 0; i < 3; ++i) m.unlock();
}

// What the hooked library keeps beside the locks: the forking thread's records
// are valid in the child until they are reset.
TEST(ForkTest, RecordsOfTheForkingThread) {
  if (!kHooked) GTEST_SKIP() << "no records";
  syncxx::mutex m;
  m.lock();
  EXPECT_TRUE(succeeds_in_child([&] {
    expect_system_error(std::errc::resource_deadlock_would_occur,
                        [&] { m.lock(); });
    m.reset_after_fork();
    expect_system_error(std::errc::operation_not_permitted,
                        [&] { m.unlock(); });
    m.lock();
    expect_system_error(std::errc::resource_deadlock_would_occur,
                        [&] { m.lock(); });
    m.unlock();
    auto other = std::make_unique<syncxx::mutex>();
    other->lock();
    other->reset_after_fork();
    other.reset();  // no destruction of a lock that is held
  }));
  m.unlock();
}

// The way of pthread_atfork(3): a library's lock is taken before the fork, so
// that what it guards is whole in the child.
syncxx::mutex g_guards_a_library;

TEST(ForkTest, AtforkHandlers) {
  EXPECT_TRUE(succeeds_in_child([] {
    ASSERT_EQ(pthread_atfork([] { g_guards_a_library.lock(); },
                             [] { g_guards_a_library.unlock(); },
                             [] { g_guards_a_library.reset_after_fork(); }),
              0);
    std::atomic<bool> over{false};
    std::thread busy;
    if (kChildMayHaveThreads) {
      busy = std::thread([&] {
        while (!over.load()) {
          const std::lock_guard lock(g_guards_a_library);
        }
      });
    }
    for (int i = 0; i < iterations(50); ++i) {
      EXPECT_TRUE(succeeds_in_child([] {
        ASSERT_TRUE(g_guards_a_library.try_lock());
        g_guards_a_library.unlock();
      }));
    }
    over.store(true);
    if (busy.joinable()) busy.join();
  }));
}

// --- Condition variables -----------------------------------------------------

template <class C>
class ConditionInChildTest : public in_child_test {};
using conditions =
    testing::Types<syncxx::condition_variable, syncxx::condition_variable_any>;
TYPED_TEST_SUITE(ConditionInChildTest, conditions);

TYPED_TEST(ConditionInChildTest, ForgetsThoseThatWaited) {
  TypeParam c;
  syncxx::mutex m;
  bool ready = false;
  const auto wait = [&] {
    std::unique_lock lock(m);
    c.wait(lock, [&] { return ready; });
    return true;
  };
  const auto open = [&] {
    const std::lock_guard lock(m);
    ready = true;
    c.notify_all();
  };
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 3; ++i)
    waiting.push_back(std::make_unique<background<bool>>(wait));
  for (auto& one : waiting) one->await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    c.reset_after_fork();
    m.reset_after_fork();
    c.notify_one();
    c.notify_all();
    std::unique_lock lock(m);
    EXPECT_EQ(c.wait_for(lock, 1ms), std::cv_status::timeout);
    lock.unlock();
    if (!kChildMayHaveThreads) return;
    background<bool> mine(wait);
    mine.await_sleep();
    open();
    EXPECT_TRUE(mine.result());
  }));
  open();
  for (auto& one : waiting) EXPECT_TRUE(one->result());
}

// The list is held for a moment by each that notifies or waits: a fork in that
// moment leaves it held in the child.
TYPED_TEST(ConditionInChildTest, HeldList) {
  TypeParam c;
  const std::uintptr_t busy = 1;
  std::memcpy(static_cast<void*>(&c), &busy, sizeof busy);
  c.reset_after_fork();
  c.notify_all();
  syncxx::mutex m;
  std::unique_lock lock(m);
  EXPECT_EQ(c.wait_for(lock, 1ms), std::cv_status::timeout);
}

// --- Semaphores --------------------------------------------------------------

TEST(SemaphoreInChildTest, StartsAnew) {
  syncxx::counting_semaphore<5> s(2);
  s.acquire();
  s.acquire();
  background<bool> waiting([&] {
    s.acquire();
    return true;
  });
  waiting.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    EXPECT_THROW(s.reset_after_fork(-1), std::invalid_argument);
    EXPECT_THROW(s.reset_after_fork(6), std::invalid_argument);
    s.reset_after_fork(2);
    s.acquire();
    EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire_for(1ms));
    s.release(5);
    expect_system_error(std::errc::value_too_large, [&] { s.release(); });
  }));
  s.release();
  EXPECT_TRUE(waiting.result());
}

// --- Events, latches: fit for use as they are --------------------------------

template <class E>
class EventInChildTest : public in_child_test {};
using events = testing::Types<syncxx::event, syncxx::auto_reset_event>;
TYPED_TEST_SUITE(EventInChildTest, events);

TYPED_TEST(EventInChildTest, IsAsItWas) {
  TypeParam e(true);
  EXPECT_TRUE(succeeds_in_child([&] {
    EXPECT_TRUE(e.is_set());
    e.wait();
    e.reset();
    EXPECT_FALSE(e.try_wait());
  }));
  EXPECT_TRUE(e.is_set());
}

TYPED_TEST(EventInChildTest, WorksThoughOthersSleptOnIt) {
  TypeParam e;
  background<bool> waiting([&] {
    e.wait();
    return true;
  });
  waiting.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    EXPECT_FALSE(e.is_set());
    EXPECT_FALSE(e.wait_for(1ms));
    e.set();
    e.wait();
    e.reset();
    if (!kChildMayHaveThreads) return;
    background<bool> mine([&] {
      e.wait();
      return true;
    });
    mine.await_sleep();
    e.set();
    EXPECT_TRUE(mine.result());
  }));
  e.set();
  EXPECT_TRUE(waiting.result());
}

TEST(LatchInChildTest, CountsOn) {
  syncxx::latch l(3);
  background<bool> waiting([&] {
    l.arrive_and_wait();
    return true;
  });
  waiting.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    EXPECT_FALSE(l.try_wait());
    EXPECT_FALSE(l.wait_for(1ms));
    l.count_down();
    EXPECT_FALSE(l.try_wait()) << "what the other counted down counts";
    l.arrive_and_wait();
  }));
  l.count_down(2);
  EXPECT_TRUE(waiting.result());
}

// --- Barriers: made anew -----------------------------------------------------

using BarrierInChildTest = in_child_test;
TEST_F(BarrierInChildTest, IsMadeAnew) {
  std::optional<syncxx::barrier<>> b(3);
  background<bool> waiting([&] {
    b->arrive_and_wait();
    return true;
  });
  waiting.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    // As it was, it lacks two.
    auto t = b->arrive();
    EXPECT_FALSE(b->wait_for(t, 1ms));
    b.emplace(2);
    if (!kChildMayHaveThreads) return;
    background<bool> mine([&] {
      b->arrive_and_wait();
      return true;
    });
    b->arrive_and_wait();
    EXPECT_TRUE(mine.result());
  }));
  static_cast<void>(b->arrive(2));
  EXPECT_TRUE(waiting.result());
}

// --- Once --------------------------------------------------------------------

TEST(OnceInChildTest, DoneIsDone) {
  syncxx::once_flag flag;
  syncxx::call_once(flag, [] {});
  EXPECT_TRUE(succeeds_in_child([&] {
    flag.reset_after_fork();
    EXPECT_TRUE(flag.is_done());
    syncxx::call_once(flag, [] { ADD_FAILURE() << "called a second time"; });
  }));
}

TEST(OnceInChildTest, ACallOfAThreadThatIsNotThereHasNotHappened) {
  syncxx::once_flag flag;
  syncxx::event begun, may_end;
  background<bool> caller([&] {
    syncxx::call_once(flag, [&] {
      begun.set();
      may_end.wait();
    });
    return true;
  });
  begun.wait();
  background<bool> waiting([&] {
    syncxx::call_once(flag, [] { ADD_FAILURE() << "called a second time"; });
    return true;
  });
  waiting.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    EXPECT_FALSE(syncxx::try_call_once(flag, [] {}));
    flag.reset_after_fork();
    int calls = 0;
    for (int i = 0; i < 2; ++i) syncxx::call_once(flag, [&] { ++calls; });
    EXPECT_EQ(calls, 1);
  }));
  may_end.set();
  EXPECT_TRUE(caller.result());
  EXPECT_TRUE(waiting.result());
}

TEST(OnceInChildTest, TheForkingThreadsOwnCallGoesOn) {
  syncxx::once_flag flag;
  bool in_child = false;
  pid_t child = 0;
  syncxx::call_once(flag, [&] {
    child = fork_child([&] {
      // Still in the call, and still known to be.
      const auto recurses = [&] {
        expect_system_error(std::errc::resource_deadlock_would_occur,
                            [&] { syncxx::call_once(flag, [] {}); });
      };
      recurses();
      flag.reset_after_fork();
      recurses();
      in_child = true;
    });
  });
  EXPECT_TRUE(join_child(child));
  EXPECT_FALSE(in_child);
  EXPECT_TRUE(flag.is_done());
}

}  // namespace
}  // namespace syncxx_test
