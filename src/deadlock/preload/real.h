// SPDX-License-Identifier: Apache-2.0
//
// The functions behind the interposed ones: the next of their name.
#ifndef SYNCXX_SRC_DEADLOCK_PRELOAD_REAL_H_
#define SYNCXX_SRC_DEADLOCK_PRELOAD_REAL_H_

#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <threads.h>

#include <sync/detail/config.h>

#if !defined(__GLIBC__)
#error "libsyncxx_preload knows the mutexes of glibc only."
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace detail::preload {

#define SYNCXX_INTERPOSED_(X)   \
  X(pthread_mutex_init)         \
  X(pthread_mutex_destroy)      \
  X(pthread_mutex_lock)         \
  X(pthread_mutex_trylock)      \
  X(pthread_mutex_timedlock)    \
  X(pthread_mutex_clocklock)    \
  X(pthread_mutex_unlock)       \
  X(pthread_rwlock_init)        \
  X(pthread_rwlock_destroy)     \
  X(pthread_rwlock_rdlock)      \
  X(pthread_rwlock_tryrdlock)   \
  X(pthread_rwlock_timedrdlock) \
  X(pthread_rwlock_clockrdlock) \
  X(pthread_rwlock_wrlock)      \
  X(pthread_rwlock_trywrlock)   \
  X(pthread_rwlock_timedwrlock) \
  X(pthread_rwlock_clockwrlock) \
  X(pthread_rwlock_unlock)      \
  X(pthread_spin_init)          \
  X(pthread_spin_destroy)       \
  X(pthread_spin_lock)          \
  X(pthread_spin_trylock)       \
  X(pthread_spin_unlock)        \
  X(pthread_cond_init)          \
  X(pthread_cond_destroy)       \
  X(pthread_cond_wait)          \
  X(pthread_cond_timedwait)     \
  X(pthread_cond_clockwait)     \
  X(pthread_cond_signal)        \
  X(pthread_cond_broadcast)     \
  X(sem_init)                   \
  X(sem_destroy)                \
  X(sem_wait)                   \
  X(sem_trywait)                \
  X(sem_timedwait)              \
  X(sem_clockwait)              \
  X(sem_post)                   \
  X(pthread_barrier_destroy)    \
  X(pthread_barrier_wait)       \
  X(pthread_create)             \
  X(pthread_join)               \
  X(pthread_tryjoin_np)         \
  X(pthread_timedjoin_np)       \
  X(pthread_clockjoin_np)       \
  X(mtx_init)                   \
  X(mtx_destroy)                \
  X(mtx_lock)                   \
  X(mtx_trylock)                \
  X(mtx_timedlock)              \
  X(mtx_unlock)                 \
  X(cnd_init)                   \
  X(cnd_destroy)                \
  X(cnd_wait)                   \
  X(cnd_timedwait)              \
  X(cnd_signal)                 \
  X(cnd_broadcast)              \
  X(thrd_create)                \
  X(thrd_join)                  \
  X(free)                       \
  X(realloc)                    \
  X(munmap)                     \
  X(malloc_usable_size)

struct real_functions {
#define SYNCXX_POINTER_(name)       /* a name in parentheses is none */ \
  decltype(&::name) name = nullptr; /* NOLINT(bugprone-macro-parentheses) */
  SYNCXX_INTERPOSED_(SYNCXX_POINTER_)
#undef SYNCXX_POINTER_
};

// All null until find_real() has run; written once more at most, with the same
// values. Nothing is called through it before is_watching() or find_real().
extern constinit real_functions g_real;

// Called as soon as one of them is needed, also before constructors run, and
// from within the loader. False: this thread is in it already (the loader calls
// free() while it looks a name up).
bool find_real() noexcept;

}  // namespace detail::preload
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_PRELOAD_REAL_H_
