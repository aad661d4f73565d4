// SPDX-License-Identifier: Apache-2.0
//
// An object in memory that a process shares with those that it forks.
#ifndef SYNCXX_TESTS_SUPPORT_SHARED_OBJECT_H_
#define SYNCXX_TESTS_SUPPORT_SHARED_OBJECT_H_

#include <sys/mman.h>

#include <memory>
#include <new>

namespace syncxx_test {

template <class T>
class shared_object {
 public:
  shared_object() {
    void* const memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    object_ = ::new (memory) T();
  }
  shared_object(const shared_object&) = delete;
  shared_object& operator=(const shared_object&) = delete;
  ~shared_object() {
    std::destroy_at(object_);
    munmap(static_cast<void*>(object_), sizeof(T));
  }

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }

 private:
  T* object_;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_SHARED_OBJECT_H_
