// SPDX-License-Identifier: Apache-2.0
//
// The calling thread, as the checker sees it: whether it is in the checker, and
// which of its locks it holds.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_SELF_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_SELF_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hook_self.h>
#include <sync/detail/raw_mutex.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Of the calling thread, besides hook_self.
struct thread_state {
  // Null: it is in the checker, and events (of signal handlers, of what the
  // checker calls) are not for it. Otherwise its record, or one that is
  // nobody's.
  hook_record* outside = &g_nobodys_record;
  // Between a fork's handlers: this thread has locked all of the checker.
  bool owns_all = false;
  bool has_ended = false;           // no more records for it
  std::uint64_t serial_for_it = 0;  // given by its creator
  std::uint64_t joins = 0;          // the thread it waits for
};

// In the static TLS block: access never allocates.
extern thread_local constinit thread_state t_self
    __attribute__((tls_model("initial-exec")));

// A thread that is in the checker; false if it was in it already: a signal
// handler, or what the checker itself calls. Such events are not for it.
class entrance {
 public:
  entrance() noexcept : entered_(t_self.outside != nullptr) {
    t_self.outside = nullptr;
    __asm__ __volatile__("" ::: "memory");  // a handler sees it from here
  }
  entrance(const entrance&) = delete;
  entrance& operator=(const entrance&) = delete;
  ~entrance() {
    __asm__ __volatile__("" ::: "memory");
    if (!entered_) return;
    t_self.outside = t_hook_self.record;
  }
  explicit operator bool() const noexcept { return entered_; }

 private:
  const bool entered_;
};

// A lock of the checker's, held for a scope; but between a fork's handlers,
// when this thread holds them all.
class table_lock {
 public:
  explicit table_lock(raw_mutex& lock) noexcept
      : lock_(t_self.owns_all ? nullptr : &lock) {
    if (lock_ != nullptr) lock_->lock();
  }
  table_lock(const table_lock&) = delete;
  table_lock& operator=(const table_lock&) = delete;
  ~table_lock() {
    if (lock_ != nullptr) lock_->unlock();
  }

 private:
  raw_mutex* const lock_;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_SELF_H_
