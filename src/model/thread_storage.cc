// SPDX-License-Identifier: Apache-2.0
#include "thread_storage.h"

#include <link.h>

#include <cstring>

#include "../thread_exit.h"
#include "running.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SYNCXX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SYNCXX_SANITIZED 1
#endif
#endif
#ifndef SYNCXX_SANITIZED
#define SYNCXX_SANITIZED 0
#endif

// The C++ runtime's names.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" int __cxa_thread_atexit_impl(void (*function)(void*), void* object,
                                        void* library);
// NOLINTEND(bugprone-reserved-identifier)

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

namespace {

// Whether a sanitizer keeps what is its own among the program's thread_local
// objects.
bool shared_with_sanitizer() noexcept {
  if (!SYNCXX_SANITIZED) return false;
  const auto look = [](dl_phdr_info* info, std::size_t, void*) {
    for (const char* name : {"/libasan.", "/libtsan.", "/libclang_rt."})
      if (std::strstr(info->dlpi_name, name) != nullptr) return 1;
    return 0;
  };
  return ::dl_iterate_phdr(look, nullptr) == 0;
}

}  // namespace

thread_block::thread_block() noexcept {
  if (shared_with_sanitizer()) return;
  // The executable comes first.
  const auto look = [](dl_phdr_info* info, std::size_t, void* self) {
    auto& block = *static_cast<thread_block*>(self);
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& header = info->dlpi_phdr[i];
      if (header.p_type != PT_TLS) continue;
      block.begin_ = static_cast<std::byte*>(info->dlpi_tls_data);
      if (block.begin_ == nullptr) break;
      block.size_ = header.p_memsz;
      block.initial_ =
          reinterpret_cast<const std::byte*>(info->dlpi_addr + header.p_vaddr);
      block.initial_size_ = header.p_filesz;
    }
    return 1;
  };
  ::dl_iterate_phdr(look, this);
}

void thread_block::save(thread_storage& s) const {
  s.image.resize(size_);
  std::memcpy(s.image.data(), begin_, size_);
}

void thread_block::load(const thread_storage& s) const noexcept {
  std::memcpy(begin_, s.image.data(), size_);
}

void thread_block::reset() const noexcept {
  std::memcpy(begin_, initial_, initial_size_);
  std::memset(begin_ + initial_size_, 0, size_ - initial_size_);
}

// In the order in which the standard wants it: the last made first.
void checker::destroy_thread_locals() {
  auto& [image, at_end, after_end] = current_->storage;
  for (std::size_t done = 0;;) {
    thread_storage::destruction next;
    if (!at_end.empty()) {
      next = at_end.back();
      at_end.pop_back();
    } else if (done < after_end.size()) {
      next = after_end[done++];
    } else {
      break;
    }
    next.function(next.object);
  }
}

}  // namespace model::engine

void detail::at_thread_exit(void (*function)(void*), void* object) {
  model::engine::running_checker("notify_all_at_thread_exit")
      .storage()
      .after_end.push_back({function, object});
}

}  // namespace syncxx::inline SYNCXX_ABI

// A thread_local with a destructor has been made. (This takes the place of the
// C++ runtime's function.)
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" int __cxa_thread_atexit(void (*function)(void*), void* object,
                                   void* library) noexcept {
  namespace engine = syncxx::model::engine;
  if (engine::checker_here() == nullptr)
    return __cxa_thread_atexit_impl(function, object, library);
  engine::g_checker->storage().at_end.push_back({function, object});
  return 0;
}
