// SPDX-License-Identifier: Apache-2.0
//
// Reader-writer locks, spinlocks, barriers, condition variables, semaphores,
// joins, and C11's names: what each function answers.
#include <signal.h>
#include <threads.h>

#include "support.h"

static struct timespec g_invalid = {0, 1000000000L};

// --- Reader-writer locks -----------------------------------------------------

static void* rwlock_by_other(void* argument) {
  pthread_rwlock_t* const l = argument;
  const struct timespec soon = in_ms(20);
  const struct timespec soon_steady = in_ms_by(CLOCK_MONOTONIC, 20);
  SHOW(pthread_rwlock_trywrlock(l));
  SHOW(pthread_rwlock_timedwrlock(l, &soon));
  SHOW(pthread_rwlock_clockwrlock(l, CLOCK_MONOTONIC, &soon_steady));
  SHOW(pthread_rwlock_clockwrlock(l, CLOCK_PROCESS_CPUTIME_ID, &soon));
  SHOW(pthread_rwlock_timedwrlock(l, &g_invalid));
  if (pthread_rwlock_tryrdlock(l) == 0) {
    SHOW(pthread_rwlock_unlock(l));
  } else {
    SHOW(pthread_rwlock_timedrdlock(l, &soon));
    SHOW(pthread_rwlock_clockrdlock(l, CLOCK_MONOTONIC, &soon_steady));
    SHOW(pthread_rwlock_clockrdlock(l, CLOCK_PROCESS_CPUTIME_ID, &soon));
  }
  return NULL;
}

static void* write_soon(void* argument) {
  pthread_rwlock_wrlock(argument);
  nap_ms(30);
  pthread_rwlock_unlock(argument);
  return NULL;
}

static void rwlocks(void) {
  static const int kKinds[] = {PTHREAD_RWLOCK_PREFER_READER_NP,
                               PTHREAD_RWLOCK_PREFER_WRITER_NP,
                               PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP};
  for (int i = 0; i < 3; ++i) {
    pthread_rwlockattr_t a;
    pthread_rwlock_t l;
    printf("--- rwlock %d\n", i);
    pthread_rwlockattr_init(&a);
    pthread_rwlockattr_setkind_np(&a, kKinds[i]);
    SHOW(pthread_rwlock_init(&l, &a));
    SHOW(pthread_rwlock_rdlock(&l));
    SHOW(pthread_rwlock_rdlock(&l));
    in_thread(rwlock_by_other, &l);
    SHOW(pthread_rwlock_unlock(&l));
    SHOW(pthread_rwlock_unlock(&l));
    SHOW(pthread_rwlock_timedrdlock(&l, &g_invalid));
    SHOW(pthread_rwlock_wrlock(&l));
    SHOW(pthread_rwlock_wrlock(&l));
    SHOW(pthread_rwlock_rdlock(&l));
    SHOW(pthread_rwlock_tryrdlock(&l));
    in_thread(rwlock_by_other, &l);
    SHOW(pthread_rwlock_unlock(&l));
    pthread_t other;
    pthread_create(&other, NULL, write_soon, &l);
    nap_ms(5);
    SHOW(pthread_rwlock_rdlock(&l));  // waits
    SHOW(pthread_rwlock_unlock(&l));
    pthread_join(other, NULL);
    SHOW(pthread_rwlock_destroy(&l));
  }
}

// --- Spinlocks, barriers -----------------------------------------------------

static pthread_barrier_t g_barrier;

static void* arrive(void* argument) {
  (void)argument;
  long serial = 0;
  for (int i = 0; i < 20; ++i)
    serial += pthread_barrier_wait(&g_barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
  return (void*)serial;
}

static void spins_and_barriers(void) {
  pthread_spinlock_t s;
  pthread_t threads[3];
  long serial = 0;
  printf("--- spin, barrier\n");
  SHOW(pthread_spin_init(&s, PTHREAD_PROCESS_PRIVATE));
  SHOW(pthread_spin_lock(&s));
  SHOW(pthread_spin_trylock(&s));
  SHOW(pthread_spin_unlock(&s));
  SHOW(pthread_spin_trylock(&s));
  SHOW(pthread_spin_unlock(&s));
  SHOW(pthread_spin_destroy(&s));
  SHOW(pthread_barrier_init(&g_barrier, NULL, 3));
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, arrive, NULL);
  for (int i = 0; i < 3; ++i) {
    void* result;
    pthread_join(threads[i], &result);
    serial += (long)result;
  }
  printf("serial threads: %ld\n", serial);
  SHOW(pthread_barrier_destroy(&g_barrier));
}

