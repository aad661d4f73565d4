// SPDX-License-Identifier: Apache-2.0
//
// Time for benchmarks: a cheap counter for waits, the steady clock for
// windows, and calibrated work that never reads either.
#ifndef SYNCXX_BENCH_HARNESS_CLOCK_H_
#define SYNCXX_BENCH_HARNESS_CLOCK_H_

#include <time.h>

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace syncxx_bench {

inline std::int64_t now_ns() {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1'000'000'000LL + ts.tv_nsec;
}

inline void sleep_ns(std::int64_t ns) {
  timespec ts{ns / 1'000'000'000, ns % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) != 0) {
  }
}

// The processor's constant-rate counter: a few nanoseconds a reading.
inline std::uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return static_cast<std::uint64_t>(now_ns());
#endif
}

// Counter readings per nanosecond, measured once over 20 ms.
inline double ticks_per_ns() {
  static const double rate = [] {
    const std::int64_t t0 = now_ns();
    const std::uint64_t c0 = ticks();
    std::int64_t t1 = t0;
    while (t1 - t0 < 20'000'000) t1 = now_ns();
    return static_cast<double>(ticks() - c0) / static_cast<double>(t1 - t0);
  }();
  return rate;
}

inline double ticks_to_ns(std::uint64_t t) {
  return static_cast<double>(t) / ticks_per_ns();
}

// Takes the same time for every step, touches no memory, and returns `value`:
// a chain of multiplications by a one that the compiler can't see through.
// Feeding it what was read under a lock and writing the result back makes the
// time pass inside the critical section; work that depends on nothing would
// overlap with the lock itself.
inline std::uint64_t work(std::uint64_t value, std::uint32_t steps) {
  std::uint64_t one = 1;
  for (; steps != 0; --steps) {
    asm volatile("" : "+r"(one));
    value *= one;
  }
  return value;
}

// Work that nothing before or after it overlaps with.
inline void work_alone(std::uint32_t steps) {
#if defined(__x86_64__)
  _mm_lfence();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
  std::uint64_t value = work(steps, steps);
  asm volatile("" : "+r"(value));
#if defined(__x86_64__)
  _mm_lfence();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// How many steps of work() take `ns`: the fastest of several tries, so that a
// busy machine does not make the work shorter.
inline std::uint32_t work_steps(double ns) {
  static const double ns_per_step = [] {
    constexpr std::uint32_t kSteps = 100'000;
    double best = 1e9;
    for (int i = 0; i < 20; ++i) {
      const std::int64_t t0 = now_ns();
      work_alone(kSteps);
      best = std::min(best, static_cast<double>(now_ns() - t0) / kSteps);
    }
    return std::max(best, 0.01);
  }();
  return static_cast<std::uint32_t>(ns / ns_per_step + 0.5);
}

// A small generator for think times; one per thread.
class xorshift {
 public:
  explicit xorshift(std::uint32_t seed) : state_(seed * 2654435761u | 1u) {}
  std::uint32_t operator()() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  // Uniform in [0, 2 * mean]; the mean is what it says.
  std::uint32_t around(std::uint32_t mean) {
    const std::uint64_t span = 2ULL * mean + 1;
    return static_cast<std::uint32_t>((span * (*this)()) >> 32);
  }

 private:
  std::uint32_t state_;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_CLOCK_H_
