// SPDX-License-Identifier: Apache-2.0
//
// futex_wait, futex_wake, futex_requeue, futex_wait_any: a lock and a condition
// variable made of nothing else, under the cases for locks and for condition
// variables.
#include <sync/atomic.h>
#include <sync/futex.h>

#include <chrono>
#include <climits>
#include <cstdint>
#include <mutex>
#include <string>

#include "support/condition_variable_cases.h"
#include "support/lock_cases.h"

namespace {

using namespace syncxx::stress;
using syncxx::futex_result;
using syncxx::futex_wait_entry;

// 0: free, 1: owned, 2: owned, and threads may sleep. Drepper's second mutex
// (Futexes Are Tricky). Its waiters sleep on two words: the state, and a bell
// that is rung for no reason now and then, so that a wake of either may reach
// one that the other has woken already.
class two_word_lock {
 public:
  bool try_lock() {
    std::uint32_t free = 0;
    return state_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }
  void lock() {
    if (!try_lock()) lock_as_sleeper();
  }
  // For one that has slept here: others may sleep still.
  void lock_as_sleeper() {
    take([](auto entries) { return syncxx::futex_wait_any(entries); });
  }
  // Waits that long after each wake: long enough, but not for ever.
  template <class D>
  bool try_lock_for(const D& d) {
    return try_lock() || take([&](auto entries) {
             return syncxx::futex_wait_any_for(entries, d);
           });
  }
  template <class T>
  bool try_lock_until(const T& t) {
    return try_lock() || take([&](auto entries) {
             return syncxx::futex_wait_any_until(entries, t);
           });
  }
  void unlock() {
    if (++tenures_ % 8 == 0) {
      bell_.fetch_add(1, std::memory_order_relaxed);
      syncxx::futex_wake_all(bell_);
    }
    if (state_.exchange(0, std::memory_order_release) == 2)
      syncxx::futex_wake(state_);
  }

  const syncxx::atomic<std::uint32_t>& word() const { return state_; }

 private:
  // Until the lock is taken, or sleep(entries) says that the time is up.
  template <class Sleep>
  bool take(Sleep sleep) {
    for (;;) {
      const std::uint32_t rung = bell_.load(std::memory_order_relaxed);
      if (state_.exchange(2, std::memory_order_acquire) == 0) return true;
      const futex_wait_entry both[] = {{&state_, 2}, {&bell_, rung}};
      if (!sleep(std::span(both))) return false;
    }
  }

  syncxx::atomic<std::uint32_t> state_{0};
  syncxx::atomic<std::uint32_t> bell_{0};
  std::uint32_t tenures_ = 0;  // guarded by the lock
};

// A sequence number: waiters sleep on it, and notify_all wakes one of them and
// moves the others to the lock, to be woken by one unlock each.
class one_word_condition_variable {
  using lock_type = std::unique_lock<two_word_lock>;

 public:
  void wait(lock_type& lock) {
    sleep(lock, [&](std::uint32_t seen) {
      return syncxx::futex_wait(sequence_, seen);
    });
  }
  template <class Predicate>
  void wait(lock_type& lock, Predicate holds) {
    while (!holds()) wait(lock);
  }
  template <class Clock, class D, class Predicate>
  bool wait_until(lock_type& lock, const std::chrono::time_point<Clock, D>& t,
                  Predicate holds) {
    while (!holds()) {
      const futex_result how = sleep(lock, [&](std::uint32_t seen) {
        return syncxx::futex_wait_until(sequence_, seen, t);
      });
      if (how == futex_result::timed_out) return holds();
    }
    return true;
  }
  template <class Rep, class Period, class Predicate>
  bool wait_for(lock_type& lock, const std::chrono::duration<Rep, Period>& d,
                Predicate holds) {
    return wait_until(lock,
                      std::chrono::steady_clock::now() +
                          std::chrono::ceil<std::chrono::nanoseconds>(d),
                      holds);
  }

  void notify_one() {
    sequence_.fetch_add(1, std::memory_order_relaxed);
    syncxx::futex_wake(sequence_);
  }
  void notify_all() {
    sequence_.fetch_add(1, std::memory_order_relaxed);
    const two_word_lock* const lock = lock_.load(std::memory_order_relaxed);
    if (lock == nullptr) return;  // nobody has waited yet
    while (!syncxx::futex_requeue(
        sequence_, sequence_.load(std::memory_order_relaxed), lock->word(), 1,
        INT_MAX)) {  // notified by another thread meanwhile: again
    }
  }

 private:
  template <class Sleep>
  futex_result sleep(lock_type& lock, Sleep asleep) {
    two_word_lock* const m = lock.release();
    lock_.store(m, std::memory_order_relaxed);
    const std::uint32_t seen = sequence_.load(std::memory_order_relaxed);
    m->unlock();
    const futex_result how = asleep(seen);
    m->lock_as_sleeper();
    lock = lock_type(*m, std::adopt_lock);
    return how;
  }

  syncxx::atomic<std::uint32_t> sequence_{0};
  syncxx::atomic<two_word_lock*> lock_{nullptr};
};

const lock_suite<two_word_lock> as_lock;

struct requeue_suite {
  requeue_suite() {
    using enum disturbance;
    everyone("", {});
    everyone("_timeouts", {.timeouts = true, .disturbances = jitter});
    everyone("_signals", {.disturbances = signals | jitter});
    everyone("_spurious", {.disturbances = spurious | jitter});
    everyone("_suspend", {.disturbances = suspend | jitter});
    everyone("_crowd", {.timeouts = true, .cpus = 2}, 64);
  }

 private:
  using cv = one_word_condition_variable;

  static void everyone(const std::string& suffix, cv_plan plan,
                       unsigned threads = 0) {
    add_case(
        {.name = "requeue_all" + suffix,
         .what = "every broadcast reaches all, through the lock's word",
         .body = [plan](run& r) { broadcast_case<cv, two_word_lock>(r, plan); },
         .threads = threads});
    add_case(
        {.name = "requeue_baton" + suffix,
         .what = "a broadcast, and only one may go",
         .body = [plan](run& r) { baton_case<cv, two_word_lock>(r, plan); },
         .threads = threads / 4});
  }
};

const requeue_suite requeued;

}  // namespace
