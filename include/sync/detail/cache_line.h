// SPDX-License-Identifier: Apache-2.0
//
// The distance that keeps two objects from sharing a cache line.
#ifndef SYNCXX_DETAIL_CACHE_LINE_H_
#define SYNCXX_DETAIL_CACHE_LINE_H_

#include <cstddef>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Bytes. x86-64 cores fetch lines of 64 in pairs, so false sharing reaches
// 128; aarch64 server cores use 64 and Apple's 128. Fixed rather than
// std::hardware_destructive_interference_size, which may differ between two
// compilers whose objects are linked together.
inline constexpr std::size_t kCacheLine = 128;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_CACHE_LINE_H_
