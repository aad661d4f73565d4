// SPDX-License-Identifier: Apache-2.0
//
// Small primitives with a bug each, for the harness to catch, and the same
// without, for it to leave alone. They share nothing with the library.
#ifndef SYNCXX_STRESS_SUPPORT_BROKEN_H_
#define SYNCXX_STRESS_SUPPORT_BROKEN_H_

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>  // std::cv_status
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>

namespace syncxx::stress {

enum class bug {
  none,
  // mutex
  no_exclusion,      // looks whether it is free, then takes it
  forgets_sleepers,  // a woken thread forgets that others sleep, too
  touches_late,      // reads a counter of its own after it has let go
  scribbles_late,    // writes to itself after it has let go
  gives_up_early,    // a timed lock that waits for half the time
  // shared mutex
  lets_go_to_upgrade,  // an upgrader that unlocks, then locks to write
  counts_too_late,     // a reader that looks for writers, then counts itself
  // a lock that keeps the order of arrival
  lets_others_pass,  // whoever looks first when it is free takes it
  // condition variable
  leaves_its_place,   // a waiter that times out beside a notifier stays listed
  keeps_a_notify,     // a waiter notified as it timed out says "timed out"
  wakes_one_for_all,  // notify_all that wakes one
  // semaphore
  leaks_on_stop,  // a waiter that is stopped as it takes a token keeps it
  wakes_too_few,  // release(n) that wakes one
  // event and latch
  misses_pulses,  // a waiter that looks at the flag only
  opens_early,    // a latch that lets waiters through one count too soon
  // barrier and once
  renews_late,     // a barrier that counts anew after it has let all through
  says_done_early  // done is said before the call
};

using raw_word = std::atomic<std::uint32_t>;

inline void raw_wait(raw_word& word, std::uint32_t expected,
                     const timespec* timeout = nullptr) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, timeout, nullptr, 0);
}
inline void raw_wake(raw_word& word, int n) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, n, nullptr, nullptr, 0);
}

// Repeats attempt(timeout), which may sleep that long, until it succeeds or
// the clock has reached `end`.
template <class Clock, class Duration, class Attempt>
bool try_until(std::chrono::time_point<Clock, Duration> end, Attempt attempt) {
  using std::chrono::nanoseconds;
  for (;;) {
    if (attempt(nullptr)) return true;
    const auto now = Clock::now();
    if (now >= end) return false;
    constexpr nanoseconds kLongest = std::chrono::milliseconds(10);
    const nanoseconds left =
        end - now > kLongest
            ? kLongest
            : std::chrono::duration_cast<nanoseconds>(end - now);
    const timespec timeout{0, static_cast<long>(left.count())};
    if (attempt(&timeout)) return true;
  }
}
template <class Rep, class Period, class Attempt>
bool try_for(std::chrono::duration<Rep, Period> d, Attempt attempt) {
  using namespace std::chrono;
  if (d > hours(1)) return try_until(steady_clock::time_point::max(), attempt);
  return try_until(steady_clock::now() + ceil<nanoseconds>(d), attempt);
}

// 0: free, 1: held, 2: held, and somebody may sleep.
template <bug Bug>
class small_mutex {
 public:
  void lock() {
    if constexpr (Bug == bug::no_exclusion) {
      while (word_.load(std::memory_order_acquire) != 0) sched_yield();
      word_.store(1, std::memory_order_relaxed);
    } else if (!try_lock()) {
      while (!sleep_and_try(nullptr)) {
      }
    }
  }
  bool try_lock() {
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire);
  }
  template <class D>
  bool try_lock_for(const D& d) {
    if constexpr (Bug == bug::gives_up_early)
      return timed([&](auto attempt) { return try_for(d / 2, attempt); });
    else
      return timed([&](auto attempt) { return try_for(d, attempt); });
  }
  template <class T>
  bool try_lock_until(const T& t) {
    return timed([&](auto attempt) { return try_until(t, attempt); });
  }
  void unlock() {
    if constexpr (Bug == bug::touches_late) {
      word_.store(0, std::memory_order_seq_cst);
      sched_yield();  // (else it takes seconds, or minutes, to be seen)
      if (sleepers_.load(std::memory_order_seq_cst) != 0) raw_wake(word_, 1);
    } else {
      if (word_.exchange(0, std::memory_order_release) == 2) raw_wake(word_, 1);
      if constexpr (Bug == bug::scribbles_late)
        sleepers_.store(0, std::memory_order_relaxed);
    }
  }

 private:
  template <class F>
  bool timed(F with) {
    return with([this](const timespec* timeout) {
      return timeout == nullptr ? try_lock() : sleep_and_try(timeout);
    });
  }

  bool sleep_and_try(const timespec* timeout) {
    if (word_.exchange(2, std::memory_order_acquire) == 0) return true;
    if constexpr (Bug == bug::touches_late)
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
    raw_wait(word_, 2, timeout);
    if constexpr (Bug == bug::touches_late)
      sleepers_.fetch_sub(1, std::memory_order_relaxed);
    if constexpr (Bug == bug::forgets_sleepers) return try_lock();
    return word_.exchange(2, std::memory_order_acquire) == 0;
  }

  raw_word word_{0};
  raw_word sleepers_{0};
};

