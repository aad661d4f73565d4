// SPDX-License-Identifier: Apache-2.0
//
// Asks a tool about all addresses of a report at once, a call of it per loaded
// file, and finds in the answers where the library ends and the program begins.
#include "symbolizer.h"

#if SYNCXX_HOOKED

#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstring>
#include <span>

#include <sync/detail/clock.h>

#include "../process.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// For all modules of a report together: the program waits.
constexpr long long kPatienceNs = 10'000'000'000;

std::string_view next_line(std::string_view& rest) noexcept {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

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

}  // namespace

constinit symbolizer::address symbolizer::s_addresses[kMaxAddresses] = {};
constinit symbolizer::module symbolizer::s_modules[kMaxAddresses] = {};
constinit char symbolizer::s_memory[sizeof s_memory] = {};

// One function at an address; several, inlined into one another, can be there.
struct symbolizer::call {
  std::string_view function;  // empty: not known
  std::string_view file;      // and line

  // Takes a call's two lines off `lines`.
  static call next(std::string_view& lines) noexcept {
    const std::string_view function = next_line(lines);
    const std::string_view file = next_line(lines);
    return {function, file.substr(0, file.find(" (discriminator"))};
  }

  bool has_file() const noexcept {
    return !file.empty() && file.substr(0, 2) != "??";
  }
  // Between the program's code and a hook.
  bool is_library() const noexcept {
    return is_in(function, "syncxx::abi1_hooks::") || is_standard() ||
           // -gline-tables-only leaves the bare names of inlined functions.
           (function.find("::") == std::string_view::npos &&
            file.find("/include/sync/") != std::string_view::npos);
  }
  // Below the program's code, on its stack.
  bool is_start_up() const noexcept {
    return is_start_up_name(function) || is_standard();
  }

 private:
  // By its file where that is known: of functions that were inlined, addr2line
  // may know the bare name only, or take that of the function around them.
  bool is_standard() const noexcept {
    return has_file()
               ? file.find("/include/c++/") != std::string_view::npos
               : is_in(function, "std::") || is_in(function, "__gnu_cxx::");
  }
};

symbolizer::address* symbolizer::find(std::size_t addresses,
                                      std::uintptr_t code) noexcept {
  for (address& a : std::span(s_addresses, addresses))
    if (a.code == code) return &a;
  return nullptr;
}

void symbolizer::add(const place& at) noexcept {
  for (const std::uintptr_t code : std::span(at.code, at.depth)) {
    if (addresses_ < kMaxAddresses && find(addresses_, code) == nullptr)
      s_addresses[addresses_++] = {code, nullptr, {}};
  }
}

// Called for each loaded file: gives it to the addresses that lie in it.
struct symbolizer::finder {
  static int visit(dl_phdr_info* info, std::size_t, void* argument) {
    auto& self = *static_cast<symbolizer*>(argument);
    module* here = nullptr;
    for (address& a : std::span(s_addresses, self.addresses_)) {
      if (a.in != nullptr || !is_in(a.code, *info)) continue;
      if (here == nullptr) {
        here = &s_modules[self.modules_++];
        *here = {self.keep(info->dlpi_name), info->dlpi_addr};
      }
      a.in = here;
    }
    return 0;
  }
  static bool is_in(std::uintptr_t code, const dl_phdr_info& info) {
    for (const auto& segment : std::span(info.dlpi_phdr, info.dlpi_phnum)) {
      if (segment.p_type == PT_LOAD &&
          code - info.dlpi_addr - segment.p_vaddr < segment.p_memsz) {
        return true;
      }
    }
    return false;
  }
};

// A copy, with a zero behind it.
std::string_view symbolizer::keep(const char* text) noexcept {
  const std::size_t size = std::strlen(text) + 1;
  if (size > sizeof s_memory - memory_used_) return "";
  char* const copy = s_memory + memory_used_;
  std::memcpy(copy, text, size);
  memory_used_ += size;
  return {copy, size - 1};
}

// The program's own file; the loader calls it "".
std::string_view symbolizer::own_path() noexcept {
  char* const path = s_memory + memory_used_;
  const std::size_t room = sizeof s_memory - memory_used_;
  const ssize_t n =
      confined_ || room == 0 ? 0 : ::readlink("/proc/self/exe", path, room - 1);
  if (n > 0) {
    const auto size = static_cast<std::size_t>(n);
    path[size] = '\0';
    memory_used_ += size + 1;
    return {path, size};
  }
  const auto* const started_as =
      reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return keep(started_as != nullptr ? started_as : "the program");
}

void symbolizer::resolve() noexcept {
  confined_ = process::is_confined();
  ::dl_iterate_phdr(&finder::visit, this);
  const std::span modules(s_modules, modules_);
  for (module& m : modules)
    if (m.path.empty()) m.path = own_path();
  if (confined_) return;
  char* const directory = s_memory + memory_used_;
  const std::size_t room = sizeof s_memory - memory_used_;
  if (room > 1 && ::getcwd(directory, room - 1) != nullptr) {
    here_ = std::strcat(directory, "/");
    memory_used_ += here_.size() + 1;
  }
  const long long until_ns = now_ns(clock_id::monotonic) + kPatienceNs;
  for (const module& m : modules) resolve(m, until_ns);
}

