// SPDX-License-Identifier: Apache-2.0
//
// What a lock and unlock of an uncontended pthread_mutex_t costs, nested 1 to 8
// deep: for watch_overhead.py, which runs it plainly and under `syncxx watch`.
// Prints lines "<depth> <order> <ns per pair>".
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kMutexes = 1000, kSequences = 2048, kDeepest = 8 };

static pthread_mutex_t* g_mutexes;
static int g_sequence[kSequences][kDeepest];

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void* a, const void* b) {
  return *(const int*)a - *(const int*)b;
}

// Different mutexes, always in the same order.
static void make_sequences(void) {
  srand(1);
  for (int s = 0; s < kSequences; ++s) {
    int* const row = g_sequence[s];
    for (int i = 0; i < kDeepest; ++i) {
      int j = 0;
      row[i] = rand() % kMutexes;
      while (j < i && row[j] != row[i]) ++j;
      if (j < i) --i;  // there already: once more
    }
    qsort(row, kDeepest, sizeof row[0], ascending);
  }
}

static void round_of(int depth, int first_out) {
  for (int s = 0; s < kSequences; ++s) {
    const int* const row = g_sequence[s];
    for (int i = 0; i < depth; ++i) pthread_mutex_lock(&g_mutexes[row[i]]);
    if (first_out) {
      for (int i = 0; i < depth; ++i) pthread_mutex_unlock(&g_mutexes[row[i]]);
    } else {
      for (int i = depth; i-- > 0;) pthread_mutex_unlock(&g_mutexes[row[i]]);
    }
  }
}

static double measure(int depth, int first_out) {
  double best = 1e18;
  for (int i = 0; i < 12; ++i) {
    const double begin = now_ns();
    round_of(depth, first_out);
    const double time = (now_ns() - begin) / kSequences / depth;
    if (i > 1 && time < best) best = time;  // the first are warming up
  }
  return best;
}

static void* stay(void* argument) {
  pthread_mutex_lock(argument);
  pthread_mutex_unlock(argument);
  return NULL;
}

int main(void) {
  g_mutexes = calloc(kMutexes, sizeof *g_mutexes);
  for (int i = 0; i < kMutexes; ++i) pthread_mutex_init(&g_mutexes[i], NULL);
  make_sequences();
  // With a second thread alive: alone, glibc leaves the atomic operations out.
  static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_t bystander;
  pthread_mutex_lock(&gate);
  pthread_create(&bystander, NULL, stay, &gate);
  static const int kDepths[] = {1, 2, 4, 8};
  for (int i = 0; i < 4; ++i) {
    printf("%d last-in-first-out %.2f\n", kDepths[i], measure(kDepths[i], 0));
    printf("%d first-in-first-out %.2f\n", kDepths[i], measure(kDepths[i], 1));
  }
  pthread_mutex_unlock(&gate);
  pthread_join(bystander, NULL);
  return 0;
}
