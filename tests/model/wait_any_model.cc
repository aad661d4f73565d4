// SPDX-License-Identifier: Apache-2.0
//
// Model tests of wait_any: exactly one object is taken, whoever else waits for
// the others loses no wake, time-out and stop beside an opening, ordering,
// destruction right after the wait.
//
// Bounds: two or three threads, two objects; one spurious wake-up and one jump
// of the clock in what an operation depends on. Exhaustive, but for the tests
// named Random...: those take 20 000 executions. Left out: more than two
// objects, and what is done where there is no futex_waitv (futex_model.cc).
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>

#include <sync/event.h>
#include <sync/interprocess/shared_mutex.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>
#include <sync/wait_any.h>

#include "tests/model/support/gates.h"

namespace syncxx_test {
namespace {

// An object that is waited for beside one that nobody opens.
template <class T, bool Consumed>
class any_gate {
 public:
  static constexpr bool kConsumed = Consumed;

  void open() {
    if constexpr (requires(T & t) { t.set(); })
      it_.set();
    else if constexpr (requires(T & t) { t.release(); })
      it_.release();
    else
      it_.count_down();
  }
  void wait() { is_it(syncxx::wait_any(shut_, it_)); }
  bool try_wait() { return is_it(syncxx::try_wait_any(shut_, it_)); }
  bool wait_for(std::chrono::milliseconds d) {
    return is_it(syncxx::wait_any_for(d, shut_, it_));
  }
  bool wait(const syncxx::stop_token& stop) {
    return is_it(syncxx::wait_any(stop, shut_, it_));
  }
  bool wait_for(std::chrono::milliseconds d, const syncxx::stop_token& stop) {
    return is_it(syncxx::wait_any_for(d, stop, shut_, it_));
  }

 private:
  static bool is_it(std::optional<std::size_t> taken) {
    if (taken) model::require(*taken == 1, "the other is shut");
    return taken.has_value();
  }
  static T make() {
    if constexpr (requires(T & t) { t.count_down(); })
      return T(1);
    else
      return T(0);
  }

  syncxx::event shut_;
  T it_{make()};
};

template <class Gate>
class WaitAnyModel : public ::testing::Test {};
using gates = ::testing::Types<any_gate<syncxx::event, false>,
                               any_gate<syncxx::auto_reset_event, true>,
                               any_gate<syncxx::latch, false>,
                               any_gate<syncxx::counting_semaphore<>, true>>;
TYPED_TEST_SUITE(WaitAnyModel, gates);

TYPED_TEST(WaitAnyModel, HandsOver) { expect_ok(gate_hands_over<TypeParam>); }

TYPED_TEST(WaitAnyModel, HandsOverToATry) {
  expect_ok(gate_hands_over_to_a_try<TypeParam>);
}

TYPED_TEST(WaitAnyModel, BesideATimeout) {
  expect_ok(gate_beside_a_timeout<TypeParam>);
}

TYPED_TEST(WaitAnyModel, Stopped) { expect_ok(gate_stopped<TypeParam>); }

TYPED_TEST(WaitAnyModel, OpenedAndStopped) {
  expect_ok(gate_opened_and_stopped<TypeParam>);
}

TYPED_TEST(WaitAnyModel, MayBeDestroyedAfterTheWait) {
  expect_ok(gate_destroyed_after_wait<TypeParam>);
}

// A lock whose lock() waits for it and for what nobody opens.
template <class Lock>
class any_lock {
 public:
  void lock() { syncxx::wait_any(lock_, shut_); }
  bool try_lock() { return syncxx::try_wait_any(lock_, shut_).has_value(); }
  bool try_lock_for(std::chrono::milliseconds d) {
    return syncxx::wait_any_for(d, lock_, shut_).has_value();
  }
  bool lock(const syncxx::stop_token& stop) {
    return syncxx::wait_any(stop, lock_, shut_).has_value();
  }
  void unlock() { lock_.unlock(); }

