// SPDX-License-Identifier: Apache-2.0
//
// An object at the very end of a page of its own, between pages that cannot be
// touched. Once unmapped, any access to the object is SIGSEGV.
#ifndef SYNCXX_TESTS_SUPPORT_GUARD_PAGE_H_
#define SYNCXX_TESTS_SUPPORT_GUARD_PAGE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace syncxx_test {

template <class T>
class guard_page {
 public:
  template <class... Args>
  explicit guard_page(Args&&... args) {
    // Three pages: the middle one is the object's.
    void* base = mmap(nullptr, 3 * kPage, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) std::abort();
    base_ = static_cast<std::byte*>(base);
    if (mprotect(base_ + kPage, kPage, PROT_READ | PROT_WRITE) != 0)
      std::abort();
    object_ =
        new (base_ + 2 * kPage - sizeof(T)) T(std::forward<Args>(args)...);
  }
  guard_page(const guard_page&) = delete;
  guard_page& operator=(const guard_page&) = delete;
  ~guard_page() {
    munmap(base_, kPage);
    munmap(base_ + 2 * kPage, kPage);
  }

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }

  // Ends the object's life and takes its memory away, at once.
  void destroy() {
    object_->~T();
    munmap(base_ + kPage, kPage);
  }

 private:
  static inline const std::size_t kPage =
      static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::byte* base_ = nullptr;
  T* object_ = nullptr;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_GUARD_PAGE_H_
