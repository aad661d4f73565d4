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

// FUTEX_WAKE_OP on one word: takes `bits` (one bit) out of it and wakes one
// sleeper, in one step with respect to those that are about to sleep. How many
// were woken.
int futex_clear_and_wake(const futex_word* word, std::uint32_t bits,
                         futex_scope scope) noexcept;

// --- Priority inheritance: the kernel knows who owns the word ----------------

// FUTEX_LOCK_PI2 (Linux 5.14), or FUTEX_LOCK_PI where it is missing or not
// needed. 0: the word names the caller. -ETIMEDOUT. -EDEADLK: the owner, or a
// thread that the owner waits for, is the caller. -ESRCH: the word names a
// thread that is no more. -EAGAIN: ask again (the owner is on its way out, no
// memory, a signal). -EINVAL: what the kernel knows and the word differ, as
// they do for a moment after the owner has died. FUTEX_LOCK_PI sleeps in system
// time: a deadline in steady time is translated each second anew.
int futex_lock_pi(const futex_word* word, deadline until,
                  futex_scope scope) noexcept;

// FUTEX_TRYLOCK_PI. 0, -EAGAIN (owned), -EDEADLK, -ESRCH, -EINVAL as above.
int futex_trylock_pi(const futex_word* word, futex_scope scope) noexcept;

// FUTEX_UNLOCK_PI: to the waiter that comes first by priority. 0. -EPERM: the
// word does not name the caller.
int futex_unlock_pi(const futex_word* word, futex_scope scope,
                    wake_site where = wake_site::current()) noexcept;

// FUTEX_WAIT_REQUEUE_PI: sleeps on `word` until futex_cmp_requeue_pi hands it
// over to `mutex`. 0: `mutex` names the caller. -EAGAIN: it does not; the word
// was not `expected`, or for no reason. -ETIMEDOUT, also in the queue of
// `mutex`.
int futex_wait_requeue_pi(const futex_word* word, std::uint32_t expected,
                          deadline until, const futex_word* mutex,
                          futex_scope scope) noexcept;

// FUTEX_CMP_REQUEUE_PI: gives `mutex` to the sleeper on `word` that comes first
// by priority, or makes it wait for that; and makes up to `more` others wait.
// How many those were. -EAGAIN: `*word` was not `expected`. -EINVAL, -ESRCH,
// -EDEADLK as for futex_lock_pi.
int futex_cmp_requeue_pi(const futex_word* word, std::uint32_t expected,
                         int more, const futex_word* mutex, futex_scope scope,
                         wake_site where = wake_site::current()) noexcept;

}  // namespace detail::sys
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_FUTEX_SYSCALL_H_
