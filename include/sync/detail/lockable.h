// SPDX-License-Identifier: Apache-2.0
//
// What can be locked, and how, as concepts.
#ifndef SYNCXX_DETAIL_LOCKABLE_H_
#define SYNCXX_DETAIL_LOCKABLE_H_

#include <concepts>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Cpp17Lockable ([thread.req.lockable.req]).
template <class L>
concept lockable = requires(L& l) {
  l.lock();
  { l.try_lock() } -> std::convertible_to<bool>;
  l.unlock();
};

// With a shared side ([thread.sharedmutex.requirements]).
template <class M>
concept shared_lockable = requires(M& m) {
  m.lock_shared();
  { m.try_lock_shared() } -> std::convertible_to<bool>;
  m.unlock_shared();
};

// With one owner beside the readers, who may become the writer.
template <class M>
concept upgrade_lockable = requires(M& m) {
  m.lock_upgrade();
  { m.try_lock_upgrade() } -> std::convertible_to<bool>;
  m.unlock_upgrade();
};

// One that tells of its owner's death, and is given up for good if it is
// unlocked without make_consistent() then: it must not be given back unasked.
template <class M>
concept robust_lockable = requires(const M& m) {
  { m.owner_died() } -> std::convertible_to<bool>;
};

// A counting_semaphore, ours or std's.
template <class S>
concept semaphore_like = requires(S& s) {
  s.acquire();
  { s.try_acquire() } -> std::convertible_to<bool>;
  s.release();
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_LOCKABLE_H_
