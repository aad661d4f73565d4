// SPDX-License-Identifier: Apache-2.0
//
// pthread_spin_* and pthread_barrier_*.
#include <pthread.h>

#include <cerrno>

#include "watching.h"

using namespace syncxx::detail::preload;  // NOLINT: a source of C functions
using syncxx::detail::call_site;
using syncxx::detail::object_kind;
namespace checker = syncxx::detail::checker;

namespace {

constexpr auto kSpin = object_kind::pthread_spinlock;
constexpr auto kBarrier = object_kind::pthread_barrier;

const void* address_of(const volatile void* object) noexcept {
  return const_cast<const void*>(object);
}

}  // namespace

SYNCXX_EXPORTED int pthread_spin_lock(pthread_spinlock_t* lock) noexcept {
  const auto real = [&] { return g_real.pthread_spin_lock(lock); };
  if (!is_watching()) return real();
  const call_site site = SYNCXX_CALL_SITE();
  const void* const object = address_of(lock);
  if (is_refused(attempt(object, kSpin, waits::for_ever, site))) return EDEADLK;
  int result = g_real.pthread_spin_trylock(lock);
  if (result != 0) [[unlikely]]
    result = wait_for(object, kSpin, waits::for_ever, site, real);
  if (result == 0) took(object, kSpin, site);
  return result;
}

SYNCXX_EXPORTED int pthread_spin_trylock(pthread_spinlock_t* lock) noexcept {
  if (!is_watching()) return g_real.pthread_spin_trylock(lock);
  const call_site site = SYNCXX_CALL_SITE();
  const int result = g_real.pthread_spin_trylock(lock);
  if (result == 0) took(address_of(lock), kSpin, site);
  return result;
}

SYNCXX_EXPORTED int pthread_spin_unlock(pthread_spinlock_t* lock) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(releasing(address_of(lock), kSpin, site))) return EPERM;
  }
  return g_real.pthread_spin_unlock(lock);
}

SYNCXX_EXPORTED int pthread_spin_init(pthread_spinlock_t* lock,
                                      int shared) noexcept {
  // On x86-64 glibc has one function for pthread_spin_init and
  // pthread_spin_unlock: some programs make a spinlock anew to unlock it.
  if (is_watching()) made_anew(address_of(lock), kSpin);
  return g_real.pthread_spin_init(lock, shared);
}

SYNCXX_EXPORTED int pthread_spin_destroy(pthread_spinlock_t* lock) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(destroyed(address_of(lock), kSpin, site))) return EBUSY;
  }
  return g_real.pthread_spin_destroy(lock);
}

SYNCXX_EXPORTED int pthread_barrier_wait(pthread_barrier_t* barrier) noexcept {
  const auto real = [&] { return g_real.pthread_barrier_wait(barrier); };
  if (!is_watching()) return real();
  const call_site site = SYNCXX_CALL_SITE();
  g_known_memory.note(barrier);
  return wait_for(barrier, kBarrier, waits::for_ever, site, real);
}

SYNCXX_EXPORTED int pthread_barrier_destroy(
    pthread_barrier_t* barrier) noexcept {
  if (is_watching()) {
    const call_site site = SYNCXX_CALL_SITE();
    if (is_refused(destroyed(barrier, kBarrier, site))) return EBUSY;
  }
  return g_real.pthread_barrier_destroy(barrier);
}
