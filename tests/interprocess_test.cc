// SPDX-License-Identifier: Apache-2.0
//
// interprocess:: between real processes, each with the memory at an address of
// its own. What one process can test is in the typed suites
// (tests/support/waitable_*.cc, lifetime_test.cc).
#include <gtest/gtest.h>
#include <sync/atomic.h>
#include <sync/futex.h>
#include <sync/interprocess.h>
#include <sync/wait_any.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>

#include "tests/support/shared_memory.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

namespace interprocess = syncxx::interprocess;

template <class T>
constexpr bool kNeedsNoConstructor =
    sizeof(T) == 4 && std::is_standard_layout_v<T> &&
    (kHooked || std::is_trivially_destructible_v<T>);
static_assert(kNeedsNoConstructor<interprocess::mutex>);
static_assert(kNeedsNoConstructor<interprocess::counting_semaphore<>>);
static_assert(kNeedsNoConstructor<interprocess::event>);
static_assert(kNeedsNoConstructor<interprocess::auto_reset_event>);
static_assert(kNeedsNoConstructor<interprocess::latch>);
static_assert(kNeedsNoConstructor<interprocess::shared_mutex>);
static_assert(kNeedsNoConstructor<interprocess::pi_mutex>);
static_assert(sizeof(interprocess::condition_variable) == 8);
static_assert(sizeof(interprocess::barrier<>) == 12);
static_assert(std::is_same_v<interprocess::robust_mutex, syncxx::robust_mutex>);

[[maybe_unused]] constinit interprocess::mutex g_mutex;
[[maybe_unused]] constinit interprocess::binary_semaphore g_semaphore(1);
[[maybe_unused]] constinit interprocess::event g_event(true);
[[maybe_unused]] constinit interprocess::latch g_latch(3);
[[maybe_unused]] constinit interprocess::condition_variable g_condition;
[[maybe_unused]] constinit interprocess::shared_mutex g_shared_mutex;
[[maybe_unused]] constinit interprocess::pi_mutex g_pi_mutex;
[[maybe_unused]] constinit interprocess::barrier<> g_barrier(3);

// --- One process waits, another lets it go -----------------------------------

