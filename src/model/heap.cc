// SPDX-License-Identifier: Apache-2.0
//
// operator new and delete: the test's heap while a test runs, malloc otherwise.
#include <pthread.h>

#include <cstddef>
#include <new>

#include "outside.h"
#include "recorder.h"
#include "running.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

void* allocate(std::size_t size, std::size_t alignment, const void* site) {
  checker* const c = checker_here();
  if (c == nullptr) return allocate_outside(size, alignment);
  if (c->recording() == nullptr) [[likely]]
    return c->objects().allocate(size, alignment, site);
  recorded as(action::allocate, nullptr, size);
  void* const p = c->objects().allocate(size, alignment, site);
  as.result(reinterpret_cast<std::intptr_t>(p));
  return p;
}

void release(void* p) noexcept {
  if (p == nullptr) return;
  if (!memory::region().in_heap(p)) {
    release_outside(p);
  } else if (checker* const c = checker_here(); c != nullptr) {
    if (c->recording() == nullptr) [[likely]]
      return c->objects().release(p);
    const recorded as(action::release, p);
    c->objects().release(p);
  } else {
    // (What a check has left is anybody's.)
    if (!release_kept(p) && g_checker != nullptr && !g_forked)
      memory::note_stranger();
  }
}

// The test goes on in its parent.
void begin_child() {
  if (checker_here() == nullptr) return;
  g_forked = true;
  g_checker = nullptr;
}

}  // namespace

void attach_heap() noexcept {
  static const bool once = [] {
    ::pthread_atfork(nullptr, nullptr, begin_child);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

namespace {
namespace engine = syncxx::model::engine;
}  // namespace

void* operator new(std::size_t size) {
  return engine::allocate(size, 0, __builtin_return_address(0));
}
void* operator new[](std::size_t size) {
  return engine::allocate(size, 0, __builtin_return_address(0));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return engine::allocate(size, static_cast<std::size_t>(alignment),
                          __builtin_return_address(0));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return engine::allocate(size, static_cast<std::size_t>(alignment),
                          __builtin_return_address(0));
}
void operator delete(void* p) noexcept { engine::release(p); }
void operator delete[](void* p) noexcept { engine::release(p); }
void operator delete(void* p, std::size_t) noexcept { engine::release(p); }
void operator delete[](void* p, std::size_t) noexcept { engine::release(p); }
void operator delete(void* p, std::align_val_t) noexcept { engine::release(p); }
void operator delete[](void* p, std::align_val_t) noexcept {
  engine::release(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  engine::release(p);
}
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  engine::release(p);
}
