// SPDX-License-Identifier: Apache-2.0
//
// The statistics as text: docs/design/lock_stat.md says what is in them.
#ifndef SYNCXX_SRC_DEADLOCK_STATISTICS_TABLE_H_
#define SYNCXX_SRC_DEADLOCK_STATISTICS_TABLE_H_

#include <cstddef>

#include <sync/detail/config.h>

#include "../report/text.h"
#include "summary.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {

// For people; `rows` at most.
void compose_table(const summary& all, std::size_t rows, text& out) noexcept;

// One line, without its end.
void compose_json(const summary& all, text& out) noexcept;

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_STATISTICS_TABLE_H_