 private:
  Lock lock_;
  syncxx::event shut_;
};

template <class Lock>
class WaitAnyOfMutexModel : public ::testing::Test {};
using locks = ::testing::Types<syncxx::mutex, syncxx::shared_mutex,
                               syncxx::interprocess::shared_mutex>;
TYPED_TEST_SUITE(WaitAnyOfMutexModel, locks);

TYPED_TEST(WaitAnyOfMutexModel, TwoThreadsExcludeEachOther) {
  expect_ok(exclusion<any_lock<TypeParam>>(2, 1));
}

TYPED_TEST(WaitAnyOfMutexModel, BesideATimeout) {
  expect_ok(lock_beside_a_timeout<any_lock<TypeParam>>);
}

TYPED_TEST(WaitAnyOfMutexModel, AStopEndsTheWait) {
  expect_ok(lock_stopped<any_lock<TypeParam>>);
}

TYPED_TEST(WaitAnyOfMutexModel, UnlockBesideAStop) {
  expect_ok(lock_freed_and_stopped<any_lock<TypeParam>>);
}

TYPED_TEST(WaitAnyOfMutexModel, MayBeDestroyedAfterTheLastUnlock) {
  expect_ok(destruction_after_unlock<any_lock<TypeParam>>);
}

// Of two that come, one is taken and the other is left.
TEST(WaitAnyOfTwoModel, ExactlyOneIsTaken) {
  expect_ok([] {
    syncxx::counting_semaphore<> first(0), second(0);
    std::size_t taken = 2;
    {
      model::thread giver([&] {
        first.release();
        second.release();
      });
      taken = syncxx::wait_any(second, first);
    }
    model::require(first.try_acquire() == (taken == 0), "one of the two");
    model::require(second.try_acquire() == (taken == 1), "one of the two");
  });
}

// Two that wait for the same two objects, of which each comes once.
TEST(WaitAnyOfTwoModel, RandomTwoTakersAndTwoObjects) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  expect_ok(
      [] {
        syncxx::auto_reset_event first;
        syncxx::counting_semaphore<> second(0);
        std::size_t mine = 2, its = 2;
        {
          model::thread other([&] { its = syncxx::wait_any(first, second); });
          model::thread giver([&] {
            second.release();
            first.set();
          });
          mine = syncxx::wait_any(first, second);
        }
        model::require(mine + its == 1, "each took another one");
      },
      some);
}

// One that sleeps for the mutex alone beside one that sleeps for the mutex or a
// token, and may be woken for the mutex and take the token.
void mutex_and_bystander() {
  syncxx::mutex lock;
  syncxx::counting_semaphore<> tokens(0);
  syncxx::cell<int> count(0);
  lock.lock();
  model::thread chooser([&] {
    if (syncxx::wait_any(tokens, lock) == 1) {
      count = count + 1;
      lock.unlock();
    }
  });
  model::thread bystander([&] {
    lock.lock();
    count = count + 1;
    lock.unlock();
  });
  count = count + 1;
  lock.unlock();
  tokens.release();
}

TEST(WaitAnyOfTwoModel, RandomMutexAndBystander) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 40'000;
  expect_ok(mutex_and_bystander, some);
}

// The same where both sleep before anything happens: exhaustive.
TYPED_TEST(WaitAnyOfMutexModel, IsHandedOnToABystander) {
  expect_ok([] {
    TypeParam lock;
    syncxx::event set;
    lock.lock();
    model::thread chooser([&] {
      if (syncxx::wait_any(set, lock) == 1) lock.unlock();
    });
    model::thread bystander([&] {
      assume_asleep(lock);  // the chooser comes first in the queue
      lock.lock();
      lock.unlock();
    });
    assume_asleep(lock, 2);
    lock.unlock();
    set.set();
  });
}

