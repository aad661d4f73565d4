// SPDX-License-Identifier: Apache-2.0
//
// Cancellation, pthread_exit(), and what runs when a thread ends. Compiled with
// and without -fexceptions: glibc unwinds the two in different ways.
#include <threads.h>

#include "support.h"

static pthread_mutex_t g_mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;
static sem_t g_semaphore;
static sem_t g_ready;
static mtx_t g_mtx;
static cnd_t g_cnd;

static void unlock(void* mutex) { SHOW(pthread_mutex_unlock(mutex)); }
static void say(void* what) { printf("cleanup: %s\n", (const char*)what); }

static void* in_cond_wait(void* argument) {
  (void)argument;
  pthread_mutex_lock(&g_mutex);
  pthread_cleanup_push(unlock, &g_mutex);
  sem_post(&g_ready);
  for (;;) pthread_cond_wait(&g_condition, &g_mutex);
  pthread_cleanup_pop(1);
  return NULL;
}

static void* in_cond_timedwait(void* argument) {
  (void)argument;
  const struct timespec late = in_ms(100000);
  pthread_mutex_lock(&g_mutex);
  pthread_cleanup_push(unlock, &g_mutex);
  sem_post(&g_ready);
  for (;;) pthread_cond_timedwait(&g_condition, &g_mutex, &late);
  pthread_cleanup_pop(1);
  return NULL;
}

static void* in_cnd_wait(void* argument) {
  (void)argument;
  mtx_lock(&g_mtx);
  pthread_cleanup_push(say, "cnd_wait");
  sem_post(&g_ready);
  for (;;) cnd_wait(&g_cnd, &g_mtx);
  pthread_cleanup_pop(1);
  return NULL;
}

static void* in_sem_wait(void* argument) {
  pthread_cleanup_push(say, argument);
  sem_post(&g_ready);
  sem_wait(&g_semaphore);
  printf("not reached\n");
  pthread_cleanup_pop(1);
  return NULL;
}

static void* in_sem_wait_that_is_free(void* argument) {
  sem_t s;
  sem_init(&s, 0, 1);
  pthread_cleanup_push(say, argument);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  sem_post(&g_ready);
  nap_ms(50);  // the request comes
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  sem_wait(&s);
  printf("not reached\n");
  pthread_cleanup_pop(1);
  return NULL;
}

static void* in_mutex_lock(void* argument) {
  // Not a cancellation point (but printf() is one).
  sem_post(&g_ready);
  pthread_mutex_lock(argument);
  pthread_mutex_unlock(argument);
  pthread_cleanup_push(say, "after pthread_mutex_lock");
  pthread_testcancel();
  pthread_cleanup_pop(1);
  return NULL;
}

static void* nap_long(void* argument) {
  nap_ms(100000);
  return argument;
}

static void* in_join(void* argument) {
  pthread_cleanup_push(say, "pthread_join");
  sem_post(&g_ready);
  pthread_join(*(pthread_t*)argument, NULL);
  pthread_cleanup_pop(1);
  return NULL;
}

static void cancel(void* (*run)(void*), void* argument) {
  pthread_t t;
  void* result = NULL;
  pthread_create(&t, NULL, run, argument);
  sem_wait(&g_ready);
  nap_ms(20);
  pthread_cancel(t);
  SHOW(pthread_join(t, &result));
  printf("cancelled: %d\n", result == PTHREAD_CANCELED);
}

// --- Ends --------------------------------------------------------------------

static pthread_key_t g_key;
static pthread_mutex_t g_plain = PTHREAD_MUTEX_INITIALIZER;

static void at_end(void* value) {
  SHOW(pthread_mutex_lock(&g_plain));
  printf("destructor, %ld more\n", (long)value);
  if ((long)value > 0) pthread_setspecific(g_key, (void*)((long)value - 1));
  SHOW(pthread_mutex_unlock(&g_plain));
}

static void leave(void) {
  pthread_cleanup_push(say, "inner");
  pthread_exit((void*)9L);
  pthread_cleanup_pop(0);
}

static void* with_destructor(void* argument) {
  (void)argument;
  pthread_setspecific(g_key, (void*)1L);
  pthread_cleanup_push(say, "outer");
  leave();
  pthread_cleanup_pop(0);
  return NULL;
}

static pthread_t g_main;

static void* after_main(void* argument) {
  (void)argument;
  SHOW(pthread_join(g_main, NULL));
  printf("main has ended\n");
  exit(5);
}

int main(void) {
  pthread_t sleeper;
  sem_init(&g_semaphore, 0, 0);
  sem_init(&g_ready, 0, 0);
  mtx_init(&g_mtx, mtx_plain);
  cnd_init(&g_cnd);
  cancel(in_cond_wait, NULL);
  SHOW(pthread_mutex_lock(&g_mutex));  // it is free
  SHOW(pthread_mutex_unlock(&g_mutex));
  cancel(in_cond_timedwait, NULL);
  SHOW(pthread_mutex_trylock(&g_mutex));
  SHOW(pthread_mutex_unlock(&g_mutex));
  cancel(in_cnd_wait, NULL);
  SHOW(mtx_trylock(&g_mtx));  // is held by the cancelled thread
  cancel(in_sem_wait, "sem_wait");
  cancel(in_sem_wait_that_is_free, "a free sem_wait");
  pthread_create(&sleeper, NULL, nap_long, NULL);
  cancel(in_join, &sleeper);
  cancel(nap_long, sem_post(&g_ready) == 0 ? NULL : &g_ready);
  pthread_cancel(sleeper);
  SHOW(pthread_join(sleeper, NULL));
  pthread_mutex_lock(&g_plain);
  pthread_t t;
  pthread_create(&t, NULL, in_mutex_lock, &g_plain);
  sem_wait(&g_ready);
  nap_ms(10);
  pthread_cancel(t);
  pthread_mutex_unlock(&g_plain);
  SHOW(pthread_join(t, NULL));

  pthread_key_create(&g_key, at_end);
  printf("pthread_exit %ld\n", (long)in_thread(with_destructor, NULL));

  g_main = pthread_self();
  pthread_create(&t, NULL, after_main, NULL);
  pthread_setspecific(g_key, (void*)2L);
  pthread_exit(NULL);
}
