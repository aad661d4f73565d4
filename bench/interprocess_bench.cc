// SPDX-License-Identifier: Apache-2.0
//
// Locks, condition variables and barriers in memory that two processes share,
// beside pthread's with PTHREAD_PROCESS_SHARED: nobody in the way; both
// processes at it; one wakes the other in turn, or they meet.
#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>

#include <sync/interprocess.h>

#include "bench/harness/interleaved.h"

namespace syncxx_bench {
namespace {

class self_monitor {
 public:
  static constexpr std::string_view kName = "syncxx::interprocess";
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  void notify() { changed_.notify_one(); }
  void wait() {
    std::unique_lock own(mutex_, std::adopt_lock);
    changed_.wait(own);
    own.release();
  }

 private:
  syncxx::interprocess::mutex mutex_;
  syncxx::interprocess::condition_variable changed_;
};

class pthread_monitor {
 public:
  static constexpr std::string_view kName = "pthread(PROCESS_SHARED)";
  pthread_monitor() {
    pthread_mutexattr_t m;
    pthread_mutexattr_init(&m);
    pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&mutex_, &m);
    pthread_condattr_t c;
    pthread_condattr_init(&c);
    pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&changed_, &c);
  }
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }
  void notify() { pthread_cond_signal(&changed_); }
  void wait() { pthread_cond_wait(&changed_, &mutex_); }

 private:
  pthread_mutex_t mutex_;
  pthread_cond_t changed_;
};

// Locks without a condition variable.
template <class L>
class self_lock {
 public:
  void lock() { lock_.lock(); }
  void unlock() { lock_.unlock(); }

 private:
  L lock_;
};
struct self_pi : self_lock<syncxx::interprocess::pi_mutex> {
  static constexpr std::string_view kName = "syncxx::interprocess(pi)";
};
struct self_robust : self_lock<syncxx::interprocess::robust_mutex> {
  static constexpr std::string_view kName = "syncxx::interprocess(robust)";
};
struct self_robust_pi : self_lock<syncxx::interprocess::robust_pi_mutex> {
  static constexpr std::string_view kName = "syncxx::interprocess(robust,pi)";
};

template <bool Robust, bool Inherits>
class pthread_lock {
 public:
  static constexpr std::string_view kName =
      !Robust    ? "pthread(PROCESS_SHARED,inherit)"
      : Inherits ? "pthread(PROCESS_SHARED,robust,inherit)"
                 : "pthread(PROCESS_SHARED,robust)";
  pthread_lock() {
    pthread_mutexattr_t m;
    pthread_mutexattr_init(&m);
    pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED);
    if (Robust) pthread_mutexattr_setrobust(&m, PTHREAD_MUTEX_ROBUST);
    if (Inherits) pthread_mutexattr_setprotocol(&m, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&mutex_, &m);
  }
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

template <bool Reads>
class self_shared {
 public:
  static constexpr std::string_view kName = "syncxx::interprocess";
  void lock() { Reads ? lock_.lock_shared() : lock_.lock(); }
  void unlock() { Reads ? lock_.unlock_shared() : lock_.unlock(); }

 private:
  syncxx::interprocess::shared_mutex lock_;
};
template <bool Reads>
class pthread_shared {
 public:
  static constexpr std::string_view kName = "pthread(PROCESS_SHARED)";
  pthread_shared() {
    pthread_rwlockattr_t a;
    pthread_rwlockattr_init(&a);
    pthread_rwlockattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_rwlock_init(&lock_, &a);
  }
  void lock() {
    Reads ? pthread_rwlock_rdlock(&lock_) : pthread_rwlock_wrlock(&lock_);
  }
  void unlock() { pthread_rwlock_unlock(&lock_); }

 private:
  pthread_rwlock_t lock_;
};

class self_barrier {
 public:
  static constexpr std::string_view kName = "syncxx::interprocess";
  void meet() { barrier_.arrive_and_wait(); }

 private:
  syncxx::interprocess::barrier<> barrier_{2};
};
class pthread_barrier {
 public:
  static constexpr std::string_view kName = "pthread(PROCESS_SHARED)";
  pthread_barrier() {
    pthread_barrierattr_t a;
    pthread_barrierattr_init(&a);
    pthread_barrierattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&barrier_, &a, 2);
  }
  void meet() { pthread_barrier_wait(&barrier_); }

 private:
  pthread_barrier_t barrier_;
};

