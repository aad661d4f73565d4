// SPDX-License-Identifier: Apache-2.0
//
// By libbacktrace, which comes with gcc: it knows of functions inlined into one
// another, and reads the debug information of gcc and clang. A build without it
// knows the places that callers give alone.
#include "places.h"

#include <cstdint>
#include <initializer_list>
#include <string_view>

#ifdef SYNCXX_BACKTRACE_H
#include SYNCXX_BACKTRACE_H
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

#ifdef SYNCXX_BACKTRACE_H

namespace {

enum class owner : std::uint8_t { program, primitives, checker };

// Skips the letters of mangled names that stand before the outermost scope:
// local functions, member functions' qualifiers.
std::string_view scope_of(std::string_view mangled) {
  mangled.remove_prefix(2);  // _Z
  while (mangled.starts_with('Z')) mangled.remove_prefix(1);
  if (mangled.starts_with('N')) mangled.remove_prefix(1);
  while (!mangled.empty() && (mangled[0] == 'K' || mangled[0] == 'V' ||
                              mangled[0] == 'R' || mangled[0] == 'O'))
    mangled.remove_prefix(1);
  return mangled;
}

bool starts_with_any(std::string_view s,
                     std::initializer_list<std::string_view> list) {
  for (const std::string_view one : list)
    if (s.starts_with(one)) return true;
  return false;
}

// Functions of local linkage have no mangled name: by their file.
owner owner_of(std::string_view file, std::string_view function) {
  if (function.starts_with("syncxx_model_")) return owner::checker;
  if (function.starts_with("_Z")) {
    if (starts_with_any(function, {"_Znw", "_Zna", "_Zdl", "_Zda"}))
      return owner::checker;
    std::string_view scope = scope_of(function);
    if (starts_with_any(scope, {"St", "S", "9__gnu_cxx"}))
      return owner::checker;
    constexpr std::string_view kLibrary = "6syncxx10abi1_model";
    if (!scope.starts_with(kLibrary)) return owner::program;
    scope.remove_prefix(kLibrary.size());
    // model, cell, detail::sys, detail::unpark, and what hears of misuse
    return starts_with_any(
               scope, {"5model", "4cell", "6detail3sys", "6detail6unpark",
                       "6detail7misused", "6detail12hook_", "6detail13hook_",
                       "6detail14hook_"})
               ? owner::checker
               : owner::primitives;
  }
  const auto has = [file](std::string_view part) {
    return file.find(part) != std::string_view::npos;
  };
  if (has("/c++/") || has("/sync/model/")) return owner::checker;
  constexpr std::string_view kThis = __FILE__;
  const std::string_view engine = kThis.substr(0, kThis.rfind('/') + 1);
  if (has(engine)) return owner::checker;
  const std::string_view library =
      engine.substr(0, engine.rfind('/', engine.size() - 2) + 1);
  return has("/include/sync/") || (library.starts_with('/') && has(library))
             ? owner::primitives
             : owner::program;
}

int on_frame(void* found, std::uintptr_t, const char* file, int line,
             const char* function) {
  if (file == nullptr || line <= 0) return 0;
  auto& path = *static_cast<call_path*>(found);
  const owner of = owner_of(file, function == nullptr ? "" : function);
  if (of == owner::checker) return 0;
  source here;
  here.file = file;
  here.line = static_cast<unsigned>(line);
  if (path.inner.line == 0) path.inner = here;
  if (of == owner::primitives) return 0;
  path.outer = here;
  return 1;  // enough
}

void on_error(void*, const char*, int) {}

}  // namespace

call_path find_caller() noexcept {
  static backtrace_state* const state =
      backtrace_create_state(nullptr, 0, on_error, nullptr);
  call_path path;
  if (state != nullptr) backtrace_full(state, 1, on_frame, on_error, &path);
  return path;
}

#else

call_path find_caller() noexcept { return {}; }

#endif

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
