// SPDX-License-Identifier: Apache-2.0
//
// Readers that do not meet: alone on one and two threads, and with one write in
// 100 and in 1000; and a value that is copied, by a seqlock and by others:
// alone and beside others that copy it, and now and then write it. (Threads N:
// time is that of each thread, so that two readers that do not disturb each
// other show the time of one.)
#include <benchmark/benchmark.h>
#include <sync/asymmetric_fence.h>
#include <sync/biased_shared_mutex.h>
#include <sync/seqlock.h>

#if defined(SYNCXX_BENCH_HAVE_CK)
#include <ck_sequence.h>
#endif

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/adapters/shared.h"
#include "bench/harness/interleaved.h"

namespace syncxx_bench {
namespace {

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
[[gnu::aligned(64)]] void shared_pair(benchmark::State& state) {
  M& lock = shared_place<M>().lock;
  for (auto _ : state) {
    lock.lock_shared();
    benchmark::ClobberMemory();
    lock.unlock_shared();
  }
}

// One access in `OneIn` is a write.
template <class M, unsigned OneIn>
[[gnu::aligned(64)]] void mixed(benchmark::State& state) {
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
void add_lock() {
  for (const int threads : {1, 2}) {
    const std::string n = std::to_string(threads);
    add("readers_" + n, M::kName, shared_pair<M>)
        ->Threads(threads)
        ->UseRealTime();
    add("reads_99_percent_" + n, M::kName, mixed<M, 100>)
        ->Threads(threads)
        ->UseRealTime();
    add("reads_999_permille_" + n, M::kName, mixed<M, 1000>)
        ->Threads(threads)
        ->UseRealTime();
  }
}

// --- A value of three words, copied ------------------------------------------

using three = std::array<std::uint64_t, 3>;

template <shared_like M>
class behind {
 public:
  static constexpr std::string_view kName = M::kName;

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
  static constexpr std::string_view kName = "floor: atomic words";

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

struct self_seqlock : syncxx::seqlock<three> {
  static constexpr std::string_view kName = "syncxx::seqlock";
};

#if defined(SYNCXX_BENCH_HAVE_CK)
// With one of its spinlocks for those that write.
class ck_seqlock {
 public:
  static constexpr std::string_view kName = "ck_sequence";

  ck_seqlock() {
    ck_sequence_init(&sequence_);
    ck_spinlock_fas_init(&writers_);
  }
  three load() const {
    three v;
    unsigned version;
    do {
      version = ck_sequence_read_begin(&sequence_);
      for (std::size_t i = 0; i < v.size(); ++i)
        v[i] = words_[i].load(std::memory_order_relaxed);
    } while (ck_sequence_read_retry(&sequence_, version));
    return v;
  }
  void store(const three& v) {
    ck_spinlock_fas_lock(&writers_);
    ck_sequence_write_begin(&sequence_);
    for (std::size_t i = 0; i < v.size(); ++i)
      words_[i].store(v[i], std::memory_order_relaxed);
    ck_sequence_write_end(&sequence_);
    ck_spinlock_fas_unlock(&writers_);
  }

 private:
  ck_sequence_t sequence_;
  ck_spinlock_fas_t writers_;
  std::atomic<std::uint64_t> words_[3]{};
};
#endif

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
// One access in 100 is a store.
template <class V>
[[gnu::aligned(64)]] void value_mixed(benchmark::State& state) {
  V& value = shared_value<V>();
  three v{};
  unsigned n = static_cast<unsigned>(state.thread_index()) * 37;
  for (auto _ : state) {
    if (++n % 100 == 0) {
      ++v[0];
      value.store(v);
    } else {
      v = value.load();
      benchmark::DoNotOptimize(v);
    }
  }
}

template <class V>
void add_value() {
  add("value_load", V::kName, value_load<V>);
  add("value_store", V::kName, value_store<V>);
  for (const int threads : {2, 8, 64}) {
    const std::string n = std::to_string(threads);
    add("value_load_" + n, V::kName, value_load<V>)
        ->Threads(threads)
        ->UseRealTime();
    add("value_99_percent_loads_" + n, V::kName, value_mixed<V>)
        ->Threads(threads)
        ->UseRealTime();
  }
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
  shared_mutexes::for_each([]<shared_like M>() { add_lock<M>(); });
  add_value<torn>();
  add_value<self_seqlock>();
#if defined(SYNCXX_BENCH_HAVE_CK)
  add_value<ck_seqlock>();
#endif
  shared_mutexes::for_each([]<shared_like M>() { add_value<behind<M>>(); });
  add("fence", "syncxx light", light_fence);
  add("fence", "syncxx heavy", heavy_fence);
  add("fence", "std::atomic_thread_fence", full_fence);
}

}  // namespace syncxx_bench
