// SPDX-License-Identifier: Apache-2.0
//
// fork, vfork, posix_spawn and exec; signals; libraries that come and go. The
// library is the first argument.
#include <dlfcn.h>
#include <signal.h>
#include <spawn.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "support.h"

extern char** environ;

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t g_recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static volatile sig_atomic_t g_signals;
static sem_t g_semaphore;

static void before_fork(void) { pthread_mutex_lock(&g_mutex); }
static void after_fork(void) { pthread_mutex_unlock(&g_mutex); }
static void after_fork_in_child(void) {
  // As many programs do, though the standard does not like it.
  pthread_mutex_init(&g_mutex, NULL);
}

static void* count(void* argument) {
  long* const counter = argument;
  for (int i = 0; i < 20000; ++i) {
    pthread_mutex_lock(&g_mutex);
    ++*counter;
    pthread_mutex_unlock(&g_mutex);
  }
  return NULL;
}

static long count_in_threads(void) {
  pthread_t threads[2];
  long counter = 0;
  for (int i = 0; i < 2; ++i)
    pthread_create(&threads[i], NULL, count, &counter);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  return counter;
}

static void report(const char* what, pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status))
    printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else
    printf("%s: signal %d\n", what, WTERMSIG(status));
}

static void forks(void) {
  pthread_atfork(before_fork, after_fork, after_fork_in_child);
  pthread_mutex_lock(&g_recursive);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    // The child is another owner of what its thread held.
    printf("child: %ld\n", count_in_threads());
    SHOW(pthread_mutex_trylock(&g_mutex));
    SHOW(pthread_mutex_unlock(&g_mutex));
    fflush(stdout);
    pid = fork();
    if (pid == 0) _exit((int)(count_in_threads() / 10000));
    report("grandchild", pid);
    fflush(stdout);
    _exit(3);
  }
  report("fork", pid);
  SHOW(pthread_mutex_unlock(&g_recursive));
  pid = fork();
  if (pid == 0) abort();
  report("abort", pid);
}

static void execs(const char* self) {
  fflush(stdout);
  pid_t pid = vfork();
  if (pid == 0) {
    execl(self, self, "child", (char*)NULL);
    _exit(99);
  }
  report("vfork", pid);
  char* const argv[] = {(char*)self, "child", NULL};
  fflush(stdout);
  const int spawned = posix_spawn(&pid, self, NULL, NULL, argv, environ);
  report("posix_spawn", pid);
  SHOW(spawned);
  SHOW(system("exit 4") == 4 << 8 ? 0 : EINVAL);
  pid = fork();
  if (pid == 0) {
    char* const none[] = {NULL};
    execve(self, argv, none);
    _exit(99);
  }
  report("exec without environment", pid);
}

static void on_alarm(int number) {
  (void)number;
  ++g_signals;
  sem_post(&g_semaphore);
  // What handlers must not do, and some do.
  if (pthread_mutex_trylock(&g_recursive) == 0)
    pthread_mutex_unlock(&g_recursive);
}

static void signals(void) {
  struct itimerval timer = {{0, 500}, {0, 500}};
  struct sigaction action;
  long counter = 0;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_alarm;
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
  while (g_signals < 200) {
    pthread_mutex_lock(&g_recursive);
    pthread_mutex_lock(&g_mutex);
    free(malloc(100));
    ++counter;
    pthread_mutex_unlock(&g_mutex);
    pthread_mutex_unlock(&g_recursive);
  }
  memset(&timer, 0, sizeof timer);
  setitimer(ITIMER_REAL, &timer, NULL);
  int posted = 0;
  while (sem_trywait(&g_semaphore) == 0) ++posted;
  printf("signals: %d\n", posted == g_signals && counter > 0);
}

static void libraries(const char* file) {
  for (int i = 0; i < 3; ++i) {
    void* const library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      printf("%s\n", dlerror());
      return;
    }
    int (*use)(void) = (int (*)(void))dlsym(library, "use_lock");
    printf("library: %d\n", use());
    SHOW(dlclose(library));
    printf("gone: %d\n", dlopen(file, RTLD_NOW | RTLD_NOLOAD) == NULL);
  }
}

static void heap(void) {
  for (int i = 0; i < 1000; ++i) {
    pthread_mutex_t* m = malloc(sizeof *m);
    pthread_mutex_init(m, NULL);
    pthread_mutex_lock(m);
    pthread_mutex_unlock(m);
    if (i % 2 == 0) pthread_mutex_destroy(m);
    m = realloc(m, 10 * sizeof *m);
    memset(m, 0, sizeof *m);
    pthread_mutex_lock(m);
    pthread_mutex_unlock(m);
    free(m);
  }
  printf("heap\n");
}

static void at_exit(void) {
  SHOW(pthread_mutex_lock(&g_mutex));
  SHOW(pthread_mutex_unlock(&g_mutex));
}

__attribute__((constructor)) static void early(void) {
  SHOW(pthread_mutex_lock(&g_recursive));
  SHOW(pthread_mutex_lock(&g_recursive));
  SHOW(pthread_mutex_unlock(&g_recursive));
  SHOW(pthread_mutex_unlock(&g_recursive));
}
__attribute__((destructor)) static void late(void) { at_exit(); }

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "child") == 0)
    return (int)(count_in_threads() / 4000);
  sem_init(&g_semaphore, 0, 0);
  atexit(at_exit);
  forks();
  execs(argv[0]);
  signals();
  heap();
  if (argc > 1) libraries(argv[1]);
  return 6;
}
