// SPDX-License-Identifier: Apache-2.0
//
// One small scenario for each argument: events_test.py knows what is to be
// told.
#include <threads.h>

#include "support.h"

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t g_recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_mutex_t g_checked = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;

static void lock(void) {
  pthread_mutex_lock(&g_mutex);
  pthread_mutex_unlock(&g_mutex);
}

static void try_lock(void) {
  pthread_mutex_trylock(&g_mutex);
  pthread_mutex_trylock(&g_mutex);  // busy: nothing to tell
  pthread_mutex_unlock(&g_mutex);
}

static void recursive(void) {
  pthread_mutex_lock(&g_recursive);
  pthread_mutex_lock(&g_recursive);
  pthread_mutex_trylock(&g_recursive);
  pthread_mutex_unlock(&g_recursive);
  pthread_mutex_unlock(&g_recursive);
  pthread_mutex_unlock(&g_recursive);
  pthread_mutex_unlock(&g_recursive);  // an error
}

static void errorcheck(void) {
  pthread_mutex_unlock(&g_checked);  // an error
  pthread_mutex_lock(&g_checked);
  pthread_mutex_lock(&g_checked);  // an error
  pthread_mutex_unlock(&g_checked);
}

static void* wait_for_mutex(void* argument) {
  (void)argument;
  pthread_mutex_lock(&g_mutex);
  pthread_mutex_unlock(&g_mutex);
  return NULL;
}

static void contended(void) {
  pthread_t t;
  pthread_mutex_lock(&g_mutex);
  pthread_create(&t, NULL, wait_for_mutex, NULL);
  nap_ms(100);
  pthread_mutex_unlock(&g_mutex);
  pthread_join(t, NULL);
}

static void timed(void) {
  const struct timespec soon = in_ms(10);
  pthread_mutex_lock(&g_mutex);
  pthread_mutex_timedlock(&g_mutex, &soon);  // in vain
  pthread_mutex_unlock(&g_mutex);
  pthread_mutex_timedlock(&g_mutex, &soon);
  pthread_mutex_unlock(&g_mutex);
}

static void rwlock(void) {
  pthread_rwlock_rdlock(&g_rwlock);
  pthread_rwlock_tryrdlock(&g_rwlock);
  pthread_rwlock_unlock(&g_rwlock);
  pthread_rwlock_unlock(&g_rwlock);
  pthread_rwlock_wrlock(&g_rwlock);
  pthread_rwlock_tryrdlock(&g_rwlock);  // busy
  pthread_rwlock_unlock(&g_rwlock);
  pthread_rwlock_destroy(&g_rwlock);
}

static void spin(void) {
  pthread_spinlock_t s;
  pthread_spin_init(&s, PTHREAD_PROCESS_PRIVATE);
  pthread_spin_lock(&s);
  pthread_spin_trylock(&s);  // busy
  pthread_spin_unlock(&s);
  pthread_spin_destroy(&s);
}

static void condition(void) {
  const struct timespec soon = in_ms(10);
  pthread_mutex_lock(&g_mutex);
  pthread_cond_timedwait(&g_condition, &g_mutex, &soon);
  pthread_mutex_unlock(&g_mutex);
  pthread_cond_signal(&g_condition);
  pthread_cond_broadcast(&g_condition);
}

static void condition_inner(void) {
  const struct timespec soon = in_ms(10);
  pthread_mutex_lock(&g_recursive);
  pthread_mutex_lock(&g_recursive);
  pthread_cond_timedwait(&g_condition, &g_recursive, &soon);
  pthread_mutex_unlock(&g_recursive);
  pthread_mutex_unlock(&g_recursive);
}

static void unlock(void* mutex) { pthread_mutex_unlock(mutex); }

static void* wait_for_ever(void* argument) {
  (void)argument;
  pthread_mutex_lock(&g_mutex);
  pthread_cleanup_push(unlock, &g_mutex);
  for (;;) pthread_cond_wait(&g_condition, &g_mutex);
  pthread_cleanup_pop(1);
  return NULL;
}

