// SPDX-License-Identifier: Apache-2.0
//
// Locks that readers share: the uncontended pair, readers alone on one and two
// threads, readers with one write in 100; and a value that is copied, by a
// seqlock and by others. (Threads N: time is that of each thread, so that two
// readers that do not disturb each other show the time of one.)
#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sync/asymmetric_fence.h>
#include <sync/biased_shared_mutex.h>
#include <sync/seqlock.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "bench/adapters/all.h"
#include "bench/harness/interleaved.h"

#if defined(SYNCXX_BENCH_HAVE_TBB)
#include <tbb/spin_rw_mutex.h>
#endif

namespace syncxx_bench {
namespace {

struct absl_shared_shape {
#if defined(SYNCXX_BENCH_HAVE_ABSL)
  SYNCXX_BENCH_NO_TSA void lock() { m.WriterLock(); }
  SYNCXX_BENCH_NO_TSA void unlock() { m.WriterUnlock(); }
  SYNCXX_BENCH_NO_TSA void lock_shared() { m.ReaderLock(); }
  SYNCXX_BENCH_NO_TSA void unlock_shared() { m.ReaderUnlock(); }
  absl::Mutex m;
#endif
};

struct pthread_shape {
  void lock() { pthread_rwlock_wrlock(&l); }
  void unlock() { pthread_rwlock_unlock(&l); }
  void lock_shared() { pthread_rwlock_rdlock(&l); }
  void unlock_shared() { pthread_rwlock_unlock(&l); }
  pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;
};

template <class M>
struct alignas(128) place {
  M lock;
  alignas(128) std::uint64_t data = 0;
};

// The same object for all threads of a run, and for all runs.
template <class M>
place<M>& shared_place() {
  static place<M> p;
  return p;
}

template <class M>
SYNCXX_BENCH_NO_TSA [[gnu::aligned(64)]] void shared_pair(
    benchmark::State& state) {
  M& lock = shared_place<M>().lock;
  for (auto _ : state) {
    lock.lock_shared();
    benchmark::ClobberMemory();
    lock.unlock_shared();
  }
}

// One access in `OneIn` is a write.
template <class M, unsigned OneIn>
SYNCXX_BENCH_NO_TSA [[gnu::aligned(64)]] void mixed(benchmark::State& state) {
  place<M>& p = shared_place<M>();
  unsigned n = static_cast<unsigned>(state.thread_index()) * (OneIn / 2);
  for (auto _ : state) {
    if (++n % OneIn == 0) {
      p.lock.lock();
      p.data = p.data + 1;
      p.lock.unlock();
    } else {
      p.lock.lock_shared();
      benchmark::DoNotOptimize(p.data);
      p.lock.unlock_shared();
    }
  }
}

template <class M>
void add_lock(const char* name) {
  add("shared_pair", name, shared_pair<M>);
  for (const int threads : {1, 2}) {
    const std::string n = std::to_string(threads);
    add("readers_" + n, name, shared_pair<M>)->Threads(threads)->UseRealTime();
    add("reads_99_percent_" + n, name, mixed<M, 100>)
        ->Threads(threads)
        ->UseRealTime();
    add("reads_999_permille_" + n, name, mixed<M, 1000>)
        ->Threads(threads)
        ->UseRealTime();
  }
}

// --- A value of three words, copied ------------------------------------------

using three = std::array<std::uint64_t, 3>;

template <class M>
class behind {
 public:
  SYNCXX_BENCH_NO_TSA three load() const {
    lock_.lock_shared();
    const three v = value_;
    lock_.unlock_shared();
    return v;
  }
  SYNCXX_BENCH_NO_TSA void store(const three& v) {
    lock_.lock();
    value_ = v;
    lock_.unlock();
  }

 private:
  mutable M lock_;
  three value_{};
};

// The floor: words by themselves, torn as they may be.
class torn {
 public:
  three load() const {
    three v;
    for (std::size_t i = 0; i < v.size(); ++i)
      v[i] = words_[i].load(std::memory_order_acquire);
    return v;
  }
  void store(const three& v) {
    for (std::size_t i = 0; i < v.size(); ++i)
      words_[i].store(v[i], std::memory_order_release);
  }

 private:
  std::atomic<std::uint64_t> words_[3]{};
};

template <class V>
struct alignas(128) value_place {
  V value;
};
template <class V>
V& shared_value() {
  static value_place<V> p;
  return p.value;
}

template <class V>
[[gnu::aligned(64)]] void value_load(benchmark::State& state) {
  const V& value = shared_value<V>();
  for (auto _ : state) {
    three v = value.load();
    benchmark::DoNotOptimize(v);
  }
}
template <class V>
[[gnu::aligned(64)]] void value_store(benchmark::State& state) {
  V& value = shared_value<V>();
  three v{};
  for (auto _ : state) {
    ++v[0];
    value.store(v);
    benchmark::ClobberMemory();
  }
}
template <class V>
void add_value(const char* name) {
  add("value_load", name, value_load<V>);
  add("value_load_2", name, value_load<V>)->Threads(2)->UseRealTime();
  add("value_store", name, value_store<V>);
}

void light_fence(benchmark::State& state) {
  syncxx::asymmetric_thread_fence_heavy(std::memory_order_seq_cst);
  for (auto _ : state)
    syncxx::asymmetric_thread_fence_light(std::memory_order_seq_cst);
}
void heavy_fence(benchmark::State& state) {
  for (auto _ : state)
    syncxx::asymmetric_thread_fence_heavy(std::memory_order_seq_cst);
}
void full_fence(benchmark::State& state) {
  for (auto _ : state) std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace

void register_benchmarks() {
  add_lock<syncxx::biased_shared_mutex>("syncxx::biased_shared_mutex");
  add_lock<std::shared_mutex>("std::shared_mutex");
  add_lock<pthread_shape>("pthread_rwlock");
#if defined(SYNCXX_BENCH_HAVE_ABSL)
  add_lock<absl_shared_shape>("absl::Mutex (shared)");
#endif
#if defined(SYNCXX_BENCH_HAVE_TBB)
  add_lock<tbb::spin_rw_mutex>("tbb::spin_rw_mutex");
#endif
  add_value<torn>("floor: atomic words");
  add_value<syncxx::seqlock<three>>("syncxx::seqlock");
  add_value<behind<syncxx::biased_shared_mutex>>("syncxx::biased_shared_mutex");
  add_value<behind<std::shared_mutex>>("std::shared_mutex");
  add("fence", "syncxx light", light_fence);
  add("fence", "syncxx heavy", heavy_fence);
  add("fence", "std::atomic_thread_fence", full_fence);
}

}  // namespace syncxx_bench
