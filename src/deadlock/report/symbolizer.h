// SPDX-License-Identifier: Apache-2.0
//
// From addresses of code to functions, files and lines, and which of them are
// the program's own.
//
// Files are read in the process (debug_info.h), when there is something to
// report; or a tool is asked (symbol_tools.h) where the library cannot. Where
// neither may be (process::is_confined) or nothing is known, an address is
// given as file + offset, with the command that resolves it.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_SYMBOLIZER_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_SYMBOLIZER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sync/detail/config.h>
#include <sync/detail/function_ref.h>

#include "place.h"
#include "symbol_tools.h"
#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// A call in the program. Several, inlined into one another, can be at one
// address.
struct call {
  std::string_view function;  // as the source has it; empty: not known
  std::string_view file;      // empty: not known
  int line = 0;               // 0: not known
  std::string_view module;    // the loaded file it is in; empty: in none
  std::uintptr_t offset = 0;  // in the module; the address where there is none

  bool has_line() const noexcept { return !file.empty() && line > 0; }
  // Between the program's code and a hook.
  bool is_library() const noexcept;
  // Below the program's code, on its stack.
  bool is_start_up() const noexcept;

 private:
  bool is_standard() const noexcept;
};

// One at a time: all its memory is static.
class symbolizer {
 public:
  symbolizer() noexcept;
  symbolizer(const symbolizer&) = delete;
  symbolizer& operator=(const symbolizer&) = delete;

  // First the places,
  void add(const place& at) noexcept;
  // then what they mean,
  void resolve() noexcept;
  // then each is printed, a line a call, from the caller of the library
  // outwards. Each line begins with `margin`.
  void print(const place& at, std::string_view margin, text& out) noexcept;
  // The same calls, for others to write.
  template <class F>
  void for_each_own(const place& at, F f) noexcept {
    visit_own(at, visitor(f));
  }
  // All calls, also those of the library.
  template <class F>
  void for_each(const place& at, F f) noexcept {
    visit(at, visitor(f));
  }
  // Where no line was found: why, and what to ask a tool by hand.
  void print_help(std::string_view margin, text& out) noexcept;

  // The program's own file.
  std::string_view program() noexcept { return own_path(); }

  // For tests: as if the library had been built without libbacktrace.
  static void use_tools(bool yes) noexcept { s_use_tools = yes; }

 private:
  using visitor = function_ref<void(const call&)>;
  static constexpr std::size_t kMaxAddresses = symbol_tools::kMaxQuestions;
  static constexpr std::size_t kMaxModules = 128;

  struct module {
    std::string_view path;    // as the loader knows it
    std::uintptr_t bias = 0;  // code address - bias = address in the file
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
  };
  struct address {
    std::uintptr_t code = 0;
    std::string_view lines;  // of a tool
  };
  struct finder;

  const address* find(std::uintptr_t code) const noexcept;
  const module* module_of(std::uintptr_t code) noexcept;
  std::string_view keep(const char* text) noexcept;
  std::string_view own_path() noexcept;
  void ask_tools(const module& m, long long until_ns) noexcept;
  void visit(const place& at, visitor f) noexcept;
  void visit_own(const place& at, visitor f) noexcept;
  void print_commands(std::string_view margin, text& out) noexcept;

  std::size_t addresses_ = 0;
  std::size_t modules_ = 0;
  std::size_t memory_used_ = 0;
  bool confined_;  // start nothing, open nothing
  bool by_tools_;
  bool answered_ = false;  // some tool knew something
  std::string_view own_path_;
  std::string_view here_;  // the current directory, with a slash; or empty

  static address s_addresses[kMaxAddresses];
  static module s_modules[kMaxModules];
  static char s_memory[256 * 1024];
  static bool s_use_tools;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_SYMBOLIZER_H_