template <class M>
struct lock_row {
  using type = M;
  static void shut(type& m) { m.lock(); }
  static void open(type& m) { m.unlock(); }
  static void wait(type& m) { m.lock(); }
  static bool wait_for(type& m) { return m.try_lock_for(5ms); }
  static bool wait(type& m, std::stop_token stop) { return m.lock(stop); }
  static void leave(type& m) { m.unlock(); }
};
using mutex_row = lock_row<interprocess::mutex>;
// Waits that cannot be stopped: the stop token is left out.
template <class M>
struct unstoppable_row : lock_row<M> {
  static void wait(M& m) { m.lock(); }
  static bool wait(M&, std::stop_token) { return false; }
};
// A shared_mutex by its sides: a writer behind a reader, an upgrader behind a
// writer, a reader behind one.
struct behind_reader_row : lock_row<interprocess::shared_mutex> {
  static void shut(type& m) { m.lock_shared(); }
  static void open(type& m) { m.unlock_shared(); }
};
struct upgrade_row : lock_row<interprocess::shared_mutex> {
  static void wait(type& m) { m.lock_upgrade(); }
  static bool wait_for(type& m) { return m.try_lock_upgrade_for(5ms); }
  static bool wait(type& m, std::stop_token stop) {
    return m.lock_upgrade(stop);
  }
  static void leave(type& m) { m.unlock_upgrade(); }
};
struct reader_row : lock_row<interprocess::shared_mutex> {
  static void wait(type& m) { m.lock_shared(); }
  static bool wait_for(type& m) { return m.try_lock_shared_for(5ms); }
  static bool wait(type& m, std::stop_token stop) {
    return m.lock_shared(stop);
  }
  static void leave(type& m) { m.unlock_shared(); }
};
struct semaphore_row {
  using type = interprocess::counting_semaphore<>;
  static void shut(type&) {}
  static void open(type& s) { s.release(); }
  static void wait(type& s) { s.acquire(); }
  static bool wait_for(type& s) { return s.try_acquire_for(5ms); }
  static bool wait(type& s, std::stop_token stop) { return s.acquire(stop); }
  static void leave(type& s) { s.release(); }
};
template <class E>
struct event_row {
  using type = E;
  static void shut(type&) {}
  static void open(type& e) { e.set(); }
  static void wait(type& e) { e.wait(); }
  static bool wait_for(type& e) { return e.wait_for(5ms); }
  static bool wait(type& e, std::stop_token stop) { return e.wait(stop); }
  static void leave(type& e) { e.set(); }
};
struct latch_row {
  using type = interprocess::latch;
  static void shut(type& l) { std::construct_at(&l, 1); }
  static void open(type& l) { l.count_down(); }
  static void wait(type& l) { l.wait(); }
  static bool wait_for(type& l) { return l.wait_for(5ms); }
  static bool wait(type& l, std::stop_token stop) { return l.wait(stop); }
  static void leave(type&) {}
};
// A flag, with the mutex in its page or not.
template <bool Near>
struct condition_row {
  struct type {
    interprocess::mutex mutex;
    char between[Near ? 4 : 8192];
    interprocess::condition_variable condition;
    bool set;
  };
  static void shut(type&) {}
  static void open(type& t) {
    const std::lock_guard own(t.mutex);
    t.set = true;
    t.condition.notify_all();
  }
  static void wait(type& t) {
    std::unique_lock own(t.mutex);
    t.condition.wait(own, [&] { return t.set; });
  }
  static bool wait_for(type& t) {
    std::unique_lock own(t.mutex);
    return t.condition.wait_for(own, 5ms, [&] { return t.set; });
  }
  static bool wait(type& t, std::stop_token stop) {
    std::unique_lock own(t.mutex);
    return t.condition.wait(own, stop, [&] { return t.set; });
  }
  static void leave(type&) {}
};
// The same semaphore, waited for beside one that is this process's own.
struct any_row : semaphore_row {
  static void wait(type& s) {
    syncxx::event mine;
    EXPECT_EQ(syncxx::wait_any(mine, s), 1u);
  }
  static bool wait_for(type& s) {
    syncxx::event mine;
    return syncxx::wait_any_for(5ms, mine, s).has_value();
  }
  static bool wait(type& s, std::stop_token stop) {
    syncxx::event mine;
    return syncxx::wait_any(stop, mine, s).has_value();
  }
};

template <class Row>
class InterprocessWait : public testing::Test {
 public:
  using type = typename Row::type;
  shared<type> memory;
};
using rows =
    testing::Types<mutex_row, unstoppable_row<interprocess::pi_mutex>,
                   lock_row<interprocess::shared_mutex>, behind_reader_row,
                   upgrade_row, reader_row, semaphore_row,
                   event_row<interprocess::event>,
                   event_row<interprocess::auto_reset_event>, latch_row,
                   condition_row<true>, condition_row<false>, any_row>;
TYPED_TEST_SUITE(InterprocessWait, rows);

TYPED_TEST(InterprocessWait, IsWokenByAnotherProcess) {
  auto& it = *this->memory;
  TypeParam::shut(it);
  process waiting(this->memory, [](auto& t) {
    TypeParam::wait(t);
    TypeParam::leave(t);
  });
  waiting.await_sleep();
  EXPECT_FALSE(waiting.ended());
  TypeParam::open(it);
  EXPECT_TRUE(waiting.succeeds());
}

template <class Row>
constexpr bool kStops = true;
template <class M>
constexpr bool kStops<unstoppable_row<M>> = false;

