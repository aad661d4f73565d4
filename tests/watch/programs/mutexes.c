// SPDX-License-Identifier: Apache-2.0
//
// All kinds of mutexes: what each function answers.
#include "support.h"

static const int kTypes[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
                             PTHREAD_MUTEX_ERRORCHECK,
                             PTHREAD_MUTEX_ADAPTIVE_NP};
static const char* const kTypeNames[] = {"normal", "recursive", "errorcheck",
                                         "adaptive"};
static const int kProtocols[] = {PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT};

static struct timespec invalid(void) {
  struct timespec t = in_ms(1000);
  t.tv_nsec = 1000000000L;
  return t;
}

static void* by_stranger(void* argument) {
  pthread_mutex_t* const m = argument;
  const struct timespec soon = in_ms(20);
  const struct timespec soon_steady = in_ms_by(CLOCK_MONOTONIC, 20);
  const struct timespec never = invalid();
  SHOW(pthread_mutex_trylock(m));
  SHOW(pthread_mutex_timedlock(m, &soon));
  SHOW(pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &soon_steady));
  SHOW(pthread_mutex_clocklock(m, CLOCK_PROCESS_CPUTIME_ID, &soon));
  SHOW(pthread_mutex_timedlock(m, &never));
  return NULL;
}

static void* unlock_by_stranger(void* argument) {
  SHOW(pthread_mutex_unlock(argument));
  return NULL;
}

static void* take(void* argument) {
  SHOW(pthread_mutex_lock(argument));
  return NULL;
}

static void* lock_and_unlock(void* argument) {
  SHOW(pthread_mutex_lock(argument));
  SHOW(pthread_mutex_unlock(argument));
  return NULL;
}

static void* lock_and_unlock_soon(void* argument) {
  pthread_mutex_lock(argument);
  nap_ms(30);
  pthread_mutex_unlock(argument);
  return NULL;
}

static void robust(pthread_mutex_t* m) {
  in_thread(take, m);
  SHOW(pthread_mutex_lock(m));
  SHOW(pthread_mutex_consistent(m));
  SHOW(pthread_mutex_unlock(m));
  in_thread(take, m);
  SHOW(pthread_mutex_trylock(m));
  SHOW(pthread_mutex_unlock(m));  // not made consistent
  SHOW(pthread_mutex_lock(m));
  SHOW(pthread_mutex_trylock(m));
}

static void one_kind(int type, int protocol, int is_robust, int shared) {
  pthread_mutexattr_t a;
  pthread_mutex_t m;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_settype(&a, kTypes[type]);
  pthread_mutexattr_setprotocol(&a, kProtocols[protocol]);
  pthread_mutexattr_setrobust(
      &a, is_robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
  pthread_mutexattr_setpshared(
      &a, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
  printf("--- %s%s%s%s\n", kTypeNames[type], protocol ? " pi" : "",
         is_robust ? " robust" : "", shared ? " shared" : "");
  SHOW(pthread_mutex_init(&m, &a));
  SHOW(pthread_mutex_lock(&m));
  in_thread(by_stranger, &m);
  if (kTypes[type] == PTHREAD_MUTEX_RECURSIVE ||
      kTypes[type] == PTHREAD_MUTEX_ERRORCHECK) {
    const struct timespec soon = in_ms(20);
    SHOW(pthread_mutex_lock(&m));
    SHOW(pthread_mutex_trylock(&m));
    SHOW(pthread_mutex_timedlock(&m, &soon));
    in_thread(unlock_by_stranger, &m);
    if (kTypes[type] == PTHREAD_MUTEX_RECURSIVE) {
      SHOW(pthread_mutex_unlock(&m));
      SHOW(pthread_mutex_unlock(&m));
      SHOW(pthread_mutex_unlock(&m));
    }
    in_thread(by_stranger, &m);
  } else {
    SHOW(pthread_mutex_trylock(&m));
  }
  if (!protocol && !is_robust) SHOW(pthread_mutex_destroy(&m));  // is held
  SHOW(pthread_mutex_unlock(&m));
  in_thread(lock_and_unlock, &m);
  pthread_t other;
  pthread_create(&other, NULL, lock_and_unlock_soon, &m);
  nap_ms(5);
  SHOW(pthread_mutex_lock(&m));  // waits
  SHOW(pthread_mutex_unlock(&m));
  pthread_join(other, NULL);
  const struct timespec never = invalid();
  SHOW(pthread_mutex_timedlock(&m, &never));  // free: not looked at
  SHOW(pthread_mutex_unlock(&m));
  if (kTypes[type] != PTHREAD_MUTEX_NORMAL &&
      kTypes[type] != PTHREAD_MUTEX_ADAPTIVE_NP) {
    SHOW(pthread_mutex_unlock(&m));  // of a free one
  }
  if (is_robust) robust(&m);
  SHOW(pthread_mutex_destroy(&m));
  pthread_mutexattr_destroy(&a);
}

static void ceiling(void) {
  pthread_mutexattr_t a;
  pthread_mutex_t m;
  int old = 0;
  printf("--- ceiling\n");
  pthread_mutexattr_init(&a);
  SHOW(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT));
  SHOW(pthread_mutexattr_setprioceiling(&a, 10));
  SHOW(pthread_mutex_init(&m, &a));
  // What comes of it depends on what the program may do.
  if (SHOW(pthread_mutex_lock(&m)) == 0) {
    SHOW(pthread_mutex_setprioceiling(&m, 11, &old));
    SHOW(pthread_mutex_unlock(&m));
  }
  if (SHOW(pthread_mutex_trylock(&m)) == 0) SHOW(pthread_mutex_unlock(&m));
  SHOW(pthread_mutex_destroy(&m));
}

int main(void) {
  for (int type = 0; type < 4; ++type) {
    for (int protocol = 0; protocol < 2; ++protocol) {
      for (int is_robust = 0; is_robust < 2; ++is_robust) {
        for (int shared = 0; shared < 2; ++shared)
          one_kind(type, protocol, is_robust, shared);
      }
    }
  }
  ceiling();
  return 0;
}
