// SPDX-License-Identifier: Apache-2.0
//
// Model tests of the condition variables: no lost notification, time-out and
// stop beside notify, destruction right after notify_all.
//
// Bounds: one notifier and one or two waiters with one wait each; one spurious
// wake-up and one jump of the clock in what an operation depends on.
// Exhaustive, but for three waiters: 20 000 random executions.
// A loop that takes the list's lock to look whether a leaver has left goes
// round twice in vain at most.
#include <gtest/gtest.h>

#include <mutex>
#include <utility>

#include <sync/condition_variable.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

struct with_mutex {
  using condition = syncxx::condition_variable;
  using lock = syncxx::mutex;
};
struct any_with_spinlock {
  using condition = syncxx::condition_variable_any;
  using lock = syncxx::spinlock;
};

// A flag under a lock: what most condition variables wait for.
template <class With>
class flag_gate {
 public:
  static constexpr bool kConsumed = false;
  void open() {
    {
      const std::lock_guard own(lock_);
      set_ = 1;
    }
    changed_.notify_one();
  }
  void open_under_the_lock() {
    const std::lock_guard own(lock_);
    set_ = 1;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock own(lock_);
    changed_.wait(own, [this] { return set_ == 1; });
  }
  bool try_wait() {
    const std::lock_guard own(lock_);
    return set_ == 1;
  }
  bool wait_for(std::chrono::milliseconds d) {
    std::unique_lock own(lock_);
    return changed_.wait_for(own, d, [this] { return set_ == 1; });
  }
  bool wait(const syncxx::stop_token& stop) {
    std::unique_lock own(lock_);
    return changed_.wait(own, stop, [this] { return set_ == 1; });
  }

 private:
  typename With::lock lock_;
  typename With::condition changed_;
  syncxx::cell<int> set_{0};
};

template <class With>
class ConditionModel : public ::testing::Test {};
using kinds = ::testing::Types<with_mutex, any_with_spinlock>;
TYPED_TEST_SUITE(ConditionModel, kinds);
template <class With>
class LongConditionModel : public ::testing::Test {};
TYPED_TEST_SUITE(LongConditionModel, kinds);

TYPED_TEST(ConditionModel, HandsOver) {
  expect_ok(gate_hands_over<flag_gate<TypeParam>>);
}

TYPED_TEST(ConditionModel, NotifyUnderTheLock) {
  expect_ok([] {
    flag_gate<TypeParam> gate;
    model::thread opener([&] { gate.open_under_the_lock(); });
    gate.wait();
  });
}

TYPED_TEST(ConditionModel, BesideATimeout) {
  expect_ok(gate_beside_a_timeout<flag_gate<TypeParam>>);
}

TYPED_TEST(ConditionModel, Stopped) {
  expect_ok(gate_stopped<flag_gate<TypeParam>>);
}

TYPED_TEST(ConditionModel, NotifiedAndStopped) {
  expect_ok(gate_opened_and_stopped<flag_gate<TypeParam>>);
}

// Once all waiters have been notified the condition variable may go, even if
// their waits have not returned; the lock may not.
template <class With>
void destruction_after_notify() {
  typename With::lock lock;
  auto* const changed = new typename With::condition;
  syncxx::cell<int> waiting(0);
  model::thread waiter([&] {
    std::unique_lock own(lock);
    waiting = 1;
    changed->wait(own);
  });
  std::unique_lock own(lock);
  model::assume(waiting == 1);
  changed->notify_all();
  delete changed;
}

TYPED_TEST(ConditionModel, MayBeDestroyedAfterNotifyAll) {
  expect_ok(destruction_after_notify<TypeParam>);
}

// As above, with a waiter that may be about to leave by itself.
template <class With>
void destruction_beside_a_timeout() {
  struct shared {
    typename With::lock lock;
    typename With::condition changed;
    syncxx::cell<int> set{0};
  };
  shared* const s = new shared;
  model::thread waiter([s] {
    std::unique_lock own(s->lock);
    s->changed.wait_for(own, kAWhile, [s] { return s->set == 1; });
  });
  {
    const std::lock_guard own(s->lock);
    s->set = 1;
    s->changed.notify_all();
  }
  waiter.join();
  delete s;
}

TYPED_TEST(ConditionModel, MayBeDestroyedAfterATimeout) {
  expect_ok(destruction_beside_a_timeout<TypeParam>);
}

// One that leaves by itself lets go of the condition variable before the
// notifier that has seen it returns.
template <class With>
void destruction_with_a_leaver() {
  typename With::lock lock;
  auto* const changed = new typename With::condition;
  syncxx::cell<int> waiting(0);
  model::thread waiter([&] {
    std::unique_lock own(lock);
    waiting = 1;
    changed->wait_for(own, kAWhile);
  });
  std::unique_lock own(lock);
  model::assume(waiting == 1);
  changed->notify_one();
  delete changed;
}

