// SPDX-License-Identifier: Apache-2.0
#include "symbol_tools.h"

#if SYNCXX_HOOKED

#include <charconv>
#include <cstring>

#include <sync/detail/clock.h>

#include "../process.h"
#include "text.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::symbol_tools {
namespace {

std::string_view next_line(std::string_view& rest) noexcept {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

// The answer has, for each address that was asked for, a line with the address
// (0x...) and then a pair of lines for the function there and for each one
// that it is inlined into. True if it tells anything.
bool take_answer(std::span<question> questions,
                 std::string_view rest) noexcept {
  bool any = false;
  for (question& q : questions) {
    if (next_line(rest).substr(0, 2) != "0x") break;
    const std::string_view from_here = rest;
    std::size_t lines = 0;
    for (; !rest.empty() && rest.substr(0, 2) != "0x"; ++lines) next_line(rest);
    q.lines = from_here.substr(0, from_here.size() - rest.size());
    if (lines < 2 || lines % 2 != 0 || q.lines.substr(0, 2) == "??")
      q.lines = {};  // not known, or torn
    any = any || !q.lines.empty();
  }
  return any;
}

std::size_t ask_one(const char* tool, const char* file,
                    std::span<question> questions, std::span<char> memory,
                    long long until_ns) noexcept {
  static constinit char offsets[kMaxQuestions][2 + 16 + 1] = {};
  static constinit const char* argv[kMaxQuestions + 9] = {};
  std::size_t n = 0;
  argv[n++] = tool;
  if (std::strcmp(tool, "llvm-symbolizer") == 0)
    argv[n++] = "--output-style=GNU";
  for (const char* option : {"-a", "-f", "-C", "-i", "-e"}) argv[n++] = option;
  argv[n++] = file;
  for (std::size_t i = 0; i < questions.size() && i < kMaxQuestions; ++i) {
    text offset(offsets[i]);
    offset.hex(questions[i].offset) << std::string_view("\0", 1);
    argv[n++] = offsets[i];
  }
  argv[n] = nullptr;
  const std::ptrdiff_t size =
      process::output_of(argv, memory.data(), memory.size(), until_ns);
  if (size <= 0) return 0;
  const std::string_view answer(memory.data(), static_cast<std::size_t>(size));
  return take_answer(questions, answer) ? answer.size() : 0;
}

}  // namespace

std::size_t ask(const char* file, std::span<question> questions,
                std::span<char> memory, long long until_ns) noexcept {
  // In this order: addr2line (binutils 2.40) does not understand what clang
  // writes about inlined calls in DWARF 5, and names lines of the library.
  for (const char* tool : {"llvm-symbolizer", "llvm-addr2line", "addr2line"}) {
    if (now_ns(clock_id::monotonic) >= until_ns) break;
    const std::size_t used = ask_one(tool, file, questions, memory, until_ns);
    if (used > 0) return used;
  }
  return 0;
}

answered_call next_call(std::string_view& lines) noexcept {
  answered_call call;
  call.function = next_line(lines);
  std::string_view place = next_line(lines);
  place = place.substr(0, place.find(" (discriminator"));
  const std::size_t colon = place.rfind(':');
  if (colon == std::string_view::npos || place.substr(0, 2) == "??")
    return call;
  call.file = place.substr(0, colon);
  // "?" where it is not known
  std::from_chars(place.data() + colon + 1, place.data() + place.size(),
                  call.line);
  return call;
}

}  // namespace detail::symbol_tools
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
