// SPDX-License-Identifier: Apache-2.0
//
// The futex syscalls, one function each: the only door to the kernel's queues;
// and membarrier(2).
// A checker's world puts its own functions behind these declarations.
//
// All return a count or index >= 0, or -errno, and leave errno alone. An error
// that no caller can answer (the syscall is refused, a word is misaligned) ends
// the process with a message that names the syscall: a lock that cannot sleep
// cannot be right.
#ifndef SYNCXX_SRC_FUTEX_SYSCALL_H_
#define SYNCXX_SRC_FUTEX_SYSCALL_H_

#include <cstdint>
#include <span>

#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail::sys {

// What the caller does if the word was not `expected`: it makes use of that, or
// looks again as if it had not tried. (The model checker's business: rounds of
// the latter kind are left out.)
enum class on_refusal : std::uint8_t { told, again };

// FUTEX_WAIT_BITSET. 0: woken. -EAGAIN: the word was not `expected`.
// -ETIMEDOUT. -EINTR: a signal was handled (also with SA_RESTART).
int futex_wait(const futex_word* word, std::uint32_t expected, deadline until,
               std::uint32_t mask, futex_scope scope,
               on_refusal then = on_refusal::told) noexcept;

// FUTEX_WAKE_BITSET: how many were woken; 0 also where nothing is mapped any
// more, or where the memory is a PI futex by now.
int futex_wake(const futex_word* word, int count, std::uint32_t mask,
               futex_scope scope) noexcept;

// FUTEX_CMP_REQUEUE: how many were woken or moved. -EAGAIN: `*from` was not
// `expected`. 0 also where nothing is mapped any more, or the memory is a PI
// futex by now, if the scope is process_shared.
int futex_requeue(const futex_word* from, std::uint32_t expected, int wake,
                  int move, const futex_word* to, futex_scope scope,
                  wake_site where = wake_site::current()) noexcept;

// How many threads sleep on the word, counted up to `at_most`: FUTEX_REQUEUE of
// nobody to be woken and `at_most` to be moved, from the word to itself.
int futex_count(const futex_word* word, int at_most,
                futex_scope scope) noexcept;

struct waitv_entry {
  const futex_word* word;
  std::uint32_t expected;
  futex_scope scope;
};
inline constexpr std::size_t kWaitvMax = 128;  // FUTEX_WAITV_MAX

// futex_waitv: the index of a woken entry (others may have been woken too).
// -EAGAIN, -ETIMEDOUT, -EINTR as above. -ENOSYS: this kernel or sandbox has no
// futex_waitv (remembered, so that only the first call pays for asking), or no
// memory for it now.
int futex_waitv(std::span<const waitv_entry> entries, deadline until) noexcept;

// membarrier(PRIVATE_EXPEDITED): every thread of the process passes through a
// full barrier before it returns. To be registered for before; false: this
// kernel or sandbox does not have it.
bool membarrier_register() noexcept;
void membarrier() noexcept;

}  // namespace detail::sys
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_FUTEX_SYSCALL_H_
