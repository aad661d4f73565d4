// SPDX-License-Identifier: Apache-2.0
//
// pthread_mutex_*. In glibc a try of a free mutex is what a lock does: the
// kinds differ only in what they do about a busy one, or about the caller's.
#include "mutex.h"

using namespace syncxx::detail::preload;  // NOLINT: a source of C functions
using syncxx::detail::call_site;
namespace checker = syncxx::detail::checker;

SYNCXX_EXPORTED int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  const auto lock = [&] { return g_real.pthread_mutex_lock(mutex); };
  if (!is_watching()) [[unlikely]]
    return lock();
  return lock_mutex(mutex, waits::for_ever, SYNCXX_CALL_SITE(), lock);
}

SYNCXX_EXPORTED int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  if (!is_watching()) [[unlikely]]
    return g_real.pthread_mutex_trylock(mutex);
  return try_mutex(mutex, SYNCXX_CALL_SITE());
}

SYNCXX_EXPORTED int pthread_mutex_timedlock(pthread_mutex_t* mutex,
                                            const timespec* until) noexcept {
  const auto lock = [&] {
    return g_real.pthread_mutex_timedlock(mutex, until);
  };
  if (!is_watching()) [[unlikely]]
    return lock();
  return lock_mutex(mutex, waits::bounded, SYNCXX_CALL_SITE(), lock);
}

SYNCXX_EXPORTED int pthread_mutex_clocklock(pthread_mutex_t* mutex,
                                            clockid_t clock,
                                            const timespec* until) noexcept {
  const auto lock = [&] {
    return g_real.pthread_mutex_clocklock(mutex, clock, until);
  };
  // A clock that is not known is an error even if the mutex is free.
  if (!is_watching() || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
    return lock();
  return lock_mutex(mutex, waits::bounded, SYNCXX_CALL_SITE(), lock);
}

SYNCXX_EXPORTED int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  const auto unlock = [&] { return g_real.pthread_mutex_unlock(mutex); };
  if (!is_watching()) [[unlikely]]
    return unlock();
  return unlock_mutex(mutex, SYNCXX_CALL_SITE(), unlock);
}

SYNCXX_EXPORTED int pthread_mutex_init(
    pthread_mutex_t* mutex, const pthread_mutexattr_t* attributes) noexcept {
  if (is_watching())
    made_anew(mutex, syncxx::detail::object_kind::pthread_mutex);
  return g_real.pthread_mutex_init(mutex, attributes);
}

SYNCXX_EXPORTED int pthread_mutex_destroy(pthread_mutex_t* mutex) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(destroyed(mutex, kind_of(mutex), site))) return EBUSY;
  }
  return g_real.pthread_mutex_destroy(mutex);
}
