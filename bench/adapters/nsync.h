// SPDX-License-Identifier: Apache-2.0
//
// nsync (the C++ build of it, libnsync_cpp).
#ifndef SYNCXX_BENCH_ADAPTERS_NSYNC_H_
#define SYNCXX_BENCH_ADAPTERS_NSYNC_H_

// As the library was built: its functions' names depend on it.
#define NSYNC_ATOMIC_CPP11 1
#include <nsync.h>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {

class nsync_mutex {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "nsync_mu";
  static constexpr std::string_view kLibrary = "nsync";
  static constexpr std::size_t kSize = sizeof(nsync::nsync_mu);
  static constexpr waiting kWaiting = waiting::kParks;

  nsync_mutex() { nsync::nsync_mu_init(&mutex_); }
  void lock(node&) { nsync::nsync_mu_lock(&mutex_); }
  void unlock(node&) { nsync::nsync_mu_unlock(&mutex_); }

 private:
  nsync::nsync_mu mutex_;
};

class nsync_condvar {
 public:
  static constexpr std::string_view kName = "nsync_cv";
  static constexpr std::string_view kLibrary = "nsync";
  static constexpr std::size_t kSize = sizeof(nsync::nsync_cv);

  nsync_condvar() {
    nsync::nsync_mu_init(&mutex_);
    nsync::nsync_cv_init(&condvar_);
  }
  void lock() { nsync::nsync_mu_lock(&mutex_); }
  void unlock() { nsync::nsync_mu_unlock(&mutex_); }
  void wait() { nsync::nsync_cv_wait(&condvar_, &mutex_); }
  void notify_one() { nsync::nsync_cv_signal(&condvar_); }
  void notify_all() { nsync::nsync_cv_broadcast(&condvar_); }

 private:
  nsync::nsync_mu mutex_;
  nsync::nsync_cv condvar_;
};

// One shot, on the heap.
class nsync_note_event {
 public:
  static constexpr std::string_view kName = "nsync_note";
  static constexpr std::string_view kLibrary = "nsync";
  static constexpr std::size_t kSize = sizeof(nsync::nsync_note);

  nsync_note_event()
      : note_(nsync::nsync_note_new(nullptr, nsync::nsync_time_no_deadline)) {}
  nsync_note_event(const nsync_note_event&) = delete;
  nsync_note_event& operator=(const nsync_note_event&) = delete;
  ~nsync_note_event() { nsync::nsync_note_free(note_); }

  void set() { nsync::nsync_note_notify(note_); }
  void wait() { nsync::nsync_note_wait(note_, nsync::nsync_time_no_deadline); }
  bool is_set() { return nsync::nsync_note_is_notified(note_) != 0; }

 private:
  nsync::nsync_note note_;
};

class nsync_counter_latch {
 public:
  static constexpr std::string_view kName = "nsync_counter";
  static constexpr std::string_view kLibrary = "nsync";
  static constexpr std::size_t kSize = sizeof(nsync::nsync_counter);

  explicit nsync_counter_latch(int count)
      : counter_(nsync::nsync_counter_new(static_cast<std::uint32_t>(count))) {}
  nsync_counter_latch(const nsync_counter_latch&) = delete;
  nsync_counter_latch& operator=(const nsync_counter_latch&) = delete;
  ~nsync_counter_latch() { nsync::nsync_counter_free(counter_); }

  void count_down() { nsync::nsync_counter_add(counter_, -1); }
  void wait() {
    nsync::nsync_counter_wait(counter_, nsync::nsync_time_no_deadline);
  }

 private:
  nsync::nsync_counter counter_;
};

class nsync_once_flag {
 public:
  static constexpr std::string_view kName = "nsync_run_once";
  static constexpr std::string_view kLibrary = "nsync";
  static constexpr std::size_t kSize = sizeof(nsync::nsync_once);

  void call() { nsync::nsync_run_once(&flag_, do_once); }

 private:
  nsync::nsync_once flag_{};  // all zeroes, as NSYNC_ONCE_INIT
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_NSYNC_H_
