// SPDX-License-Identifier: Apache-2.0
//
// The seam for what the kernel knows of a thread: the number that it finds in
// the words of PI and robust mutexes, and the list of robust mutexes that it
// walks when the thread dies.
#ifndef SYNCXX_DETAIL_THREAD_ID_H_
#define SYNCXX_DETAIL_THREAD_ID_H_

#include <cstddef>
#include <cstdint>

#include <sync/detail/config.h>
#if SYNCXX_MODELLED
#include <sync/model/access.h>
#elif SYNCXX_IN_RELACY
#include <sync/relacy/atomic.h>
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// The kernel's bits of a word that names its owner (linux/futex.h).
inline constexpr std::uint32_t kWaitersBit = 0x8000'0000u;    // FUTEX_WAITERS
inline constexpr std::uint32_t kOwnerDiedBit = 0x4000'0000u;  // …_OWNER_DIED
inline constexpr std::uint32_t kTidMask = 0x3fff'ffffu;       // …_TID_MASK

// struct robust_list_head of the kernel, which reads it when the thread dies,
// and glibc's: one for each thread. An entry is the address of a `next`; the
// mutex's word is at that address + futex_offset, `prev` (glibc's, the kernel
// does not look) just before it, for the head too. Bit 0 of an entry: PI.
struct robust_head {
  void* list;
  long futex_offset;
  void* pending;  // an entry that is being locked or unlocked, or null
};

// What every thread keeps, filled in when it is first asked for.
struct thread_record {
  std::uint32_t tid;    // 0: not asked for yet
  robust_head* robust;  // null: not asked for yet
};

#if SYNCXX_MODELLED
inline std::uint32_t kernel_tid() noexcept {
  return static_cast<std::uint32_t>(model::engine::self_number());
}
#elif SYNCXX_IN_RELACY
inline std::uint32_t kernel_tid() noexcept {
  return static_cast<std::uint32_t>(relacy::self_number());
}
#else
// In the static TLS block: one instruction, and access never allocates.
extern thread_local constinit thread_record t_record
    __attribute__((tls_model("initial-exec")));

SYNCXX_COLD std::uint32_t ask_kernel_tid() noexcept;

// The thread's number as gettid() gives it; never 0, and below 2^30. In the
// child of a fork() it is another one. (A child made by _Fork(), vfork() or
// clone() would find its parent's: it must not use what asks for this.)
inline std::uint32_t kernel_tid() noexcept {
  const std::uint32_t tid = t_record.tid;
  return tid != 0 ? tid : ask_kernel_tid();
}
#endif

#if SYNCXX_MODELLED
robust_head* robust_list();
#elif !SYNCXX_IN_RELACY
// Throws std::system_error (ENOTSUP) where a C library other than glibc keeps
// a list in which its mutexes look different.
SYNCXX_COLD robust_head* ask_robust_list();
inline robust_head* robust_list() {
  robust_head* const head = t_record.robust;
  return head != nullptr ? head : ask_robust_list();
}
#endif

// Between writes that the kernel must find in this order when the thread is
// killed. It looks from the thread's own CPU: the compiler's order will do.
SYNCXX_ALWAYS_INLINE void kernel_order() noexcept {
  __asm__ __volatile__("" ::: "memory");
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_THREAD_ID_H_
