// SPDX-License-Identifier: Apache-2.0
//
// free(), realloc() and munmap(): a lock in memory that is used again is
// another lock. They are called far more often than memory has locks in it, and
// so a set of addresses is asked first. They are called before anything else,
// too: they do not begin the watching.
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "watching.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::preload {

constinit known_memory g_known_memory;

void known_memory::add(const void* object) noexcept {
  const std::uintptr_t page = page_of(object);
  __atomic_fetch_or(&pages_[word(page)], bit(page), __ATOMIC_RELAXED);
  const std::uintptr_t line = line_of(object);
  __atomic_fetch_or(&lines_[word(line)], bit(line), __ATOMIC_RELAXED);
}

bool known_memory::may_hold_lock(const void* begin,
                                 std::size_t size) const noexcept {
  constexpr std::size_t kFew = 1024;  // bytes that are looked up by lines
  const auto* const first = static_cast<const char*>(begin);
  const auto from = reinterpret_cast<std::uintptr_t>(begin);
  if (size <= kFew) {
    const std::size_t lines =
        ((from + size - 1) >> kLineShift) - (from >> kLineShift);
    for (std::size_t i = 0; i <= lines; ++i) {
      const std::uintptr_t line = line_of(first + (i << kLineShift));
      if ((lines_[word(line)] & bit(line)) != 0) return true;
    }
    return false;
  }
  const std::size_t pages =
      ((from + size - 1) >> kPageShift) - (from >> kPageShift);
  if (pages >= std::size_t{1} << kPagesLog2) return true;
  for (std::size_t i = 0; i <= pages; ++i) {
    const std::uintptr_t page = page_of(first + (i << kPageShift));
    if ((pages_[word(page)] & bit(page)) != 0) return true;
  }
  return false;
}

namespace {

enum class allocator : unsigned char { unknown, known, foreign };
constinit allocator g_allocator = allocator::unknown;

// malloc_usable_size() means nothing for memory of another library's malloc.
SYNCXX_COLD bool find_allocator() noexcept {
  if (g_real.free == nullptr && !find_real()) return false;
  Dl_info frees;
  Dl_info sizes;
  const bool is_one =
      ::dladdr(reinterpret_cast<void*>(g_real.free), &frees) != 0 &&
      ::dladdr(reinterpret_cast<void*>(g_real.malloc_usable_size), &sizes) !=
          0 &&
      frees.dli_fbase == sizes.dli_fbase;
  g_allocator = is_one ? allocator::known : allocator::foreign;
  return is_one;
}

bool knows_sizes() noexcept {
  if (g_allocator == allocator::unknown) [[unlikely]]
    return find_allocator();
  return g_allocator == allocator::known;
}

// What was told is kept for when the memory is really given back.
void tell_release(const void* begin, std::size_t size,
                  const call_site& site) noexcept {
  if (is_watching()) memory_released(begin, size, site);
}

}  // namespace
}  // namespace detail::preload
}  // namespace syncxx::inline SYNCXX_ABI

using namespace syncxx::detail::preload;  // NOLINT: a source of C functions

SYNCXX_EXPORTED void free(void* memory) noexcept {
  if (memory == nullptr) return;
  if (knows_sizes()) [[likely]] {
    const std::size_t size = g_real.malloc_usable_size(memory);
    if (g_known_memory.may_hold_lock(memory, size)) [[unlikely]]
      tell_release(memory, size, SYNCXX_CALL_SITE());
  } else if (g_real.free == nullptr) {
    return;  // the loader's, while it looks free() up: it is lost
  }
  g_real.free(memory);
}

// It may move the memory, and only then is that given back; but then somebody
// else may have it before that is told. So where there may be a lock the block
// is moved here.
SYNCXX_EXPORTED void* realloc(void* memory, size_t size) noexcept {
  if (memory != nullptr && size != 0 && knows_sizes()) {
    const std::size_t old_size = g_real.malloc_usable_size(memory);
    if (g_known_memory.may_hold_lock(memory, old_size)) [[unlikely]] {
      void* const moved = ::malloc(size);
      if (moved == nullptr) return nullptr;
      std::memcpy(moved, memory, size < old_size ? size : old_size);
      tell_release(memory, old_size, SYNCXX_CALL_SITE());
      g_real.free(memory);
      return moved;
    }
  }
  if (g_real.realloc == nullptr && !find_real()) return nullptr;
  return g_real.realloc(memory, size);
}

SYNCXX_EXPORTED int munmap(void* begin, size_t size) noexcept {
  if (size != 0 && g_known_memory.may_hold_lock(begin, size)) [[unlikely]]
    tell_release(begin, size, SYNCXX_CALL_SITE());
  // A malloc that begins in the middle of a look-up has pages to give back.
  if (g_real.munmap == nullptr && !find_real())
    return static_cast<int>(::syscall(SYS_munmap, begin, size));
  return g_real.munmap(begin, size);
}
