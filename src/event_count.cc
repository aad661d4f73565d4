// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of event_count.
//
// No notification is lost. Let a waiter enter, find the predicate false and
// sleep, and a notifier make it true and notify. If the notifier finds nobody
// counted, its look comes before the waiter's count, and the waiter's look at
// the predicate after what the notifier wrote: by the two fences [EC1], [EC2],
// or by the order of the two updates [EC3], [EC4]. So the waiter has found it
// true. If the notifier finds somebody, it ends the epoch [EC5]. A waiter that
// has read the new one has acquired what the notifier wrote [EC6], and found
// the predicate true. One that has read the old one does not fall asleep any
// more: the kernel compares the epoch in one step with queueing. One that
// sleeps in it is woken, or stays asleep because as many others were woken as
// were asked for; none of these was on its way out for another reason, for one
// that is not asleep is not woken.
#include <sync/event_count.h>

#include "futex/sleeper.h"

#include <cerrno>
#include <system_error>

#include <sync/detail/raw_event_count.h>
#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

template <store_load How>
bool raw_event_count<How>::wait(std::uint32_t epoch, deadline until,
                                const stop_token* stop) noexcept {
  sleeper self(until, stop);
  spinner spinning(spinner::how::briefly);
  bool woken = false;
  for (;;) {
    // [EC7] acquire; pairs with [EC5].
    if (epoch_.load(memory_order_acquire) != epoch) return true;
    if (spinning.spin()) continue;
    if (self.must_leave()) break;
    if (spinning.yield()) continue;
    if (self.sleep(epoch_, epoch) == sleep_end::woken) woken = true;
  }
  // Being woken orders nothing, so the look above may have been too old to tell
  // of the wake that ended the sleep. An update reads the latest: a wake meant
  // for one is not kept by a thread that says that it was not notified.
  // [EC8] acquire; pairs with [EC5].
  return woken && epoch_.fetch_add(0, memory_order_acquire) != epoch;
}

template <store_load How>
void raw_event_count<How>::notify_slow(int count) noexcept {
  const futex_word* const word = &epoch_;
  // [EC5] release; pairs with [EC6], [EC7], [EC8]: what the notifier wrote.
  epoch_.fetch_add(1, memory_order_release);
  unpark(word, count);
}

#if !SYNCXX_TSAN
template class raw_event_count<store_load::fence>;
#endif
template class raw_event_count<store_load::update>;

}  // namespace detail

void event_count::unprepared() const {
  detail::misused(this, kKind,
                  "wait() or cancel_wait() of an event_count without a "
                  "prepare_wait()",
                  EPERM);
}

void event_count::too_many() {
  throw std::system_error(
      std::make_error_code(std::errc::resource_unavailable_try_again),
      "syncxx: more than 2^31 - 1 threads wait for an event_count");
}

}  // namespace syncxx::inline SYNCXX_ABI
