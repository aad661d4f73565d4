// SPDX-License-Identifier: Apache-2.0
//
// How the shell of a lock waits in its slow path: listeners are told before and
// after. In the hooked library a wait that would be for ever, and whose
// protocol knows stop requests, may be called off by the checker when the
// thread is to give up (docs/design/deadlock.md): then it is a wait with a
// token of the checker's, and ends in an exception. The protocol is the same.
#ifndef SYNCXX_DETAIL_TOLD_WAIT_H_
#define SYNCXX_DETAIL_TOLD_WAIT_H_

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

#if SYNCXX_HOOKED
// The token for the wait that the calling thread has just told of
// (waits::revocable). Null: it won't be called off.
const stop_token* call_off_token() noexcept;
// That wait is over, and listeners know; `owned`: with what it was for. Throws
// if it was called off, and so has ended without.
void call_off_ends(bool owned);
#endif

// One wait: made before the slow path, which is called with stop(), and told
// when that is back. (No scope that ends by itself: it may throw.)
class told_wait {
 public:
  // As how_long().
  SYNCXX_ALWAYS_INLINE told_wait(
      const void* object, object_kind kind, deadline until,
      const stop_token* stop, futex_scope scope = futex_scope::process_private,
      waits without_end = waits::revocable)
      : stop_(stop) {
    const waits how = how_long(until, stop, scope, without_end);
    hook_wait_begin(object, kind, how);
#if SYNCXX_HOOKED
    if (how == waits::revocable) stop_ = call_off_token();
    may_be_called_off_ = stop_ != stop;
#endif
  }
  told_wait(const told_wait&) = delete;
  told_wait& operator=(const told_wait&) = delete;

  // In place of the one that was given.
  SYNCXX_ALWAYS_INLINE const stop_token* stop() const noexcept { return stop_; }

  // It has ended; `owned`: with what it was for. Throws if it was called off.
  SYNCXX_ALWAYS_INLINE void ends(const void* object, object_kind kind,
                                 [[maybe_unused]] bool owned) {
    hook_wait_end(object, kind);
#if SYNCXX_HOOKED
    if (may_be_called_off_) call_off_ends(owned);
#endif
  }

 private:
  const stop_token* stop_;
#if SYNCXX_HOOKED
  bool may_be_called_off_ = false;
#endif
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_TOLD_WAIT_H_
