// SPDX-License-Identifier: Apache-2.0
//
// Who holds what, who waits for what and since when, as text.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_THREAD_DUMP_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_THREAD_DUMP_H_

#include <cstdint>

#include <sync/detail/config.h>

#include "finding.h"
#include "symbolizer.h"
#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

struct thread_activity {
  std::uint64_t serial = 0;
  int tid = 0;
  // What it holds, in the order in which it was taken.
  std::uint32_t holds = 0;
  const deed& (*held)(const void* row, std::uint32_t i) = nullptr;
  const void* row = nullptr;
  const deed* waiting = nullptr;  // for what; null: it does not
  std::int64_t waiting_ns = 0;    // for how long now
  bool bounded = false;           // up to a time, or a stop request
};

// The threads, by number. They are gone through more than once, and must stay
// as they are meanwhile.
struct thread_source {
  std::uint32_t threads = 0;
  thread_activity (*thread)(const void* context, std::uint32_t i) = nullptr;
  const void* context = nullptr;
};

void compose_thread_dump(const thread_source& source, symbolizer& symbols,
                         text& out) noexcept;

// Writes it to where reports go, or to the open file `fd`.
void print_thread_dump(const thread_source& source, int fd = -1) noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_THREAD_DUMP_H_
