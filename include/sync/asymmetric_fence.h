// SPDX-License-Identifier: Apache-2.0
//
// asymmetric_thread_fence_heavy, asymmetric_thread_fence_light: a fence whose
// cost is moved to the side that runs rarely.
//
// Choose them where one side runs often and must be cheap (a reader that
// announces itself), and the other rarely (a writer, a reclaimer): light on the
// first, heavy on the second. Choose atomic_thread_fence where both sides run
// equally often: a heavy fence costs a hundred times as much.
//
// Promises
//   cost      light: no instruction but a load and a branch that is predicted;
//             heavy: one syscall, which interrupts every CPU on which a thread
//             of the process runs (about 0.2 us if none does, 15 us for one in
//             a virtual machine). Before the first heavy fence, and for good
//             where the kernel or a sandbox refuses membarrier(2), a light
//             fence is a full one and heavy fences make no syscall
//   progress  light wait-free; heavy returns when the kernel does
//   ordering  as below
//   fork      both work in the child
//   waits     no. async-signal-safe, no cancellation point; errno is kept
//   errors    the process ends with a message if membarrier(2), having worked,
//             is refused: a sandbox must be set up before the first heavy
//             fence, or allow it
//
// Names and meaning: P1202R5 (Goldblatt, "Asymmetric Fences"), now in the
// Concurrency TS 2. A heavy fence is atomic_thread_fence. A light fence is
// that, too, towards heavy fences: it synchronizes with them and they with it,
// and the two have an order in S. Towards everything else it is nothing: two
// light fences, a light fence and an atomic_thread_fence, a light fence and an
// atomic operation do not order each other. Design:
// docs/design/asymmetric_fence.md. Model: tests/model/litmus/asymmetric.cc.
#ifndef SYNCXX_ASYMMETRIC_FENCE_H_
#define SYNCXX_ASYMMETRIC_FENCE_H_

#include <cstdint>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {

#if SYNCXX_MODELLED

inline void asymmetric_thread_fence_heavy(
    detail::memory_order order, const model::engine::source& where =
                                    model::engine::source::current()) noexcept {
  model::engine::fence(order, where, model::engine::access_kind::heavy_fence);
}
inline void asymmetric_thread_fence_light(
    detail::memory_order order, const model::engine::source& where =
                                    model::engine::source::current()) noexcept {
  model::engine::fence(order, where, model::engine::access_kind::light_fence);
}
namespace detail {
inline void settle_asymmetric_fences() noexcept {}
}  // namespace detail

#elif SYNCXX_IN_RELACY

inline void asymmetric_thread_fence_heavy(detail::memory_order order) noexcept {
  detail::atomic_thread_fence(order);
}
inline void asymmetric_thread_fence_light(detail::memory_order order) noexcept {
  detail::atomic_thread_fence(order);
}
namespace detail {
inline void settle_asymmetric_fences() noexcept {}
}  // namespace detail

#else

namespace detail {

//  g_membarrier | meaning                         | left by
//  kUnsettled   | no heavy fence so far; light    | the first heavy fence, or
//               | fences are full ones            | settle_asymmetric_fences()
//  kWorks       | heavy fences are membarrier(2), | -
//               | light ones order the compiler   |
//  kMissing     | both are full ones              | -
//
// Relaxed: a light fence that has not heard of kWorks yet is stronger than it
// need be, and that is right beside either kind of heavy fence.
inline constexpr std::uint32_t kUnsettled = 0;
inline constexpr std::uint32_t kWorks = 1;
inline constexpr std::uint32_t kMissing = 2;
extern constinit atomic<std::uint32_t> g_membarrier;

// Decides which it is, if that has not happened. A process that has threads
// waits for the kernel for some milliseconds.
SYNCXX_COLD void settle_asymmetric_fences() noexcept;

SYNCXX_COLD void heavy_fence() noexcept;

SYNCXX_COLD void full_fence() noexcept;

}  // namespace detail

// After what the caller wrote and before what it will read, for all threads
// that have a light fence in between theirs.
inline void asymmetric_thread_fence_heavy(detail::memory_order order) noexcept {
  if (order == detail::memory_order_relaxed) return;
#if SYNCXX_TSAN
  detail::full_fence();
#endif
  detail::heavy_fence();
}

inline void asymmetric_thread_fence_light(detail::memory_order order) noexcept {
  if (order == detail::memory_order_relaxed) return;
#if !SYNCXX_TSAN
  if (detail::g_membarrier.load(detail::memory_order_relaxed) == detail::kWorks)
      [[likely]] {
    // The compiler is kept from moving accesses; the CPU is held to it by the
    // other side's membarrier.
    detail::atomic_signal_fence(order);
    return;
  }
#endif
  detail::full_fence();
}

#endif

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_ASYMMETRIC_FENCE_H_