TYPED_TEST(InterprocessWait, WithAStopTokenOfItsOwn) {
  if (!kStops<TypeParam>) GTEST_SKIP() << "its waits cannot be stopped";
  auto& it = *this->memory;
  TypeParam::shut(it);
  process woken(this->memory, [](auto& t) {
    const std::stop_source never;
    EXPECT_TRUE(TypeParam::wait(t, never.get_token()));
    TypeParam::leave(t);
  });
  process stopped(this->memory, [](auto& t) {
    std::stop_source source;
    const pid_t me = this_tid();
    std::thread stopper([&] {
      await([&] { return asleep_in_futex(me); });
      source.request_stop();
    });
    EXPECT_FALSE(TypeParam::wait(t, source.get_token()));
    stopper.join();
  });
  EXPECT_TRUE(stopped.succeeds());
  woken.await_sleep();
  EXPECT_FALSE(woken.ended());
  TypeParam::open(it);
  EXPECT_TRUE(woken.succeeds());
}

TYPED_TEST(InterprocessWait, TimesOut) {
  TypeParam::shut(*this->memory);
  process waiting(this->memory,
                  [](auto& t) { EXPECT_FALSE(TypeParam::wait_for(t)); });
  EXPECT_TRUE(waiting.succeeds());
  TypeParam::open(*this->memory);
}

// One that is killed in its sleep takes nothing with it.
TYPED_TEST(InterprocessWait, KilledWhileItSleeps) {
  auto& it = *this->memory;
  TypeParam::shut(it);
  const auto wait = [](auto& t) {
    TypeParam::wait(t);
    TypeParam::leave(t);
  };
  process killed(this->memory, wait);
  killed.await_sleep();
  process second(this->memory, wait);
  second.await_sleep();
  process third(this->memory, wait);
  third.await_sleep();
  killed.kill();
  third.kill();
  EXPECT_FALSE(second.ended());
  TypeParam::open(it);
  EXPECT_TRUE(second.succeeds());
  process late(this->memory, wait);
  EXPECT_TRUE(late.succeeds());
}

// The one that lets go unmaps its view at once; the others' are there.
TYPED_TEST(InterprocessWait, UnmappedRightAfterTheRelease) {
  for (int round = 0; round < iterations(50); ++round) {
    shared<typename TestFixture::type> mine;
    TypeParam::shut(*mine);
    process waiting(mine, [](auto& t) {
      TypeParam::wait(t);
      TypeParam::leave(t);
    });
    if (round % 2 == 0) waiting.await_sleep();
    TypeParam::open(*mine);
    mine.unmap();
    ASSERT_TRUE(waiting.succeeds());
  }
}

// --- All together ------------------------------------------------------------

// A waiter that was woken in vain and has waited for long claims a private
// mutex; between processes that claim would die with it.
TEST(InterprocessTest, MutexOutlivesAWaiterThatHasWaitedForLong) {
  shared<interprocess::mutex> memory;
  memory->lock();
  process waiting(memory, [](auto& m) { m.lock(); });
  const auto& word = *reinterpret_cast<const syncxx::atomic<std::uint32_t>*>(
      static_cast<const void*>(&*memory));
  for (int i = 0; i < 5; ++i) {
    waiting.await_sleep();
    std::this_thread::sleep_for(2ms);
    EXPECT_EQ(syncxx::futex_wake(word, 1, syncxx::futex_scope::process_shared),
              1);
  }
  waiting.await_sleep();
  waiting.kill();
  memory->unlock();
  ASSERT_TRUE(memory->try_lock()) << "the lock is gone";
  memory->unlock();
}

TEST(InterprocessTest, ProcessesExcludeEachOther) {
  struct counted {
    interprocess::mutex mutex;
    interprocess::latch all_there;
    long count;
  };
  shared<counted> memory;
  std::construct_at(&memory->all_there, 3);
  const int turns = iterations(20000);
  std::list<process> crew;
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back(memory, [turns](counted& c) {
      c.all_there.arrive_and_wait();
      for (int n = 0; n < turns; ++n) {
        const std::lock_guard own(c.mutex);
        c.count = c.count + 1;
      }
    });
  }
  for (process& p : crew) EXPECT_TRUE(p.succeeds());
  EXPECT_EQ(memory->count, 3L * turns);
}