// --- Condition variables -----------------------------------------------------

static pthread_mutex_t g_mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;
static int g_ready;

static void* notify(void* argument) {
  pthread_mutex_lock(&g_mutex);
  g_ready = 1;
  if (argument == NULL)
    SHOW(pthread_cond_signal(&g_condition));
  else
    SHOW(pthread_cond_broadcast(&g_condition));
  pthread_mutex_unlock(&g_mutex);
  return NULL;
}

static void wait_for_ready(void* how) {
  pthread_t other;
  g_ready = 0;
  pthread_mutex_lock(&g_mutex);
  pthread_create(&other, NULL, notify, how);
  while (!g_ready) pthread_cond_wait(&g_condition, &g_mutex);
  SHOW(pthread_mutex_unlock(&g_mutex));  // it is ours again
  pthread_join(other, NULL);
}

static void conditions(void) {
  printf("--- cond\n");
  SHOW(pthread_cond_wait(&g_condition, &g_mutex));  // not ours
  wait_for_ready(NULL);
  wait_for_ready(&g_ready);
  struct timespec soon = in_ms(20);
  struct timespec soon_steady = in_ms_by(CLOCK_MONOTONIC, 20);
  SHOW(pthread_mutex_lock(&g_mutex));
  SHOW(pthread_cond_timedwait(&g_condition, &g_mutex, &soon));
  SHOW(pthread_cond_timedwait(&g_condition, &g_mutex, &g_invalid));
  SHOW(pthread_cond_clockwait(&g_condition, &g_mutex, CLOCK_MONOTONIC,
                              &soon_steady));
  SHOW(pthread_cond_clockwait(&g_condition, &g_mutex, CLOCK_PROCESS_CPUTIME_ID,
                              &soon_steady));
  SHOW(pthread_mutex_unlock(&g_mutex));

  pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
  SHOW(pthread_mutex_lock(&recursive));
  SHOW(pthread_mutex_lock(&recursive));
  soon = in_ms(20);
  SHOW(pthread_cond_timedwait(&g_condition, &recursive, &soon));
  SHOW(pthread_mutex_unlock(&recursive));
  SHOW(pthread_mutex_unlock(&recursive));
  SHOW(pthread_mutex_unlock(&recursive));
  pthread_cond_t made;
  SHOW(pthread_cond_init(&made, NULL));
  SHOW(pthread_cond_destroy(&made));
}

// --- Semaphores --------------------------------------------------------------

static void on_signal(int number) { (void)number; }

static void* interrupt_later(void* argument) {
  nap_ms(30);
  pthread_kill(*(pthread_t*)argument, SIGUSR1);
  return NULL;
}

static void* post_later(void* argument) {
  nap_ms(20);
  sem_post(argument);
  return NULL;
}

static void semaphores(void) {
  sem_t s;
  pthread_t other;
  pthread_t self = pthread_self();
  printf("--- sem\n");
  SHOW_ERRNO(sem_init(&s, 0, 1));
  SHOW_ERRNO(sem_wait(&s));
  SHOW_ERRNO(sem_trywait(&s));
  struct timespec soon = in_ms(20);
  SHOW_ERRNO(sem_timedwait(&s, &soon));
  SHOW_ERRNO(sem_timedwait(&s, &g_invalid));
  soon = in_ms_by(CLOCK_MONOTONIC, 20);
  SHOW_ERRNO(sem_clockwait(&s, CLOCK_MONOTONIC, &soon));
  SHOW_ERRNO(sem_clockwait(&s, CLOCK_PROCESS_CPUTIME_ID, &soon));
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&other, NULL, interrupt_later, &self);
  SHOW_ERRNO(sem_wait(&s));
  pthread_join(other, NULL);
  pthread_create(&other, NULL, post_later, &s);
  SHOW_ERRNO(sem_wait(&s));
  pthread_join(other, NULL);
  SHOW_ERRNO(sem_post(&s));
  SHOW_ERRNO(sem_timedwait(&s, &g_invalid));  // looked at even so
  SHOW_ERRNO(sem_trywait(&s));
  SHOW_ERRNO(sem_destroy(&s));
  SHOW_ERRNO(sem_init(&s, 0, 0xffffffffu));
}

