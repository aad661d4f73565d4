// SPDX-License-Identifier: Apache-2.0
//
// Where reports go, as the environment says. All under the lock of report().
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_OUTPUTS_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_OUTPUTS_H_

#include <string_view>

#include <sync/detail/config.h>

#include "finding.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::outputs {

// Reads the environment, and the file of suppressions that it names. It is not
// read where the program runs with more rights than its user.
void read_environment() noexcept;
// The same, the first time it is called.
void begin() noexcept;

// Null or "": none.
void set_file(report_file which, const char* path) noexcept;
void read_suppressions(const char* path) noexcept;

// SYNCXX_DEADLOCK_LOG, or stderr.
void say(std::string_view text) noexcept;

// SYNCXX_DEADLOCK_JSON: appended to.
bool want_json() noexcept;
void append_json(std::string_view line) noexcept;

// SYNCXX_DEADLOCK_DOT: written anew.
bool want_graph() noexcept;
void replace_graph(std::string_view graph) noexcept;

// SYNCXX_LOCKSTAT_LOG, or stderr; SYNCXX_LOCKSTAT_JSON: both appended to.
void say_statistics(std::string_view table) noexcept;
bool want_statistics_json() noexcept;
void append_statistics_json(std::string_view line) noexcept;

}  // namespace detail::outputs
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_OUTPUTS_H_
