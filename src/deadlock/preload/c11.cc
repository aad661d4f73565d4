// SPDX-License-Identifier: Apache-2.0
//
// mtx_* and cnd_*: in glibc the same objects as pthread_mutex_t and
// pthread_cond_t, but they do not call the functions of those.
#include <pthread.h>
#include <threads.h>

#include <cerrno>

#include "mutex.h"

using namespace syncxx::detail::preload;  // NOLINT: a source of C functions
using syncxx::detail::call_site;
using syncxx::detail::object_kind;
namespace checker = syncxx::detail::checker;

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t));
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t));

namespace {

pthread_mutex_t* as_mutex(mtx_t* mutex) noexcept {
  return reinterpret_cast<pthread_mutex_t*>(mutex);
}

int errno_of(int result) noexcept {
  switch (result) {
    case thrd_success:
      return 0;
    case thrd_busy:
      return EBUSY;
    case thrd_timedout:
      return ETIMEDOUT;
    case thrd_nomem:
      return ENOMEM;
    default:
      return EINVAL;
  }
}

int thrd_of(int error) noexcept {
  switch (error) {
    case 0:
      return thrd_success;
    case EBUSY:
      return thrd_busy;
    case ETIMEDOUT:
      return thrd_timedout;
    case ENOMEM:
      return thrd_nomem;
    default:
      return thrd_error;
  }
}

}  // namespace

SYNCXX_EXPORTED int mtx_lock(mtx_t* mutex) {
  if (!is_watching()) return g_real.mtx_lock(mutex);
  return thrd_of(lock_mutex(as_mutex(mutex), waits::for_ever,
                            SYNCXX_CALL_SITE(),
                            [&] { return errno_of(g_real.mtx_lock(mutex)); }));
}

SYNCXX_EXPORTED int mtx_timedlock(mtx_t* mutex, const timespec* until) {
  if (!is_watching()) return g_real.mtx_timedlock(mutex, until);
  return thrd_of(
      lock_mutex(as_mutex(mutex), waits::bounded, SYNCXX_CALL_SITE(),
                 [&] { return errno_of(g_real.mtx_timedlock(mutex, until)); }));
}

SYNCXX_EXPORTED int mtx_trylock(mtx_t* mutex) {
  if (!is_watching()) return g_real.mtx_trylock(mutex);
  return thrd_of(try_mutex(as_mutex(mutex), SYNCXX_CALL_SITE()));
}

SYNCXX_EXPORTED int mtx_unlock(mtx_t* mutex) {
  if (!is_watching()) return g_real.mtx_unlock(mutex);
  return thrd_of(unlock_mutex(as_mutex(mutex), SYNCXX_CALL_SITE(), [&] {
    return errno_of(g_real.mtx_unlock(mutex));
  }));
}

SYNCXX_EXPORTED int mtx_init(mtx_t* mutex, int type) {
  if (is_watching()) made_anew(mutex, object_kind::pthread_mutex);
  return g_real.mtx_init(mutex, type);
}

SYNCXX_EXPORTED void mtx_destroy(mtx_t* mutex) {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(destroyed(mutex, kind_of(as_mutex(mutex)), site))) {
      return;
    }
  }
  g_real.mtx_destroy(mutex);
}

SYNCXX_EXPORTED int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  if (!is_watching()) return g_real.cnd_wait(condition, mutex);
  return thrd_of(wait_on_condition(
      condition, as_mutex(mutex), waits::for_ever, SYNCXX_CALL_SITE(),
      [&] { return errno_of(g_real.cnd_wait(condition, mutex)); }));
}

SYNCXX_EXPORTED int cnd_timedwait(cnd_t* condition, mtx_t* mutex,
                                  const timespec* until) {
  if (!is_watching() || !is_valid(until))
    return g_real.cnd_timedwait(condition, mutex, until);
  return thrd_of(wait_on_condition(
      condition, as_mutex(mutex), waits::bounded, SYNCXX_CALL_SITE(),
      [&] { return errno_of(g_real.cnd_timedwait(condition, mutex, until)); }));
}

SYNCXX_EXPORTED int cnd_signal(cnd_t* condition) {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    checker::notified(condition, object_kind::pthread_cond, site);
  }
  return g_real.cnd_signal(condition);
}

SYNCXX_EXPORTED int cnd_broadcast(cnd_t* condition) {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    checker::notified(condition, object_kind::pthread_cond, site);
  }
  return g_real.cnd_broadcast(condition);
}

SYNCXX_EXPORTED int cnd_init(cnd_t* condition) {
  if (is_watching()) made_anew(condition, object_kind::pthread_cond);
  return g_real.cnd_init(condition);
}

SYNCXX_EXPORTED void cnd_destroy(cnd_t* condition) {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(destroyed(condition, object_kind::pthread_cond, site))) {
      return;
    }
  }
  g_real.cnd_destroy(condition);
}
