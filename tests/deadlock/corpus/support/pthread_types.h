// SPDX-License-Identifier: Apache-2.0
//
// The corpus in what glibc offers to everybody, and nothing of this library:
// the thinnest C++ around it.
#ifndef SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_PTHREAD_TYPES_H_
#define SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_PTHREAD_TYPES_H_

#include <pthread.h>
#include <semaphore.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

namespace corpus {

inline void check(int error) {
  if (error != 0) throw std::system_error(error, std::generic_category());
}

// A call that takes what is free, or says so.
inline bool took(int error) {
  if (error == EBUSY || error == ETIMEDOUT) return false;
  check(error);
  return true;
}

class mutex {
 public:
  mutex() = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  ~mutex() { pthread_mutex_destroy(&mutex_); }

  void lock() { check(pthread_mutex_lock(&mutex_)); }
  bool try_lock() { return took(pthread_mutex_trylock(&mutex_)); }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& time) {
    using std::chrono::nanoseconds;
    const auto until =
        std::chrono::duration_cast<nanoseconds>(
            std::chrono::steady_clock::now().time_since_epoch() + time)
            .count();
    timespec at{};
    at.tv_sec = static_cast<time_t>(until / 1'000'000'000);
    at.tv_nsec = static_cast<long>(until % 1'000'000'000);
    return took(pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &at));
  }
  void unlock() { check(pthread_mutex_unlock(&mutex_)); }
  pthread_mutex_t* native_handle() { return &mutex_; }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

class recursive_mutex {
 public:
  recursive_mutex() {
    pthread_mutexattr_t kind;
    check(pthread_mutexattr_init(&kind));
    check(pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE));
    check(pthread_mutex_init(&mutex_, &kind));
    pthread_mutexattr_destroy(&kind);
  }
  recursive_mutex(const recursive_mutex&) = delete;
  recursive_mutex& operator=(const recursive_mutex&) = delete;
  ~recursive_mutex() { pthread_mutex_destroy(&mutex_); }

  void lock() { check(pthread_mutex_lock(&mutex_)); }
  bool try_lock() { return took(pthread_mutex_trylock(&mutex_)); }
  void unlock() { check(pthread_mutex_unlock(&mutex_)); }

 private:
  pthread_mutex_t mutex_;
};

// As syncxx::shared_mutex it keeps readers out while a writer waits. (glibc's
// default prefers readers.)
class shared_mutex {
 public:
  shared_mutex() {
    pthread_rwlockattr_t kind;
    check(pthread_rwlockattr_init(&kind));
    check(pthread_rwlockattr_setkind_np(
        &kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
    check(pthread_rwlock_init(&lock_, &kind));
    pthread_rwlockattr_destroy(&kind);
  }
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;
  ~shared_mutex() { pthread_rwlock_destroy(&lock_); }

  void lock() { check(pthread_rwlock_wrlock(&lock_)); }
  bool try_lock() { return took(pthread_rwlock_trywrlock(&lock_)); }
  void unlock() { check(pthread_rwlock_unlock(&lock_)); }
  void lock_shared() { check(pthread_rwlock_rdlock(&lock_)); }
  bool try_lock_shared() { return took(pthread_rwlock_tryrdlock(&lock_)); }
  void unlock_shared() { check(pthread_rwlock_unlock(&lock_)); }

 private:
  pthread_rwlock_t lock_;
};

class spinlock {
 public:
  spinlock() { check(pthread_spin_init(&lock_, PTHREAD_PROCESS_PRIVATE)); }
  spinlock(const spinlock&) = delete;
  spinlock& operator=(const spinlock&) = delete;
  ~spinlock() { pthread_spin_destroy(&lock_); }

  void lock() { check(pthread_spin_lock(&lock_)); }
  bool try_lock() { return took(pthread_spin_trylock(&lock_)); }
  void unlock() { check(pthread_spin_unlock(&lock_)); }

 private:
  pthread_spinlock_t lock_;
};

class semaphore {
 public:
  explicit semaphore(unsigned tokens) {
    if (sem_init(&semaphore_, 0, tokens) != 0) check(errno);
  }
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  ~semaphore() { sem_destroy(&semaphore_); }

  void acquire() {
    while (sem_wait(&semaphore_) != 0)
      if (errno != EINTR) check(errno);
  }
  bool try_acquire() { return sem_trywait(&semaphore_) == 0; }
  void release() {
    if (sem_post(&semaphore_) != 0) check(errno);
  }

 private:
  sem_t semaphore_;
};

class condition_variable {
 public:
  condition_variable() = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;
  ~condition_variable() { pthread_cond_destroy(&condition_); }

  void wait(std::unique_lock<mutex>& lock) {
    check(pthread_cond_wait(&condition_, lock.mutex()->native_handle()));
  }
  template <class Predicate>
  void wait(std::unique_lock<mutex>& lock, Predicate is_so) {
    while (!is_so()) wait(lock);
  }
  void notify_one() { check(pthread_cond_signal(&condition_)); }
  void notify_all() { check(pthread_cond_broadcast(&condition_)); }

 private:
  pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

class barrier {
 public:
  explicit barrier(unsigned threads) {
    check(pthread_barrier_init(&barrier_, nullptr, threads));
  }
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;
  ~barrier() { pthread_barrier_destroy(&barrier_); }

  void arrive_and_wait() {
    const int result = pthread_barrier_wait(&barrier_);
    if (result != PTHREAD_BARRIER_SERIAL_THREAD) check(result);
  }

 private:
  pthread_barrier_t barrier_;
};

// Joins in its destructor.
class thread {
 public:
  template <class F>
  explicit thread(F body) : joinable_(true) {
    auto copy = std::make_unique<F>(std::move(body));
    check(pthread_create(&thread_, nullptr, run<F>, copy.get()));
    [[maybe_unused]] F* const given_away = copy.release();
  }
  thread(thread&& other) noexcept
      : thread_(other.thread_),
        joinable_(std::exchange(other.joinable_, false)) {}
  thread& operator=(thread&&) = delete;
  ~thread() {
    if (joinable_) join();
  }
  void join() {
    joinable_ = false;
    check(pthread_join(thread_, nullptr));
  }

 private:
  template <class F>
  static void* run(void* given) {
    const std::unique_ptr<F> body(static_cast<F*>(given));
    (*body)();
    return nullptr;
  }

  pthread_t thread_{};
  bool joinable_;
};

template <class A, class B>
void lock_all(A& a, B& b) {
  std::lock(a, b);
}

}  // namespace corpus

#endif  // SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_PTHREAD_TYPES_H_
