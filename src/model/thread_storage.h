// SPDX-License-Identifier: Apache-2.0
//
// The program's thread_local objects: each modelled thread has its own, though
// all run on one OS thread.
//
// Those of the executable are meant; what a shared library keeps (errno, the
// C++ runtime's exceptions) is not touched. With a sanitizer whose runtime is
// part of the executable (clang's is) the modelled threads share them.
#ifndef SYNCXX_SRC_MODEL_THREAD_STORAGE_H_
#define SYNCXX_SRC_MODEL_THREAD_STORAGE_H_

#include <cstddef>

#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// What a thread's objects look like while it does not run, and what is to be
// called at its end.
struct thread_storage {
  struct destruction {
    void (*function)(void*);
    void* object;
  };
  vec<std::byte> image;
  vec<destruction> at_end;
  vec<destruction> after_end;  // when those have run, in this order
};

// Where the OS thread that calls it has them.
class thread_block {
 public:
  thread_block() noexcept;
  bool empty() const noexcept { return size_ == 0; }
  void save(thread_storage& s) const;
  void load(const thread_storage& s) const noexcept;
  // As a new thread has them.
  void reset() const noexcept;

 private:
  std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
  const std::byte* initial_ = nullptr;  // the rest is zero
  std::size_t initial_size_ = 0;
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_THREAD_STORAGE_H_