void symbolizer::resolve(const module& m, long long until_ns) noexcept {
  if (::access(m.path.data(), R_OK) != 0) return;  // the kernel's own, or gone
  // In this order: addr2line (binutils 2.40) does not understand what clang
  // writes about inlined calls in DWARF 5, and names lines of the library.
  for (const char* tool : {"llvm-symbolizer", "llvm-addr2line", "addr2line"}) {
    if (now_ns(clock_id::monotonic) >= until_ns) return;
    if (ask(tool, m, until_ns)) return;
  }
}

// True if `tool` has told anything about the addresses in `m`.
bool symbolizer::ask(const char* tool, const module& m,
                     long long until_ns) noexcept {
  static constinit char offsets[kMaxAddresses][2 + 16 + 1] = {};
  const char* argv[kMaxAddresses + 9];
  std::size_t n = 0;
  argv[n++] = tool;
  if (std::strcmp(tool, "llvm-symbolizer") == 0)
    argv[n++] = "--output-style=GNU";
  for (const char* option : {"-a", "-f", "-C", "-i", "-e"}) argv[n++] = option;
  argv[n++] = m.path.data();
  for (std::size_t i = 0; i < addresses_; ++i) {
    if (s_addresses[i].in != &m) continue;
    text offset(offsets[i]);
    offset.hex(s_addresses[i].code - m.bias) << std::string_view("\0", 1);
    argv[n++] = offsets[i];
  }
  argv[n] = nullptr;
  char* const output = s_memory + memory_used_;
  const std::ptrdiff_t size = process::output_of(
      argv, output, sizeof s_memory - memory_used_, until_ns);
  if (size <= 0) return false;
  const std::string_view answer(output, static_cast<std::size_t>(size));
  if (!take_answer(m, answer)) return false;
  memory_used_ += answer.size();
  answered_ = true;
  return true;
}

// The answer has, for each address that was asked for, a line with the address
// (0x...) and then a pair of lines for the function there and for each one
// that it is inlined into.
bool symbolizer::take_answer(const module& m, std::string_view rest) noexcept {
  bool any = false;
  for (address& a : std::span(s_addresses, addresses_)) {
    if (a.in != &m) continue;
    if (next_line(rest).substr(0, 2) != "0x") break;
    const std::string_view from_here = rest;
    std::size_t lines = 0;
    for (; !rest.empty() && rest.substr(0, 2) != "0x"; ++lines) next_line(rest);
    a.lines = from_here.substr(0, from_here.size() - rest.size());
    if (lines < 2 || lines % 2 != 0 || a.lines.substr(0, 2) == "??")
      a.lines = {};  // not known, or torn
    any = any || !a.lines.empty();
  }
  return any;
}

template <class F>
void symbolizer::for_each_call(const place& at, F f) const noexcept {
  for (const std::uintptr_t code : std::span(at.code, at.depth)) {
    const address* const a = find(addresses_, code);
    if (a == nullptr) continue;  // more than kMaxAddresses
    std::string_view lines = a->lines;
    do {
      f(*a, call::next(lines));
    } while (!lines.empty());
  }
}

void symbolizer::print(const address& a, const call& c,
                       text& out) const noexcept {
  if (c.has_file()) {
    const bool is_below =
        !here_.empty() && c.file.substr(0, here_.size()) == here_;
    out << c.file.substr(is_below ? here_.size() : 0);
  } else if (a.in != nullptr) {
    (out << a.in->path << "+").hex(a.code - a.in->bias);
  } else {
    out.hex(a.code);
  }
  if (!c.function.empty()) {
    constexpr std::size_t kLongest = 200;
    out << " in ";
    out.without(c.function.substr(0, kLongest), "abi1_hooks::");
    if (c.function.size() > kLongest) out << "...";
  }
}

void symbolizer::print(const place& at, std::string_view margin,
                       text& out) const noexcept {
  // One walk finds which calls are the program's own, another prints them.
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t n = 0;
  bool in_library = true;
  bool in_program = false;
  for_each_call(at, [&](const address&, const call& c) {
    in_library = in_library && c.is_library();
    if (in_library) first = n + 1;
    if (!in_library && !c.is_start_up()) {
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
  for_each_call(at, [&](const address& a, const call& c) {
    if (first <= n && n <= last) {
      out << margin << "at ";
      print(a, c, out);
      out << "\n";
    }
    ++n;
  });
}

void symbolizer::print_help(std::string_view margin, text& out) const noexcept {
  if (answered_) {
    const address& innermost = s_addresses[0];  // of the misuse
    if (innermost.in != nullptr && innermost.lines.empty()) {
      out << margin << "no line is known in " << innermost.in->path
          << ": stripped, or built without -g\n";
    }
    return;
  }
  out << margin
      << (confined_ ? "no program can be started here to name the lines; ask:"
                    : "for lines install addr2line (binutils), or ask:")
      << "\n";
  for (const module& m : std::span(s_modules, modules_)) {
    out << margin << "addr2line -Cfie " << m.path;
    for (const address& a : std::span(s_addresses, addresses_))
      if (a.in == &m) (out << " ").hex(a.code - m.bias);
    out << "\n";
  }
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
