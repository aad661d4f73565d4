// SPDX-License-Identifier: Apache-2.0
//
// No stop request is lost:
// - With futex_waitv the kernel compares state_ with kIdle in the same step in
//   which it queues the waiter. A request made before has changed state_ [S1],
//   and the sleep does not begin; one made after finds the waiter queued.
// - Without it, the waiter moves kIdle -> kSleeping before it sleeps [S3]. A
//   request made before makes that fail. One made after reads kSleeping [S1]
//   and goes on waking target_ until it reads kAwake, which the waiter writes
//   only when it is awake and will not sleep again.
#include "sleeper.h"

#include "syscall.h"

#include <cerrno>

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// Of what sys::futex_wait returns.
sleep_end end_of(int result) noexcept {
  if (result == 0) return sleep_end::woken;
  return result == -EAGAIN ? sleep_end::changed : sleep_end::other;
}

// Of two, the second of them in steady time.
deadline earlier(deadline a, deadline steady) noexcept {
  if (steady.is_never()) return a;
  if (a.is_never()) return steady;
  const std::int64_t left =
      a.clock() == steady.clock()
          ? a.ns()
          : a.ns() - now_ns(a.clock()) + now_ns(steady.clock());
  return left < steady.ns() ? a : steady;
}

}  // namespace

void stop_listener::request() noexcept {
  // [S1] acq_rel; pairs with [S3], [S4], [S5], [S6]: target_ is readable; a
  // waiter that has seen kStopped sees the request, and does not try to sleep
  // again.
  if (state_.exchange(kStopped, memory_order_acq_rel) != kSleeping) {
    unpark(&state_, 1);
    return;
  }
  // Relaxed, as the waiter's store: the value says it all, and what the waiter
  // does next is ordered by the end of its stop_callback.
  for (patience others; state_.load(memory_order_relaxed) != kAwake;
       others.wait()) {
    unpark(target_.get(), kAllSleepers, kAnySleeper, target_scope_);
  }
}

sleep_end stop_listener::sleep(const futex_word& word, std::uint32_t expected,
                               deadline until, std::uint32_t mask,
                               futex_scope scope) noexcept {
  // The kernel names the last that was woken: if both were, the word, so that
  // no wake of it is taken without being told.
  const sys::waitv_entry both[] = {
      {&state_, kIdle, futex_scope::process_private}, {&word, expected, scope}};
  int result = sys::futex_waitv(both, until);
  if (result == -ENOSYS) {
    result = -EAGAIN;  // if a stop was requested
    sleep_reachably(word, scope, [&] {
      result = sys::futex_wait(&word, expected, until, mask, scope);
    });
    return end_of(result);
  }
  // [S4] acquire; pairs with [S1]. The kernel's look at the word orders
  // nothing.
  static_cast<void>(state_.load(memory_order_acquire));
  if (result >= 0) return result == 1 ? sleep_end::woken : sleep_end::other;
  return end_of(result);
}

void sleeper::stop_listening() noexcept {
  const int saved = errno;  // ~stop_callback may have to wait, and change it
  listener_.reset();
  errno = saved;
}

sleep_end sleeper::sleep(const futex_word& word, std::uint32_t expected,
                         std::uint32_t mask, deadline pause_ends) noexcept {
  const deadline until = earlier(until_, pause_ends);
  if (stop_ == nullptr)
    return end_of(sys::futex_wait(&word, expected, until, mask, scope_,
                                  sys::on_refusal::again));
  if (!listener_) listener_.emplace(*stop_);
  return listener_->sleep(word, expected, until, mask, scope_);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
