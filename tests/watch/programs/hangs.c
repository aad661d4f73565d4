// SPDX-License-Identifier: Apache-2.0
//
// Two threads wait for each other, for ever. With the argument `signal` all
// signals are blocked, too; with `fork` a child hangs as well.
#include <signal.h>

#include "support.h"

static pthread_mutex_t g_first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t g_second = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t g_both_hold;

static void* first_then_second(void* argument) {
  pthread_mutex_lock(&g_first);
  pthread_barrier_wait(&g_both_hold);
  pthread_mutex_lock(&g_second);
  return argument;
}

int main(int argc, char** argv) {
  pthread_t t;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "signal") == 0) {
      sigset_t all;
      sigfillset(&all);
      sigprocmask(SIG_SETMASK, &all, NULL);
    } else if (strcmp(argv[i], "fork") == 0) {
      if (fork() == 0) setpgid(0, 0);
    }
  }
  printf("%d hangs\n", getpid());
  fflush(stdout);
  pthread_barrier_init(&g_both_hold, NULL, 2);
  pthread_create(&t, NULL, first_then_second, NULL);
  pthread_mutex_lock(&g_second);
  pthread_barrier_wait(&g_both_hold);
  pthread_mutex_lock(&g_first);
  return 0;
}
