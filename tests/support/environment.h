// SPDX-License-Identifier: Apache-2.0
//
// What this build and this machine allow: sanitizers, emulation, and how much
// work a test may ask of them. A test that cannot run says so with GTEST_SKIP.
#ifndef SYNCXX_TESTS_SUPPORT_ENVIRONMENT_H_
#define SYNCXX_TESTS_SUPPORT_ENVIRONMENT_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

namespace syncxx_test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif
#else
inline constexpr bool kThreadSanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#else
inline constexpr bool kAddressSanitizer = false;
#endif

inline constexpr bool kSanitized = kThreadSanitizer || kAddressSanitizer;

#if defined(SYNCXX_HOOKS) && SYNCXX_HOOKS
inline constexpr bool kHooked = true;
#else
inline constexpr bool kHooked = false;
#endif

// qemu-user answers for /proc/self/exe itself but not for the thread's entry,
// which names the emulator.
inline bool under_qemu() {
  static const bool answer = [] {
    char target[512];
    const ssize_t n = readlink("/proc/thread-self/exe", target, sizeof target);
    return n > 0 &&
           std::string_view(target, static_cast<std::size_t>(n)).find("qemu") !=
               std::string_view::npos;
  }();
  return answer;
}

// Fewer iterations where each costs ten times as much.
inline int iterations(int n) {
  const bool slow = kSanitized || under_qemu();
  return slow ? (n + 9) / 10 : n;
}

// Why this build cannot count system calls with a seccomp trap, or empty.
inline std::string_view no_syscall_counting() {
  if (kSanitized) return "a sanitizer's runtime makes system calls of its own";
  if (under_qemu()) return "qemu-user does not emulate seccomp";
  return {};
}

// Why locks that survive their owner do not work here, or empty.
inline std::string_view no_robust_lists() {
  if (under_qemu()) return "qemu-user does not emulate robust lists";
  return {};
}

// Why locks that inherit priority do not work here, or empty: qemu-user has had
// what they need of the kernel since version 7.
inline std::string_view no_pi_futexes() {
  if (!under_qemu()) return {};
  static const bool answer = [] {
    unsigned word = 0;
    return syscall(SYS_futex, &word, FUTEX_LOCK_PI_PRIVATE, 0, nullptr) == 0;
  }();
  if (answer) return {};
  return "this qemu-user does not emulate PI futexes";
}

// Why the child of a fork cannot go on as one thread of several, or empty.
inline std::string_view no_fork_beside_threads() {
  if (under_qemu())
    return "qemu-user's child of a fork beside other threads aborts";
  return {};
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_ENVIRONMENT_H_
