// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of call_once.
//
// One call at a time. kCalling is set only by a compare-exchange from kFree,
// and ended only by the thread that has set it; kDone is never left.
//
// No wake is lost: futex/await_word.h. Both ends of a call replace the word,
// find kParked in what they replace, and wake everybody (I1). After a call that
// threw, all of them look: one makes the next call, the others sleep again.
//
// Destroy after the call. The exchange that ends a call is the last access to
// the flag; the wake after it names the address only.
//
// Who waits for itself? Four bytes do not hold a thread's address, and a
// thread's number costs a syscall and changes in the child of a fork. So each
// thread has a list of the calls that it is in, each on its stack: a flag that
// is in a call and in this list is in a call of this thread.
#include <sync/once.h>

#include "futex/await_word.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constinit thread_local const once_call* t_innermost = nullptr;

}  // namespace

bool once_call::is_in(const once_flag* flag) noexcept {
  const once_call* call = t_innermost;
  while (call != nullptr && call->flag_ != flag) call = call->outer_;
  return call != nullptr;
}

once_call::turn once_call::begin() noexcept {
  futex_word& word = flag_->word_;
  for (;;) {
    // [ON2] acquire; pairs with [ON3].
    const std::uint32_t w = word.load(memory_order_acquire);
    if (w == kDone) return turn::done;
    if (w != kFree) return is_in(flag_) ? turn::recurse : turn::other;
    // [ON4] acquire; pairs with [ON3]: what a call that has
    // thrown has done is seen by the next one.
    if (confirm(word, w, kCalling, memory_order_acquire)) {
      mine_ = true;
      outer_ = t_innermost;
      t_innermost = this;
      return turn::mine;
    }
  }
}

once_call::turn once_call::wait(deadline until,
                                const stop_token* stop) noexcept {
  for (;;) {
    if (!await_word(flag_->word_, kParked, until, stop,
                    [](std::uint32_t w) { return (w & kCalling) == 0; })) {
      return turn::left;
    }
    const turn t = begin();
    if (t != turn::other) return t;
  }
}

void once_call::end(std::uint32_t how) noexcept {
  mine_ = false;
  t_innermost = outer_;
  const futex_word* const word = &flag_->word_;
  // [ON3] release; pairs with [ON1], [ON2], [ON4], [AW1]: what the call has
  // done is seen by all that return, and by the next call. The flag may be gone
  // once it is visible.
  const std::uint32_t w = flag_->word_.exchange(how, memory_order_release);
  if ((w & kParked) != 0) unpark(word, kAllSleepers);
}

// Relaxed: this is the only thread.
void once_call::reset_after_fork(const once_flag& flag) noexcept {
  const std::uint32_t w = flag.word_.load(memory_order_relaxed);
  if ((w & kCalling) != 0)
    flag.word_.store(is_in(&flag) ? kCalling : kFree, memory_order_relaxed);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