// Two counters: who comes takes the next number.
template <bug Bug>
class small_ticket_lock {
 public:
  void lock() {
    const std::uint32_t mine = next_.fetch_add(1, std::memory_order_relaxed);
    while (!may_go(mine)) sched_yield();
  }
  void unlock() {
    free_.store(true, std::memory_order_release);
    serving_.fetch_add(1, std::memory_order_release);
  }

 private:
  bool may_go(std::uint32_t mine) {
    if constexpr (Bug == bug::lets_others_pass)
      return free_.exchange(false, std::memory_order_acquire);
    else
      return serving_.load(std::memory_order_acquire) == mine;
  }

  raw_word next_{0};  // first: the line cases look at it
  raw_word serving_{0};
  std::atomic<bool> free_{true};
};

// A list of waiters, each asleep on a word of its own.
template <bug Bug>
class small_condition_variable {
 public:
  template <class Lock>
  void wait(Lock& lock) {
    sleep(lock, [](const std::shared_ptr<waiter>& me) {
      while (me->notified.load(std::memory_order_acquire) == 0)
        raw_wait(me->notified, 0);
      return true;
    });
  }
  template <class Lock, class Predicate>
  void wait(Lock& lock, Predicate holds) {
    while (!holds()) wait(lock);
  }
  template <class Lock, class Clock, class D>
  std::cv_status wait_until(Lock& lock, std::chrono::time_point<Clock, D> t) {
    const bool notified = sleep(lock, [&](const std::shared_ptr<waiter>& me) {
      return try_until(t, [&](const timespec* timeout) {
        if (timeout != nullptr) raw_wait(me->notified, 0, timeout);
        return me->notified.load(std::memory_order_acquire) != 0;
      });
    });
    return notified ? std::cv_status::no_timeout : std::cv_status::timeout;
  }
  template <class Lock, class Clock, class D, class Predicate>
  bool wait_until(Lock& lock, std::chrono::time_point<Clock, D> t,
                  Predicate holds) {
    while (!holds())
      if (wait_until(lock, t) == std::cv_status::timeout) return holds();
    return true;
  }
  template <class Lock, class Rep, class Period>
  std::cv_status wait_for(Lock& lock, std::chrono::duration<Rep, Period> d) {
    return wait_until(lock, end_of(d));
  }
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::chrono::duration<Rep, Period> d,
                Predicate holds) {
    return wait_until(lock, end_of(d), holds);
  }

  void notify_one() { notify(1); }
  void notify_all() {
    notify(Bug == bug::wakes_one_for_all ? 1 : static_cast<std::size_t>(-1));
  }

 private:
  struct waiter {
    raw_word notified{0};
  };

  template <class Rep, class Period>
  static auto end_of(std::chrono::duration<Rep, Period> d) {
    using namespace std::chrono;
    return d > hours(1) ? steady_clock::time_point::max()
                        : steady_clock::now() + ceil<nanoseconds>(d);
  }

  template <class Lock, class Sleep>
  bool sleep(Lock& lock, Sleep until_notified) {
    const auto me = std::make_shared<waiter>();
    {
      const std::lock_guard hold(guard_);
      waiters_.push_back(me);
    }
    lock.unlock();
    const bool notified = until_notified(me) || !leave(me);
    lock.lock();
    return notified;
  }

  // False: it was notified in the last moment.
  bool leave(const std::shared_ptr<waiter>& me) {
    if constexpr (Bug == bug::leaves_its_place) {
      if (!guard_.try_lock()) return true;
    } else {
      guard_.lock();
    }
    const auto place = std::find(waiters_.begin(), waiters_.end(), me);
    const bool listed = place != waiters_.end();
    if (listed) waiters_.erase(place);
    guard_.unlock();
    return listed || Bug == bug::keeps_a_notify;
  }

  void notify(std::size_t n) {
    for (; n != 0; --n) {
      std::unique_lock hold(guard_);
      if (waiters_.empty()) return;
      const auto next = waiters_.front();
      waiters_.pop_front();
      if (Bug != bug::leaves_its_place) hold.unlock();
      if (Bug == bug::leaves_its_place) sched_yield();  // seen sooner
      next->notified.store(1, std::memory_order_release);
      raw_wake(next->notified, 1);
    }
  }

  std::mutex guard_;
  std::deque<std::shared_ptr<waiter>> waiters_;
};

