// SPDX-License-Identifier: Apache-2.0
//
// Findings that the user does not want to hear of. (finding.h has add().)
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_SUPPRESSIONS_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_SUPPRESSIONS_H_

#include <string_view>

#include <sync/detail/config.h>

#include "finding.h"
#include "symbolizer.h"
#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::suppressions {

// All but add() are called under the lock of report().

bool add_locked(std::string_view kind, std::string_view pattern) noexcept;

// Reads what the file `name` says, `lines`: kind:pattern, # begins a comment.
// Adds to `complaints` a line for each that is not understood.
void add_lines(std::string_view name, std::string_view lines,
               text& complaints) noexcept;

// Whether any could match, so that the finding's places are worth resolving.
bool concern(finding_kind kind) noexcept;
// `symbols` has resolved the finding's places.
bool match(const finding& found, symbolizer& symbols) noexcept;

// Whether `pattern`, in which * stands for any characters, is all of `name`.
bool matches(std::string_view pattern, std::string_view name) noexcept;
// The same for a function: with its parameters and without them.
bool matches_function(std::string_view pattern, std::string_view name) noexcept;
// The same for a path: all of it, or its last part.
bool matches_path(std::string_view pattern, std::string_view path) noexcept;

}  // namespace detail::suppressions
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_SUPPRESSIONS_H_
