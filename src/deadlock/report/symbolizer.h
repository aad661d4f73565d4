// SPDX-License-Identifier: Apache-2.0
//
// From addresses of code to functions, files and lines.
//
// The work is done by llvm-symbolizer or addr2line (binutils), where one is on
// PATH: programs that link the library then need no library for debug
// information, and pay nothing until there is something to report. Without
// them an address is given as file + offset, with the command that resolves it.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_SYMBOLIZER_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_SYMBOLIZER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sync/detail/config.h>

#include "place.h"
#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// One at a time: all its memory is static.
class symbolizer {
 public:
  symbolizer() noexcept = default;
  symbolizer(const symbolizer&) = delete;
  symbolizer& operator=(const symbolizer&) = delete;

  // First the places,
  void add(const place& at) noexcept;
  // then what they mean,
  void resolve() noexcept;
  // then each is printed, a line a call, from the caller of the library
  // outwards. Each line begins with `margin`.
  void print(const place& at, std::string_view margin,
             text& out) const noexcept;
  // Where no tool could tell: why, and what to ask one by hand.
  void print_help(std::string_view margin, text& out) const noexcept;

 private:
  static constexpr std::size_t kMaxAddresses = std::size_t{3} * place::kDepth;

  struct module {
    std::string_view path;    // as the loader knows it
    std::uintptr_t bias = 0;  // code address - bias = address in the file
  };
  struct address {
    std::uintptr_t code = 0;
    const module* in = nullptr;  // null: in no file
    // Pairs of lines, innermost (inlined) first: function, file:line.
    std::string_view lines;
  };
  struct finder;
  struct call;

  static address* find(std::size_t addresses, std::uintptr_t code) noexcept;
  std::string_view keep(const char* text) noexcept;
  std::string_view own_path() noexcept;
  void resolve(const module& m, long long until_ns) noexcept;
  bool ask(const char* tool, const module& m, long long until_ns) noexcept;
  bool take_answer(const module& m, std::string_view answer) noexcept;
  template <class F>
  void for_each_call(const place& at, F f) const noexcept;
  void print(const address& a, const call& c, text& out) const noexcept;

  std::size_t addresses_ = 0;
  std::size_t modules_ = 0;
  std::size_t memory_used_ = 0;
  bool confined_ = false;  // start nothing, open nothing
  bool answered_ = false;  // some tool knew something
  std::string_view here_;  // the current directory, with a slash; or empty

  static address s_addresses[kMaxAddresses];
  static module s_modules[kMaxAddresses];  // no more than addresses
  static char s_memory[128 * 1024];
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_SYMBOLIZER_H_
