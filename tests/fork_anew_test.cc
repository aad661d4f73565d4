// SPDX-License-Identifier: Apache-2.0
//
// The primitives that have to be made anew in the child of a fork: each test
// forks a process in which other threads hold the object or sleep on it, and
// constructs another in its place, in the child.
#include <gtest/gtest.h>
#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/event.h>
#include <sync/event_count.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/seqlock.h>
#include <sync/shared_mutex.h>
#include <sync/ticket_lock.h>
#include <sync/wait_any.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/environment.h"
#include "tests/support/in_child.h"
#include "tests/support/mcs_mutex.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

// In the child: what was there is forgotten, not destroyed.
template <class T, class... Args>
T& make_anew(T& object, Args... args) {
  return *::new (static_cast<void*>(&object)) T(args...);
}

template <class M>
class LockMadeAnewTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!no_fork_beside_threads().empty())
      GTEST_SKIP() << no_fork_beside_threads();
  }
};
using locks =
    testing::Types<syncxx::shared_mutex, syncxx::biased_shared_mutex,
                   syncxx::byte_mutex, syncxx::pi_mutex, syncxx::robust_mutex,
                   syncxx::ticket_lock, mcs_mutex, syncxx::queue_lock>;
TYPED_TEST_SUITE(LockMadeAnewTest, locks);

// Others that are in lock() by now, and as far as they get: the first in a line
// does not sleep.
template <class M>
class waiters {
 public:
  waiters(M& m, int n) {
    for (int i = 0; i < n; ++i) {
      std::atomic<bool> there{false};
      threads_.emplace_back([&] {
        there.store(true);
        m.lock();
        m.unlock();
      });
      await([&] { return there.load(); });
    }
    std::this_thread::sleep_for(2ms);
  }
  waiters(const waiters&) = delete;
  waiters& operator=(const waiters&) = delete;
  ~waiters() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::thread> threads_;
};

TYPED_TEST(LockMadeAnewTest, HeldByAThreadThatIsNotThere) {
  TypeParam m;
  {
    const holder<TypeParam> other(m);
    EXPECT_TRUE(succeeds_in_child([&] {
      EXPECT_FALSE(m.try_lock()) << "nobody has given it back";
      expect_works(make_anew(m));
    }));
    EXPECT_FALSE(m.try_lock()) << "the parent's is its own";
  }
  expect_works(m);
}

TYPED_TEST(LockMadeAnewTest, HeldByOneAndWaitedForByOthers) {
  TypeParam m;
  std::unique_ptr<waiters<TypeParam>> others;
  {
    const holder<TypeParam> owner(m);
    others = std::make_unique<waiters<TypeParam>>(m, 3);
    EXPECT_TRUE(succeeds_in_child([&] {
      TypeParam& anew = make_anew(m);
      ASSERT_TRUE(anew.try_lock()) << "free";
      anew.unlock();
      expect_works(anew);
      expect_works(make_anew(m));
    }));
  }
  others.reset();
  expect_works(m);
}

TYPED_TEST(LockMadeAnewTest, HeldByTheForkingThreadAndWaitedForByOthers) {
  TypeParam m;
  m.lock();
  {
    const waiters<TypeParam> others(m, 2);
    EXPECT_TRUE(succeeds_in_child([&] { expect_works(make_anew(m)); }));
    m.unlock();
  }
  expect_works(m);
}

// --- Readers -----------------------------------------------------------------

template <class M>
using SharedLockMadeAnewTest = LockMadeAnewTest<M>;
using shared_locks =
    testing::Types<syncxx::shared_mutex, syncxx::biased_shared_mutex>;
TYPED_TEST_SUITE(SharedLockMadeAnewTest, shared_locks);

// Another thread reads, and so does the forking one; a writer waits for both.
TYPED_TEST(SharedLockMadeAnewTest, ReadersAndAWriter) {
  TypeParam m;
  for (int i = 0; i < 3; ++i) {  // (a bias comes after some)
    m.lock_shared();
    m.unlock_shared();
  }
  syncxx::event reading, over;
  background<bool> reader([&] {
    const std::shared_lock lock(m);
    reading.set();
    over.wait();
    return true;
  });
  reading.wait();
  m.lock_shared();
  background<bool> writer([&] {
    const std::lock_guard lock(m);
    return true;
  });
  writer.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    TypeParam& anew = make_anew(m);
    for (int i = 0; i < 3; ++i) {
      anew.lock_shared();
      anew.unlock_shared();
    }
    expect_works(anew);
  }));
  m.unlock_shared();
  over.set();
  EXPECT_TRUE(reader.result());
  EXPECT_TRUE(writer.result());
}

