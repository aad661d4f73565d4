// SPDX-License-Identifier: Apache-2.0
//
// Threads that a benchmark has to place, find asleep, and send home.
#ifndef SYNCXX_BENCH_HARNESS_TEAM_H_
#define SYNCXX_BENCH_HARNESS_TEAM_H_

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "bench/harness/clock.h"

namespace syncxx_bench {

inline pid_t thread_id() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// True when the kernel has the thread in an interruptible sleep.
inline bool is_asleep(pid_t tid) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[256];
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return false;
  text[n] = '\0';
  // "tid (name) S ...", and a name may hold anything but ends at the last ')'.
  const char* end = std::strrchr(text, ')');
  return end != nullptr && end[1] == ' ' && end[2] == 'S';
}

inline void wait_until_asleep(const std::vector<pid_t>& tids) {
  for (const pid_t tid : tids) {
    while (!is_asleep(tid)) sleep_ns(100'000);
  }
}

// Where the two threads of a ping-pong run.
enum class placement { kAnywhere, kSameCpu, kTwoCpus };

// Puts the calling thread on a CPU of the process's choice; undone at the end.
class pinned {
 public:
  pinned(placement where, int thread_index) {
    if (where == placement::kAnywhere) return;
    if (pthread_getaffinity_np(pthread_self(), sizeof before_, &before_) != 0) {
      return;
    }
    const int wanted = where == placement::kTwoCpus ? thread_index : 0;
    int seen = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &before_) || seen++ != wanted) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      moved_ = pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
      return;
    }
  }
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  ~pinned() {
    if (moved_)
      pthread_setaffinity_np(pthread_self(), sizeof before_, &before_);
  }

 private:
  cpu_set_t before_{};
  bool moved_ = false;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_TEAM_H_
