// SPDX-License-Identifier: Apache-2.0
//
// Sleeping on several words, with a stop request.
//
// No stop request is lost. Where there is room, the listener's word is one of
// those slept on, and the argument is that of sleeper.cc: a request that came
// before has changed it. With as many words as futex_waitv takes there is none:
// then it is that of sleeper.cc without futex_waitv, the first word being the
// one that the requester wakes.
#include <algorithm>

#include "sleeper.h"
#include "syscall.h"

#include <sync/futex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

bool stop_listener::sleep_any(std::span<const futex_wait_entry> words,
                              deadline until) {
  bool awoken = false;
  if (words.size() == sys::kWaitvMax) {
    sleep_reachably(*words[0].word, words[0].scope,
                    [&] { awoken = futex_wait_any(words, until).has_value(); });
    return awoken;
  }
  futex_wait_entry all[sys::kWaitvMax];
  std::copy(words.begin(), words.end(), all);
  all[words.size()] = {&state_, kIdle, futex_scope::process_private};
  awoken = futex_wait_any(std::span(all, words.size() + 1), until).has_value();
  // [S6] acquire; pairs with [S1]: as [S4].
  static_cast<void>(state_.load(memory_order_acquire));
  return awoken;
}

bool sleeper::sleep_any(std::span<const futex_wait_entry> words) {
  if (stop_ == nullptr) return futex_wait_any(words, until_).has_value();
  if (!listener_) listener_.emplace(*stop_);
  return listener_->sleep_any(words, until_);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
