// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of robust_pi_mutex.
//
// Exclusion, and that no wake is lost among the living: pi_mutex.cc. A waiter
// sleeps in a queue of the kernel's, and the kernel makes it the owner.
//
// When a thread dies the kernel walks its list and looks at `pending`, as for
// robust_mutex.cc; of entries with bit 0 set it leaves the wake to what comes
// next: it gives the PI locks that threads wait for to the first of each.
//
// Nobody hangs, whoever is killed wherever:
// - Before a word names a thread, `pending` does, and it does until the mutex
//   is in the list; in the other direction likewise (I2). That holds for a
//   waiter that the kernel makes the owner, too: its `pending` is this mutex
//   for as long as it waits. So each word that names a dead thread is found,
//   and says so by kOwnerDiedBit.
// - If threads wait, the kernel makes the first the owner, with the bit. If
//   nobody does, the word has no number, and the next lock has the kernel put
//   its own there: also with the bit. A lock is never had from a dead owner
//   without it (nor by a compare-exchange of ours: those start from 0).
// - Nobody answers for others: there is no wake that could die with a thread.
//
// An owner that has been told says so in state_ and takes kOwnerDiedBit away.
// Who is killed in between, in whichever order, has died with the lock held:
// the kernel sets the bit again, and the next is told by that.
//
// Ordering: as pi_mutex.cc; what a dead owner wrote comes before the kernel's
// update of the word, which the acquire after the kernel has given it [PI5]
// follows.
#include <sync/detail/raw_robust_pi_mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// What `how` says of the word becomes true of the mutex. Within a
// robust_change.
robust_outcome raw_robust_pi_mutex::taken(pi_outcome how,
                                          robust_head* list) noexcept {
  const bool owned = how == pi_outcome::owned || how == pi_outcome::owner_died;
  if (how == pi_outcome::owner_died) {
    state_.inherit();
    kernel_order();
    word_.forget_death();
  }
  if (owned) {
    node_.enqueue(list);
    return robust_outcome::owned;
  }
  switch (how) {
    case pi_outcome::timed_out:
      return robust_outcome::gave_up;
    case pi_outcome::relocked:
      return robust_outcome::relocked;
    case pi_outcome::deadlock:
      return robust_outcome::deadlock;
    default:
      return robust_outcome::corrupt;
  }
}

robust_outcome raw_robust_pi_mutex::lock_slow(deadline until,
                                              const stop_token*) {
  robust_head* const list = robust_list();
  // All the time: the kernel may make this thread the owner while it sleeps.
  const robust_change change(list, node_.entry());
  return taken(word_.acquire(until), list);
}

bool raw_robust_pi_mutex::try_lock_slow() {
  robust_head* const list = robust_list();
  const robust_change change(list, node_.entry());
  return taken(word_.try_acquire(), list) == robust_outcome::owned;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
