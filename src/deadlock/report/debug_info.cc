// SPDX-License-Identifier: Apache-2.0
//
// libbacktrace keeps what it has read for ever, and knows the files that were
// loaded when it read them. So there is one state for each set of loaded files
// (the loader counts its changes); all memory of the one before is unmapped,
// which is possible because libbacktrace's mmap() and munmap() are those below.
//
// Demangling: abi::__cxa_demangle allocates with malloc, also where it is given
// a buffer. libstdc++ has the same demangler with a callback, which needs the
// stack alone, about 70 bytes a character of the name.
#include "debug_info.h"

#if SYNCXX_HOOKED

#include <link.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>

#include "../detection/storage.h"

#ifndef SYNCXX_BUNDLED_BACKTRACE
#define SYNCXX_BUNDLED_BACKTRACE 0
#endif

#if SYNCXX_BUNDLED_BACKTRACE

// As <backtrace.h> declares them, under the names that the bundle has.
extern "C" {
struct backtrace_state;
using syncxx_on_error = void(void* argument, const char* message, int error);
using syncxx_on_frame = int(void* argument, std::uintptr_t code,
                            const char* file, int line, const char* function);
using syncxx_on_symbol = void(void* argument, std::uintptr_t code,
                              const char* name, std::uintptr_t value,
                              std::uintptr_t size);
backtrace_state* syncxx_bundled_create_state(const char* file, int threaded,
                                             syncxx_on_error*, void* argument);
int syncxx_bundled_pcinfo(backtrace_state*, std::uintptr_t code,
                          syncxx_on_frame*, syncxx_on_error*, void* argument);
int syncxx_bundled_syminfo(backtrace_state*, std::uintptr_t code,
                           syncxx_on_symbol*, syncxx_on_error*, void* argument);
int syncxx_bundled_demangle(const char* mangled,
                            void (*part)(const char*, std::size_t, void*),
                            void* argument);
void* syncxx_bundled_mmap(void* at, std::size_t size, int protection, int flags,
                          int fd, off_t offset);
int syncxx_bundled_munmap(void* at, std::size_t size);
}

namespace syncxx::inline SYNCXX_ABI {
namespace detail::debug_info {
namespace {

// What libbacktrace has mapped.
class mappings {
 public:
  void add(std::uintptr_t begin, std::size_t size) noexcept {
    const std::uintptr_t end = begin + round_up(size);
    if (!all_.empty()) {  // most lie side by side
      range& last = all_.back();
      if (last.begin == end) {
        last.begin = begin;
        return;
      }
      if (last.end == begin) {
        last.end = end;
        return;
      }
    }
    static_cast<void>(all_.push({begin, end}));  // else it stays for ever
  }
  void remove(std::uintptr_t begin, std::size_t size) noexcept {
    const std::uintptr_t end = begin + round_up(size);
    for (std::uint32_t i = 0, n = all_.size(); i < n; ++i) {
      range& r = all_[i];
      if (end <= r.begin || r.end <= begin) continue;
      const range behind = {end, r.end};
      if (begin <= r.begin)
        r.begin = end < r.end ? end : r.end;
      else
        r.end = begin;
      if (r.begin < begin && end < behind.end)
        static_cast<void>(all_.push(behind));
    }
  }
  void unmap_all() noexcept {
    while (!all_.empty()) {
      const range r = all_.pop();
      if (r.begin < r.end)
        ::munmap(reinterpret_cast<void*>(r.begin), r.end - r.begin);
    }
  }