TEST(InterprocessTest, SemaphoresPassABall) {
  struct court {
    interprocess::binary_semaphore to_child, to_parent;
    int ball;
  };
  shared<court> memory;
  const int turns = iterations(2000);
  process child(memory, [turns](court& c) {
    for (int i = 0; i < turns; ++i) {
      c.to_child.acquire();
      ++c.ball;
      c.to_parent.release();
    }
  });
  for (int i = 0; i < turns; ++i) {
    memory->to_child.release();
    memory->to_parent.acquire();
    ASSERT_EQ(memory->ball, i + 1);
  }
  EXPECT_TRUE(child.succeeds());
}

// Items through a condition variable: notify_one for each, from two processes
// to two others, with the mutex near and far.
template <bool Near>
void pass_items() {
  struct queue {
    interprocess::mutex mutex;
    char between[Near ? 4 : 8192];
    interprocess::condition_variable filled;
    int items;
    long taken;
    interprocess::latch all_there;
  };
  shared<queue> memory;
  std::construct_at(&memory->all_there, 4);
  const int each = iterations(5000);
  std::list<process> crew;
  for (int i = 0; i < 2; ++i) {
    crew.emplace_back(memory, [each](queue& q) {
      q.all_there.arrive_and_wait();
      for (int n = 0; n < each; ++n) {
        std::unique_lock own(q.mutex);
        q.filled.wait(own, [&] { return q.items > 0; });
        --q.items;
        ++q.taken;
      }
    });
    crew.emplace_back(memory, [each](queue& q) {
      q.all_there.arrive_and_wait();
      for (int n = 0; n < each; ++n) {
        {
          const std::lock_guard own(q.mutex);
          ++q.items;
        }
        q.filled.notify_one();
      }
    });
  }
  for (process& p : crew) EXPECT_TRUE(p.succeeds());
  EXPECT_EQ(memory->taken, 2L * each);
  EXPECT_EQ(memory->items, 0);
}
TEST(InterprocessTest, NotifyOneForEachItemNear) { pass_items<true>(); }
TEST(InterprocessTest, NotifyOneForEachItemFar) { pass_items<false>(); }

// Rounds: the last of three to arrive lets the others go, all of them.
template <bool Near, class Wait>
void go_round(Wait wait) {
  struct meeting {
    interprocess::mutex mutex;
    char between[Near ? 4 : 8192];
    interprocess::condition_variable next;
    int there;
    int round;
  };
  shared<meeting> memory;
  const int rounds = iterations(2000);
  std::list<process> crew;
  for (int i = 0; i < 3; ++i) {
    crew.emplace_back(memory, [rounds, wait, i](meeting& m) {
      for (int n = 0; n < rounds; ++n) {
        std::unique_lock own(m.mutex);
        if (++m.there == 3) {
          m.there = 0;
          ++m.round;
          if (n % 2 == 0) own.unlock();
          m.next.notify_all();
        } else {
          wait(m.next, own, i, [&] { return m.round > n; });
        }
      }
    });
  }
  for (process& p : crew) EXPECT_TRUE(p.succeeds());
  EXPECT_EQ(memory->round, rounds);
}
constexpr auto plainly = [](auto& c, auto& own, int, auto holds) {
  c.wait(own, holds);
};
constexpr auto with_deadlines = [](auto& c, auto& own, int who, auto holds) {
  if (who == 0)
    c.wait(own, holds);
  else
    EXPECT_TRUE(c.wait_for(own, 1h, holds));
};
TEST(InterprocessTest, NotifyAllMoves) { go_round<true>(plainly); }
TEST(InterprocessTest, NotifyAllWakes) { go_round<false>(plainly); }
TEST(InterprocessTest, NotifyAllOfSomeWithDeadlines) {
  go_round<true>(with_deadlines);
}

