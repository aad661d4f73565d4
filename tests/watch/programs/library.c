// SPDX-License-Identifier: Apache-2.0
//
// A library that is loaded and unloaded while the program runs, with a lock, a
// thread and destructors.
#include "support.h"

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t g_other = PTHREAD_MUTEX_INITIALIZER;

static void* in_other_thread(void* argument) {
  pthread_mutex_lock(&g_lock);
  pthread_mutex_unlock(&g_lock);
  return argument;
}

int use_lock(void) {
  in_thread(in_other_thread, NULL);
  pthread_mutex_lock(&g_lock);
  pthread_mutex_lock(&g_other);
  pthread_mutex_unlock(&g_lock);
  pthread_mutex_unlock(&g_other);
  return 1;
}

__attribute__((constructor)) static void begin(void) { use_lock(); }
__attribute__((destructor)) static void end(void) { use_lock(); }
