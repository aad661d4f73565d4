// SPDX-License-Identifier: Apache-2.0
//
// What is said about a misuse.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_MISUSE_REPORT_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_MISUSE_REPORT_H_

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "../detection/ownership.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

struct misuse_found {
  const void* object;
  object_kind kind;
  const char* what;
  int code;  // an errno value
  // Who did it, where; its `at` is printed even if its thread is nobody.
  const operation* here;
  // What it conflicts with; null where that is not known, or does not exist.
  const operation* holder = nullptr;  // of a lock
  const operation* latest = nullptr;  // that gave, to a semaphore or a latch
  const operation* before = nullptr;  // the one before that
};

const char* name_of(object_kind kind) noexcept;

// Prints it to stderr, in one piece. The same misuse with the same places again
// takes one line, and no time.
void report(const misuse_found& found) noexcept;

// In the child of a fork: nobody is in report().
void reset_report_lock() noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_MISUSE_REPORT_H_
