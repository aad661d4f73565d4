// SPDX-License-Identifier: Apache-2.0
//
// Abseil. Distribution builds are shared libraries without link-time
// optimisation; results name the build.
#ifndef SYNCXX_BENCH_ADAPTERS_ABSL_H_
#define SYNCXX_BENCH_ADAPTERS_ABSL_H_

#include <absl/base/call_once.h>
#include <absl/synchronization/blocking_counter.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {

class absl_mutex {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "absl::Mutex";
  static constexpr std::string_view kLibrary = "absl";
  static constexpr std::size_t kSize = sizeof(absl::Mutex);
  static constexpr waiting kWaiting = waiting::kParks;

  SYNCXX_BENCH_NO_TSA void lock(node&) { mutex_.Lock(); }
  SYNCXX_BENCH_NO_TSA void unlock(node&) { mutex_.Unlock(); }

 private:
  absl::Mutex mutex_;
};

class absl_condvar {
 public:
  static constexpr std::string_view kName = "absl::CondVar";
  static constexpr std::string_view kLibrary = "absl";
  static constexpr std::size_t kSize = sizeof(absl::CondVar);

  SYNCXX_BENCH_NO_TSA void lock() { mutex_.Lock(); }
  SYNCXX_BENCH_NO_TSA void unlock() { mutex_.Unlock(); }
  SYNCXX_BENCH_NO_TSA void wait() { condvar_.Wait(&mutex_); }
  void notify_one() { condvar_.Signal(); }
  void notify_all() { condvar_.SignalAll(); }

 private:
  absl::Mutex mutex_;
  absl::CondVar condvar_;
};

// One shot: it has no reset.
class absl_notification {
 public:
  static constexpr std::string_view kName = "absl::Notification";
  static constexpr std::string_view kLibrary = "absl";
  static constexpr std::size_t kSize = sizeof(absl::Notification);

  void set() { notification_.Notify(); }
  void wait() { notification_.WaitForNotification(); }
  bool is_set() const { return notification_.HasBeenNotified(); }

 private:
  absl::Notification notification_;
};

// Only one thread may wait for it.
class absl_blocking_counter {
 public:
  static constexpr bool kOneWaiter = true;
  static constexpr std::string_view kName = "absl::BlockingCounter";
  static constexpr std::string_view kLibrary = "absl";
  static constexpr std::size_t kSize = sizeof(absl::BlockingCounter);

  explicit absl_blocking_counter(int count) : counter_(count) {}
  void count_down() { counter_.DecrementCount(); }
  void wait() { counter_.Wait(); }

 private:
  absl::BlockingCounter counter_;
};

class absl_once {
 public:
  static constexpr std::string_view kName = "absl::call_once";
  static constexpr std::string_view kLibrary = "absl";
  static constexpr std::size_t kSize = sizeof(absl::once_flag);

  void call() { absl::call_once(flag_, do_once); }

 private:
  absl::once_flag flag_;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_ABSL_H_
