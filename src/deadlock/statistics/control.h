// SPDX-License-Identifier: Apache-2.0
//
// Begin and end of the statistics, as the environment says.
#ifndef SYNCXX_SRC_DEADLOCK_STATISTICS_CONTROL_H_
#define SYNCXX_SRC_DEADLOCK_STATISTICS_CONTROL_H_

#include <cstddef>

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {

// Reads the environment, once, when the program starts.
void begin() noexcept;

// Who listens to the hooks, too.
void enable(bool on) noexcept;

// To where the environment says.
void print(std::size_t rows) noexcept;

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_STATISTICS_CONTROL_H_