TYPED_TEST(ConditionModel, MayBeDestroyedAfterALeaver) {
  expect_ok(destruction_with_a_leaver<TypeParam>);
}

// A notification that comes while nobody is queued wakes nobody later.
TYPED_TEST(ConditionModel, NotifyWithNobodyWaiting) {
  expect_ok([] {
    flag_gate<TypeParam> gate;
    gate.open();
    model::thread waiter([&] { gate.wait(); });
    gate.open();
  });
}

enum class notified { all, one_by_one, under_the_lock };
template <class With, notified How>
void two_waiters() {
  typename With::lock lock;
  typename With::condition changed;
  syncxx::cell<int> set(0);
  const auto wait = [&] {
    std::unique_lock own(lock);
    changed.wait(own, [&] { return set == 1; });
  };
  model::thread one(wait), other(wait);
  {
    const std::lock_guard own(lock);
    set = 1;
    if (How == notified::under_the_lock) changed.notify_all();
  }
  if (How == notified::all) changed.notify_all();
  if (How == notified::one_by_one) {
    changed.notify_one();
    changed.notify_one();
  }
}

// The notifier meets a mutex that somebody owns, moves the waiter there, and
// must not be too late for the unlock.
TEST(ConditionModel, NotifyBesideTheUnlock) {
  expect_ok([] {
    syncxx::mutex lock;
    syncxx::condition_variable changed;
    syncxx::cell<int> set(0);
    syncxx::cell<int> waiting(0);
    model::thread waiter([&] {
      std::unique_lock own(lock);
      waiting = 1;
      changed.wait(own, [&] { return set == 1; });
    });
    lock.lock();
    model::assume(waiting == 1);
    set = 1;
    model::thread notifier([&] { changed.notify_one(); });
    lock.unlock();
  });
}

// One woken ahead, two moved, while the mutex changes hands.
TEST(ConditionModel, RandomThreeWaitersAndAnOwner) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  expect_ok(
      [] {
        syncxx::mutex lock;
        syncxx::condition_variable changed;
        syncxx::cell<int> set(0);
        syncxx::cell<int> waiting(0);
        const auto wait = [&] {
          std::unique_lock own(lock);
          waiting = waiting + 1;
          changed.wait(own, [&] { return set == 1; });
        };
        model::thread one(wait), two(wait), three(wait);
        lock.lock();
        model::assume(waiting == 3);
        set = 1;
        model::thread notifier([&] { changed.notify_all(); });
        lock.unlock();
      },
      some);
}

TYPED_TEST(ConditionModel, TwoWaitersAndNotifyAll) {
  expect_ok(two_waiters<TypeParam, notified::all>);
}

TYPED_TEST(ConditionModel, TwoWaitersAndNotifyOneTwice) {
  expect_ok(two_waiters<TypeParam, notified::one_by_one>);
}

TYPED_TEST(LongConditionModel, TwoWaitersAndNotifyAllUnderTheLock) {
  expect_ok(two_waiters<TypeParam, notified::under_the_lock>);
}

// --- notify_all_at_thread_exit -----------------------------------------------

// What the destructors of the thread's own objects write is there, too.
thread_local syncxx::cell<int>* t_written_last = nullptr;
struct writes_last {
  bool used = false;
  ~writes_last() {
    if (used) *t_written_last = 1;
  }
};
thread_local writes_last t_writes_last;

TEST(NotifyAtThreadExitModel, ComesAfterTheThreadsOwnObjects) {
  expect_ok([] {
    syncxx::mutex m;
    syncxx::condition_variable c;
    syncxx::cell<int> said(0), last(0);
    model::thread speaker([&] {
      std::unique_lock own(m);
      said = 1;
      syncxx::notify_all_at_thread_exit(c, std::move(own));
      t_written_last = &last;
      t_writes_last.used = true;
    });
    std::unique_lock own(m);
    c.wait(own, [&] { return said == 1; });
    model::require(last == 1, "what its last object wrote is there");
  });
}

TEST(NotifyAtThreadExitModel, TheWaiterMayDestroyBoth) {
  expect_ok([] {
    struct shared {
      syncxx::mutex m;
      syncxx::condition_variable c;
      syncxx::cell<int> said{0};
    };
    auto* const s = new shared;
    model::thread speaker([s] {
      std::unique_lock own(s->m);
      s->said = 1;
      syncxx::notify_all_at_thread_exit(s->c, std::move(own));
    });
    {
      std::unique_lock own(s->m);
      s->c.wait(own, [&] { return s->said == 1; });
    }
    delete s;
  });
}

}  // namespace
}  // namespace syncxx_test
