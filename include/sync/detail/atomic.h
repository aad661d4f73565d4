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

// Where a call was made: the checker's business only.
#if SYNCXX_MODELLED
using place_of_call = model::engine::source;
#else
struct place_of_call {
  static constexpr place_of_call current() noexcept { return {}; }
};
#endif

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

// The step that ends a loop of this form:
//
//   do {
//     seen = word.load(...);
//     ...look at other things, make `next` of it...
//   } while (!confirm(word, seen, next, order));
//
// Takes the word from `seen`, what the thread's last look at it gave, to
// `next`. False: it is no longer that (or this is not known), and the thread
// looks again. It must then be as if it had not looked before: a round that
// ends so has changed nothing, not even what the thread itself remembers. (The
// model checker leaves such rounds out.)
template <class T>
bool confirm(
    atomic<T>& word, T seen, T next, memory_order order,
    [[maybe_unused]] place_of_call where = place_of_call::current()) noexcept {
#if SYNCXX_MODELLED
  return confirm_in_model(word, seen, next, order, where);
#else
  return word.compare_exchange_weak(seen, next, order, memory_order_relaxed);
#endif
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_ATOMIC_H_
