// SPDX-License-Identifier: Apache-2.0
//
// The slow path of ticket_lock.
//
// Exclusion. The steps that hand tickets out are read-modify-writes of one
// counter, so that each ticket goes to one thread (I2), and serving_ names one
// ticket at a time. The owner stores the next ticket as the last thing it does
// [TL2]; the thread that has that ticket reads it [TL1]. serving_ is written by
// owners alone (I1), each of which has read what the last one wrote.
//
// A value of serving_ from 2^16 turns ago would look like today's. A thread
// reads it after it has taken its ticket; the standard wants stores to become
// visible "within a reasonable amount of time" ([intro.progress]/18), and no
// machine keeps a load back, or a store, for as long as 2^16 turns take.
#include <sync/ticket_lock.h>

namespace syncxx::inline SYNCXX_ABI {

// Somebody else, `now`, is served. False: the line was too long, and the ticket
// has been given back.
bool ticket_lock::wait(detail::line_patience& others, ticket mine,
                       ticket now) noexcept {
  const auto ahead = static_cast<ticket>(mine - now);
  if (ahead >= kMostInLine && leave(mine)) return false;
  others.wait(ahead);
  return true;
}

// Gives the ticket back, if it is the last one: nobody knows of it then. The
// one before it may have been done meanwhile; then the lock is free.
bool ticket_lock::leave(ticket mine) noexcept {
  ticket last = after(mine);
  // Relaxed: as in lock().
  return next_.compare_exchange_strong(last, mine, detail::memory_order_relaxed,
                                       detail::memory_order_relaxed);
}

}  // namespace syncxx::inline SYNCXX_ABI