TEST(InterprocessTest, LatchAndEventLetAllThrough) {
  struct gates {
    interprocess::latch ready;
    interprocess::event go;
    interprocess::latch done;
  };
  shared<gates> memory;
  std::construct_at(&memory->ready, 4);
  std::construct_at(&memory->done, 4);
  std::list<process> crew;
  for (int i = 0; i < 4; ++i) {
    crew.emplace_back(memory, [](gates& g) {
      g.ready.count_down();
      g.go.wait();
      g.done.count_down();
    });
  }
  memory->ready.wait();
  for (process& p : crew) p.await_sleep();
  memory->go.set();
  memory->go.reset();  // no set is lost to it, in other processes too
  memory->done.wait();
  for (process& p : crew) EXPECT_TRUE(p.succeeds());
}

// A time-out and a notification of one each: who is told which.
// Notifications are counted in the lower 26 bits; what is beside them stays.
TEST(InterprocessTest, TheSequenceOfAConditionVariableWraps) {
  struct pair {
    interprocess::mutex mutex;
    interprocess::condition_variable condition;
    bool ready = false;
  };
  constexpr std::uint32_t kSequence = (1u << 26) - 1;
  shared<pair> memory;
  auto* const word =
      reinterpret_cast<std::atomic<std::uint32_t>*>(&memory->condition);
  std::uint32_t beside = 0;  // once a thread has waited
  for (std::uint32_t n = 0; n < 4; ++n) {
    process waiting(memory, [](pair& p) {
      std::unique_lock own(p.mutex);
      p.condition.wait(own, [&] { return p.ready; });
      p.ready = false;
    });
    waiting.await_sleep();
    {
      const std::lock_guard own(memory->mutex);
      memory->ready = true;
    }
    memory->condition.notify_one();
    EXPECT_TRUE(waiting.succeeds());
    const std::uint32_t now = word->load();
    if (n == 0)
      word->store(now | kSequence);  // one more is the last
    else if (n == 1)
      beside = now & ~kSequence;
    else
      EXPECT_EQ(now & ~kSequence, beside);
    if (n >= 1) {
      EXPECT_LT(now & kSequence, 16u);
    }
  }
}

TEST(InterprocessTest, ATimeoutIsNoNotification) {
  struct pair {
    interprocess::mutex mutex;
    interprocess::condition_variable condition;
  };
  shared<pair> memory;
  process first(memory, [](pair& p) {
    std::unique_lock own(p.mutex);
    EXPECT_EQ(p.condition.wait_for(own, 1h), std::cv_status::no_timeout);
  });
  first.await_sleep();
  process second(memory, [](pair& p) {
    std::unique_lock own(p.mutex);
    EXPECT_EQ(p.condition.wait_for(own, 100ms), std::cv_status::timeout);
  });
  second.await_sleep();
  memory->condition.notify_one();
  EXPECT_TRUE(first.succeeds());
  EXPECT_TRUE(second.succeeds());
}

// A program that is started anew: another address space altogether.
constexpr const char* kFdVariable = "SYNCXX_TEST_FD";
struct meeting_place {
  interprocess::binary_semaphore called, answered;
  interprocess::mutex mutex;
  int value;
};

TEST(InterprocessTest, DISABLED_StartedAnew) {
  const char* const fd = std::getenv(kFdVariable);
  ASSERT_NE(fd, nullptr);
  const mapping<meeting_place> here(std::atoi(fd));
  here->called.acquire();
  {
    const std::lock_guard own(here->mutex);
    here->value = 42;
  }
  here->answered.release();
}

TEST(InterprocessTest, WithAProgramThatIsStartedAnew) {
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not start programs of its";
  shared<meeting_place> memory;
  const pid_t child = fork();
  if (child == 0) {
    setenv(kFdVariable, std::to_string(memory.fd()).c_str(), 1);
    execl("/proc/self/exe", "interprocess_test",
          "--gtest_filter=*.DISABLED_StartedAnew",
          "--gtest_also_run_disabled_tests", "--gtest_brief=1",
          static_cast<char*>(nullptr));
    _exit(127);
  }
  ASSERT_GT(child, 0);
  memory->called.release();
  memory->answered.acquire();
  EXPECT_EQ(memory->value, 42);
  EXPECT_TRUE(join_child(child));
}

}  // namespace
}  // namespace syncxx_test