// One that is woken by a release and takes something else.
TEST(WaitAnyOfTwoModel, TokenIsHandedOnToABystander) {
  expect_ok([] {
    syncxx::counting_semaphore<> tokens(0);
    syncxx::event set;
    model::thread chooser([&] {
      if (syncxx::wait_any(set, tokens) == 1) tokens.release();
    });
    model::thread bystander([&] {
      assume_asleep(tokens);
      tokens.acquire(syncxx::stop_token());
    });
    assume_asleep(tokens, 2);
    tokens.release();
    set.set();
  });
}

// One that gives up, and may have been woken.
TYPED_TEST(WaitAnyOfMutexModel, IsHandedOnAtATimeout) {
  expect_ok([] {
    TypeParam lock;
    syncxx::event shut;
    lock.lock();
    model::thread chooser([&] {
      if (syncxx::wait_any_for(kAWhile, shut, lock)) lock.unlock();
    });
    model::thread bystander([&] {
      assume_asleep(lock);
      lock.lock();
      lock.unlock();
    });
    assume_asleep(lock, 2);
    lock.unlock();
  });
}

// --- Behind readers ----------------------------------------------------------

template <class Lock>
class WaitAnyOfSharedMutexModel : public ::testing::Test {};
using shared_locks =
    ::testing::Types<syncxx::shared_mutex, syncxx::interprocess::shared_mutex>;
TYPED_TEST_SUITE(WaitAnyOfSharedMutexModel, shared_locks);

TYPED_TEST(WaitAnyOfSharedMutexModel, TheLastReaderLetsItIn) {
  const misuse_throws unlooked;  // the shares are given back by others
  expect_ok([] {
    TypeParam lock;
    syncxx::event shut;
    lock.lock_shared();
    lock.lock_shared();
    {
      model::thread one([&] { lock.unlock_shared(); });
      model::thread other([&] { lock.unlock_shared(); });
      model::require(syncxx::wait_any(shut, lock) == 1, "the other is shut");
      lock.unlock();
    }
    expect_free(lock);
  });
}

// One that may take something else, and a writer, asleep behind a reader in
// this order and the other.
template <class Lock, bool ChooserFirst>
void writer_and_chooser() {
  Lock lock;
  syncxx::event set;
  lock.lock_shared();
  {
    model::thread chooser([&] {
      if (!ChooserFirst) assume_asleep(lock);
      if (syncxx::wait_any(set, lock) == 1) lock.unlock();
    });
    model::thread writer([&] {
      if (ChooserFirst) assume_asleep(lock);
      lock.lock();
      lock.unlock();
    });
    assume_asleep(lock, 2);
    set.set();
    lock.unlock_shared();
  }
  expect_free(lock);
}
TYPED_TEST(WaitAnyOfSharedMutexModel, ChooserAheadOfAWriter) {
  expect_ok(writer_and_chooser<TypeParam, true>);
}
TYPED_TEST(WaitAnyOfSharedMutexModel, ChooserBehindAWriter) {
  expect_ok(writer_and_chooser<TypeParam, false>);
}

// The owner goes on reading: the wake of the queue has come to one that must
// still wait, and another one need not.
TYPED_TEST(WaitAnyOfSharedMutexModel, UpgraderBehindAChooser) {
  expect_ok([] {
    TypeParam lock;
    syncxx::event shut;
    lock.lock();
    {
      model::thread chooser([&] {
        if (syncxx::wait_any_for(kAWhile, shut, lock)) lock.unlock();
      });
      model::thread upgrader([&] {
        assume_asleep(lock);
        lock.lock_upgrade();
        lock.unlock_upgrade();
      });
      assume_asleep(lock, 2);
      lock.unlock_and_lock_shared();
      lock.unlock_shared();
    }
    expect_free(lock);
  });
}

// A reset does not hide a set from one that waits already.
TEST(WaitAnyOfTwoModel, ASetThatIsResetIsNotLost) {
  expect_ok([] {
    syncxx::event first;
    syncxx::counting_semaphore<> second(0);
    model::thread setter([&] {
      assume_asleep(first);
      first.set();
      first.reset();
    });
    model::require(syncxx::wait_any(first, second) == 0, "it was set");
  });
}

}  // namespace
}  // namespace syncxx_test
