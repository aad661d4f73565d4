// SPDX-License-Identifier: Apache-2.0
//
// The seam for shared memory: every primitive names detail::atomic, never
// std::atomic, so that one source serves the real world and the checkers'.
//
// In the real world the names below ARE std::atomic: they cost nothing
// (tests/codegen compares the machine code).
#ifndef SYNCXX_DETAIL_ATOMIC_H_
#define SYNCXX_DETAIL_ATOMIC_H_

#include <atomic>
#include <cstdint>

#include <sync/detail/config.h>
#if SYNCXX_MODELLED
#include <sync/model/atomic.h>
#elif SYNCXX_IN_RELACY
#include <sync/relacy/atomic.h>
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

using std::memory_order;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

#if SYNCXX_MODELLED
using model::atomic;
using model::atomic_flag;
using model::atomic_thread_fence;
#elif SYNCXX_IN_RELACY
using relacy::atomic;
using relacy::atomic_thread_fence;
#else
template <class T>
using atomic = std::atomic<T>;
using std::atomic_flag;

// A fence by itself. ThreadSanitizer does not model fences: primitives that
// need one also have a variant without, chosen by SYNCXX_TSAN.
inline void atomic_thread_fence(memory_order order) noexcept {
  std::atomic_thread_fence(order);
}

// One towards signal handlers of the same thread: it holds the compiler alone.
inline void atomic_signal_fence(memory_order order) noexcept {
  std::atomic_signal_fence(order);
}
#endif

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_ATOMIC_H_
