// SPDX-License-Identifier: Apache-2.0
//
// What both condition variables promise, as one typed suite. A kit names the
// condition variable and the lock to use it with.
#ifndef SYNCXX_TESTS_SUPPORT_CONDITION_SUITE_H_
#define SYNCXX_TESTS_SUPPORT_CONDITION_SUITE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {

template <class Condition, class Mutex>
struct condition_kit {
  using condition = Condition;
  using mutex = Mutex;
  using lock = std::unique_lock<Mutex>;
  // Whether the waits take a stop token.
  static constexpr bool kStops =
      requires(Condition & c, lock& l, std::stop_token stop) {
    c.wait(l, stop);
  };
};

template <class Kit>
class ConditionSuite : public testing::Test {
 public:
  using condition = typename Kit::condition;
  using mutex = typename Kit::mutex;
  using lock = typename Kit::lock;
  static constexpr bool kStops = Kit::kStops;
  using waiters = std::vector<std::unique_ptr<background<bool>>>;

  mutex m;
  condition c;
  std::atomic<int> through{0};

  bool owned_by_another_here() {
    bool taken = false;
    std::thread([&] {
      taken = m.try_lock();
      if (taken) m.unlock();
    }).join();
    return !taken;
  }

  // Waiters without a predicate, asleep in the order of their numbers; each
  // appends its number when it gets out.
  waiters bare_waiters(int n) {
    waiters all;
    for (int i = 0; i < n; ++i) {
      all.push_back(std::make_unique<background<bool>>([this, i] {
        lock l(m);
        c.wait(l);
        order.push_back(i);
        through.fetch_add(1);
        return l.owns_lock();
      }));
      all.back()->await_sleep();
    }
    return all;
  }

  std::vector<int> order;  // under m
};
TYPED_TEST_SUITE_P(ConditionSuite);

TYPED_TEST_P(ConditionSuite, NotifyWithoutWaitersIsNotRemembered) {
  this->c.notify_one();
  this->c.notify_all();
  typename TestFixture::lock l(this->m);
  EXPECT_EQ(this->c.wait_for(l, 10ms), std::cv_status::timeout);
  EXPECT_TRUE(l.owns_lock());
}

TYPED_TEST_P(ConditionSuite, TimeoutsTellTheirStatus) {
  using namespace std::chrono;
  typename TestFixture::lock l(this->m);
  EXPECT_EQ(this->c.wait_for(l, 0s), std::cv_status::timeout);
  EXPECT_EQ(this->c.wait_for(l, -1h), std::cv_status::timeout);
  EXPECT_EQ(this->c.wait_until(l, steady_clock::now() - 1s),
            std::cv_status::timeout);
  const auto start = steady_clock::now();
  EXPECT_EQ(this->c.wait_for(l, duration<double, std::milli>(12.5)),
            std::cv_status::timeout);
  EXPECT_GE(steady_clock::now() - start, 12500us);
  const auto until = system_clock::now() + 5ms;
  EXPECT_EQ(this->c.wait_until(l, until), std::cv_status::timeout);
  EXPECT_GE(system_clock::now(), until);
  EXPECT_TRUE(l.owns_lock());
  EXPECT_TRUE(this->owned_by_another_here());
}

TYPED_TEST_P(ConditionSuite, NotifiedTimedWaitSaysNoTimeout) {
  background<bool> waiting([&] {
    typename TestFixture::lock l(this->m);
    return this->c.wait_for(l, 1h) == std::cv_status::no_timeout &&
           l.owns_lock();
  });
  waiting.await_sleep();
  this->c.notify_one();
  EXPECT_TRUE(waiting.result());
}

