// SPDX-License-Identifier: Apache-2.0
//
// The README's first example: two workers that sleep until there is a job, and
// leave when they are asked to.
#include <sync/mutex.h>
#include <sync/semaphore.h>

#include <cstdio>
#include <mutex>
#include <stop_token>
#include <thread>

int main() {
  syncxx::mutex m;                       // 4 bytes, no constructor to run
  syncxx::counting_semaphore<> jobs(0);  // 4 bytes
  int done = 0;                          // guarded by m
  const auto work = [&](std::stop_token stop) {
    while (jobs.acquire(stop)) {  // false: asked to stop, and no job is left
      const std::lock_guard lock(m);
      ++done;
    }
  };
  {
    std::jthread first(work), second(work);
    jobs.release(1000);
  }  // ~jthread requests the stop: sleeping workers wake up, finish, return

  std::printf("%d jobs done, none lost (a mutex of %zu bytes)\n", done,
              sizeof m);
  return done == 1000 ? 0 : 1;
}
