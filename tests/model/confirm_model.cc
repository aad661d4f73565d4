// SPDX-License-Identifier: Apache-2.0
//
// Rounds of lock-free loops that come to nothing (src/model/rounds.cc): leaving
// them out must leave out nothing else. Each program is explored with and
// without them; what is written, by whom and in which order, must be the same
// set of possibilities.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <set>
#include <vector>

#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/detail/spin_wait.h>
#include <sync/event.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/once.h>
#include <sync/queue_lock.h>
#include <sync/semaphore.h>
#include <sync/seqlock.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>

#include "tests/model/support/checks.h"
#include "tests/model/support/written.h"

namespace syncxx_test {
namespace {

using syncxx::memory_order_relaxed;
using syncxx::detail::confirm;

TEST(ConfirmModel, Mutex) {
  expect_the_same(exclusion<syncxx::mutex>(2, 2));
  expect_the_same(exclusion<syncxx::mutex>(3, 1));
  expect_the_same(lock_beside_a_timeout<syncxx::mutex>);
  expect_the_same(try_beside_lock<syncxx::mutex>);
}

TEST(ConfirmModel, SharedMutex) {
  expect_the_same(exclusion<syncxx::shared_mutex>(2, 2));
  expect_the_same(lock_beside_a_timeout<syncxx::shared_mutex>);
  expect_the_same([] {
    syncxx::shared_mutex lock;
    const auto read = [&] {
      lock.lock_shared();
      lock.unlock_shared();
    };
    model::thread one(read);
    lock.lock();
    lock.unlock_and_lock_upgrade();
    lock.unlock_upgrade();
  });
}

TEST(ConfirmModel, ByteMutex) {
  expect_the_same(exclusion<syncxx::byte_mutex>(2, 1), fewer::not_always);
}

TEST(ConfirmModel, QueueLock) {
  expect_the_same(exclusion<syncxx::queue_lock>(2, 2));
}

TEST(ConfirmModel, Once) {
  expect_the_same(
      [] {
        syncxx::once_flag flag;
        const auto call = [&] { syncxx::call_once(flag, [] {}); };
        model::thread one(call), other(call);
        call();
      },
      fewer::not_always);
}

TEST(ConfirmModel, Seqlock) {
  expect_the_same([] {
    syncxx::seqlock<int> lock;
    model::thread one([&] { lock.store(1); });
    lock.store(2);
  });
}

TEST(ConfirmModel, Semaphore) {
  expect_the_same([] {
    syncxx::counting_semaphore<> tokens(0);
    model::thread one([&] { tokens.acquire(); });
    model::thread other([&] { tokens.release(); });
    tokens.release();
    tokens.acquire();
  });
}

TEST(ConfirmModel, Event) {
  expect_the_same(
      [] {
        syncxx::event event;
        model::thread one([&] { event.wait(); });
        model::thread other([&] { event.wait(); });
        event.set();
        event.reset();
        event.set();
      },
      fewer::not_always);
}

TEST(ConfirmModel, Latch) {
  expect_the_same(
      [] {
        syncxx::latch latch(2);
        model::thread one([&] { latch.arrive_and_wait(); });
        model::thread other([&] { latch.wait(); });
        latch.count_down();
      },
      fewer::not_always);
}

TEST(ConfirmModel, ConditionVariable) {
  expect_the_same([] {
    syncxx::mutex lock;
    syncxx::condition_variable changed;
    bool set = false;
    model::thread waiter([&] {
      std::unique_lock own(lock);
      changed.wait(own, [&] { return set; });
    });
    const std::lock_guard own(lock);
    set = true;
    changed.notify_all();
  });
}

// The look is that of an await: its thread waits for a write that comes later.
TEST(ConfirmModel, SpinningForALock) {
  for (const int threads : {2, 3}) {
    expect_the_same(
        [threads] {
          syncxx::atomic<int> word{0};
          const auto turn = [&] {
            for (syncxx::detail::patience others;; others.wait()) {
              const int w = word.load(memory_order_relaxed);
              if (w == 0 && confirm(word, 0, 1, std::memory_order_acquire))
                break;
            }
            word.store(0, std::memory_order_release);
          };
          std::vector<model::thread> crew;
          for (int i = 1; i < threads; ++i) crew.emplace_back(turn);
          turn();
        },
        fewer::not_always);
  }
}

// A later write of the same value would have told the look more.
TEST(ConfirmModel, ALookThatAcquires) {
  expect_the_same(
      [] {
        syncxx::atomic<int> x{0}, y{0};
        model::thread confirmer([&] {
          int seen = 0;
          do {
            seen = x.load(std::memory_order_acquire);
          } while (!confirm(x, seen, seen + 1, memory_order_relaxed));
          y.store(1, std::memory_order_release);
        });
        y.store(2, memory_order_relaxed);
        x.store(0, std::memory_order_release);
      },
      fewer::not_always);
}

// n threads push onto a list: n! orders, and nothing else.
std::function<void()> pushes(int threads) {
  return [=] {
    struct node {
      node* next = nullptr;
    };
    std::vector<node> nodes(static_cast<std::size_t>(threads));
    syncxx::atomic<node*> head{nullptr};
    const auto push = [&head](node& mine) {
      node* first = nullptr;
      do {
        first = head.load(memory_order_relaxed);
        mine.next = first;
      } while (!confirm(head, first, &mine, std::memory_order_release));
    };
    {
      std::vector<model::thread> crew;
      for (node& mine : nodes) crew.emplace_back([&] { push(mine); });
    }
    int found = 0;
    for (const node* n = head.load(memory_order_relaxed); n != nullptr;
         n = n->next)
      ++found;
    model::require(found == threads, "none is lost");
  };
}

TEST(ConfirmModel, EachOrderOfSuccessesOnce) {
  ::setenv("SYNCXX_MODEL_DUPLICATES", "1", 1);
  std::uint64_t orders = 1;
  for (int threads = 1; threads <= 5; ++threads) {
    orders *= static_cast<std::uint64_t>(threads);
    const model::result r = model::check(pushes(threads));
    EXPECT_EQ(r.what, model::verdict::ok) << r.message;
    EXPECT_EQ(r.executions, orders);
    EXPECT_EQ(r.blocked, 0u);
  }
  ::unsetenv("SYNCXX_MODEL_DUPLICATES");
}

// Where something was done since the look, and without one, a confirmation is a
// compare-exchange that can fail.
TEST(ConfirmModel, WithoutALookItIsACompareExchange) {
  std::set<std::pair<bool, bool>> seen;
  const auto add_one = [](syncxx::atomic<int>& n) {
    return confirm(n, 0, 1, memory_order_relaxed);
  };
  expect_ok([&] {
    syncxx::atomic<int> n{0}, other{0};
    bool one = false;
    model::thread t([&] {
      static_cast<void>(n.load(memory_order_relaxed));
      other.store(1, memory_order_relaxed);
      one = add_one(n);
    });
    const bool two = add_one(n);
    t.join();
    seen.emplace(one, two);
  });
  EXPECT_EQ(seen,
            (std::set<std::pair<bool, bool>>{{false, true}, {true, false}}));
}

// A thread that stays behind keeps nobody from being looked at: the others'
// failures are found, and it is no deadlock.
TEST(ConfirmModel, TheOthersGoOn) {
  const auto test = [](bool fails) {
    return [fails] {
      syncxx::atomic<int> n{0}, done{0};
      const auto add = [&] {
        int seen = 0;
        do {
          seen = n.load(memory_order_relaxed);
        } while (!confirm(n, seen, seen + 1, memory_order_relaxed));
        return seen;
      };
      model::thread one([&] { add(); });
      model::thread two([&] { done.store(add(), memory_order_relaxed); });
      const int mine = add();
      model::require(
          !fails || mine != 2 || done.load(memory_order_relaxed) == 0,
          "as planted");
    };
  };
  expect_ok(test(false));
  expect_verdict(model::verdict::assertion_failed, test(true));
}

}  // namespace
}  // namespace syncxx_test