template <bug Bug>
class small_semaphore {
 public:
  explicit small_semaphore(std::ptrdiff_t tokens)
      : tokens_(static_cast<std::uint32_t>(tokens)) {}

  bool try_acquire() {
    std::uint32_t tokens = tokens_.load(std::memory_order_relaxed);
    while (tokens != 0)
      if (tokens_.compare_exchange_weak(tokens, tokens - 1,
                                        std::memory_order_acquire,
                                        std::memory_order_relaxed))
        return true;
    return false;
  }
  void acquire() {
    while (!try_acquire()) raw_wait(tokens_, 0);
  }
  template <class D>
  bool try_acquire_for(const D& d) {
    return try_for(d, [this](const timespec* t) { return attempt(t); });
  }
  template <class T>
  bool try_acquire_until(const T& t) {
    return try_until(t, [this](const timespec* to) { return attempt(to); });
  }
  bool acquire(const std::stop_token& stop) {
    constexpr timespec kPoll{0, 500000};
    for (;;) {
      const bool taken = try_acquire();
      if constexpr (Bug == bug::leaks_on_stop) {
        if (stop.stop_requested()) return false;
        if (taken) return true;
      } else {
        if (taken) return true;
        if (stop.stop_requested()) return false;
      }
      raw_wait(tokens_, 0, &kPoll);
    }
  }
  void release(std::ptrdiff_t n = 1) {
    tokens_.fetch_add(static_cast<std::uint32_t>(n), std::memory_order_release);
    raw_wake(tokens_, Bug == bug::wakes_too_few ? 1 : static_cast<int>(n));
  }

 private:
  bool attempt(const timespec* timeout) {
    if (timeout != nullptr) raw_wait(tokens_, 0, timeout);
    return try_acquire();
  }

  raw_word tokens_;
};

// Bit 0: set; the rest counts how often it was.
template <bug Bug>
class small_event {
 public:
  void set() {
    if ((word_.fetch_or(1, std::memory_order_release) & 1) == 0)
      word_.fetch_add(2, std::memory_order_release);
    raw_wake(word_, INT_MAX);
  }
  void reset() { word_.fetch_and(~1U, std::memory_order_relaxed); }
  bool is_set() const { return (word_.load() & 1) != 0; }
  bool try_wait() const { return is_set(); }
  void wait() { wait_until(std::chrono::steady_clock::time_point::max()); }
  template <class D>
  bool wait_for(const D& d) {
    return waited([&](auto attempt) { return try_for(d, attempt); });
  }
  template <class T>
  bool wait_until(const T& t) {
    return waited([&](auto attempt) { return try_until(t, attempt); });
  }
  bool wait(const std::stop_token& stop) {
    while (!wait_for(std::chrono::microseconds(500)))
      if (stop.stop_requested()) return false;
    return true;
  }
  template <class D>
  bool wait_for(const D& d, const std::stop_token&) {
    return wait_for(d);
  }
  template <class T>
  bool wait_until(const T& t, const std::stop_token&) {
    return wait_until(t);
  }

 private:
  template <class F>
  bool waited(F with) {
    const std::uint32_t before = word_.load(std::memory_order_acquire) >> 1;
    return with([this, before](const timespec* timeout) {
      std::uint32_t now = word_.load(std::memory_order_acquire);
      if (timeout != nullptr && (now & 1) == 0 && now >> 1 == before) {
        raw_wait(word_, now, timeout);
        now = word_.load(std::memory_order_acquire);
      }
      return (now & 1) != 0 ||
             (Bug != bug::misses_pulses && now >> 1 != before);
    });
  }

