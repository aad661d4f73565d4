// SPDX-License-Identifier: Apache-2.0
//
// pthread_mutex_t, as the interposed functions see it.
#ifndef SYNCXX_SRC_DEADLOCK_PRELOAD_MUTEX_H_
#define SYNCXX_SRC_DEADLOCK_PRELOAD_MUTEX_H_

#include <pthread.h>

#include <cerrno>

#include "watching.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::preload {

// Bits of __kind (glibc's nptl/pthreadP.h; programs have them compiled in, with
// the static initializers).
constexpr int kTypeBits = 3;
constexpr int kRobust = 16;
constexpr int kInherits = 32;
constexpr int kHasCeiling = 64;
// Of the word of a mutex that is robust or inherits (FUTEX_TID_MASK).
constexpr int kOwnerTid = 0x3fffffff;

// What most mutexes are: normal or adaptive, private or shared.
inline bool is_plain(const pthread_mutex_t* mutex) noexcept {
  const int kind =
      mutex->__data.__kind & (kTypeBits | kRobust | kInherits | kHasCeiling);
  return kind == PTHREAD_MUTEX_NORMAL || kind == PTHREAD_MUTEX_ADAPTIVE_NP;
}

// Whether a lock by its owner is an inner level, or an error that the owner
// gets.
inline bool answers_owner(const pthread_mutex_t* mutex) noexcept {
  const int type = mutex->__data.__kind & kTypeBits;
  return type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK;
}

// Whether a mutex belongs to its owner alone: it knows the thread, and lets
// nobody else unlock it.
inline bool knows_owner(const pthread_mutex_t* mutex) noexcept {
  return (mutex->__data.__kind & (kRobust | kInherits)) != 0 ||
         answers_owner(mutex);
}

inline bool is_recursive(const pthread_mutex_t* mutex) noexcept {
  return (mutex->__data.__kind & kTypeBits) == PTHREAD_MUTEX_RECURSIVE;
}

// Of a mutex that knows. Where it is not the caller's these fields may change
// at any time, but not to the caller.
inline bool is_own(const pthread_mutex_t* mutex) noexcept {
  if ((mutex->__data.__kind & (kRobust | kInherits)) != 0) {
    return (__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) &
            kOwnerTid) == own_tid();
  }
  return __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) == own_tid();
}

// Whether the calling thread, which owns it, has locked it more than once.
inline bool is_inner(const pthread_mutex_t* mutex) noexcept {
  return is_recursive(mutex) && mutex->__data.__count > 1;
}

// Robust ones are to the checker what the library's own are: both keep their
// owner's number in the first word, and may be held at a thread's end.
inline object_kind kind_of(const pthread_mutex_t* mutex) noexcept {
  if ((mutex->__data.__kind & kRobust) != 0) [[unlikely]] {
    return (mutex->__data.__kind & kInherits) != 0
               ? object_kind::robust_pi_mutex
               : object_kind::robust_mutex;
  }
  return is_recursive(mutex) ? object_kind::pthread_recursive_mutex
                             : object_kind::pthread_mutex;
}

inline bool is_owned_after(int result) noexcept {
  return result == 0 || result == EOWNERDEAD;
}

// glibc's try of a robust mutex that is not recoverable leaves it locked, and
// one of a mutex with a ceiling changes what the first lock does. These are
// looked at, or taken to be busy. (A wait that begins right after is not told.)
inline bool is_free_robust(const pthread_mutex_t* mutex) noexcept {
  return (mutex->__data.__kind & kHasCeiling) == 0 &&
         (__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) &
          kOwnerTid) == 0;
}

// `lock` is the real call that may block.
template <class Lock>
SYNCXX_COLD int lock_busy_mutex(pthread_mutex_t* mutex, object_kind kind,
                                waits how, const call_site& site,
                                Lock lock) noexcept {
  const int result = wait_for(mutex, kind, how, site, lock);
  if (is_owned_after(result)) took(mutex, kind, site);
  return result;
}

