// SPDX-License-Identifier: Apache-2.0
//
// This library, under the same shells as its peers.
#ifndef SYNCXX_BENCH_ADAPTERS_SYNCXX_H_
#define SYNCXX_BENCH_ADAPTERS_SYNCXX_H_

#include <sync/barrier.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/event_count.h>
#include <sync/latch.h>
#include <sync/mcs_lock.h>
#include <sync/mutex.h>
#include <sync/once.h>
#include <sync/parking_lot.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

#include <atomic>
#include <cstdint>

#include "bench/adapters/concepts.h"
#include "bench/adapters/std.h"

namespace syncxx_bench {

struct self_mutex : lockable<syncxx::mutex> {
  static constexpr std::string_view kName = "syncxx::mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_byte_mutex : lockable<syncxx::byte_mutex> {
  static constexpr std::string_view kName = "syncxx::byte_mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_recursive_mutex : lockable<syncxx::recursive_mutex> {
  static constexpr std::string_view kName = "syncxx::recursive_mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_pi_mutex : lockable<syncxx::pi_mutex> {
  static constexpr std::string_view kName = "syncxx::pi_mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_robust_mutex : lockable<syncxx::robust_mutex> {
  static constexpr std::string_view kName = "syncxx::robust_mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_robust_pi_mutex : lockable<syncxx::robust_pi_mutex> {
  static constexpr std::string_view kName = "syncxx::robust_pi_mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_spinlock : lockable<syncxx::spinlock> {
  static constexpr std::string_view kName = "syncxx::spinlock";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr waiting kWaiting = waiting::kSpins;
};

struct self_ticket_lock : lockable<syncxx::ticket_lock> {
  static constexpr std::string_view kName = "syncxx::ticket_lock";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr waiting kWaiting = waiting::kYieldsFifo;
};

class self_mcs_lock {
 public:
  using node = syncxx::mcs_lock::node;
  static constexpr std::string_view kName = "syncxx::mcs_lock";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::mcs_lock);
  static constexpr waiting kWaiting = waiting::kYieldsFifo;

  SYNCXX_BENCH_NO_TSA void lock(node& n) { lock_.lock(n); }
  SYNCXX_BENCH_NO_TSA void unlock(node& n) { lock_.unlock(n); }

 private:
  syncxx::mcs_lock lock_;
};

struct self_queue_lock : lockable<syncxx::queue_lock> {
  static constexpr std::string_view kName = "syncxx::queue_lock";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr waiting kWaiting = waiting::kYieldsFifo;
};

class self_semaphore {
 public:
  static constexpr std::string_view kName = "syncxx::counting_semaphore";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::counting_semaphore<>);

  explicit self_semaphore(int count) : semaphore_(count) {}
  void acquire() { semaphore_.acquire(); }
  void release() { semaphore_.release(); }

 private:
  syncxx::counting_semaphore<> semaphore_;
};

struct self_condvar
    : std_shaped_condvar<syncxx::mutex, syncxx::condition_variable> {
  static constexpr std::string_view kName = "syncxx::condition_variable";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_condvar_any
    : std_shaped_condvar<syncxx::mutex, syncxx::condition_variable_any> {
  static constexpr std::string_view kName = "syncxx::condition_variable_any";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_pi_condvar
    : std_shaped_condvar<syncxx::pi_mutex, syncxx::pi_condition_variable> {
  static constexpr std::string_view kName = "syncxx::pi_condition_variable";
  static constexpr std::string_view kLibrary = "syncxx";
};

class self_event {
 public:
  static constexpr std::string_view kName = "syncxx::event";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::event);

  void set() { event_.set(); }
  void reset() { event_.reset(); }
  void wait() { event_.wait(); }
  bool is_set() const { return event_.is_set(); }

 private:
  syncxx::event event_;
};

// Shaped like a semaphore: wait() takes what set() gave.
class self_auto_reset_event {
 public:
  static constexpr std::string_view kName = "syncxx::auto_reset_event";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::auto_reset_event);

  explicit self_auto_reset_event(int count) : event_(count != 0) {}
  void acquire() { event_.wait(); }
  void release() { event_.set(); }

 private:
  syncxx::auto_reset_event event_;
};

struct self_event_count {
  static constexpr std::string_view kName = "syncxx::event_count";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::event_count);

  void notify_one() { count_.notify_one(); }

 private:
  syncxx::event_count count_;
};

// What event_count is in builds with ThreadSanitizer, and what folly's is: an
// update instead of a fence.
struct self_event_count_update {
  static constexpr std::string_view kName = "syncxx::event_count, updates";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = 8;

  void notify_one() { count_.notify(1); }

 private:
  syncxx::detail::raw_event_count<syncxx::detail::store_load::update> count_;
};

// A flag that is waited for through an event count, and through the parking
// lot; both shaped like semaphores: acquire() takes what release() gave.
class self_event_count_baton {
 public:
  static constexpr std::string_view kName = "syncxx::event_count";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::event_count);

  explicit self_event_count_baton(int count) : given_(count != 0) {}
  void acquire() {
    changed_.await(
        [this] { return given_.exchange(false, std::memory_order_acquire); });
  }
  void release() {
    given_.store(true, std::memory_order_release);
    changed_.notify_one();
  }

 private:
  std::atomic<bool> given_;
  syncxx::event_count changed_;
};

class self_parking_lot_baton {
 public:
  static constexpr std::string_view kName = "syncxx::parking_lot";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = 1;

  explicit self_parking_lot_baton(int count) : given_(count != 0) {}
  void acquire() {
    while (!given_.exchange(false, std::memory_order_acquire)) {
      static_cast<void>(syncxx::parking_lot::park(
          &given_, [this] { return !given_.load(std::memory_order_relaxed); },
          [] {}));
    }
  }
  void release() {
    given_.store(true, std::memory_order_release);
    static_cast<void>(syncxx::parking_lot::unpark_one(&given_));
  }

 private:
  std::atomic<bool> given_;
};

class self_latch {
 public:
  static constexpr std::string_view kName = "syncxx::latch";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::latch);

  explicit self_latch(int count) : latch_(count) {}
  void count_down() { latch_.count_down(); }
  void wait() { latch_.wait(); }

 private:
  syncxx::latch latch_;
};

class self_barrier {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "syncxx::barrier";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::barrier<>);
  static constexpr waiting kWaiting = waiting::kParks;

  explicit self_barrier(int count) : barrier_(count) {}
  void arrive_and_wait(node&) { barrier_.arrive_and_wait(); }

 private:
  syncxx::barrier<> barrier_;
};

class self_once {
 public:
  static constexpr std::string_view kName = "syncxx::call_once";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr std::size_t kSize = sizeof(syncxx::once_flag);

  void call() { syncxx::call_once(flag_, do_once); }

 private:
  syncxx::once_flag flag_;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_SYNCXX_H_
