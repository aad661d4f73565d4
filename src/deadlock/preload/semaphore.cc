// SPDX-License-Identifier: Apache-2.0
//
// sem_*. A wait is a cancellation point, even if it does not wait. A success
// leaves errno alone.
#include <pthread.h>
#include <semaphore.h>

#include <cerrno>

#include "watching.h"

using namespace syncxx::detail::preload;  // NOLINT: a source of C functions
using syncxx::detail::call_site;
using syncxx::detail::object_kind;
namespace checker = syncxx::detail::checker;

namespace {

constexpr auto kSemaphore = object_kind::posix_semaphore;

int fail(int error) noexcept {
  errno = error;
  return -1;
}

void cancelled(void* semaphore) { wait_end(semaphore, kSemaphore); }

template <class Wait>
SYNCXX_ALWAYS_INLINE int wait_on_semaphore(sem_t* semaphore, waits how,
                                           const call_site& site, Wait&& wait) {
  ::pthread_testcancel();
  const int error = errno;
  if (is_refused(attempt(semaphore, kSemaphore, how, site)))
    return fail(EDEADLK);
  if (g_real.sem_trywait(semaphore) != 0) [[unlikely]] {
    if (is_refused(wait_begin(semaphore, kSemaphore, how, site)))
      return fail(EDEADLK);
    _pthread_cleanup_buffer buffer;
    _pthread_cleanup_push(&buffer, cancelled, semaphore);
    const int result = wait();
    _pthread_cleanup_pop(&buffer, 0);
    wait_end(semaphore, kSemaphore);
    if (result != 0) return result;
    errno = error;
  }
  took(semaphore, kSemaphore, site);
  return 0;
}

}  // namespace

SYNCXX_EXPORTED int sem_wait(sem_t* semaphore) {
  const auto wait = [&] { return g_real.sem_wait(semaphore); };
  if (!is_watching()) return wait();
  return wait_on_semaphore(semaphore, waits::for_ever, SYNCXX_CALL_SITE(),
                           wait);
}

SYNCXX_EXPORTED int sem_timedwait(sem_t* semaphore, const timespec* until) {
  const auto wait = [&] { return g_real.sem_timedwait(semaphore, until); };
  if (!is_watching() || !is_valid(until)) return wait();
  return wait_on_semaphore(semaphore, waits::bounded, SYNCXX_CALL_SITE(), wait);
}

SYNCXX_EXPORTED int sem_clockwait(sem_t* semaphore, clockid_t clock,
                                  const timespec* until) {
  const auto wait = [&] {
    return g_real.sem_clockwait(semaphore, clock, until);
  };
  if (!is_watching() || !is_valid(until, clock)) return wait();
  return wait_on_semaphore(semaphore, waits::bounded, SYNCXX_CALL_SITE(), wait);
}

SYNCXX_EXPORTED int sem_trywait(sem_t* semaphore) noexcept {
  if (!is_watching()) return g_real.sem_trywait(semaphore);
  const call_site site = SYNCXX_CALL_SITE();
  const int result = g_real.sem_trywait(semaphore);
  if (result == 0) took(semaphore, kSemaphore, site);
  return result;
}

SYNCXX_EXPORTED int sem_post(sem_t* semaphore) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    g_known_memory.note(semaphore);
    if (is_refused(releasing(semaphore, kSemaphore, site))) return fail(EPERM);
  }
  return g_real.sem_post(semaphore);
}

SYNCXX_EXPORTED int sem_init(sem_t* semaphore, int shared,
                             unsigned value) noexcept {
  if (is_watching()) made_anew(semaphore, kSemaphore);
  return g_real.sem_init(semaphore, shared, value);
}

SYNCXX_EXPORTED int sem_destroy(sem_t* semaphore) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(destroyed(semaphore, kSemaphore, site))) return fail(EBUSY);
  }
  return g_real.sem_destroy(semaphore);
}
