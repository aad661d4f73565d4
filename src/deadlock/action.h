// SPDX-License-Identifier: Apache-2.0
//
// What follows when something is found: SYNCXX_DEADLOCK, set_misuse_action().
#ifndef SYNCXX_SRC_DEADLOCK_ACTION_H_
#define SYNCXX_SRC_DEADLOCK_ACTION_H_

#include <sync/detail/config.h>
#include <sync/misuse.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::action {

// Reads the environment if nobody has done so yet.
misuse_action current() noexcept;
void change(misuse_action to) noexcept;
inline bool is_off() noexcept { return current() == misuse_action::off; }

// Around fork().
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

}  // namespace detail::action
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_ACTION_H_
