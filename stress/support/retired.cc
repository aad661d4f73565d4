// SPDX-License-Identifier: Apache-2.0
#include "retired.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace syncxx::stress {
namespace {

// Each lane walks through its own part of the range, page by page, and starts
// again at the end: half a million pages later.
constexpr std::size_t kLanes = 8;
constexpr std::uintptr_t kLaneBytes = std::uintptr_t{1} << 31;
constexpr std::uintptr_t kRangeBytes = kLanes * kLaneBytes;

struct alignas(128) lane_position {
  std::atomic<std::uintptr_t> offset{0};
};

std::array<lane_position, kLanes> positions;

// By system call: a sanitizer's mmap would prepare shadow for all of it.
std::uintptr_t try_range(std::uintptr_t hint, int extra_flags) {
  const long range =
      syscall(SYS_mmap, hint, kRangeBytes, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | extra_flags, -1, 0);
  if (range == -1) return 0;
  syscall(SYS_munmap, range, kRangeBytes);
  return static_cast<std::uintptr_t>(range);
}

// A stretch of addresses where nothing lives, well below the place where the
// kernel puts stacks and heaps.
std::uintptr_t find_range() {
  constexpr std::uintptr_t kDistance = std::uintptr_t{1} << 37;
  const std::uintptr_t top = try_range(0, 0);
  if (top == 0) {
    std::perror("stress: cannot reserve addresses for retired objects");
    std::exit(2);
  }
  const std::uintptr_t below =
      top > 2 * kDistance ? try_range(top - kDistance, MAP_FIXED_NOREPLACE) : 0;
  return below != 0 ? below : top;
}

// Found before main, while the process has one thread.
const std::uintptr_t range_begin = find_range();

}  // namespace

bool is_retired(const void* address) noexcept {
  return reinterpret_cast<std::uintptr_t>(address) - range_begin < kRangeBytes;
}

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

void* map_page(unsigned lane) {
  const std::uintptr_t base = range_begin + (lane % kLanes) * kLaneBytes;
  auto& position = positions[lane % kLanes].offset;
  for (;;) {
    const std::uintptr_t offset =
        position.fetch_add(page_size(), std::memory_order_relaxed) % kLaneBytes;
    void* page = mmap(reinterpret_cast<void*>(base + offset), page_size(),
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page != MAP_FAILED) return page;
    if (errno == EEXIST) continue;  // something else lives there
    std::perror("stress: mmap");
    std::abort();
  }
}

void unmap_page(void* page) noexcept { munmap(page, page_size()); }

}  // namespace syncxx::stress