// A T in memory of its own that a child shares.
template <class T>
class shared_page {
 public:
  shared_page() {
    void* const p = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) std::abort();
    object_ = new (p) T;
  }
  ~shared_page() { munmap(object_, sizeof(T)); }
  T* operator->() const { return object_; }

 private:
  T* object_;
};

template <class Monitor>
struct table {
  alignas(128) Monitor monitor;
  alignas(128) std::atomic<bool> over{false};
  enum turn { kParent, kChild, kOver } turn = kParent;
};

template <class Monitor>
void pair(benchmark::State& state) {
  const shared_page<table<Monitor>> shared;
  for (auto _ : state) {
    shared->monitor.lock();
    benchmark::ClobberMemory();
    shared->monitor.unlock();
  }
}

template <class Monitor>
void contended(benchmark::State& state) {
  const shared_page<table<Monitor>> shared;
  const pid_t child = fork();
  if (child == 0) {
    while (!shared->over.load(std::memory_order_relaxed)) {
      shared->monitor.lock();
      shared->monitor.unlock();
    }
    _exit(0);
  }
  for (auto _ : state) {
    shared->monitor.lock();
    benchmark::ClobberMemory();
    shared->monitor.unlock();
  }
  shared->over.store(true, std::memory_order_relaxed);
  waitpid(child, nullptr, 0);
}

template <class Monitor>
void ping_pong(benchmark::State& state) {
  const shared_page<table<Monitor>> shared;
  using t = table<Monitor>;
  const pid_t child = fork();
  if (child == 0) {
    shared->monitor.lock();
    for (;;) {
      while (shared->turn == t::kParent) shared->monitor.wait();
      if (shared->turn == t::kOver) _exit(0);
      shared->turn = t::kParent;
      shared->monitor.notify();
    }
  }
  for (auto _ : state) {
    shared->monitor.lock();
    shared->turn = t::kChild;
    shared->monitor.notify();
    while (shared->turn == t::kChild) shared->monitor.wait();
    shared->monitor.unlock();
  }
  shared->monitor.lock();
  shared->turn = t::kOver;
  shared->monitor.notify();
  shared->monitor.unlock();
  waitpid(child, nullptr, 0);
}

// Two processes meet; one iteration is one round.
template <class Barrier>
void rounds(benchmark::State& state) {
  struct place {
    alignas(128) Barrier barrier;
    alignas(128) bool over = false;
  };
  const shared_page<place> shared;
  const pid_t child = fork();
  if (child == 0) {
    for (;;) {
      shared->barrier.meet();
      if (shared->over) _exit(0);
      shared->barrier.meet();
    }
  }
  for (auto _ : state) {
    shared->barrier.meet();
    shared->barrier.meet();
  }
  shared->over = true;
  shared->barrier.meet();
  waitpid(child, nullptr, 0);
}

template <class Lock>
void add_lock(const std::string& kind) {
  add(kind + "_pair", Lock::kName, pair<Lock>);
  add(kind + "_contended", Lock::kName, contended<Lock>)->UseRealTime();
}

template <class Monitor>
void add_all() {
  add("interprocess_pair", Monitor::kName, pair<Monitor>);
  add("interprocess_contended", Monitor::kName, contended<Monitor>)
      ->UseRealTime();
  add("interprocess_ping_pong", Monitor::kName, ping_pong<Monitor>)
      ->UseRealTime();
}

}  // namespace

void register_benchmarks() {
  add_all<self_monitor>();
  add_all<pthread_monitor>();
  add_lock<self_shared<false>>("interprocess_write");
  add_lock<pthread_shared<false>>("interprocess_write");
  add_lock<self_shared<true>>("interprocess_read");
  add_lock<pthread_shared<true>>("interprocess_read");
  add_lock<self_pi>("interprocess_pi");
  add_lock<pthread_lock<false, true>>("interprocess_pi");
  add_lock<self_robust>("interprocess_robust");
  add_lock<pthread_lock<true, false>>("interprocess_robust");
  add_lock<self_robust_pi>("interprocess_robust_pi");
  add_lock<pthread_lock<true, true>>("interprocess_robust_pi");
  add("interprocess_two_rounds", self_barrier::kName, rounds<self_barrier>)
      ->UseRealTime();
  add("interprocess_two_rounds", pthread_barrier::kName,
      rounds<pthread_barrier>)
      ->UseRealTime();
}

}  // namespace syncxx_bench
