// SPDX-License-Identifier: Apache-2.0
//
// What every adapter looks like to a benchmark. An adapter is a thin, fully
// inlined shell around one library's type: it renames, it never adds work.
#ifndef SYNCXX_BENCH_ADAPTERS_CONCEPTS_H_
#define SYNCXX_BENCH_ADAPTERS_CONCEPTS_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

// Adapters lock in one function and unlock in another on purpose.
#if defined(__clang__)
#define SYNCXX_BENCH_NO_TSA __attribute__((no_thread_safety_analysis))
#else
#define SYNCXX_BENCH_NO_TSA
#endif

namespace syncxx_bench {

// How a lock behaves when there are more runnable threads than processors.
enum class waiting {
  kParks,       // sleeps in the kernel
  kSpins,       // burns its time slice, anyone may take the lock
  kSpinsFifo,   // burns its time slice, and only the next in line may take it
  kYieldsFifo,  // gives the CPU away; only the next in line may take it
};

// Every adapter says who it is; kSize is what a user pays in memory.
template <class T>
concept named = requires {
  { T::kName } -> std::convertible_to<std::string_view>;
  { T::kLibrary } -> std::convertible_to<std::string_view>;
  { T::kSize } -> std::convertible_to<std::size_t>;
};

// Queue locks need a place in the caller's frame; for all others it is empty.
struct no_node {};

template <class M>
concept mutex_like = named<M> && requires(M& m, typename M::node& n) {
  { M::kWaiting } -> std::convertible_to<waiting>;
  m.lock(n);
  m.unlock(n);
};

template <class S>
concept semaphore_like = named<S> && std::constructible_from<S, int> &&
    requires(S& s) {
  s.acquire();
  s.release();
};

// One mutex and one condition variable. wait() is called with the lock held
// and may return early; the benchmarks loop over their own predicate.
template <class C>
concept condvar_like = named<C> && requires(C& c) {
  c.lock();
  c.unlock();
  c.wait();
  c.notify_one();
  c.notify_all();
};

// Says that something has happened, whether anybody waits for it or not.
template <class N>
concept notifier_like = named<N> && requires(N& n) {
  n.notify_one();
};

// Manual reset: stays set until somebody resets it.
template <class E>
concept event_like = named<E> && requires(E& e) {
  e.set();
  e.wait();
  { e.is_set() } -> std::convertible_to<bool>;
};

template <class E>
concept resettable_event_like = event_like<E> && requires(E& e) {
  e.reset();
};

template <class L>
concept latch_like = named<L> && std::constructible_from<L, int> &&
    requires(L& l) {
  l.count_down();
  l.wait();
};

// Some barriers need memory of each thread's; for all others it is empty.
template <class B>
concept barrier_like = named<B> && std::constructible_from<B, int> &&
    requires(B& b, typename B::node& n) {
  { B::kWaiting } -> std::convertible_to<waiting>;
  b.arrive_and_wait(n);
};

// Something that is done one time: the first call() does do_once(), the others
// wait for that, and then look.
template <class O>
concept once_like = named<O> && requires(O& o) {
  o.call();
};

// About 50 ns.
inline void do_once() {
  std::uint64_t value = 1;
  for (int i = 0; i < 50; ++i) {
    asm volatile("" : "+r"(value));
    value *= value;
  }
  asm volatile("" ::"r"(value));
}

// Some peers can be waited for by one thread only, and say kOneWaiter.
template <class T>
concept one_waiter = requires {
  T::kOneWaiter;
};

// A mutex adapter for anything with lock() and unlock().
template <class L>
class lockable {
 public:
  using node = no_node;
  static constexpr std::size_t kSize = sizeof(L);
  static constexpr waiting kWaiting = waiting::kParks;

  SYNCXX_BENCH_NO_TSA void lock(node&) { lock_.lock(); }
  SYNCXX_BENCH_NO_TSA void unlock(node&) { lock_.unlock(); }

 private:
  L lock_{};
};

// A semaphore of one, used as a mutex.
template <semaphore_like S>
class semaphore_as_mutex {
 public:
  using node = no_node;
  static constexpr std::string_view kName = S::kName;
  static constexpr std::string_view kLibrary = S::kLibrary;
  static constexpr std::size_t kSize = S::kSize;
  static constexpr waiting kWaiting = waiting::kParks;

  void lock(node&) { semaphore_.acquire(); }
  void unlock(node&) { semaphore_.release(); }

 private:
  S semaphore_{1};
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_CONCEPTS_H_
