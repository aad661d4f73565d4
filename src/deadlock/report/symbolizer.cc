// SPDX-License-Identifier: Apache-2.0
//
// Finds what is known of each address, and where the library ends and the
// program begins.
#include "symbolizer.h"

#if SYNCXX_HOOKED

#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>

#include <sync/detail/clock.h>

#include "../process.h"
#include "debug_info.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// For all modules of a report together: the program waits.
constexpr long long kPatienceNs = 10'000'000'000;

// Whether `function` is in namespace `qualifier`. The name of a template comes
// with its return type: "void ns::f<int>(int)".
bool is_in(std::string_view function, std::string_view qualifier) noexcept {
  int depth = 0;
  bool at_start = true;
  for (std::size_t i = 0; i < function.size(); ++i) {
    if (at_start && function.substr(i, qualifier.size()) == qualifier)
      return true;
    at_start = false;
    const char c = function[i];
    if (c == '<') ++depth;
    if (c == '>') --depth;
    if (c == '(' && depth == 0 && i > 0) return false;  // the parameters
    if (c == ' ' && depth == 0) at_start = true;
  }
  return false;
}

// Functions that call main(), or what a thread was given to do.
bool is_start_up_name(std::string_view function) noexcept {
  for (const std::string_view name :
       {"start_thread", "execute_native_thread_routine", "clone", "__clone",
        "clone3", "__clone3", "_start", "__libc_start_main",
        "__libc_start_main_impl", "__libc_start_call_main"}) {
    if (function.substr(0, function.find('@')) == name) return true;
  }
  return false;
}

bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

constinit symbolizer::address symbolizer::s_addresses[kMaxAddresses] = {};
constinit symbolizer::module symbolizer::s_modules[kMaxModules] = {};
constinit char symbolizer::s_memory[sizeof s_memory] = {};
constinit bool symbolizer::s_use_tools = false;

bool call::is_library() const noexcept {
  return is_in(function, "syncxx::abi1_hooks::") || is_standard() ||
         // -gline-tables-only leaves the bare names of inlined functions.
         (!contains(function, "::") && contains(file, "/include/sync/"));
}

bool call::is_start_up() const noexcept {
  return is_start_up_name(function) || is_standard();
}

// By its file where that is known: of functions that were inlined, addr2line
// may know the bare name only, or take that of the function around them. The
// standard libraries themselves are mostly stripped.
bool call::is_standard() const noexcept {
  if (!file.empty()) return contains(file, "/include/c++/");
  if (!function.empty())
    return is_in(function, "std::") || is_in(function, "__gnu_cxx::");
  return contains(module, "/libstdc++.so.") || contains(module, "/libc.so.");
}

symbolizer::symbolizer() noexcept
    : confined_(process::is_confined()),
      by_tools_(s_use_tools || !debug_info::is_built_in()) {}

const symbolizer::address* symbolizer::find(
    std::uintptr_t code) const noexcept {
  for (const address& a : std::span(s_addresses, addresses_))
    if (a.code == code) return &a;
  return nullptr;
}

void symbolizer::add(const place& at) noexcept {
  for (const std::uintptr_t code : std::span(at.code, at.depth)) {
    if (addresses_ == kMaxAddresses) return;
    if (find(code) == nullptr) s_addresses[addresses_++] = {code, {}};
  }
}

// Called for each loaded file.
struct symbolizer::finder {
  symbolizer& self;
  const std::uintptr_t code;
  const module* found = nullptr;

  static int visit(dl_phdr_info* info, std::size_t, void* argument) {
    auto& f = *static_cast<finder*>(argument);
    module here = {{}, info->dlpi_addr, ~std::uintptr_t{0}, 0};
    for (const auto& segment : std::span(info->dlpi_phdr, info->dlpi_phnum)) {
      if (segment.p_type != PT_LOAD) continue;
      const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
      here.begin = std::min(here.begin, begin);
      here.end = std::max(here.end, begin + segment.p_memsz);
    }
    if (f.code < here.begin || here.end <= f.code) return 0;
    if (f.self.modules_ == kMaxModules) return 1;
    here.path = f.self.keep(info->dlpi_name);
    s_modules[f.self.modules_] = here;
    f.found = &s_modules[f.self.modules_++];
    return 1;
  }
};

const symbolizer::module* symbolizer::module_of(std::uintptr_t code) noexcept {
  for (const module& m : std::span(s_modules, modules_))
    if (m.begin <= code && code < m.end) return &m;
  finder f{*this, code};
  ::dl_iterate_phdr(&finder::visit, &f);
  if (f.found != nullptr && f.found->path.empty())
    s_modules[f.found - s_modules].path = own_path();
  return f.found;
}

// A copy, with a zero behind it.
std::string_view symbolizer::keep(const char* text) noexcept {
  const std::size_t size = std::strlen(text) + 1;
  if (size > sizeof s_memory - memory_used_) return "";
  char* const copy = s_memory + memory_used_;
  std::memcpy(copy, text, size);
  memory_used_ += size;
  return {copy, size - 1};
}

// The loader calls the program's own file "".
std::string_view symbolizer::own_path() noexcept {
  if (!own_path_.empty()) return own_path_;
  char* const path = s_memory + memory_used_;
  const std::size_t room = sizeof s_memory - memory_used_;
  const ssize_t n =
      confined_ || room == 0 ? 0 : ::readlink("/proc/self/exe", path, room - 1);
  if (n > 0) {
    const auto size = static_cast<std::size_t>(n);
    path[size] = '\0';
    memory_used_ += size + 1;
    return own_path_ = {path, size};
  }
  const auto* const started_as =
      reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return own_path_ = keep(started_as != nullptr ? started_as : "the program");
}