TYPED_TEST_P(ConditionSuite, PredicateFormsReturnThePredicate) {
  using namespace std::chrono;
  typename TestFixture::lock l(this->m);
  int asked = 0;
  const auto yes = [&] { return ++asked > 0; };
  const auto no = [&] { return ++asked < 0; };
  std::stop_source stopped;
  stopped.request_stop();
  const std::stop_token stop = stopped.get_token();
  const std::stop_token never;

  static_assert(std::is_void_v<decltype(this->c.wait(l, yes))>);
  this->c.wait(l, yes);
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(this->c.wait_for(l, -1s, yes));
  EXPECT_TRUE(this->c.wait_until(l, steady_clock::now() - 1s, yes));
  if constexpr (TestFixture::kStops) {
    EXPECT_TRUE(this->c.wait(l, stop, yes));
    EXPECT_TRUE(this->c.wait_for(l, stop, -1s, yes));
    EXPECT_TRUE(this->c.wait_until(l, stop, system_clock::now() - 1s, yes));
  }
  EXPECT_EQ(asked, TestFixture::kStops ? 6 : 3);

  asked = 0;
  EXPECT_FALSE(this->c.wait_for(l, 0s, no));
  EXPECT_FALSE(this->c.wait_for(l, 2ms, no));
  EXPECT_FALSE(this->c.wait_until(l, system_clock::now() + 2ms, no));
  if constexpr (TestFixture::kStops) {
    EXPECT_FALSE(this->c.wait(l, stop, no));
    EXPECT_FALSE(this->c.wait_for(l, stop, 1h, no));
    EXPECT_FALSE(this->c.wait_for(l, never, 2ms, no));
    EXPECT_FALSE(this->c.wait_until(l, stop, steady_clock::now() + 1h, no));
  }
  EXPECT_GE(asked, TestFixture::kStops ? 7 : 3);
  EXPECT_TRUE(l.owns_lock());
}

// At the end of its time a wait asks the predicate once more.
TYPED_TEST_P(ConditionSuite, PredicateIsAskedAgainAtTheTimeout) {
  typename TestFixture::lock l(this->m);
  int asked = 0;
  EXPECT_TRUE(this->c.wait_for(l, 5ms, [&] { return ++asked > 1; }));
  if constexpr (TestFixture::kStops) {
    asked = 0;
    std::stop_source source;
    EXPECT_TRUE(this->c.wait_for(l, source.get_token(), 5ms,
                                 [&] { return ++asked > 1; }));
  }
}

