// SPDX-License-Identifier: Apache-2.0
//
// pthread_rwlock_*.
#include <pthread.h>

#include <cerrno>

#include "watching.h"

using namespace syncxx::detail::preload;  // NOLINT: a source of C functions
using syncxx::detail::call_site;
using syncxx::detail::object_kind;
namespace checker = syncxx::detail::checker;

namespace {

constexpr auto kWrites = object_kind::pthread_rwlock;
constexpr auto kReads = object_kind::pthread_rwlock_shared;

int writer_of(const pthread_rwlock_t* lock) noexcept {
  return __atomic_load_n(&lock->__data.__cur_writer, __ATOMIC_RELAXED);
}

template <class Try, class Lock>
SYNCXX_ALWAYS_INLINE int lock_rwlock(pthread_rwlock_t* lock, object_kind kind,
                                     waits how, const call_site& site,
                                     Try&& try_lock, Lock&& real) noexcept {
  if (is_refused(attempt(lock, kind, how, site))) return EDEADLK;
  int result = try_lock(lock);
  if (result != 0) [[unlikely]] {
    // The writer that asks again gets an error instead of waiting for itself.
    if (result == EBUSY && writer_of(lock) != own_tid())
      result = wait_for(lock, kind, how, site, real);
    else
      result = real();
  }
  if (result == 0) took(lock, kind, site);
  return result;
}

template <class Try>
SYNCXX_ALWAYS_INLINE int try_rwlock(pthread_rwlock_t* lock, object_kind kind,
                                    const call_site& site,
                                    Try&& try_lock) noexcept {
  const int result = try_lock(lock);
  if (result == 0) took(lock, kind, site);
  return result;
}

}  // namespace

SYNCXX_EXPORTED int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  const auto real = [&] { return g_real.pthread_rwlock_rdlock(lock); };
  if (!is_watching()) return real();
  return lock_rwlock(lock, kReads, waits::for_ever, SYNCXX_CALL_SITE(),
                     g_real.pthread_rwlock_tryrdlock, real);
}

SYNCXX_EXPORTED int pthread_rwlock_timedrdlock(pthread_rwlock_t* lock,
                                               const timespec* until) noexcept {
  const auto real = [&] {
    return g_real.pthread_rwlock_timedrdlock(lock, until);
  };
  if (!is_watching() || !is_valid(until)) return real();
  return lock_rwlock(lock, kReads, waits::bounded, SYNCXX_CALL_SITE(),
                     g_real.pthread_rwlock_tryrdlock, real);
}

SYNCXX_EXPORTED int pthread_rwlock_clockrdlock(pthread_rwlock_t* lock,
                                               clockid_t clock,
                                               const timespec* until) noexcept {
  const auto real = [&] {
    return g_real.pthread_rwlock_clockrdlock(lock, clock, until);
  };
  if (!is_watching() || !is_valid(until, clock)) return real();
  return lock_rwlock(lock, kReads, waits::bounded, SYNCXX_CALL_SITE(),
                     g_real.pthread_rwlock_tryrdlock, real);
}

SYNCXX_EXPORTED int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  const auto real = [&] { return g_real.pthread_rwlock_wrlock(lock); };
  if (!is_watching()) return real();
  return lock_rwlock(lock, kWrites, waits::for_ever, SYNCXX_CALL_SITE(),
                     g_real.pthread_rwlock_trywrlock, real);
}

SYNCXX_EXPORTED int pthread_rwlock_timedwrlock(pthread_rwlock_t* lock,
                                               const timespec* until) noexcept {
  const auto real = [&] {
    return g_real.pthread_rwlock_timedwrlock(lock, until);
  };
  if (!is_watching() || !is_valid(until)) return real();
  return lock_rwlock(lock, kWrites, waits::bounded, SYNCXX_CALL_SITE(),
                     g_real.pthread_rwlock_trywrlock, real);
}

SYNCXX_EXPORTED int pthread_rwlock_clockwrlock(pthread_rwlock_t* lock,
                                               clockid_t clock,
                                               const timespec* until) noexcept {
  const auto real = [&] {
    return g_real.pthread_rwlock_clockwrlock(lock, clock, until);
  };
  if (!is_watching() || !is_valid(until, clock)) return real();
  return lock_rwlock(lock, kWrites, waits::bounded, SYNCXX_CALL_SITE(),
                     g_real.pthread_rwlock_trywrlock, real);
}

SYNCXX_EXPORTED int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) noexcept {
  if (!is_watching()) return g_real.pthread_rwlock_tryrdlock(lock);
  return try_rwlock(lock, kReads, SYNCXX_CALL_SITE(),
                    g_real.pthread_rwlock_tryrdlock);
}

SYNCXX_EXPORTED int pthread_rwlock_trywrlock(pthread_rwlock_t* lock) noexcept {
  if (!is_watching()) return g_real.pthread_rwlock_trywrlock(lock);
  return try_rwlock(lock, kWrites, SYNCXX_CALL_SITE(),
                    g_real.pthread_rwlock_trywrlock);
}

SYNCXX_EXPORTED int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    // While there is a writer nobody reads.
    const object_kind kind = writer_of(lock) != 0 ? kWrites : kReads;
    if (is_refused(releasing(lock, kind, site))) return EPERM;
  }
  return g_real.pthread_rwlock_unlock(lock);
}

SYNCXX_EXPORTED int pthread_rwlock_init(
    pthread_rwlock_t* lock, const pthread_rwlockattr_t* attributes) noexcept {
  if (is_watching()) made_anew(lock, kWrites);
  return g_real.pthread_rwlock_init(lock, attributes);
}

SYNCXX_EXPORTED int pthread_rwlock_destroy(pthread_rwlock_t* lock) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(destroyed(lock, kWrites, site))) return EBUSY;
  }
  return g_real.pthread_rwlock_destroy(lock);
}