// --- A value -----------------------------------------------------------------

TEST(SeqlockMadeAnewTest, IsGoodWhereNobodyWasWriting) {
  syncxx::seqlock<long> value(42);
  EXPECT_TRUE(succeeds_in_child([&] {
    EXPECT_EQ(value.load(), 42);
    value.store(43);
    EXPECT_EQ(value.load(), 43);
  }));
  EXPECT_EQ(value.load(), 42);
}

TEST(SeqlockMadeAnewTest, AWriterThatIsNotThere) {
  syncxx::seqlock<long> value(42);
  syncxx::event writing, over;
  background<bool> writer([&] {
    value.update([&](long& v) {
      writing.set();
      over.wait();
      ++v;
    });
    return true;
  });
  writing.wait();
  background<bool> next([&] {
    value.store(1);
    return true;
  });
  next.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    syncxx::seqlock<long>& anew = make_anew(value, 7L);
    EXPECT_EQ(anew.load(), 7);
    anew.store(8);
    anew.update([](long& v) { ++v; });
    EXPECT_EQ(anew.load(), 9);
  }));
  over.set();
  EXPECT_TRUE(writer.result());
  EXPECT_TRUE(next.result());
}

// --- Those that others are asleep on
// ------------------------------------------

TEST(EventCountMadeAnewTest, ForgetsThoseThatWaited) {
  if (!no_fork_beside_threads().empty())
    GTEST_SKIP() << no_fork_beside_threads();
  syncxx::event_count count;
  std::atomic<bool> ready{false};
  const auto is_ready = [&] { return ready.load(); };
  const auto wait = [&] {
    count.await(is_ready);
    return true;
  };
  background<bool> one(wait), two(wait);
  one.await_sleep();
  two.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    make_anew(count);
    count.notify_one();
    count.notify_all();
    EXPECT_FALSE(count.await_for(is_ready, 1ms));
    if (!kChildMayHaveThreads) return;
    background<bool> mine(wait);
    mine.await_sleep();
    ready.store(true);
    count.notify_one();
    EXPECT_TRUE(mine.result());
  }));
  ready.store(true);
  count.notify_all();
  EXPECT_TRUE(one.result());
  EXPECT_TRUE(two.result());
}

TEST(PiConditionVariableMadeAnewTest, ForgetsThoseThatWaited) {
  if (!no_fork_beside_threads().empty())
    GTEST_SKIP() << no_fork_beside_threads();
  syncxx::pi_condition_variable c;
  syncxx::pi_mutex m;
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
  background<bool> one(wait), two(wait);
  one.await_sleep();
  two.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    make_anew(c);
    make_anew(m);
    c.notify_one();
    {
      std::unique_lock lock(m);
      EXPECT_EQ(c.wait_for(lock, 1ms), std::cv_status::timeout);
    }
    if (!kChildMayHaveThreads) return;
    background<bool> mine(wait);
    mine.await_sleep();
    open();
    EXPECT_TRUE(mine.result());
  }));
  open();
  EXPECT_TRUE(one.result());
  EXPECT_TRUE(two.result());
}

// wait_any is as its objects are.
TEST(WaitAnyInChildTest, IsAsItsObjects) {
  syncxx::event e;
  syncxx::counting_semaphore<> s(0);
  background<std::size_t> waiting([&] { return syncxx::wait_any(e, s); });
  waiting.await_sleep();
  EXPECT_TRUE(succeeds_in_child([&] {
    s.reset_after_fork(0);
    EXPECT_FALSE(syncxx::wait_any_for(1ms, e, s).has_value());
    s.release();
    EXPECT_EQ(syncxx::wait_any(e, s), 1u);
    e.set();
    EXPECT_EQ(syncxx::wait_any(e, s), 0u);
  }));
  s.release();
  EXPECT_EQ(waiting.result(), 1u);
}

}  // namespace
}  // namespace syncxx_test
