// SPDX-License-Identifier: Apache-2.0
//
// A small shared lock made of a mutex and a count of readers: what
// biased_shared_mutex is when it is not biased.
//
// Readers pass the gate one at a time, and count themselves in; a writer keeps
// the gate and waits until they have counted themselves out. So a writer waits
// for no reader that came after it, and readers get their turns by the mutex's
// rules.
#ifndef SYNCXX_DETAIL_GATED_SHARED_LOCK_H_
#define SYNCXX_DETAIL_GATED_SHARED_LOCK_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/raw_mutex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class gated_shared_lock {
 public:
  constexpr gated_shared_lock() noexcept = default;
  gated_shared_lock(const gated_shared_lock&) = delete;
  gated_shared_lock& operator=(const gated_shared_lock&) = delete;

  bool try_lock() noexcept;
  // `stop` may be null. False: stopped or past the deadline.
  bool lock_until(deadline until, const stop_token* stop) noexcept;
  void unlock() noexcept { gate_.unlock(); }

  // Throw std::system_error (EAGAIN) if there are kMaxReaders.
  bool try_lock_shared();
  bool lock_shared_until(deadline until, const stop_token* stop);
  // False: there is no reader, and nothing has been changed.
  bool unlock_shared() noexcept;

  static constexpr std::uint32_t kMaxReaders = (1u << 30) - 1;

 private:
  bool await_readers(deadline until, const stop_token* stop) noexcept;
  void count_in();

  //  gate_    | owned by the writer, or by a reader that counts itself in
  //  readers_ | readers, times kReader (changed: +1 under the gate, -1 by the
  //           | reader); kParked: a writer may sleep (set and cleared under the
  //           | gate)
  //
  // I1: a writer sleeps on readers_ only while kParked is set and there are
  //     readers, or a wake is in flight.
  static constexpr std::uint32_t kParked = 1;
  static constexpr std::uint32_t kReader = 2;

  raw_mutex gate_;
  futex_word readers_{0};
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_GATED_SHARED_LOCK_H_
