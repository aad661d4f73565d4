// SPDX-License-Identifier: Apache-2.0
//
// The second choice for names and lines, where the library was built without
// libbacktrace: llvm-symbolizer or addr2line (binutils), if one is on PATH.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_SYMBOL_TOOLS_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_SYMBOL_TOOLS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::symbol_tools {

inline constexpr std::size_t kMaxQuestions = 256;

struct question {
  std::uintptr_t offset = 0;  // in the file
  // The answer, empty where there is none: pairs of lines, innermost (inlined)
  // first: function, file:line.
  std::string_view lines;
};

// Asks one tool after another, until one knows something, and keeps what it
// says in `memory`, of which the result is how much is used. One at a time.
std::size_t ask(const char* file, std::span<question> questions,
                std::span<char> memory, long long until_ns) noexcept;

struct answered_call {
  std::string_view function;  // empty: not known
  std::string_view file;
  int line = 0;
};

// Takes a call off an answer.
answered_call next_call(std::string_view& lines) noexcept;

}  // namespace detail::symbol_tools
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_SYMBOL_TOOLS_H_
