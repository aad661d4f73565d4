// SPDX-License-Identifier: Apache-2.0
//
// Threads of SCHED_FIFO on one CPU: of those that can run the one with the
// highest priority runs, and no other.
#ifndef SYNCXX_TESTS_SUPPORT_REAL_TIME_H_
#define SYNCXX_TESTS_SUPPORT_REAL_TIME_H_

#include <pthread.h>
#include <sched.h>

#include "tests/support/environment.h"
#include "tests/support/threads.h"

namespace syncxx_test {

// From now on the calling thread has this priority. False: not permitted.
inline bool set_fifo_priority(int priority) {
  sched_param p = {};
  p.sched_priority = priority;
  return pthread_setschedparam(pthread_self(), SCHED_FIFO, &p) == 0;
}

// From now on the calling thread runs on the first CPU that it may use.
inline bool pin_to_first_cpu() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return false;
  int cpu = 0;
  while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus)) ++cpu;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  return sched_setaffinity(0, sizeof cpus, &cpus) == 0;
}

// Null, or why there are no such threads here.
inline const char* no_real_time() {
  if (const auto why = no_pi_futexes(); !why.empty()) return why.data();
  const bool permitted = run_in_background([] {
                           return pin_to_first_cpu() && set_fifo_priority(1);
                         }).result();
  return permitted ? nullptr : "no permission for SCHED_FIFO";
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_REAL_TIME_H_
