// SPDX-License-Identifier: Apache-2.0
//
// pthread_cond_*. A wait is a cancellation point, and the mutex is locked again
// when the thread is unwound.
#include <pthread.h>

#include <cerrno>

#include "mutex.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::preload {

constexpr auto kCondition = object_kind::pthread_cond;

int condition_wait::begin() noexcept {
  const object_kind mutex_kind = kind_of(mutex);
  g_known_memory.note(condition);
  if (is_refused(checker::condition_wait(condition, kCondition, mutex,
                                         mutex_kind, how, site))) {
    return EINVAL;
  }
  if (gives_mutex && is_refused(releasing(mutex, mutex_kind, site))) {
    return EPERM;
  }
  if (is_refused(wait_begin(condition, kCondition, how, site))) {
    if (gives_mutex) took(mutex, mutex_kind, site);
    return EDEADLK;
  }
  return 0;
}

void condition_wait::end(bool has_mutex) noexcept {
  wait_end(condition, kCondition);
  if (has_mutex && gives_mutex) took(mutex, kind_of(mutex), site);
}

void condition_wait::cancelled(void* self) noexcept {
  static_cast<condition_wait*>(self)->end(true);
}

}  // namespace detail::preload
}  // namespace syncxx::inline SYNCXX_ABI

using namespace syncxx::detail::preload;  // NOLINT: a source of C functions
using syncxx::detail::call_site;
namespace checker = syncxx::detail::checker;

// (glibc declares those that are cancellation points without noexcept.)

SYNCXX_EXPORTED int pthread_cond_wait(pthread_cond_t* condition,
                                      pthread_mutex_t* mutex) {
  const auto wait = [&] { return g_real.pthread_cond_wait(condition, mutex); };
  if (!is_watching()) return wait();
  return wait_on_condition(condition, mutex, waits::for_ever,
                           SYNCXX_CALL_SITE(), wait);
}

SYNCXX_EXPORTED int pthread_cond_timedwait(pthread_cond_t* condition,
                                           pthread_mutex_t* mutex,
                                           const timespec* until) {
  const auto wait = [&] {
    return g_real.pthread_cond_timedwait(condition, mutex, until);
  };
  if (!is_watching() || !is_valid(until)) return wait();
  return wait_on_condition(condition, mutex, waits::bounded, SYNCXX_CALL_SITE(),
                           wait);
}

SYNCXX_EXPORTED int pthread_cond_clockwait(pthread_cond_t* condition,
                                           pthread_mutex_t* mutex,
                                           clockid_t clock,
                                           const timespec* until) {
  const auto wait = [&] {
    return g_real.pthread_cond_clockwait(condition, mutex, clock, until);
  };
  if (!is_watching() || !is_valid(until, clock)) return wait();
  return wait_on_condition(condition, mutex, waits::bounded, SYNCXX_CALL_SITE(),
                           wait);
}

SYNCXX_EXPORTED int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    checker::notified(condition, kCondition, site);
  }
  return g_real.pthread_cond_signal(condition);
}

SYNCXX_EXPORTED int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    checker::notified(condition, kCondition, site);
  }
  return g_real.pthread_cond_broadcast(condition);
}

SYNCXX_EXPORTED int pthread_cond_init(
    pthread_cond_t* condition, const pthread_condattr_t* attributes) noexcept {
  if (is_watching()) made_anew(condition, kCondition);
  return g_real.pthread_cond_init(condition, attributes);
}

SYNCXX_EXPORTED int pthread_cond_destroy(pthread_cond_t* condition) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(destroyed(condition, kCondition, site))) return EBUSY;
  }
  return g_real.pthread_cond_destroy(condition);
}
