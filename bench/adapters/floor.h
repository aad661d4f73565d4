// SPDX-License-Identifier: Apache-2.0
//
// What the hardware and the kernel charge before any library comes in. None of
// these excludes anybody: they are for one thread (the pairs) or exactly two
// (the futex baton).
#ifndef SYNCXX_BENCH_ADAPTERS_FLOOR_H_
#define SYNCXX_BENCH_ADAPTERS_FLOOR_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {

// The compiler must believe that somebody looks at the value.
template <class T>
inline void look_at(T value) {
  asm volatile("" : : "r"(value));
}

// A mutex can't do with less: take it if it is free, give it back and learn
// whether somebody sleeps.
class floor_cas_exchange {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "bare cmpxchg + xchg";
  static constexpr std::string_view kLibrary = "floor";
  static constexpr std::size_t kSize = 4;
  static constexpr waiting kWaiting = waiting::kSpins;

  void lock(node&) {
    std::uint32_t expected = 0;
    look_at(word_.compare_exchange_strong(
        expected, 1, std::memory_order_acquire, std::memory_order_relaxed));
  }
  void unlock(node&) { look_at(word_.exchange(0, std::memory_order_release)); }

 private:
  std::atomic<std::uint32_t> word_{0};
};

// A spinlock can't do with less.
class floor_exchange_store {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "bare xchg + store";
  static constexpr std::string_view kLibrary = "floor";
  static constexpr std::size_t kSize = 1;
  static constexpr waiting kWaiting = waiting::kSpins;

  void lock(node&) { look_at(word_.exchange(1, std::memory_order_acquire)); }
  void unlock(node&) { word_.store(0, std::memory_order_release); }

 private:
  std::atomic<std::uint8_t> word_{0};
};

// A semaphore that only counts.
class floor_two_adds {
 public:
  static constexpr std::string_view kName = "bare xadd + xadd";
  static constexpr std::string_view kLibrary = "floor";
  static constexpr std::size_t kSize = 4;

  explicit floor_two_adds(int count) : word_(count) {}
  void acquire() { look_at(word_.fetch_sub(1, std::memory_order_acquire)); }
  void release() { look_at(word_.fetch_add(1, std::memory_order_release)); }

 private:
  std::atomic<std::int32_t> word_;
};

// One token between two threads, one wait or wake per hand-over and no
// cleverness at all: the price of a blocked thread in this kernel. Moved: the
// sleeper is moved to another word before it is woken there, as a waiter of a
// condition variable is to its mutex.
template <bool Moved>
class floor_baton {
 public:
  static constexpr std::string_view kName =
      Moved ? "raw futex, moved" : "raw futex";
  static constexpr std::string_view kLibrary = "floor";
  static constexpr std::size_t kSize = 4;

  explicit floor_baton(int count) : word_(static_cast<std::uint32_t>(count)) {}

  void acquire() {
    while (word_.load(std::memory_order_acquire) == 0) {
      futex(word_, FUTEX_WAIT_PRIVATE, 0);
    }
    word_.store(0, std::memory_order_relaxed);
  }
  void release() {
    word_.store(1, std::memory_order_release);
    if constexpr (Moved) {
      syscall(SYS_futex, &word_, FUTEX_CMP_REQUEUE_PRIVATE, 0, 1, &queue_, 1);
      futex(queue_, FUTEX_WAKE_PRIVATE, 1);
    } else {
      futex(word_, FUTEX_WAKE_PRIVATE, 1);
    }
  }

 private:
  static void futex(std::atomic<std::uint32_t>& word, int operation,
                    std::uint32_t value) {
    syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
  }

  std::atomic<std::uint32_t> word_;
  [[maybe_unused]] std::atomic<std::uint32_t> queue_{0};
};
using floor_futex_baton = floor_baton<false>;
using floor_futex_moved_baton = floor_baton<true>;

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_FLOOR_H_
