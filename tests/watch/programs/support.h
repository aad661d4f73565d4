// SPDX-License-Identifier: Apache-2.0
//
// For programs that print what libc's functions answer: the same text is
// expected with and without `syncxx watch`.
#ifndef SYNCXX_TESTS_WATCH_PROGRAMS_SUPPORT_H_
#define SYNCXX_TESTS_WATCH_PROGRAMS_SUPPORT_H_

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// "line: call = name of the error"
static inline int show(int line, const char* call, int result) {
  printf("%d: %s = %s\n", line, call,
         result == 0  ? "0"
         : result > 0 ? strerrorname_np(result)
                      : "-1");
  fflush(stdout);
  return result;
}
#define SHOW(call) show(__LINE__, #call, (call))
// For those that return -1 and set errno.
#define SHOW_ERRNO(call)                            \
  do {                                              \
    errno = 0;                                      \
    const int show_result = (call);                 \
    show(__LINE__, #call, show_result ? errno : 0); \
    if (show_result == 0 && errno != 0)             \
      printf("%d: errno was touched\n", __LINE__);  \
  } while (0)

static inline struct timespec in_ms_by(clockid_t clock, long ms) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_nsec += ms % 1000 * 1000000L;
  t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000L;
  t.tv_nsec %= 1000000000L;
  return t;
}
static inline struct timespec in_ms(long ms) {
  return in_ms_by(CLOCK_REALTIME, ms);
}

static inline void nap_ms(long ms) {
  const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&t, NULL);
}

// Runs `run` in a thread, to its end.
static inline void* in_thread(void* (*run)(void*), void* argument) {
  pthread_t thread;
  void* result = NULL;
  if (pthread_create(&thread, NULL, run, argument) != 0 ||
      pthread_join(thread, &result) != 0) {
    printf("no thread\n");
  }
  return result;
}

#endif  // SYNCXX_TESTS_WATCH_PROGRAMS_SUPPORT_H_
