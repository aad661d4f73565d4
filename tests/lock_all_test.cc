// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/biased_shared_mutex.h>
#include <sync/lock_all.h>
#include <sync/mutex.h>
#include <sync/ordered_mutex.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/exclusion.h"
#include "tests/support/lock_holder.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/user_clock.h"

namespace syncxx_test {
namespace {

using syncxx::all_lock;
using syncxx::lock_all;
using syncxx::lock_all_for;
using syncxx::lock_all_until;
using syncxx::lockable_ref;
using syncxx::mutex;
using syncxx::one_token;
using syncxx::shared_side;
using syncxx::try_lock_all;
using syncxx::unlock_all;
using syncxx::upgrade_side;

static_assert(lockable<syncxx::shared_side_of<syncxx::shared_mutex>>);
static_assert(lockable<syncxx::token_of<std::counting_semaphore<3>>>);
static_assert(pinned<all_lock<2>>);
// A lock that nobody could unlock afterwards.
static_assert(!std::is_constructible_v<lockable_ref, mutex>);
static_assert(std::is_constructible_v<lockable_ref, mutex&>);

// --- All or none -------------------------------------------------------------

TEST(LockAllTest, TakesAllAndGivesAllBack) {
  mutex a, b, c;
  lock_all(a, b, c);
  EXPECT_TRUE(all_taken(a, b, c));
  unlock_all(a, b, c);
  EXPECT_TRUE(all_free(a, b, c));
  lock_all(a);
  EXPECT_TRUE(all_taken(a));
  unlock_all(a);
  EXPECT_TRUE(all_free(a));
}

TEST(LockAllTest, LocksOfAllKindsAtOnce) {
  mutex ours;
  std::mutex theirs;
  syncxx::shared_mutex read, upgraded, written;
  syncxx::biased_shared_mutex biased;
  syncxx::pi_mutex pi;
  syncxx::spinlock spin;
  syncxx::ticket_lock ticket;
  syncxx::queue_lock queue;
  syncxx::ordered_mutex<4> high;
  syncxx::ordered_mutex<2, syncxx::shared_mutex> low;
  syncxx::counting_semaphore<> tokens(3);
  std::counting_semaphore<> their_tokens(1);
  std::unique_lock<std::mutex> deferred(theirs, std::defer_lock);
  for (int i = 0; i < 2; ++i) {
    {
      const all_lock all(high, ours, deferred, shared_side(read),
                         upgrade_side(upgraded), written, shared_side(biased),
                         pi, spin, ticket, queue, shared_side(low),
                         one_token(tokens), one_token(tokens),
                         one_token(their_tokens));
      EXPECT_TRUE(deferred.owns_lock());
      EXPECT_TRUE(all_taken(ours, theirs, read, upgraded, written, biased, pi,
                            spin, ticket, queue, high, low));
      std::thread([&] {
        EXPECT_TRUE(read.try_lock_shared());
        read.unlock_shared();
        EXPECT_TRUE(upgraded.try_lock_shared());
        upgraded.unlock_shared();
        EXPECT_FALSE(upgraded.try_lock_upgrade());
        EXPECT_TRUE(tokens.try_acquire()) << "two of three were taken";
        EXPECT_FALSE(tokens.try_acquire());
        tokens.release();
        EXPECT_FALSE(their_tokens.try_acquire());
      }).join();
    }
    EXPECT_TRUE(all_free(ours, theirs, read, upgraded, written, biased, pi,
                         spin, ticket, queue, high, low));
    EXPECT_TRUE(their_tokens.try_acquire());
    their_tokens.release();
  }
}

TEST(LockAllTest, TryTellsWhichOneWasTakenAndHoldsNothing) {
  mutex a, b, c;
  EXPECT_EQ(try_lock_all(a, b, c), -1);
  unlock_all(a, b, c);
  const auto fails_at = [&](mutex& taken, int index) {
    const holder other(taken);
    EXPECT_EQ(try_lock_all(a, b, c), index);
    for (mutex* m : {&a, &b, &c})
      EXPECT_EQ(try_from_another_thread(*m), m != &taken);
  };
  fails_at(a, 0);
  fails_at(b, 1);
  fails_at(c, 2);
}

// It sleeps for the one that is taken, and the others are free meanwhile.
TEST(LockAllTest, HoldsNothingWhileItWaits) {
  mutex a, b, c;
  for (mutex* taken : {&a, &b, &c}) {
    holder other(*taken);
    background<bool> waiting([&] {
      lock_all(a, b, c);
      const bool all = all_taken(a, b, c);
      unlock_all(a, b, c);
      return all;
    });
    waiting.await_sleep();
    for (mutex* m : {&a, &b, &c})
      EXPECT_EQ(try_from_another_thread(*m), m != taken);
    other.let_go();
    EXPECT_TRUE(waiting.result());
  }
}

// --- No deadlock -------------------------------------------------------------

TEST(LockAllTest, AllPermutationsAtOnce) {
  constexpr int kRounds = 2000;
  mutex a;
  std::mutex b;
  syncxx::shared_mutex c;
  syncxx::binary_semaphore d(1);
  long inside = 0;
  std::vector<std::array<lockable_ref, 4>> orders;
  std::array<int, 4> order{0, 1, 2, 3};
  const std::array<lockable_ref, 4> locks{a, b, c, one_token(d)};
  do {
    const auto at = [&](int i) {
      return locks[static_cast<unsigned>(order[static_cast<unsigned>(i)])];
    };
    orders.push_back({at(0), at(1), at(2), at(3)});
  } while (std::next_permutation(order.begin(), order.end()));
  ASSERT_EQ(orders.size(), 24u);
  const int rounds = iterations(kRounds / 24);
  std::vector<std::thread> crew;
  for (const auto& mine : orders) {
    crew.emplace_back([&, rounds] {
      for (int i = 0; i < rounds; ++i) {
        const all_lock all(mine);
        ++inside;
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(inside, 24L * rounds);
}

TEST(LockAllTest, FivePhilosophers) {
  constexpr unsigned kSeats = 5;
  const int meals = iterations(4000);
  std::array<mutex, kSeats> forks;
  std::array<int, kSeats> used{};  // each guarded by its fork
  std::vector<std::thread> crew;
  starting_line line(kSeats);
  for (unsigned i = 0; i < kSeats; ++i) {
    crew.emplace_back([&, i, meals] {
      const unsigned left = i, right = (i + 1) % kSeats;
      line.ready_and_go();
      for (int meal = 0; meal < meals; ++meal) {
        const all_lock both(forks[left], forks[right]);
        ++used[left];
        if (meal % 256 == 0) std::this_thread::yield();
        ++used[right];
      }
    });
  }
  for (std::thread& t : crew) t.join();
  for (const int n : used) EXPECT_EQ(n, 2 * meals);
}

// Says so when it is waited for while the thread holds another one.
class watchful {
 public:
  void lock() {
    wait_begins();
    m_.lock();
    ++held;
  }
  bool try_lock() {
    const bool owned = m_.try_lock();
    held += owned;
    return owned;
  }
  template <class Time>
  bool try_lock_until(const Time& time) {
    wait_begins();
    const bool owned = m_.try_lock_until(time);
    held += owned;
    return owned;
  }
  void unlock() {
    m_.unlock();
    --held;
  }
  static inline thread_local int held = 0;
  static inline std::atomic<int> wrong{0}, waits{0};

 private:
  static void wait_begins() {
    ++waits;
    wrong += held != 0;
  }
  mutex m_;
};

// So no order between the locks is there to be recorded.
TEST(LockAllTest, WaitsOnlyWhileNothingIsHeld) {
  watchful a, b, c;
  const int rounds = iterations(3000);
  std::vector<std::thread> crew;
  for (int t = 0; t < 3; ++t) {
    crew.emplace_back([&, t, rounds] {
      for (int i = 0; i < rounds; ++i) {
        if (i % 16 == 0) {
          if (!lock_all_for(1h, b, a, c)) ADD_FAILURE();
        } else if (t % 2 == 0) {
          lock_all(a, b, c);
        } else {
          lock_all(c, b, a);
        }
        if (i % 128 == 0) std::this_thread::yield();
        unlock_all(c, a, b);
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_EQ(watchful::wrong, 0);
  EXPECT_GE(watchful::waits, rounds);
}

// One reads what others write, in opposite orders.
TEST(LockAllTest, ReadersAndWritersInOppositeOrders) {
  syncxx::shared_mutex a, b;
  long left = 0, right = 0;
  const int rounds = iterations(5000);
  std::atomic<bool> torn{false};
  std::vector<std::thread> crew;
  for (int t = 0; t < 2; ++t) {
    crew.emplace_back([&, rounds] {
      for (int i = 0; i < rounds; ++i) {
        const all_lock both(a, b);
        ++left;
        ++right;
      }
    });
    crew.emplace_back([&, rounds] {
      for (int i = 0; i < rounds; ++i) {
        const all_lock both(shared_side(b), shared_side(a));
        if (left != right) torn = true;
      }
    });
  }
  for (std::thread& t : crew) t.join();
  EXPECT_FALSE(torn);
  EXPECT_EQ(left, 2L * rounds);
}

// --- Bounded -----------------------------------------------------------------

template <class M>
class LockAllBounded : public testing::Test {};
// Those that can wait so, and those that are tried again.
using bounded_types =
    testing::Types<mutex, std::mutex, std::timed_mutex, std::shared_timed_mutex,
                   syncxx::pi_mutex, syncxx::spinlock, syncxx::ticket_lock>;
TYPED_TEST_SUITE(LockAllBounded, bounded_types);

TYPED_TEST(LockAllBounded, EndsInTimeWithNothingHeld) {
  TypeParam a, b, c;
  const auto now = [] { return std::chrono::steady_clock::now(); };
  std::stop_source stopped;
  stopped.request_stop();
  const std::stop_token stop = stopped.get_token();
  for (TypeParam* taken : {&a, &b, &c}) {
    const holder other(*taken);
    const auto began = now();
    EXPECT_FALSE(lock_all_for(5ms, a, b, c));
    EXPECT_GE(now() - began, 5ms);
    EXPECT_FALSE(lock_all_for(-1h, a, b, c));
    EXPECT_FALSE(lock_all_for(5ms, std::stop_token(), a, b, c));
    EXPECT_FALSE(lock_all_until(now() + 2ms, a, b, c));
    EXPECT_FALSE(lock_all_until(now() - 1h, a, b, c));
    EXPECT_FALSE(
        lock_all_until(std::chrono::system_clock::now() + 2ms, a, b, c));
    EXPECT_FALSE(lock_all_until(fast_clock::now() + 2ms, a, b, c));
    EXPECT_FALSE(lock_all(stop, a, b, c));
    EXPECT_FALSE(lock_all_for(1h, stop, a, b, c));
    EXPECT_FALSE(lock_all_until(now() + 1h, stop, a, b, c));
    for (TypeParam* m : {&a, &b, &c})
      EXPECT_EQ(try_from_another_thread(*m), m != taken);
  }
  // What is free is taken even so.
  const auto taken = [&](bool owned) {
    ASSERT_TRUE(owned);
    EXPECT_TRUE(all_taken(a, b, c));
    const all_lock adopted(std::adopt_lock, a, b, c);
  };
  taken(lock_all_for(0ms, a, b, c));
  taken(lock_all_for(std::chrono::hours::max(), a, b, c));
  taken(lock_all_until(now() - 1h, a, b, c));
  taken(lock_all_until(std::chrono::system_clock::time_point::min(), a, b, c));
  taken(lock_all(stop, a, b, c));
  taken(lock_all_until(now() + 1h, stop, a, b, c));
  EXPECT_TRUE(all_free(a, b, c));
}

TYPED_TEST(LockAllBounded, AStopRequestEndsIt) {
  TypeParam a, b;
  for (TypeParam* taken : {&a, &b}) {
    const holder other(*taken);
    std::stop_source source;
    background<bool> waiting(
        [&] { return lock_all(source.get_token(), a, b); });
    std::this_thread::sleep_for(3ms);
    EXPECT_FALSE(waiting.finished());
    source.request_stop();
    EXPECT_FALSE(waiting.result());
    EXPECT_TRUE(all_free(taken == &a ? b : a));
  }
}

TYPED_TEST(LockAllBounded, GetsThemWhenTheyComeFree) {
  TypeParam a, b;
  for (TypeParam* taken : {&a, &b}) {
    holder other(*taken);
    background<bool> waiting([&] {
      if (!lock_all_for(1h, a, b)) return false;
      unlock_all(a, b);
      if (!lock_all_for(1h, std::stop_source().get_token(), a, b)) return false;
      unlock_all(a, b);
      return true;
    });
    std::this_thread::sleep_for(1ms);
    EXPECT_FALSE(waiting.finished());
    other.let_go();
    EXPECT_TRUE(waiting.result());
  }
}

// A token that is never stopped costs no pauses: it sleeps in the kernel.
TEST(LockAllTest, SleepsForWhatCannotBeStoppedUnlessAStopIsPossible) {
  syncxx::pi_mutex a, b;
  holder other(b);
  background<bool> waiting([&] {
    if (!lock_all_until(std::chrono::steady_clock::now() + 1h, a, b))
      return false;
    unlock_all(a, b);
    return true;
  });
  waiting.await_sleep();
  const long sleeps = sleeps_so_far(waiting.tid());
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(sleeps_so_far(waiting.tid()), sleeps) << "it was woken to try";
  other.let_go();
  EXPECT_TRUE(waiting.result());
}

TEST(LockAllTest, SidesAndTokensAreBoundedToo) {
  syncxx::shared_mutex m;
  syncxx::counting_semaphore<> tokens(1);
  mutex free;
  const auto fails = [&] {
    EXPECT_FALSE(lock_all_for(1ms, free, shared_side(m), one_token(tokens)));
    EXPECT_FALSE(lock_all_for(1ms, one_token(tokens), upgrade_side(m), free));
    EXPECT_FALSE(lock_all_for(1ms, upgrade_side(m), free, one_token(tokens)));
    EXPECT_TRUE(all_free(free));
    EXPECT_EQ(tokens.try_acquire(), true);
    tokens.release();
  };
  {
    const holder writer(m);
    fails();
  }
  tokens.acquire();
  EXPECT_FALSE(lock_all_for(1ms, upgrade_side(m), one_token(tokens)));
  EXPECT_FALSE(lock_all_for(1ms, one_token(tokens), shared_side(m)));
  EXPECT_TRUE(all_free(m));
  tokens.release();
  EXPECT_FALSE(lock_all_for(1ms, one_token(tokens), one_token(tokens)))
      << "there is one token only";
  EXPECT_TRUE(tokens.try_acquire());
}

// --- Errors ------------------------------------------------------------------

template <class F>
void expect_same(const char* which, F f) {
  try {
    f();
    ADD_FAILURE() << "nothing was thrown for " << which;
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(),
              std::make_error_code(std::errc::resource_deadlock_would_occur));
    EXPECT_NE(std::string(error.what()).find(which), std::string::npos)
        << error.what();
  }
}

TEST(LockAllTest, TheSameLockTwiceIsAnError) {
  mutex a, b;
  syncxx::shared_mutex s;
  std::unique_lock<mutex> guard(b, std::defer_lock);
  expect_same("0 and 1", [&] { lock_all(a, a); });
  expect_same("0 and 2", [&] { lock_all(a, b, a); });
  expect_same("1 and 2", [&] { lock_all(a, shared_side(s), s); });
  expect_same("0 and 1", [&] { lock_all(shared_side(s), shared_side(s)); });
  expect_same("0 and 1", [&] { lock_all(shared_side(s), upgrade_side(s)); });
  expect_same("0 and 2", [&] { lock_all(guard, a, b); });
  expect_same("0 and 1", [&] { static_cast<void>(try_lock_all(a, a)); });
  expect_same("0 and 1", [&] { static_cast<void>(lock_all_for(1ms, a, a)); });
  expect_same("0 and 1", [&] { const all_lock both(a, a); });
  EXPECT_TRUE(all_free(a, b, s));

  std::deque<mutex> many(200);
  std::vector<mutex*> pointers;
  for (mutex& m : many) pointers.push_back(&m);
  pointers.push_back(&many[77]);
  expect_same("77 and 200", [&] { lock_all(pointers); });
  EXPECT_TRUE(all_free(many[0], many[77], many[199]));
}

// The second of its operations throws.
struct second_throws {
  void lock() { step(); }
  bool try_lock() {
    step();
    return true;
  }
  void unlock() {}
  void step() {
    if (++steps == 2) throw std::runtime_error("broken");
  }
  int steps = 0;
};
struct always_throws {
  void lock() { throw std::runtime_error("broken"); }
  bool try_lock() { throw std::runtime_error("broken"); }
  void unlock() { ADD_FAILURE() << "was never locked"; }
};

TEST(LockAllTest, AnExceptionGivesAllBack) {
  mutex a, b;
  always_throws broken;
  EXPECT_THROW(lock_all(a, b, broken), std::runtime_error);
  EXPECT_THROW(lock_all(a, broken, b), std::runtime_error);
  EXPECT_THROW(lock_all(broken, a, b), std::runtime_error);
  EXPECT_THROW(static_cast<void>(try_lock_all(a, b, broken)),
               std::runtime_error);
  EXPECT_THROW(static_cast<void>(lock_all_for(1h, a, b, broken)),
               std::runtime_error);
  EXPECT_THROW(static_cast<void>(lock_all_for(1h, broken, a, b)),
               std::runtime_error);
  EXPECT_THROW(const all_lock all(a, b, broken), std::runtime_error);
  EXPECT_TRUE(all_free(a, b));

  // In a later round: a was waited for, b was taken, and b is waited for next.
  holder other(b);
  second_throws late;
  background<bool> waiting([&] {
    try {
      lock_all(late, b);
    } catch (const std::runtime_error&) {
      return true;
    }
    return false;
  });
  waiting.await_sleep();
  other.let_go();
  EXPECT_TRUE(waiting.result());
  EXPECT_TRUE(all_free(b));
}

TEST(LockAllTest, OrderedMutexesKeepTheirOrderTowardsWhatIsHeld) {
  syncxx::ordered_mutex<1> low;
  syncxx::ordered_mutex<5, syncxx::shared_mutex> held;
  syncxx::ordered_mutex<7, syncxx::shared_mutex> high;
  lock_all(high, low);
  unlock_all(high, low);
  const std::lock_guard lock(held);
  std::unique_lock<syncxx::ordered_mutex<1>> guard(low, std::defer_lock);
  // Wherever it is named: also where a try would have taken it.
  EXPECT_THROW(lock_all(low, high), std::system_error);
  EXPECT_THROW(lock_all(high, low), std::system_error);
  EXPECT_THROW(lock_all(shared_side(high), guard), std::system_error);
  EXPECT_THROW(static_cast<void>(lock_all_for(1ms, high, low)),
               std::system_error);
  EXPECT_EQ(try_lock_all(high, low), -1) << "a try never waits";
  unlock_all(low, high);
  EXPECT_TRUE(all_free(low, high));
}

}  // namespace
}  // namespace syncxx_test
