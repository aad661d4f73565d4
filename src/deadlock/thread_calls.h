// SPDX-License-Identifier: Apache-2.0
#ifndef SYNCXX_SRC_DEADLOCK_THREAD_CALLS_H_
#define SYNCXX_SRC_DEADLOCK_THREAD_CALLS_H_

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Does nothing: whoever names it gets the functions of thread_calls.cc linked.
void hear_thread_calls() noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_THREAD_CALLS_H_
