// SPDX-License-Identifier: Apache-2.0
//
// Boost where it is more than a name for the C library's type: boost::mutex is
// a plain pthread mutex and is left out.
#ifndef SYNCXX_BENCH_ADAPTERS_BOOST_H_
#define SYNCXX_BENCH_ADAPTERS_BOOST_H_

#include <boost/smart_ptr/detail/spinlock.hpp>
#include <boost/thread/barrier.hpp>
#include <boost/thread/condition_variable.hpp>
#include <boost/thread/latch.hpp>
#include <boost/thread/mutex.hpp>
#include <boost/thread/once.hpp>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {

// Spins, then pauses, then yields, then sleeps a little (smart_ptr's lock).
class boost_spinlock {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "boost spinlock";
  static constexpr std::string_view kLibrary = "boost";
  static constexpr std::size_t kSize = sizeof(boost::detail::spinlock);
  static constexpr waiting kWaiting = waiting::kSpins;

  void lock(node&) { lock_.lock(); }
  void unlock(node&) { lock_.unlock(); }

 private:
  boost::detail::spinlock lock_ = BOOST_DETAIL_SPINLOCK_INIT;
};

// Interruptible: it adds a mutex and a thread-local record to the pthread one.
class boost_condvar {
 public:
  static constexpr std::string_view kName = "boost::condition_variable";
  static constexpr std::string_view kLibrary = "boost";
  static constexpr std::size_t kSize = sizeof(boost::condition_variable);

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  void wait() {
    boost::unique_lock<boost::mutex> lock(mutex_, boost::adopt_lock);
    condvar_.wait(lock);
    lock.release();
  }
  void notify_one() { condvar_.notify_one(); }
  void notify_all() { condvar_.notify_all(); }

 private:
  boost::mutex mutex_;
  boost::condition_variable condvar_;
};

class boost_latch {
 public:
  static constexpr std::string_view kName = "boost::latch";
  static constexpr std::string_view kLibrary = "boost";
  static constexpr std::size_t kSize = sizeof(boost::latch);

  explicit boost_latch(int count) : latch_(static_cast<std::size_t>(count)) {}
  void count_down() { latch_.count_down(); }
  void wait() { latch_.wait(); }

 private:
  boost::latch latch_;
};

class boost_barrier {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "boost::barrier";
  static constexpr std::string_view kLibrary = "boost";
  static constexpr std::size_t kSize = sizeof(boost::barrier);
  static constexpr waiting kWaiting = waiting::kParks;

  explicit boost_barrier(int count) : barrier_(static_cast<unsigned>(count)) {}
  void arrive_and_wait(node&) { barrier_.wait(); }

 private:
  boost::barrier barrier_;
};

class boost_once {
 public:
  static constexpr std::string_view kName = "boost::call_once";
  static constexpr std::string_view kLibrary = "boost";
  static constexpr std::size_t kSize = sizeof(boost::once_flag);

  void call() { boost::call_once(flag_, do_once); }

 private:
  boost::once_flag flag_ = BOOST_ONCE_INIT;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_BOOST_H_
