// SPDX-License-Identifier: Apache-2.0
//
// What listens to the hooks of the library's own primitives (misuse.cc).
#ifndef SYNCXX_SRC_DEADLOCK_LISTENER_H_
#define SYNCXX_SRC_DEADLOCK_LISTENER_H_

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

extern const hook_table g_listener;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_LISTENER_H_