 private:
  struct range {
    std::uintptr_t begin, end;
  };
  static std::size_t round_up(std::size_t size) noexcept {
    constexpr std::size_t kPage = 4096;  // larger pages only keep more
    return (size + kPage - 1) & ~(kPage - 1);
  }
  segments<range> all_;
};

struct loaded_files {
  unsigned long long added = 0;
  unsigned long long removed = 0;
  bool operator==(const loaded_files&) const = default;
};

loaded_files now_loaded() noexcept {
  loaded_files now;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* argument) {
        *static_cast<loaded_files*>(argument) = {info->dlpi_adds,
                                                 info->dlpi_subs};
        return 1;
      },
      &now);
  return now;
}

struct answer {
  static constexpr std::size_t kMost = 12;
  std::uintptr_t code = 0;
  std::size_t size = 0;
  frame frames[kMost];
};

// A cycle of a thousand threads is made in a few places.
constexpr std::size_t kAnswers = 512;  // a power of two

// Never destroyed: reports are made after the static destructors too.
union reader {
  constexpr reader() noexcept {}
  ~reader() {}
  struct {
    mappings mapped;
    backtrace_state* state = nullptr;
    loaded_files of;
    answer answers[kAnswers];
  } it{};
};
constinit reader g_reader;

void on_error(void*, const char*, int) {}

int on_frame(void* argument, std::uintptr_t, const char* file, int line,
             const char* function) {
  auto& found = *static_cast<answer*>(argument);
  if (file == nullptr && function == nullptr) return 0;
  // Of too many the outermost is kept: it is the one with the symbol.
  if (found.size < answer::kMost) ++found.size;
  found.frames[found.size - 1] = {function, file, line};
  return 0;
}

void on_symbol(void* argument, std::uintptr_t, const char* name, std::uintptr_t,
               std::uintptr_t) {
  *static_cast<const char**>(argument) = name;
}

bool is_mangled(const char* name) noexcept {
  return name != nullptr && std::strncmp(name, "_Z", 2) == 0;
}

void read(answer& into, std::uintptr_t code) noexcept {
  auto& self = g_reader.it;
  into.code = code;
  into.size = 0;
  syncxx_bundled_pcinfo(self.state, code, on_frame, on_error, &into);
  // Of functions that other files do not see gcc notes the bare name only; the
  // symbol has the scope as well, if it is still there.
  const char* symbol = nullptr;
  if (into.size == 0 || !is_mangled(into.frames[into.size - 1].function)) {
    syncxx_bundled_syminfo(self.state, code, on_symbol, on_error, &symbol);
  }
  if (symbol == nullptr) return;
  if (into.size == 0) into.frames[into.size++] = {};
  frame& outermost = into.frames[into.size - 1];
  if (outermost.function == nullptr || is_mangled(symbol))
    outermost.function = symbol;
}

}  // namespace

bool is_built_in() noexcept { return true; }

std::span<const frame> look_up(std::uintptr_t code) noexcept {
  auto& self = g_reader.it;
  if (const loaded_files now = now_loaded();
      self.state == nullptr || self.of != now) {
    self.mapped.unmap_all();
    for (answer& a : self.answers) a.code = 0;
    self.of = now;
    self.state = syncxx_bundled_create_state(nullptr, 0, on_error, nullptr);
    if (self.state == nullptr) return {};
  }
  answer& a = self.answers[(code * 0x9e3779b97f4a7c15u >> 32) % kAnswers];
  if (a.code != code) read(a, code);
  return {a.frames, a.size};
}

void demangle(std::string_view name, text& out) noexcept {
  constexpr std::size_t kLongest = 1000;  // for the sake of the stack
  char mangled[kLongest + 1];
  if (name.substr(0, 2) == "_Z" && name.size() <= kLongest) {
    std::memcpy(mangled, name.data(), name.size());
    mangled[name.size()] = '\0';
    const std::size_t before = out.size();
    const int done = syncxx_bundled_demangle(
        mangled,
        [](const char* part, std::size_t size, void* argument) {
          *static_cast<text*>(argument) << std::string_view(part, size);
        },
        &out);
    if (done == 0) return;
    out.cut(before);
  }
  out << name;
}

void abandon() noexcept { std::construct_at(&g_reader); }

}  // namespace detail::debug_info
}  // namespace syncxx::inline SYNCXX_ABI

void* syncxx_bundled_mmap(void* at, std::size_t size, int protection, int flags,
                          int fd, off_t offset) {
  void* const pages = ::mmap(at, size, protection, flags, fd, offset);
  if (pages != MAP_FAILED) {
    syncxx::detail::debug_info::g_reader.it.mapped.add(
        reinterpret_cast<std::uintptr_t>(pages), size);
  }
  return pages;
}

int syncxx_bundled_munmap(void* at, std::size_t size) {
  syncxx::detail::debug_info::g_reader.it.mapped.remove(
      reinterpret_cast<std::uintptr_t>(at), size);
  return ::munmap(at, size);
}

#else

namespace syncxx::inline SYNCXX_ABI {
namespace detail::debug_info {

bool is_built_in() noexcept { return false; }
std::span<const frame> look_up(std::uintptr_t) noexcept { return {}; }
void demangle(std::string_view name, text& out) noexcept { out << name; }
void abandon() noexcept {}

}  // namespace detail::debug_info
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_BUNDLED_BACKTRACE

#endif  // SYNCXX_HOOKED
