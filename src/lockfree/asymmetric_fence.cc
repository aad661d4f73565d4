// SPDX-License-Identifier: Apache-2.0
//
// The heavy half of the asymmetric fence.
//
// Why the pair orders. membarrier(PRIVATE_EXPEDITED) returns after every thread
// of the process has passed through a full barrier at some point between the
// call and the return: by an interrupt if it runs, by the context switch if it
// does not. That point falls before or behind a thread's light fence, which
// keeps the compiler from moving accesses past it. Before: what follows the
// light fence comes after what precedes the heavy one. Behind: what precedes
// the light fence comes before what follows the heavy one. So the two are
// ordered, whichever way, like two seq_cst fences. Two light fences have no
// barrier in common: nothing orders them.
//
// Why nobody disagrees. The answer to "does membarrier work?" leaves kUnsettled
// once, by compare-exchange, and before it does every light fence is a full
// fence: right beside a heavy fence of either kind. A thread that reads
// kUnsettled although it is settled has a full fence, too. One that reads
// kWorks is held by every heavy fence from then on: those of threads that have
// not heard of it look at the word with an update and not with a load.
#include <sync/asymmetric_fence.h>

#include "../futex/syscall.h"

#include <sync/detail/cache_line.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

#if !SYNCXX_MODELLED && !SYNCXX_IN_RELACY

alignas(kCacheLine) constinit atomic<std::uint32_t> g_membarrier{kUnsettled};

// ThreadSanitizer knows no fences: there it is an update of an atomic that all
// of them share.
void full_fence() noexcept {
#if SYNCXX_TSAN
  static constinit atomic<std::uint32_t> shared{0};
  // [AF1] seq_cst; pairs with [AF1]: with membarrier(2) missing, and with the
  // barrier that it is.
  shared.fetch_add(0, memory_order_seq_cst);
#else
  // [AF1], as a fence.
  detail::atomic_thread_fence(memory_order_seq_cst);
#endif
}

void settle_asymmetric_fences() noexcept {
  if (g_membarrier.load(memory_order_relaxed) != kUnsettled) return;
  std::uint32_t unsettled = kUnsettled;
  // Two threads may get different answers (a sandbox is a thread's own): the
  // first counts.
  g_membarrier.compare_exchange_strong(
      unsettled, sys::membarrier_register() ? kWorks : kMissing,
      memory_order_relaxed, memory_order_relaxed);
}

void heavy_fence() noexcept {
  settle_asymmetric_fences();
  // The syscall is a full barrier for the caller, too; without it this is one.
  if (g_membarrier.load(memory_order_relaxed) == kWorks)
    sys::membarrier();
  else
    full_fence();
}

#endif

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
