// SPDX-License-Identifier: Apache-2.0
//
// The harness's own clock and busy waiting; nothing here comes from the
// library under test.
#ifndef SYNCXX_STRESS_SUPPORT_CLOCK_H_
#define SYNCXX_STRESS_SUPPORT_CLOCK_H_

#include <cstdint>
#include <ctime>

namespace syncxx::stress {

inline std::uint64_t now_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

inline void sleep_ns(std::uint64_t nanoseconds) noexcept {
  timespec nap;
  nap.tv_sec = static_cast<time_t>(nanoseconds / 1000000000);
  nap.tv_nsec = static_cast<long>(nanoseconds % 1000000000);
  nanosleep(&nap, nullptr);
}

inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#else
  asm volatile("" ::: "memory");
#endif
}

inline void spin_ns(std::uint64_t nanoseconds) noexcept {
  const std::uint64_t end = now_ns() + nanoseconds;
  while (now_ns() < end) relax();
}

// Keeps plain accesses on both sides where they are written, for counters
// that nothing but the lock under test protects.
inline void compiler_barrier() noexcept { asm volatile("" ::: "memory"); }

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_CLOCK_H_