static void cancelled(void) {
  pthread_t t;
  pthread_create(&t, NULL, wait_for_ever, NULL);
  nap_ms(100);
  pthread_cancel(t);
  pthread_join(t, NULL);
}

static void semaphore(void) {
  sem_t s;
  sem_init(&s, 0, 1);
  sem_wait(&s);
  sem_trywait(&s);  // none
  sem_post(&s);
  sem_trywait(&s);
  const struct timespec soon = in_ms(10);
  sem_timedwait(&s, &soon);  // in vain
  sem_destroy(&s);
}

static void* nothing(void* argument) { return argument; }

static void thread(void) {
  pthread_t t;
  void* result;
  pthread_create(&t, NULL, nothing, NULL);
  pthread_join(t, NULL);
  pthread_create(&t, NULL, nothing, NULL);
  while (pthread_tryjoin_np(t, &result) != 0) nap_ms(1);
}

static int c11_nothing(void* argument) {
  (void)argument;
  return 0;
}

static void c11(void) {
  mtx_t m;
  cnd_t c;
  thrd_t t;
  const struct timespec soon = in_ms(10);
  mtx_init(&m, mtx_timed);
  cnd_init(&c);
  mtx_lock(&m);
  cnd_timedwait(&c, &m, &soon);
  mtx_unlock(&m);
  cnd_signal(&c);
  thrd_create(&t, c11_nothing, NULL);
  thrd_join(t, NULL);
  mtx_destroy(&m);
  cnd_destroy(&c);
}

static void memory(void) {
  pthread_mutex_t* m = calloc(1, sizeof *m);
  char* const other = malloc(10000);
  pthread_mutex_lock(m);
  pthread_mutex_unlock(m);
  free(other);
  free(m);
  char* const block = calloc(100, 1000);
  m = (pthread_mutex_t*)(block + 50000);
  pthread_mutex_lock(m);
  pthread_mutex_unlock(m);
  free(realloc(block, 200));
}

static void made_anew(void) {
  pthread_mutex_t m;
  pthread_mutex_init(&m, NULL);
  pthread_mutex_lock(&m);
  pthread_mutex_unlock(&m);
  pthread_mutex_init(&m, NULL);
  pthread_mutex_destroy(&m);
}

static pthread_mutex_t g_robust;

static void* die(void* argument) {
  pthread_mutex_lock(argument);
  return NULL;
}

static void robust(void) {
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&g_robust, &a);
  in_thread(die, &g_robust);
  pthread_mutex_lock(&g_robust);    // EOWNERDEAD
  pthread_mutex_unlock(&g_robust);  // not made consistent
  pthread_mutex_lock(&g_robust);    // ENOTRECOVERABLE
}

static void barrier(void) {
  pthread_barrier_t b;
  pthread_barrier_init(&b, NULL, 1);
  pthread_barrier_wait(&b);
  pthread_barrier_destroy(&b);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } kScenarios[] = {
      {"lock", lock},           {"try_lock", try_lock},
      {"recursive", recursive}, {"errorcheck", errorcheck},
      {"contended", contended}, {"timed", timed},
      {"rwlock", rwlock},       {"spin", spin},
      {"condition", condition}, {"condition_inner", condition_inner},
      {"cancelled", cancelled}, {"semaphore", semaphore},
      {"thread", thread},       {"c11", c11},
      {"memory", memory},       {"made_anew", made_anew},
      {"robust", robust},       {"barrier", barrier},
  };
  for (size_t i = 0; argc > 1 && i < sizeof kScenarios / sizeof *kScenarios;
       ++i) {
    if (strcmp(argv[1], kScenarios[i].name) == 0) {
      kScenarios[i].run();
      return 0;
    }
  }
  return 2;
}
