// SPDX-License-Identifier: Apache-2.0
//
// Each place where a lock has been taken, kept once and under a number.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_PLACES_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_PLACES_H_

#include <cstdint>

#include <sync/detail/config.h>

#include "../report/place.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::places {

// Thread-safe. 0: there is no memory.
std::uint32_t number_of(const place& at) noexcept;
// Of a number that the caller has got by a path that synchronizes with the
// call that made it; 0 is nowhere.
place get(std::uint32_t number) noexcept;

// Around fork().
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

}  // namespace detail::places
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_PLACES_H_
