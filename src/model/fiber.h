// SPDX-License-Identifier: Apache-2.0
//
// Fibers: the modelled threads' stacks, switched by hand on one OS thread.
#ifndef SYNCXX_SRC_MODEL_FIBER_H_
#define SYNCXX_SRC_MODEL_FIBER_H_

#include <cstddef>
#include <cstdint>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// A suspended computation. Made by a fiber_stack, or by switching away from the
// caller's own stack.
struct context {
  void* stack_pointer = nullptr;
  // What the C++ runtime keeps per OS thread for exceptions in flight.
  void* caught_exceptions = nullptr;
  unsigned uncaught_exceptions = 0;
  // For the sanitizer.
  const void* stack_bottom = nullptr;
  std::size_t stack_size = 0;
};

// The OS thread that switches, while it may.
class os_thread {
 public:
  os_thread() noexcept;
  ~os_thread();
  os_thread(const os_thread&) = delete;
  os_thread& operator=(const os_thread&) = delete;

 private:
  int fake_stacks_ = 0;
};

// Leaves `from` (the running one) and goes on in `to`. With `from_ends` the
// stack left is not returned to.
void switch_context(context& from, context& to,
                    bool from_ends = false) noexcept;

// Goes on in `first`, until something switches to `host`, the caller.
void run_fibers(context& host, context& first) noexcept;

// To be called first by a function that make_context has started.
void context_started(context& self, context& from) noexcept;

// Of a context that is not returned to: what it has caught is freed. (Not what
// it has thrown and nobody has caught yet.)
void drop_exceptions(context& c) noexcept;

// A sanitizer's notes about frames that have been left without return.
void forget_frames(const void* stack, std::size_t bytes) noexcept;

// Reads memory of whatever kind, red zones as well.
#define SYNCXX_READS_ALL __attribute__((no_sanitize("address")))

// A stack with a page below it that cannot be touched.
class fiber_stack {
 public:
  // In `bytes` of writable memory at `memory`, both multiples of a page.
  fiber_stack(std::byte* memory, std::size_t bytes);
  ~fiber_stack();
  fiber_stack(const fiber_stack&) = delete;
  fiber_stack& operator=(const fiber_stack&) = delete;

  // Makes `c` run entry(argument) on this stack at the next switch to it; entry
  // never returns.
  void start(context& c, void (*entry)(void*), void* argument) noexcept;

  // Where the first frame of entry begins: the same in every run.
  const std::byte* base() const noexcept { return top_; }
  const std::byte* bottom() const noexcept { return bottom_; }
  bool guards(const void* address) const noexcept;

 private:
  std::byte* const guard_;
  std::byte* const bottom_;
  std::byte* const top_;
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_FIBER_H_
