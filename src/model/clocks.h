// SPDX-License-Identifier: Apache-2.0
//
// Vector clocks, worked on four threads at a time.
#ifndef SYNCXX_SRC_MODEL_CLOCKS_H_
#define SYNCXX_SRC_MODEL_CLOCKS_H_

#include <cstdint>
#include <cstring>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine::clocks {

using four = std::int32_t __attribute__((vector_size(16)));
inline constexpr std::uint32_t kFour = 4;

inline four load(const std::uint32_t* p) noexcept {
  four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(std::uint32_t* p, four v) noexcept {
  std::memcpy(p, &v, sizeof v);
}

// Of `n` threads, a multiple of four.
inline void copy(std::uint32_t* to, const std::uint32_t* from,
                 std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i < n; i += kFour) store(to + i, load(from + i));
}
inline void join(std::uint32_t* into, const std::uint32_t* from,
                 std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i < n; i += kFour) {
    const four a = load(into + i), b = load(from + i);
    store(into + i, a < b ? b : a);
  }
}
inline void zero(std::uint32_t* to, std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i < n; i += kFour) store(to + i, four{});
}

}  // namespace model::engine::clocks
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_CLOCKS_H_
