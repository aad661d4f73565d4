// SPDX-License-Identifier: Apache-2.0
//
// The seam for blocking: words to sleep on, and the wake.
//
// How a thread goes to sleep (value, deadline, stop request) is the business of
// the slow paths: src/futex/sleeper.h.
#ifndef SYNCXX_DETAIL_FUTEX_H_
#define SYNCXX_DETAIL_FUTEX_H_

#include <cstdint>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {

// Who may wait on a word: threads of this process, or of any process that maps
// the same memory. Wakers must name the same scope as the sleepers.
enum class futex_scope : std::uint8_t { process_private, process_shared };

namespace detail {

using futex_word = atomic<std::uint32_t>;

using wake_site = place_of_call;

// A wake reaches only sleepers whose mask shares a bit with its own.
inline constexpr std::uint32_t kAnySleeper = 0xffffffffu;
inline constexpr int kAllSleepers = 0x7fffffff;

// Wakes up to `count` threads that sleep on `word`, longest first; returns how
// many. The word is named by its address and never touched: it may be gone. A
// wake on unmapped memory, or on memory that a PI futex uses by now, wakes
// nobody; on memory otherwise reused it is a spurious wake, which every sleeper
// of this library expects.
SYNCXX_COLD int unpark(const futex_word* word, int count,
                       std::uint32_t mask = kAnySleeper,
                       futex_scope scope = futex_scope::process_private,
                       wake_site where = wake_site::current()) noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_FUTEX_H_
