// SPDX-License-Identifier: Apache-2.0
//
// Room for reports that are made by threads with small stacks: reading debug
// information and demangling names takes some ten thousand bytes.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_LARGE_STACK_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_LARGE_STACK_H_

#include <sync/detail/config.h>
#include <sync/detail/function_ref.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Calls `work` on a stack that there is one of: under the lock of report().
// Under a sanitizer, which would have to be told, and where the program has
// locked itself up (a report is short then), it is the thread's own.
void on_large_stack(function_ref<void()> work) noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_LARGE_STACK_H_
