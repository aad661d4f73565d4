// SPDX-License-Identifier: Apache-2.0
//
// The C library's types: pthread mutexes of each kind, spinlock, condition
// variable, and POSIX semaphores.
#ifndef SYNCXX_BENCH_ADAPTERS_PTHREAD_H_
#define SYNCXX_BENCH_ADAPTERS_PTHREAD_H_

#include <pthread.h>
#include <semaphore.h>

#include <cerrno>
#include <type_traits>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {

template <int Kind>
class pthread_mutex {
 public:
  using node = no_node;
  static constexpr std::string_view kName =
      Kind == PTHREAD_MUTEX_ADAPTIVE_NP  ? "pthread_mutex(adaptive)"
      : Kind == PTHREAD_MUTEX_ERRORCHECK ? "pthread_mutex(errorcheck)"
                                         : "pthread_mutex";
  static constexpr std::string_view kLibrary = "pthread";
  static constexpr std::size_t kSize = sizeof(pthread_mutex_t);
  static constexpr waiting kWaiting = waiting::kParks;

  pthread_mutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, Kind);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  pthread_mutex(const pthread_mutex&) = delete;
  pthread_mutex& operator=(const pthread_mutex&) = delete;
  ~pthread_mutex() { pthread_mutex_destroy(&mutex_); }

  SYNCXX_BENCH_NO_TSA void lock(node&) { pthread_mutex_lock(&mutex_); }
  SYNCXX_BENCH_NO_TSA void unlock(node&) { pthread_mutex_unlock(&mutex_); }
  pthread_mutex_t* native() { return &mutex_; }

 private:
  pthread_mutex_t mutex_;
};

using pthread_normal_mutex = pthread_mutex<PTHREAD_MUTEX_NORMAL>;
using pthread_adaptive_mutex = pthread_mutex<PTHREAD_MUTEX_ADAPTIVE_NP>;
using pthread_errorcheck_mutex = pthread_mutex<PTHREAD_MUTEX_ERRORCHECK>;

// Whose owner inherits priorities, or may die.
enum class pthread_protocol { inherit, robust, robust_inherit };

template <pthread_protocol Protocol>
class pthread_special_mutex {
 public:
  using node = no_node;
  static constexpr std::string_view kName =
      Protocol == pthread_protocol::inherit  ? "pthread_mutex(inherit)"
      : Protocol == pthread_protocol::robust ? "pthread_mutex(robust)"
                                             : "pthread_mutex(robust,inherit)";
  static constexpr std::string_view kLibrary = "pthread";
  static constexpr std::size_t kSize = sizeof(pthread_mutex_t);
  static constexpr waiting kWaiting = waiting::kParks;

  pthread_special_mutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (Protocol != pthread_protocol::robust)
      pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    if (Protocol != pthread_protocol::inherit)
      pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  pthread_special_mutex(const pthread_special_mutex&) = delete;
  pthread_special_mutex& operator=(const pthread_special_mutex&) = delete;
  ~pthread_special_mutex() { pthread_mutex_destroy(&mutex_); }

  SYNCXX_BENCH_NO_TSA void lock(node&) { pthread_mutex_lock(&mutex_); }
  SYNCXX_BENCH_NO_TSA void unlock(node&) { pthread_mutex_unlock(&mutex_); }
  pthread_mutex_t* native() { return &mutex_; }

 private:
  pthread_mutex_t mutex_;
};

using pthread_inherit_mutex = pthread_special_mutex<pthread_protocol::inherit>;
using pthread_robust_mutex = pthread_special_mutex<pthread_protocol::robust>;
using pthread_robust_inherit_mutex =
    pthread_special_mutex<pthread_protocol::robust_inherit>;

class pthread_spin {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "pthread_spinlock";
  static constexpr std::string_view kLibrary = "pthread";
  static constexpr std::size_t kSize = sizeof(pthread_spinlock_t);
  static constexpr waiting kWaiting = waiting::kSpins;

  pthread_spin() { pthread_spin_init(&lock_, PTHREAD_PROCESS_PRIVATE); }
  pthread_spin(const pthread_spin&) = delete;
  pthread_spin& operator=(const pthread_spin&) = delete;
  ~pthread_spin() { pthread_spin_destroy(&lock_); }

  SYNCXX_BENCH_NO_TSA void lock(node&) { pthread_spin_lock(&lock_); }
  SYNCXX_BENCH_NO_TSA void unlock(node&) { pthread_spin_unlock(&lock_); }

 private:
  pthread_spinlock_t lock_;
};

class posix_semaphore {
 public:
  static constexpr std::string_view kName = "sem_t";
  static constexpr std::string_view kLibrary = "pthread";
  static constexpr std::size_t kSize = sizeof(sem_t);

  explicit posix_semaphore(int count) {
    sem_init(&semaphore_, 0, static_cast<unsigned>(count));
  }
  posix_semaphore(const posix_semaphore&) = delete;
  posix_semaphore& operator=(const posix_semaphore&) = delete;
  ~posix_semaphore() { sem_destroy(&semaphore_); }

  void acquire() {
    while (sem_wait(&semaphore_) != 0 && errno == EINTR) {
    }
  }
  void release() { sem_post(&semaphore_); }

 private:
  sem_t semaphore_;
};

// With a mutex of the given type of this file.
template <class Mutex>
class pthread_condvar_with {
 public:
  static constexpr std::string_view kName =
      std::is_same_v<Mutex, pthread_inherit_mutex> ? "pthread_cond(inherit)"
                                                   : "pthread_cond";
  static constexpr std::string_view kLibrary = "pthread";
  static constexpr std::size_t kSize = sizeof(pthread_cond_t);

  SYNCXX_BENCH_NO_TSA void lock() { mutex_.lock(node_); }
  SYNCXX_BENCH_NO_TSA void unlock() { mutex_.unlock(node_); }
  SYNCXX_BENCH_NO_TSA void wait() {
    pthread_cond_wait(&condvar_, mutex_.native());
  }
  void notify_one() { pthread_cond_signal(&condvar_); }
  void notify_all() { pthread_cond_broadcast(&condvar_); }

 private:
  Mutex mutex_;
  pthread_cond_t condvar_ = PTHREAD_COND_INITIALIZER;
  [[no_unique_address]] no_node node_;
};

using pthread_condvar = pthread_condvar_with<pthread_normal_mutex>;
// The mutex inherits; who waits for the condition variable lends nothing.
using pthread_inherit_condvar = pthread_condvar_with<pthread_inherit_mutex>;

class pthread_barrier {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "pthread_barrier";
  static constexpr std::string_view kLibrary = "pthread";
  static constexpr std::size_t kSize = sizeof(pthread_barrier_t);
  static constexpr waiting kWaiting = waiting::kParks;

  explicit pthread_barrier(int count) {
    pthread_barrier_init(&barrier_, nullptr, static_cast<unsigned>(count));
  }
  pthread_barrier(const pthread_barrier&) = delete;
  pthread_barrier& operator=(const pthread_barrier&) = delete;
  ~pthread_barrier() { pthread_barrier_destroy(&barrier_); }

  void arrive_and_wait(node&) { pthread_barrier_wait(&barrier_); }

 private:
  pthread_barrier_t barrier_;
};

class pthread_once_flag {
 public:
  static constexpr std::string_view kName = "pthread_once";
  static constexpr std::string_view kLibrary = "pthread";
  static constexpr std::size_t kSize = sizeof(pthread_once_t);

  void call() { pthread_once(&flag_, do_once); }

 private:
  pthread_once_t flag_ = PTHREAD_ONCE_INIT;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_PTHREAD_H_
