// SPDX-License-Identifier: Apache-2.0
//
// A finding as a line of JSON: docs/design/deadlock-reports.md.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_FINDING_JSON_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_FINDING_JSON_H_

#include <cstdint>

#include <sync/detail/config.h>

#include "finding.h"
#include "symbolizer.h"
#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// With a line feed behind it. `symbols` has resolved its places.
void compose_json(const finding& found, std::int64_t number,
                  symbolizer& symbols, text& out) noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_FINDING_JSON_H_