// --- Threads -----------------------------------------------------------------

static void* nap(void* argument) {
  nap_ms((long)argument);
  return argument;
}

static void* leave(void* argument) { pthread_exit(argument); }

static void joins(void) {
  pthread_t t;
  void* result = NULL;
  pthread_attr_t a;
  printf("--- join\n");
  SHOW(pthread_join(pthread_self(), NULL));
  SHOW(pthread_create(&t, NULL, nap, (void*)100L));
  SHOW(pthread_tryjoin_np(t, &result));
  struct timespec soon = in_ms(10);
  SHOW(pthread_timedjoin_np(t, &result, &soon));
  soon = in_ms_by(CLOCK_MONOTONIC, 10);
  SHOW(pthread_clockjoin_np(t, &result, CLOCK_MONOTONIC, &soon));
  SHOW(pthread_join(t, &result));
  printf("result %ld\n", (long)result);
  printf("pthread_exit %ld\n", (long)in_thread(leave, (void*)7L));
  pthread_attr_init(&a);
  pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
  SHOW(pthread_create(&t, &a, nap, (void*)50L));
  SHOW(pthread_join(t, NULL));
  pthread_attr_setstacksize(&a, (size_t)1 << 46);
  SHOW(pthread_create(&t, &a, nap, NULL));
}

// --- C11 ---------------------------------------------------------------------

static mtx_t g_mtx;
static cnd_t g_cnd;
static int g_c11_ready;

static int c11_other(void* argument) {
  struct timespec soon = in_ms(20);
  SHOW(mtx_trylock(&g_mtx));
  SHOW(mtx_timedlock(&g_mtx, &soon));
  (void)argument;
  return 42;
}

static int c11_notify(void* argument) {
  (void)argument;
  mtx_lock(&g_mtx);
  g_c11_ready = 1;
  SHOW(cnd_signal(&g_cnd));
  SHOW(cnd_broadcast(&g_cnd));
  mtx_unlock(&g_mtx);
  thrd_exit(43);
}

static void c11(void) {
  static const int kTypes[] = {mtx_plain, mtx_timed, mtx_timed | mtx_recursive};
  thrd_t t;
  int result = 0;
  for (int i = 0; i < 3; ++i) {
    printf("--- C11 %d\n", i);
    SHOW(mtx_init(&g_mtx, kTypes[i]));
    SHOW(mtx_lock(&g_mtx));
    SHOW(mtx_trylock(&g_mtx));
    if (i == 2) SHOW(mtx_unlock(&g_mtx));
    const int created = thrd_create(&t, c11_other, NULL);
    SHOW(thrd_join(t, &result));
    SHOW(created);  // (now, since the thread prints as well)
    printf("result %d\n", result);
    SHOW(cnd_init(&g_cnd));
    struct timespec soon = in_ms(20);
    SHOW(cnd_timedwait(&g_cnd, &g_mtx, &soon));
    g_c11_ready = 0;
    thrd_create(&t, c11_notify, NULL);
    while (!g_c11_ready) cnd_wait(&g_cnd, &g_mtx);
    SHOW(mtx_unlock(&g_mtx));
    SHOW(thrd_join(t, &result));
    printf("result %d\n", result);
    cnd_destroy(&g_cnd);
    mtx_destroy(&g_mtx);
  }
}

int main(void) {
  rwlocks();
  spins_and_barriers();
  conditions();
  semaphores();
  joins();
  c11();
  return 0;
}