template <class Lock>
SYNCXX_COLD int lock_special_mutex(pthread_mutex_t* mutex, waits how,
                                   const call_site& site, Lock lock) noexcept {
  if (answers_owner(mutex) && is_own(mutex)) return lock();
  const object_kind kind = kind_of(mutex);
  if (is_refused(attempt(mutex, kind, how, site))) return EDEADLK;
  int result = EBUSY;
  if ((mutex->__data.__kind & (kRobust | kHasCeiling)) == 0)
    result = g_real.pthread_mutex_trylock(mutex);
  else if (is_free_robust(mutex))
    result = lock();
  if (result == EBUSY) return lock_busy_mutex(mutex, kind, how, site, lock);
  if (is_owned_after(result)) took(mutex, kind, site);
  return result;
}

template <class Lock>
SYNCXX_ALWAYS_INLINE int lock_mutex(pthread_mutex_t* mutex, waits how,
                                    const call_site& site,
                                    Lock&& lock) noexcept {
  if (!is_plain(mutex)) [[unlikely]]
    return lock_special_mutex(mutex, how, site, lock);
  constexpr auto kKind = object_kind::pthread_mutex;
  if (is_refused(attempt(mutex, kKind, how, site))) return EDEADLK;
  if (g_real.pthread_mutex_trylock(mutex) != 0) [[unlikely]]
    return lock_busy_mutex(mutex, kKind, how, site, lock);
  took(mutex, kKind, site);
  return 0;
}

SYNCXX_ALWAYS_INLINE int try_mutex(pthread_mutex_t* mutex,
                                   const call_site& site) noexcept {
  const int result = g_real.pthread_mutex_trylock(mutex);
  if (is_owned_after(result) && !is_inner(mutex))
    took(mutex, kind_of(mutex), site);
  return result;
}

// `unlock` is the real call.
template <class Unlock>
SYNCXX_ALWAYS_INLINE int unlock_mutex(pthread_mutex_t* mutex,
                                      const call_site& site,
                                      Unlock&& unlock) noexcept {
  object_kind kind = object_kind::pthread_mutex;
  if (!is_plain(mutex)) [[unlikely]] {
    kind = kind_of(mutex);
    // A stranger gets an error, and the mutex stays with its owner.
    if (knows_owner(mutex) && !is_own(mutex)) {
      is_refused(checker::misused(
          mutex, kind,
          "unlock of a pthread_mutex_t by a thread that does not hold it",
          EPERM, site, 0));
      return unlock();
    }
    if (knows_owner(mutex) && is_inner(mutex)) return unlock();
  }
  if (is_refused(releasing(mutex, kind, site))) return EPERM;
  return unlock();
}

// What pthread_cond_wait() and cnd_wait() have in common; `wait` is the real
// call (cond.cc).
struct condition_wait {
  const void* condition;
  pthread_mutex_t* mutex;
  waits how;
  const call_site& site;
  bool gives_mutex;

  // 0: wait. Otherwise the error.
  int begin() noexcept;
  void end(bool has_mutex) noexcept;
  static void cancelled(void* self) noexcept;
};

template <class Wait>
SYNCXX_ALWAYS_INLINE int wait_on_condition(const void* condition,
                                           pthread_mutex_t* mutex, waits how,
                                           const call_site& site,
                                           Wait&& wait) noexcept {
  if (knows_owner(mutex) && !is_own(mutex)) return wait();  // an error
  // One that is locked more than once is not released by a wait.
  condition_wait self = {condition, mutex, how, site, !is_inner(mutex)};
  if (const int error = self.begin()) return error;
  _pthread_cleanup_buffer buffer;
  _pthread_cleanup_push(&buffer, condition_wait::cancelled, &self);
  const int result = wait();
  _pthread_cleanup_pop(&buffer, 0);
  self.end(result != ENOTRECOVERABLE);
  return result;
}

}  // namespace detail::preload
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_PRELOAD_MUTEX_H_
