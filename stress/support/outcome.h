// SPDX-License-Identifier: Apache-2.0
//
// What a case can fail with, and the page on which the case's process leaves
// its outcome for the process that supervises it.
#ifndef SYNCXX_STRESS_SUPPORT_OUTCOME_H_
#define SYNCXX_STRESS_SUPPORT_OUTCOME_H_

#include <atomic>
#include <cstdint>

namespace syncxx::stress {

enum class failure : std::uint32_t {
  none = 0,
  exclusion = 1,          // two threads inside at once
  stuck = 2,              // no progress: a lost wakeup, or a deadlock
  conservation = 4,       // a token lost, or made from nothing
  use_after_release = 8,  // the object was touched when it was gone
  wrong_result = 16,      // a return value that cannot be
  crash = 32,             // a signal, or an exception nobody expected
};

constexpr failure operator|(failure a, failure b) noexcept {
  return static_cast<failure>(static_cast<std::uint32_t>(a) |
                              static_cast<std::uint32_t>(b));
}
constexpr bool any(failure a, failure b) noexcept {
  return (static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b)) != 0;
}

// "exclusion", "stuck", …
const char* name_of(failure kind) noexcept;

// Lives in memory shared by the case's process and its supervisor. The first
// failure wins; `message` is written before `kind` is published.
struct outcome {
  std::atomic<bool> claimed{false};
  std::atomic<failure> kind{failure::none};
  char message[600] = {};
  std::atomic<bool> finished{false};
  std::atomic<std::uint64_t> operations{0};
  std::atomic<std::uint64_t> elapsed_ns{0};

  // True for the first failure only. Async-signal-safe.
  bool claim() noexcept { return !claimed.exchange(true); }
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_OUTCOME_H_
