// SPDX-License-Identifier: Apache-2.0
//
// Locks and condition variables in memory that two processes share, beside
// pthread's with PTHREAD_PROCESS_SHARED: nobody in the way; both processes at
// it; one wakes the other in turn.
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
}

}  // namespace syncxx_bench
