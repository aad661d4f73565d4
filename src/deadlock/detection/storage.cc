// SPDX-License-Identifier: Apache-2.0
#include "storage.h"

#include <sys/mman.h>

#include <cerrno>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

void* map_pages(std::size_t bytes) noexcept {
  const int error = errno;
  void* const pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  errno = error;
  return pages == MAP_FAILED ? nullptr : pages;
}

void unmap_pages(void* pages, std::size_t bytes) noexcept {
  ::munmap(pages, bytes);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