void symbolizer::resolve() noexcept {
  for (const address& a : std::span(s_addresses, addresses_))
    static_cast<void>(module_of(a.code));
  if (confined_) return;
  char* const directory = s_memory + memory_used_;
  const std::size_t room = sizeof s_memory - memory_used_;
  if (room > 1 && ::getcwd(directory, room - 1) != nullptr) {
    here_ = std::strcat(directory, "/");
    memory_used_ += here_.size() + 1;
  }
  if (!by_tools_) return;
  const long long until_ns = now_ns(clock_id::monotonic) + kPatienceNs;
  for (const module& m : std::span(s_modules, modules_)) ask_tools(m, until_ns);
}

void symbolizer::ask_tools(const module& m, long long until_ns) noexcept {
  static constinit symbol_tools::question questions[kMaxAddresses] = {};
  if (::access(m.path.data(), R_OK) != 0) return;  // the kernel's own, or gone
  std::size_t n = 0;
  for (const address& a : std::span(s_addresses, addresses_))
    if (module_of(a.code) == &m) questions[n++] = {a.code - m.bias, {}};
  const std::size_t used =
      symbol_tools::ask(m.path.data(), std::span(questions, n),
                        std::span(s_memory).subspan(memory_used_), until_ns);
  memory_used_ += used;
  answered_ = answered_ || used > 0;
  n = 0;
  for (address& a : std::span(s_addresses, addresses_))
    if (module_of(a.code) == &m && used > 0) a.lines = questions[n++].lines;
}

void symbolizer::visit(const place& at, visitor f) noexcept {
  static constinit char name_storage[4096] = {};
  for (const std::uintptr_t code : std::span(at.code, at.depth)) {
    call here;
    here.offset = code;
    if (const module* const m = module_of(code)) {
      here.module = m->path;
      here.offset = code - m->bias;
    }
    bool any = false;
    if (by_tools_) {
      const address* const a = find(code);
      std::string_view lines = a == nullptr ? std::string_view() : a->lines;
      for (; !lines.empty(); any = true) {
        const symbol_tools::answered_call c = symbol_tools::next_call(lines);
        here.function = c.function;
        here.file = c.file;
        here.line = c.line;
        f(here);
      }
    } else if (!confined_) {
      for (const debug_info::frame& frame : debug_info::look_up(code)) {
        any = true;
        text name(name_storage);
        if (frame.function != nullptr)
          debug_info::demangle(frame.function, name);
        here.function = name.view();
        here.file = frame.file != nullptr ? frame.file : "";
        here.line = frame.line;
        f(here);
      }
    }
    if (!any) f(here);
  }
}

void symbolizer::visit_own(const place& at, visitor f) noexcept {
  // One walk finds which calls are the program's own, another tells them.
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t n = 0;
  bool in_library = true;
  bool in_program = false;
  bool ended = false;  // nothing of the program is outside of what starts it
  for_each(at, [&](const call& c) {
    in_library = in_library && c.is_library();
    if (in_library) first = n + 1;
    ended = ended || (in_program && is_start_up_name(c.function));
    if (!in_library && !ended && !c.is_start_up()) {
      in_program = true;
      last = n;
    }
    ++n;
  });
  if (!in_program) {  // a thread that was given a lock() and nothing else
    first = 0;
    last = n;
  }
  n = 0;
  for_each(at, [&](const call& c) {
    if (first <= n && n <= last) f(c);
    ++n;
  });
}

void symbolizer::print(const place& at, std::string_view margin,
                       text& out) noexcept {
  for_each_own(at, [&](const call& c) {
    out << margin << "at ";
    if (c.has_line()) {
      const bool is_below =
          !here_.empty() && c.file.substr(0, here_.size()) == here_;
      out << c.file.substr(is_below ? here_.size() : 0) << ":"
          << std::int64_t{c.line};
    } else if (!c.module.empty()) {
      (out << c.module << "+").hex(c.offset);
    } else {
      out.hex(c.offset);
    }
    if (!c.function.empty()) {
      constexpr std::size_t kLongest = 200;
      out << " in ";
      out.without(c.function.substr(0, kLongest), "abi1_hooks::");
      if (c.function.size() > kLongest) out << "...";
    }
    out << "\n";
  });
}

void symbolizer::print_help(std::string_view margin, text& out) noexcept {
  if (addresses_ == 0) return;
  const module* const innermost = module_of(s_addresses[0].code);
  bool known = false;
  place at;
  at.depth = 1;
  at.code[0] = s_addresses[0].code;
  for_each(at, [&](const call& c) { known = known || c.has_line(); });
  if (known) return;
  bool readable = by_tools_ && answered_;
  if (!by_tools_ && !confined_ && innermost != nullptr) {
    const int fd = ::open(innermost->path.data(), O_RDONLY | O_CLOEXEC);
    readable = fd >= 0;
    if (fd >= 0) ::close(fd);
  }
  if (readable) {
    if (innermost != nullptr) {
      out << margin << "no line is known in " << innermost->path
          << ": stripped, or built without -g\n";
    }
    return;
  }
  out << margin
      << (confined_   ? "no file can be opened here to name the lines; ask:"
          : by_tools_ ? "for lines install addr2line (binutils), or ask:"
                      : "no line could be read; ask:")
      << "\n";
  print_commands(margin, out);
}

void symbolizer::print_commands(std::string_view margin, text& out) noexcept {
  for (const module& m : std::span(s_modules, modules_)) {
    bool any = false;
    for (const address& a : std::span(s_addresses, addresses_)) {
      if (module_of(a.code) != &m) continue;
      if (!any) out << margin << "addr2line -Cfie " << m.path;
      any = true;
      (out << " ").hex(a.code - m.bias);
    }
    if (any) out << "\n";
  }
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
