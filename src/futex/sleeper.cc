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

void stop_listener::request() noexcept {
  // [S1] acq_rel; pairs with [S3], [S4], [S5]: target_ is readable; a waiter
  // that has seen kStopped sees the request, and does not try to sleep again.
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

int stop_listener::sleep(const futex_word& word, std::uint32_t expected,
                         deadline until, std::uint32_t mask,
                         futex_scope scope) noexcept {
  const sys::waitv_entry both[] = {
      {&word, expected, scope}, {&state_, kIdle, futex_scope::process_private}};
  const int how = sys::futex_waitv(both, until, sys::on_refusal::again);
  if (how == -ENOSYS)
    return sleep_without_waitv(word, expected, until, mask, scope);
  // [S4] acquire; pairs with [S1]. The kernel's look at the word orders
  // nothing.
  static_cast<void>(state_.load(memory_order_acquire));
  return how;
}

int stop_listener::sleep_without_waitv(const futex_word& word,
                                       std::uint32_t expected, deadline until,
                                       std::uint32_t mask,
                                       futex_scope scope) noexcept {
  target_ = &word;
  target_scope_ = scope;
  std::uint32_t state = kIdle;
  // [S3] release, acquire on failure; pairs with [S1]: publishes target_; as
  // [S4].
  if (!state_.compare_exchange_strong(state, kSleeping, memory_order_release,
                                      memory_order_acquire)) {
    return -EINTR;  // requested
  }
  const int how = sys::futex_wait(&word, expected, until, mask, scope);
  state = kSleeping;
  if (!state_.compare_exchange_strong(state, kIdle, memory_order_relaxed,
                                      memory_order_relaxed)) {
    // [S5] acquire; pairs with [S1]: as [S4], and target_, which the requester
    // may be reading, is not written again.
    static_cast<void>(state_.load(memory_order_acquire));
    state_.store(kAwake, memory_order_relaxed);
  }
  return how;
}

void sleeper::stop_listening() noexcept {
  const int saved = errno;  // ~stop_callback may have to wait, and change it
  listener_.reset();
  errno = saved;
}

sleep_result sleeper::sleep(const futex_word& word, std::uint32_t expected,
                            std::uint32_t mask) noexcept {
  int how = 0;
  if (stop_ == nullptr) {
    how = sys::futex_wait(&word, expected, until_, mask, scope_,
                          sys::on_refusal::again);
  } else {
    if (!listener_) listener_.emplace(*stop_);
    how = listener_->sleep(word, expected, until_, mask, scope_);
  }
  if (how == -EAGAIN) return sleep_result::refused;
  return how >= 0 ? sleep_result::woken : sleep_result::ended;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
