// SPDX-License-Identifier: Apache-2.0
//
// A finding as text for people.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_FINDING_TEXT_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_FINDING_TEXT_H_

#include <cstdint>

#include <sync/detail/config.h>

#include "finding.h"
#include "symbolizer.h"
#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// In full. `symbols` has resolved its places.
void compose(const finding& found, std::int64_t number, symbolizer& symbols,
             text& out) noexcept;

// In one line: it is like the report `number`.
void compose_again(const finding& found, std::int64_t number,
                   text& out) noexcept;

// "1.23 s", "45 ms", ...
void print_duration(std::int64_t ns, text& out) noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_FINDING_TEXT_H_
