// SPDX-License-Identifier: Apache-2.0
#include "outside.h"

#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// A block of operator new, before its memory.
struct outside_block {
  outside_block* next;
  outside_block* previous;
  std::size_t size;
  void* memory;  // of malloc
};

// (Nothing here has a destructor: programs delete until the very end.)
constinit std::mutex g_lock;
constinit outside_block g_blocks{&g_blocks, &g_blocks, 0, nullptr};

using lock_of_blocks = std::lock_guard<std::mutex>;

using kept_blocks = ordered_map<const std::byte*, std::size_t>;  // sizes

kept_blocks& kept() {
  static auto* const all =
      ::new (own_allocator<kept_blocks>().allocate(1)) kept_blocks;
  return *all;
}

constexpr std::size_t kWord = sizeof(std::uintptr_t);

// Of this OS thread. Zero: not known. (Remembered, for asking takes long; but
// not in a thread_local, which each switch between fibers would have to carry.)
std::uintptr_t end_of_stack() {
  struct stack_of {
    pid_t id;
    pthread_t thread;
    std::uintptr_t end;
  };
  static constinit stack_of last{};
  const pid_t id = ::gettid();
  const pthread_t self = ::pthread_self();
  if (last.id == id && last.thread == self) return last.end;
  pthread_attr_t attributes;
  if (::pthread_getattr_np(self, &attributes) != 0) return 0;
  void* lowest = nullptr;
  std::size_t size = 0;
  ::pthread_attr_getstack(&attributes, &lowest, &size);
  ::pthread_attr_destroy(&attributes);
  last = {id, self, reinterpret_cast<std::uintptr_t>(lowest) + size};
  return last.end;
}

}  // namespace

void* allocate_outside(std::size_t size, std::size_t alignment) {
  const std::size_t align =
      std::max<std::size_t>(alignment, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  void* const memory = std::malloc(size + sizeof(outside_block) + align);
  if (memory == nullptr) throw std::bad_alloc();
  const auto first =
      reinterpret_cast<std::uintptr_t>(memory) + sizeof(outside_block);
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  auto* const block =
      reinterpret_cast<outside_block*>((first + align - 1) / align * align) - 1;
  block->size = size;
  block->memory = memory;
  const lock_of_blocks lock(g_lock);
  block->previous = &g_blocks;
  block->next = g_blocks.next;
  block->next->previous = g_blocks.next = block;
  return block + 1;
}

void release_outside(void* p) noexcept {
  auto* const block = static_cast<outside_block*>(p) - 1;
  {
    const lock_of_blocks lock(g_lock);
    block->next->previous = block->previous;
    block->previous->next = block->next;
  }
  std::free(block->memory);
}

void keep_for_good(const std::byte* base, std::size_t size) {
  const lock_of_blocks lock(g_lock);
  kept().try_emplace(base, size);
}

bool release_kept(const void* base) noexcept {
  const lock_of_blocks lock(g_lock);
  return kept().erase(static_cast<const std::byte*>(base)) != 0;
}

const std::byte* end_of_kept(const std::byte* begin,
                             const std::byte* end) noexcept {
  const lock_of_blocks lock(g_lock);
  auto it = kept().lower_bound(end);
  if (it == kept().begin() || (--it)->first < begin) return begin;
  return it->first + it->second;
}

outside_memory::outside_memory(const void* frame)
    : frame_(frame), end_(end_of_stack()) {}

bool outside_memory::look_at_blocks(bool (*look)(void*, const std::uintptr_t*,
                                                 std::size_t),
                                    void* argument) {
  const lock_of_blocks lock(g_lock);
  const auto look_at = [&](const void* memory, std::size_t size) {
    return look(argument, static_cast<const std::uintptr_t*>(memory),
                size / kWord);
  };
  for (outside_block* b = g_blocks.next; b != &g_blocks; b = b->next)
    if (!look_at(b + 1, b->size)) return false;
  for (const auto& [base, size] : kept())
    if (!look_at(base, size)) return false;
  return true;
}

void outside_memory::add(std::uintptr_t begin, std::uintptr_t end) {
  const std::uintptr_t first = (begin + kWord - 1) / kWord * kWord;
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  spans_.push_back(
      {reinterpret_cast<const std::uintptr_t*>(first), (end - first) / kWord});
}

// Another thread's than the one that checks, mostly for it.
void outside_memory::add_stack_of_main() {
  std::FILE* const maps = std::fopen("/proc/self/maps", "r");
  if (maps == nullptr) return;
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin = 0, end = 0;
    if (std::strstr(line, "[stack]") != nullptr &&
        std::sscanf(line, "%lx-%lx", &begin, &end) ==
            2)  // NOLINT(cert-err34-c)
      add(begin, end);
  }
  static_cast<void>(std::fclose(maps));
}

void outside_memory::find() {
  if (found_) return;
  found_ = true;
  // Writable data, but not what was made read-only after relocation.
  const auto look = [](dl_phdr_info* info, std::size_t, void* self) {
    auto& around = *static_cast<outside_memory*>(self);
    std::uintptr_t fixed_end = 0;
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& header = info->dlpi_phdr[i];
      if (header.p_type == PT_GNU_RELRO)
        fixed_end = info->dlpi_addr + header.p_vaddr + header.p_memsz;
    }
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& header = info->dlpi_phdr[i];
      if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) continue;
      const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
      const std::uintptr_t end = begin + header.p_memsz;
      const bool fixed = fixed_end > begin && fixed_end <= end;
      around.add(fixed ? fixed_end : begin, end);
    }
    return 0;
  };
  ::dl_iterate_phdr(look, this);
  if (::gettid() != ::getpid()) add_stack_of_main();
  const auto begin = reinterpret_cast<std::uintptr_t>(frame_);
  if (end_ > begin) add(begin, end_);
}

std::span<const std::uintptr_t> outside_memory::callers() const noexcept {
  constexpr std::size_t kNear = 32768;  // bytes
  const auto begin = reinterpret_cast<std::uintptr_t>(frame_);
  if (end_ < begin) return {};
  return {static_cast<const std::uintptr_t*>(frame_),
          std::min(kNear, end_ - begin) / kWord};
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
