// SPDX-License-Identifier: Apache-2.0
#include <sync/detail/thread_id.h>

#if !SYNCXX_MODELLED && !SYNCXX_IN_RELACY

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <system_error>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

static_assert(kWaitersBit == FUTEX_WAITERS &&
              kOwnerDiedBit == FUTEX_OWNER_DIED && kTidMask == FUTEX_TID_MASK);
static_assert(sizeof(robust_head) == sizeof(robust_list_head));

thread_local constinit thread_record t_record
    __attribute__((tls_model("initial-exec"))) = {0, nullptr};

namespace {

// Where glibc's mutexes have their words, on both architectures: 32 bytes
// before `next`.
constexpr long kGlibcOffset = -32;

// For threads that glibc has not made, or on a C library that registers none.
struct own_list {
  void* prev;  // as in front of glibc's
  robust_head head;
};
thread_local constinit own_list t_own = {nullptr, {nullptr, 0, nullptr}};

void forget_in_child() noexcept { t_record = {0, nullptr}; }

// Before the program's constructors: handlers of a fork that are registered
// earlier run earlier in the child, and would find the parent's number.
[[gnu::constructor]] void watch_forks() noexcept {
  pthread_atfork(nullptr, nullptr, forget_in_child);
}

}  // namespace

std::uint32_t ask_kernel_tid() noexcept {
  return t_record.tid = static_cast<std::uint32_t>(::syscall(SYS_gettid));
}

robust_head* ask_robust_list() {
  const int saved = errno;
  void* head = nullptr;
  std::size_t size = 0;
  if (::syscall(SYS_get_robust_list, 0, &head, &size) != 0) {
    const int error = errno;
    errno = saved;
    throw std::system_error(error, std::generic_category(),
                            "syncxx: get_robust_list");
  }
  if (head == nullptr) {
    t_own.head = {&t_own.head, kGlibcOffset, nullptr};
    t_own.prev = &t_own.head;
    if (::syscall(SYS_set_robust_list, &t_own.head, sizeof t_own.head) != 0) {
      const int error = errno;
      errno = saved;
      throw std::system_error(error, std::generic_category(),
                              "syncxx: set_robust_list");
    }
    head = &t_own.head;
  }
  auto* const found = static_cast<robust_head*>(head);
  if (found->futex_offset != kGlibcOffset) {
    throw std::system_error(
        ENOTSUP, std::generic_category(),
        "syncxx: robust mutexes need the robust list of glibc");
  }
  return t_record.robust = found;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // !SYNCXX_MODELLED && !SYNCXX_IN_RELACY
