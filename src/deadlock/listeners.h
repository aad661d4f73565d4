// SPDX-License-Identifier: Apache-2.0
//
// Who listens to the hooks of the library's own primitives: the checker
// (misuse.cc), the statistics (statistics/), both, or nobody.
#ifndef SYNCXX_SRC_DEADLOCK_LISTENERS_H_
#define SYNCXX_SRC_DEADLOCK_LISTENERS_H_

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::listeners {

// Each listens, or does not, whatever the other does; the statistics are
// switched on and off with it. What was written before
// is handed over to the threads that hear the listener. The checker listens at
// first.
void set_checker(bool listens) noexcept;
void set_statistics(bool listens) noexcept;

bool checker_listens() noexcept;

// Around fork().
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

}  // namespace detail::listeners
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_LISTENERS_H_