TYPED_TEST_P(ConditionSuite, NotifyOneWakesOneTheFirst) {
  auto waiting = this->bare_waiters(5);
  for (int i = 1; i <= 5; ++i) {
    if (i % 2 == 0) {
      this->c.notify_one();
    } else {
      typename TestFixture::lock l(this->m);
      this->c.notify_one();
    }
    await([&] { return this->through.load() >= i; });
    for (auto& one : waiting) one->await_sleep();
    EXPECT_EQ(this->through.load(), i) << "more than one was woken";
  }
  for (auto& one : waiting) EXPECT_TRUE(one->result());
  EXPECT_EQ(this->order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TYPED_TEST_P(ConditionSuite, NotifyAllWakesAll) {
  for (const bool under_lock : {false, true}) {
    this->through = 0;
    auto waiting = this->bare_waiters(64);
    if (under_lock) {
      typename TestFixture::lock l(this->m);
      this->c.notify_all();
      EXPECT_EQ(this->through.load(), 0);
    } else {
      this->c.notify_all();
    }
    for (auto& one : waiting) EXPECT_TRUE(one->result());
  }
}

// A notification belongs to those who waited before it: a thread that comes to
// wait later must not take it from them ([thread.condition.general]).
TYPED_TEST_P(ConditionSuite, LaterWaiterDoesNotStealANotification) {
  for (int round = 0; round < iterations(200); ++round) {
    std::atomic<bool> late_one_waits{false};
    background<bool> first([&] {
      typename TestFixture::lock l(this->m);
      this->c.wait(l);
      return true;
    });
    first.await_sleep();
    this->c.notify_one();
    background<bool> late([&] {
      typename TestFixture::lock l(this->m);
      late_one_waits = true;
      this->c.wait(l);
      return true;
    });
    EXPECT_TRUE(first.result());
    late.await_sleep();
    EXPECT_TRUE(late_one_waits.load());
    EXPECT_FALSE(late.finished());
    this->c.notify_one();
    EXPECT_TRUE(late.result());
  }
}

// A wait that says "timeout" has not used up the notification that came with
// it: the other waiter gets it.
TYPED_TEST_P(ConditionSuite, TimedOutWaiterTakesNoNotification) {
  std::minstd_rand random(7);
  int timeouts = 0;
  for (int round = 0; round < iterations(150); ++round) {
    background<bool> hasty([&] {
      typename TestFixture::lock l(this->m);
      return this->c.wait_for(l, 300us) == std::cv_status::no_timeout;
    });
    hasty.await_sleep();
    background<bool> patient([&] {
      typename TestFixture::lock l(this->m);
      this->c.wait(l);
      return true;
    });
    patient.await_sleep();
    const auto end = std::chrono::steady_clock::now() +
                     std::chrono::nanoseconds(random() % 200'000);
    while (std::chrono::steady_clock::now() < end) {
    }
    this->c.notify_one();
    if (hasty.result())
      this->c.notify_one();  // the first one was for the hasty
    else
      ++timeouts;
    EXPECT_TRUE(patient.result());
  }
  this->RecordProperty("timeouts", timeouts);
}

TYPED_TEST_P(ConditionSuite, StoppedWaiterTakesNoNotification) {
  if constexpr (TestFixture::kStops) {
    int stops = 0;
    for (int round = 0; round < iterations(150); ++round) {
      std::stop_source source;
      background<bool> listener([&] {
        typename TestFixture::lock l(this->m);
        return this->c.wait(l, source.get_token());
      });
      listener.await_sleep();
      background<bool> patient([&] {
        typename TestFixture::lock l(this->m);
        this->c.wait(l);
        return true;
      });
      patient.await_sleep();
      starting_line line(2);
      std::thread stopper([&] {
        line.ready_and_go();
        source.request_stop();
      });
      line.ready_and_go();
      this->c.notify_one();
      stopper.join();
      if (listener.result())
        this->c.notify_one();
      else
        ++stops;
      EXPECT_TRUE(patient.result());
    }
    this->RecordProperty("stops", stops);
  } else {
    GTEST_SKIP() << "its waits cannot be stopped";
  }
}

TYPED_TEST_P(ConditionSuite, BareStopTokenWaitTellsWhy) {
  if constexpr (TestFixture::kStops) {
    std::stop_source source;
    const auto body = [&] {
      typename TestFixture::lock l(this->m);
      const bool notified = this->c.wait(l, source.get_token());
      EXPECT_TRUE(l.owns_lock());
      return notified;
    };
    background<bool> notified(body);
    notified.await_sleep();
    this->c.notify_one();
    EXPECT_TRUE(notified.result());
    background<bool> stopped(body);
    stopped.await_sleep();
    source.request_stop();
    EXPECT_FALSE(stopped.result());
    background<bool> stopped_before(body);
    EXPECT_FALSE(stopped_before.result());
  } else {
    GTEST_SKIP() << "its waits cannot be stopped";
  }
}

TYPED_TEST_P(ConditionSuite, StopWakesAllThatListenAndNobodyElse) {
  if constexpr (TestFixture::kStops) {
    std::stop_source source;
    auto bystanders = this->bare_waiters(3);
    std::vector<std::unique_ptr<background<bool>>> listeners;
    for (int i = 0; i < 4; ++i) {
      listeners.push_back(std::make_unique<background<bool>>([&] {
        typename TestFixture::lock l(this->m);
        return this->c.wait(l, source.get_token(), [] { return false; });
      }));
      listeners.back()->await_sleep();
    }
    source.request_stop();
    for (auto& one : listeners) EXPECT_FALSE(one->result());
    for (auto& one : bystanders) {
      one->await_sleep();
      EXPECT_FALSE(one->finished());
    }
    this->c.notify_all();
    for (auto& one : bystanders) EXPECT_TRUE(one->result());
  } else {
    GTEST_SKIP() << "its waits cannot be stopped";
  }
}

// Woken waiters queue up at the mutex. There neither their time nor a stop
// request lets them return without the lock.
TYPED_TEST_P(ConditionSuite, NotifiedWaitersReturnWithTheLockOnly) {
  std::stop_source source;
  bool inside = false;  // under m
  int returned = 0;     // under m
  const auto enter = [&](auto wait) {
    return std::make_unique<background<bool>>([&, wait] {
      typename TestFixture::lock l(this->m);
      wait(l);
      ++returned;
      const bool alone = !inside;
      inside = true;
      std::this_thread::yield();
      inside = false;
      return alone && l.owns_lock();
    });
  };
  for (int round = 0; round < 5; ++round) {
    typename TestFixture::waiters waiting;
    for (int i = 0; i < 3; ++i) {
      waiting.push_back(enter([&](auto& l) { this->c.wait_for(l, 60ms); }));
      if constexpr (TestFixture::kStops)
        waiting.push_back(
            enter([&](auto& l) { this->c.wait(l, source.get_token()); }));
      waiting.push_back(enter([&](auto& l) { this->c.wait(l); }));
    }
    for (auto& one : waiting) one->await_sleep();
    {
      typename TestFixture::lock l(this->m);
      inside = true;
      const int before = returned;  // too late for some deadlines already
      this->c.notify_all();
      source.request_stop();
      std::this_thread::sleep_for(80ms);  // past the deadline
      EXPECT_TRUE(inside);
      EXPECT_EQ(returned, before);
      inside = false;
    }
    for (auto& one : waiting) EXPECT_TRUE(one->result());
    source = std::stop_source();
  }
}

TYPED_TEST_P(ConditionSuite, ThrowingPredicateLeavesTheLockHeld) {
  struct oops {};
  typename TestFixture::lock l(this->m);
  const auto throws = []() -> bool { throw oops(); };
  EXPECT_THROW(this->c.wait(l, throws), oops);
  EXPECT_THROW(this->c.wait_for(l, 1h, throws), oops);
  if constexpr (TestFixture::kStops) {
    EXPECT_THROW(this->c.wait(l, std::stop_token(), throws), oops);
  }
  EXPECT_TRUE(l.owns_lock());
  int asked = 0;
  EXPECT_THROW(this->c.wait_for(l, 2ms,
                                [&]() -> bool {
                                  if (++asked > 1) throw oops();
                                  return false;
                                }),
               oops);
  EXPECT_TRUE(l.owns_lock());
  EXPECT_TRUE(this->owned_by_another_here());
  l.unlock();

  auto waiting = this->bare_waiters(1);  // and the object still works
  this->c.notify_one();
  EXPECT_TRUE(waiting.front()->result());
}

TYPED_TEST_P(ConditionSuite, BoundedBufferKeepsOrderAndLosesNothing) {
  constexpr std::size_t kRoom = 3;
  const int n = iterations(20'000);
  std::deque<int> buffer;
  typename TestFixture::condition not_full, not_empty;
  std::atomic<long> sum{0};
  std::vector<std::thread> crew;
  for (int id = 0; id < 2; ++id) {
    crew.emplace_back([&, id] {
      for (int i = 0; i < n; ++i) {
        typename TestFixture::lock l(this->m);
        not_full.wait(l, [&] { return buffer.size() < kRoom; });
        buffer.push_back(id * n + i);
        if (i % 2 == 0) l.unlock();  // notify with and without the lock
        not_empty.notify_one();
      }
    });
    crew.emplace_back([&, id] {
      for (int i = 0; i < n; ++i) {
        typename TestFixture::lock l(this->m);
        const auto ready = [&] { return !buffer.empty(); };
        if (id == 0)
          not_empty.wait(l, ready);
        else
          while (!not_empty.wait_for(l, 100us, ready)) {
          }
        sum.fetch_add(buffer.front());
        buffer.pop_front();
        l.unlock();
        not_full.notify_one();
      }
    });
  }
  for (std::thread& thread : crew) thread.join();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(sum.load(), 2L * n * (2L * n - 1) / 2);
}

// Rounds: nobody may be left in the last round by a broadcast.
TYPED_TEST_P(ConditionSuite, BroadcastRoundsLeaveNobodyBehind) {
  constexpr int kThreads = 6;
  const int rounds = iterations(1000);
  int round = 0, arrived = 0;  // under m
  std::vector<std::thread> crew;
  for (int t = 0; t < kThreads; ++t) {
    crew.emplace_back([&, t] {
      for (int i = 0; i < rounds; ++i) {
        typename TestFixture::lock l(this->m);
        if (++arrived == kThreads) {
          arrived = 0;
          ++round;
          if (t % 2 == 0) l.unlock();
          this->c.notify_all();
        } else if (t == 0) {
          while (!this->c.wait_for(l, 50us, [&] { return round > i; })) {
          }
        } else {
          this->c.wait(l, [&] { return round > i; });
        }
      }
    });
  }
  for (std::thread& thread : crew) thread.join();
  EXPECT_EQ(round, rounds);
}

REGISTER_TYPED_TEST_SUITE_P(
    ConditionSuite, NotifyWithoutWaitersIsNotRemembered,
    TimeoutsTellTheirStatus, NotifiedTimedWaitSaysNoTimeout,
    PredicateFormsReturnThePredicate, PredicateIsAskedAgainAtTheTimeout,
    NotifyOneWakesOneTheFirst, NotifyAllWakesAll,
    LaterWaiterDoesNotStealANotification, TimedOutWaiterTakesNoNotification,
    StoppedWaiterTakesNoNotification, BareStopTokenWaitTellsWhy,
    StopWakesAllThatListenAndNobodyElse, NotifiedWaitersReturnWithTheLockOnly,
    ThrowingPredicateLeavesTheLockHeld, BoundedBufferKeepsOrderAndLosesNothing,
    BroadcastRoundsLeaveNobodyBehind);

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_CONDITION_SUITE_H_
