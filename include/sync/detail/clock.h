// SPDX-License-Identifier: Apache-2.0
//
// The seam for time: the two clocks that the kernel can sleep on.
#ifndef SYNCXX_DETAIL_CLOCK_H_
#define SYNCXX_DETAIL_CLOCK_H_

#include <chrono>
#include <cstdint>

#include <sync/detail/config.h>
#if SYNCXX_MODELLED
#include <sync/model/access.h>
#elif SYNCXX_IN_RELACY
#include <sync/relacy/atomic.h>
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// monotonic: CLOCK_MONOTONIC, std::chrono::steady_clock.
// realtime:  CLOCK_REALTIME, std::chrono::system_clock; it can be stepped.
enum class clock_id : std::uint8_t { monotonic, realtime };

#if SYNCXX_MODELLED
inline std::int64_t now_ns(clock_id clock) noexcept {
  return model::engine::clock_ns(static_cast<int>(clock));
}
inline std::int64_t deadline_base_ns(clock_id clock) noexcept {
  return model::engine::clock_ns(static_cast<int>(clock), true);
}
#elif SYNCXX_IN_RELACY
inline std::int64_t now_ns(clock_id) noexcept { return relacy::now_ns(); }
#else
// Nanoseconds since the clock's epoch. Read through the vDSO: no syscall.
inline std::int64_t now_ns(clock_id clock) noexcept {
  using std::chrono::nanoseconds;
  const auto since_epoch =
      clock == clock_id::monotonic
          ? std::chrono::duration_cast<nanoseconds>(
                std::chrono::steady_clock::now().time_since_epoch())
          : std::chrono::duration_cast<nanoseconds>(
                std::chrono::system_clock::now().time_since_epoch());
  return since_epoch.count();
}
#endif

#if !SYNCXX_MODELLED
// What a deadline is counted from. (The model checker need not let time pass
// just before.)
inline std::int64_t deadline_base_ns(clock_id clock) noexcept {
  return now_ns(clock);
}
#endif

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_CLOCK_H_
