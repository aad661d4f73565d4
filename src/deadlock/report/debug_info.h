// SPDX-License-Identifier: Apache-2.0
//
// What the files of the process say about an address of code, read by
// libbacktrace (a part of gcc), which is built into the library where the
// compiler has it: tools/bundle_backtrace.sh. Shared objects that were loaded
// later are known too. Allocates nothing with malloc; what it maps is given
// back when the set of loaded files changes.
//
// One caller at a time. It opens files.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_DEBUG_INFO_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_DEBUG_INFO_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <sync/detail/config.h>

#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::debug_info {

// A function at an address. What is not known is null or 0.
struct frame {
  const char* function = nullptr;  // mangled
  const char* file = nullptr;
  int line = 0;
};

// Whether this library has it.
bool is_built_in() noexcept;

// The functions at `code`, innermost (inlined) first; none where nothing is
// known. Good until the next call.
std::span<const frame> look_up(std::uintptr_t code) noexcept;

// Adds the name as it stands in the source.
void demangle(std::string_view name, text& out) noexcept;

// Forgets all that was read, and leaves its memory as it is: in the child of a
// fork whose parent may have been reading.
void abandon() noexcept;

}  // namespace detail::debug_info
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_DEBUG_INFO_H_
