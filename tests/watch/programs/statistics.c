// SPDX-License-Identifier: Apache-2.0
//
// Locks that are taken so and so often, and one that is waited for.
//
// Usage: statistics [fork]
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t often = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t read_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t waited_for = PTHREAD_MUTEX_INITIALIZER;
static pthread_spinlock_t spin;
static sem_t tokens;

static void take_often(void) {
  for (int i = 0; i < 100; ++i) {
    pthread_mutex_lock(&often);
    pthread_mutex_unlock(&often);
  }
}

static void read_twice(void) {
  for (int i = 0; i < 2; ++i) {
    pthread_rwlock_rdlock(&read_lock);
    pthread_rwlock_unlock(&read_lock);
  }
  pthread_rwlock_wrlock(&read_lock);
  pthread_rwlock_unlock(&read_lock);
}

// Memory that is used again is another lock, of the same place.
static void take_on_heap(void) {
  for (int i = 0; i < 5; ++i) {
    pthread_mutex_t* const m = malloc(sizeof *m);
    pthread_mutex_init(m, NULL);
    pthread_mutex_lock(m);
    pthread_mutex_unlock(m);
    if (i % 2 == 0) pthread_mutex_destroy(m);
    free(m);
  }
}

static void* run(void* argument) {
  take_often();
  read_twice();
  take_on_heap();
  pthread_spin_lock(&spin);
  pthread_spin_unlock(&spin);
  sem_wait(&tokens);
  sem_post(&tokens);
  return argument;
}

static void* wait_for_it(void* argument) {
  // Until the time is up: whoever holds it waits for that.
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    ++until.tv_sec;
  }
  if (pthread_mutex_timedlock(&waited_for, &until) == 0) abort();
  return argument;
}

int main(int argc, char** argv) {
  pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
  sem_init(&tokens, 0, 1);
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) {
    pthread_create(&threads[i], NULL, run, NULL);
    pthread_join(threads[i], NULL);
  }
  pthread_mutex_lock(&waited_for);
  pthread_create(&threads[0], NULL, wait_for_it, NULL);
  pthread_join(threads[0], NULL);
  pthread_mutex_unlock(&waited_for);
  if (argc > 1 && strcmp(argv[1], "fork") == 0) {
    const pid_t child = fork();
    if (child == 0) {
      take_often();
      exit(0);
    }
    waitpid(child, NULL, 0);
  }
  return 7;
}
