// SPDX-License-Identifier: Apache-2.0
//
// Memory outside of the test: objects that were there before the check, in
// which the test may keep things from one execution to the next. A container
// that collects outcomes grows in the test's heap; what such objects point to
// is not freed when an execution ends (memory.cc).
#ifndef SYNCXX_SRC_MODEL_OUTSIDE_H_
#define SYNCXX_SRC_MODEL_OUTSIDE_H_

#include <cstddef>
#include <cstdint>

#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

struct span_of_words {
  const std::uintptr_t* begin = nullptr;
  const std::uintptr_t* end = nullptr;
};

// The program's data, and the stack of the OS thread from `frame` on.
class outside_memory {
 public:
  explicit outside_memory(const void* frame) noexcept : frame_(frame) {}

  // f(word) of all that is there, and in the blocks of operator new.
  template <class F>
  void for_each_word(F f) {
    find();
    for (const span_of_words& s : spans_)
      for (auto* w = s.begin; w < s.end; ++w) f(*w);
    for_each_block(
        [&f](const std::uintptr_t* begin, const std::uintptr_t* end) {
          for (auto* w = begin; w < end; ++w) f(*w);
        });
  }

 private:
  void find();
  template <class F>
  void for_each_block(F f);

  const void* const frame_;
  bool found_ = false;
  vec<span_of_words> spans_;
};

// operator new and delete outside of a check.
void* allocate_outside(std::size_t size, std::size_t alignment);
void release_outside(void* p) noexcept;

// Blocks of the test's heap that are in use when a check ends; they may be
// deleted at any time. The next check begins behind them.
void keep_for_good(const std::byte* base, std::size_t size);
void release_kept(const void* base) noexcept;
// The end of the last of those from `begin` on, below `end`; or `begin`.
const std::byte* end_of_kept(const std::byte* begin,
                             const std::byte* end) noexcept;

// Blocks of operator new, each before its memory.
struct outside_block {
  outside_block* next;
  outside_block* previous;
  std::size_t size;
  void* memory;  // of malloc
};
class outside_blocks_lock {
 public:
  outside_blocks_lock() noexcept;
  ~outside_blocks_lock();
  outside_blocks_lock(const outside_blocks_lock&) = delete;
  outside_blocks_lock& operator=(const outside_blocks_lock&) = delete;
  static outside_block& all() noexcept;
};

template <class F>
void outside_memory::for_each_block(F f) {
  const outside_blocks_lock lock;
  outside_block& all = lock.all();
  for (outside_block* b = all.next; b != &all; b = b->next) {
    auto* const words = reinterpret_cast<const std::uintptr_t*>(b + 1);
    f(words, words + b->size / sizeof(std::uintptr_t));
  }
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_OUTSIDE_H_
