// SPDX-License-Identifier: Apache-2.0
//
// The C++ standard library's types.
#ifndef SYNCXX_BENCH_ADAPTERS_STD_H_
#define SYNCXX_BENCH_ADAPTERS_STD_H_

#include <atomic>
#include <barrier>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <semaphore>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {

struct std_mutex : lockable<std::mutex> {
  static constexpr std::string_view kName = "std::mutex";
  static constexpr std::string_view kLibrary = "std";
};

struct std_timed_mutex : lockable<std::timed_mutex> {
  static constexpr std::string_view kName = "std::timed_mutex";
  static constexpr std::string_view kLibrary = "std";
};

struct std_recursive_mutex : lockable<std::recursive_mutex> {
  static constexpr std::string_view kName = "std::recursive_mutex";
  static constexpr std::string_view kLibrary = "std";
};

class std_semaphore {
 public:
  static constexpr std::string_view kName = "std::counting_semaphore";
  static constexpr std::string_view kLibrary = "std";
  static constexpr std::size_t kSize = sizeof(std::counting_semaphore<>);

  explicit std_semaphore(int count) : semaphore_(count) {}
  void acquire() { semaphore_.acquire(); }
  void release() { semaphore_.release(); }

 private:
  std::counting_semaphore<> semaphore_;
};

template <class Mutex, class CondVar>
class std_shaped_condvar {
 public:
  static constexpr std::size_t kSize = sizeof(CondVar);

  SYNCXX_BENCH_NO_TSA void lock() { mutex_.lock(); }
  SYNCXX_BENCH_NO_TSA void unlock() { mutex_.unlock(); }
  SYNCXX_BENCH_NO_TSA void wait() {
    std::unique_lock<Mutex> lock(mutex_, std::adopt_lock);
    condvar_.wait(lock);
    lock.release();
  }
  void notify_one() { condvar_.notify_one(); }
  void notify_all() { condvar_.notify_all(); }

 private:
  Mutex mutex_;
  CondVar condvar_;
};

struct std_condvar : std_shaped_condvar<std::mutex, std::condition_variable> {
  static constexpr std::string_view kName = "std::condition_variable";
  static constexpr std::string_view kLibrary = "std";
};

struct std_condvar_any
    : std_shaped_condvar<std::mutex, std::condition_variable_any> {
  static constexpr std::string_view kName = "std::condition_variable_any";
  static constexpr std::string_view kLibrary = "std";
};

// The standard has no event: a flag with wait() and notify_all() is what
// people write instead.
class std_flag_event {
 public:
  static constexpr std::string_view kName = "std::atomic wait/notify";
  static constexpr std::string_view kLibrary = "std";
  static constexpr std::size_t kSize = sizeof(std::atomic<int>);

  void set() {
    flag_.store(1, std::memory_order_release);
    flag_.notify_all();
  }
  void reset() { flag_.store(0, std::memory_order_relaxed); }
  void wait() { flag_.wait(0, std::memory_order_acquire); }
  bool is_set() const { return flag_.load(std::memory_order_acquire) != 0; }

 private:
  std::atomic<int> flag_{0};
};

// The standard's way to sleep without a mutex.
class std_atomic_notifier {
 public:
  static constexpr std::string_view kName = "std::atomic notify_one";
  static constexpr std::string_view kLibrary = "std";
  static constexpr std::size_t kSize = sizeof(std::atomic<int>);

  void notify_one() { word_.notify_one(); }

 private:
  std::atomic<int> word_{0};
};

// Shaped like a semaphore: acquire() takes what release() gave.
class std_atomic_baton {
 public:
  static constexpr std::string_view kName = "std::atomic wait/notify";
  static constexpr std::string_view kLibrary = "std";
  static constexpr std::size_t kSize = sizeof(std::atomic<int>);

  explicit std_atomic_baton(int count) : given_(count) {}
  void acquire() {
    while (given_.exchange(0, std::memory_order_acquire) == 0)
      given_.wait(0, std::memory_order_relaxed);
  }
  void release() {
    given_.store(1, std::memory_order_release);
    given_.notify_one();
  }

 private:
  std::atomic<int> given_;
};

// ... or a flag with a mutex and a condition variable.
class std_condvar_event {
  struct parts {
    std::mutex mutex;
    std::condition_variable condvar;
    bool flag = false;
  };

 public:
  static constexpr std::string_view kName = "std::mutex+condvar";
  static constexpr std::string_view kLibrary = "std";
  static constexpr std::size_t kSize = sizeof(parts);

  void set() {
    const std::lock_guard<std::mutex> lock(my_.mutex);
    my_.flag = true;
    my_.condvar.notify_all();
  }
  void reset() {
    const std::lock_guard<std::mutex> lock(my_.mutex);
    my_.flag = false;
  }
  void wait() {
    std::unique_lock<std::mutex> lock(my_.mutex);
    my_.condvar.wait(lock, [this] { return my_.flag; });
  }
  bool is_set() {
    const std::lock_guard<std::mutex> lock(my_.mutex);
    return my_.flag;
  }

 private:
  parts my_;
};

class std_latch {
 public:
  static constexpr std::string_view kName = "std::latch";
  static constexpr std::string_view kLibrary = "std";
  static constexpr std::size_t kSize = sizeof(std::latch);

  explicit std_latch(int count) : latch_(count) {}
  void count_down() { latch_.count_down(); }
  void wait() { latch_.wait(); }

 private:
  std::latch latch_;
};

class std_barrier {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "std::barrier";
  static constexpr std::string_view kLibrary = "std";
  static constexpr std::size_t kSize = sizeof(std::barrier<>);
  static constexpr waiting kWaiting = waiting::kParks;

  explicit std_barrier(int count) : barrier_(count) {}
  void arrive_and_wait(node&) { barrier_.arrive_and_wait(); }

 private:
  std::barrier<> barrier_;
};

class std_once {
 public:
  static constexpr std::string_view kName = "std::call_once";
  static constexpr std::string_view kLibrary = "std";
  static constexpr std::size_t kSize = sizeof(std::once_flag);

  void call() { std::call_once(flag_, do_once); }

 private:
  std::once_flag flag_;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_STD_H_