  raw_word word_{0};
};

template <bug Bug>
class small_latch {
 public:
  explicit small_latch(std::ptrdiff_t n)
      : left_(static_cast<std::uint32_t>(n)) {}

  void count_down(std::ptrdiff_t n = 1) {
    left_.fetch_sub(static_cast<std::uint32_t>(n), std::memory_order_acq_rel);
    raw_wake(left_, INT_MAX);
  }
  bool try_wait() const {
    return left_.load(std::memory_order_acquire) <=
           (Bug == bug::opens_early ? 1U : 0U);
  }
  void wait() const {
    for (;;) {
      const std::uint32_t left = left_.load(std::memory_order_acquire);
      if (try_wait()) return;
      raw_wait(left_, left);
    }
  }
  void arrive_and_wait(std::ptrdiff_t n = 1) {
    count_down(n);
    wait();
  }
  template <class D>
  bool wait_for(const D& d) const {
    return try_for(d, [this](const timespec* t) { return attempt(t); });
  }
  template <class T>
  bool wait_until(const T& t) const {
    return try_until(t, [this](const timespec* to) { return attempt(to); });
  }
  bool wait(const std::stop_token& stop) const {
    while (!wait_for(std::chrono::microseconds(500)))
      if (stop.stop_requested()) return false;
    return true;
  }
  template <class D>
  bool wait_for(const D& d, const std::stop_token&) const {
    return wait_for(d);
  }
  template <class T>
  bool wait_until(const T& t, const std::stop_token&) const {
    return wait_until(t);
  }

 private:
  bool attempt(const timespec* timeout) const {
    const std::uint32_t left = left_.load(std::memory_order_acquire);
    if (timeout != nullptr && !try_wait()) raw_wait(left_, left, timeout);
    return try_wait();
  }

  mutable raw_word left_;
};

// Spins; no promise of fairness.
template <bug Bug>
class small_shared_mutex {
 public:
  void lock() { upgrading_wait(), write(); }
  bool try_lock_for(std::chrono::nanoseconds) { return try_lock(); }
  bool lock(const std::stop_token&) { return try_lock(); }
  void unlock() {
    word_.fetch_and(~kWriter);
    upgrading_.store(false);
  }

  void lock_shared() {
    while (!try_lock_shared()) sched_yield();
  }
  bool try_lock_shared_for(std::chrono::nanoseconds) {
    return try_lock_shared();
  }
  bool lock_shared(const std::stop_token&) { return try_lock_shared(); }
  void unlock_shared() { word_.fetch_sub(1); }

  void lock_upgrade() { upgrading_wait(); }
  void unlock_upgrade() { upgrading_.store(false); }
  void unlock_upgrade_and_lock() {
    if constexpr (Bug == bug::lets_go_to_upgrade) {
      unlock_upgrade();
      sched_yield();
      lock();
    } else {
      write();
    }
  }
  bool try_unlock_upgrade_and_lock() {
    std::uint32_t none = 0;
    return word_.compare_exchange_strong(none, kWriter);
  }
  void unlock_and_lock_upgrade() { word_.fetch_and(~kWriter); }
  void unlock_and_lock_shared() {
    word_.store(1);
    upgrading_.store(false);
  }
  void unlock_upgrade_and_lock_shared() {
    word_.fetch_add(1);
    upgrading_.store(false);
  }

 private:
  static constexpr std::uint32_t kWriter = 1u << 31;

  void upgrading_wait() {
    while (upgrading_.exchange(true)) sched_yield();
  }
  void write() {
    while (!try_unlock_upgrade_and_lock()) sched_yield();
  }
  bool try_lock() {
    if (upgrading_.exchange(true)) return false;
    if (try_unlock_upgrade_and_lock()) return true;
    upgrading_.store(false);
    return false;
  }
  bool try_lock_shared() {
    std::uint32_t w = word_.load();
    if ((w & kWriter) != 0) return false;
    if constexpr (Bug == bug::counts_too_late) {
      sched_yield();
      word_.fetch_add(1);
      return true;
    }
    return word_.compare_exchange_strong(w, w + 1);
  }

  std::atomic<std::uint32_t> word_{0};
  std::atomic<bool> upgrading_{false};
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_BROKEN_H_
