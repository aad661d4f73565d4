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
#include <span>

#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// The program's data, the stack of the OS thread from `frame` on and that of
// the program's first one, the blocks of operator new, and what earlier checks
// have left.
class outside_memory {
 public:
  explicit outside_memory(const void* frame);

  // Of the OS thread's stack, what is near `frame`.
  std::span<const std::uintptr_t> callers() const noexcept;

  // look(words, count) for all that is there, until one says false.
  template <class F>
  bool look_at_all(F look) {
    find();
    for (const span& s : spans_)
      if (!look(s.begin, s.count)) return false;
    return look_at_blocks(
        [](void* f, const std::uintptr_t* words, std::size_t count) {
          return (*static_cast<F*>(f))(words, count);
        },
        &look);
  }

 private:
  struct span {
    const std::uintptr_t* begin;
    std::size_t count;
  };
  void find();
  void add_stack_of_main();
  void add(std::uintptr_t begin, std::uintptr_t end);
  static bool look_at_blocks(bool (*look)(void*, const std::uintptr_t*,
                                          std::size_t),
                             void* argument);

  const void* const frame_;
  const std::uintptr_t end_;  // of that stack; 0: not known
  bool found_ = false;
  vec<span> spans_;
};

// operator new and delete outside of a check.
void* allocate_outside(std::size_t size, std::size_t alignment);
void release_outside(void* p) noexcept;

// Blocks of the test's heap that are in use when a check ends; they may be
// deleted at any time. The next check begins behind them.
void keep_for_good(const std::byte* base, std::size_t size);
bool release_kept(const void* base) noexcept;  // false: it is none
// The end of the last of those from `begin` on, below `end`; or `begin`.
const std::byte* end_of_kept(const std::byte* begin,
                             const std::byte* end) noexcept;

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_OUTSIDE_H_
