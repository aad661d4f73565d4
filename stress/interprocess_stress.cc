// SPDX-License-Identifier: Apache-2.0
//
// interprocess: the cases of mutex, condition variable and semaphore, in one
// process; and processes that share locks of three kinds, a queue under a
// condition variable and tokens. (The others: interprocess_*_stress.cc,
// robust_mutex_stress.cc.)
#include <sync/interprocess.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <new>
#include <shared_mutex>

#include "support/condition_variable_cases.h"
#include "support/family.h"
#include "support/lock_cases.h"
#include "support/semaphore_cases.h"

namespace {

namespace interprocess = syncxx::interprocess;
using namespace syncxx::stress;

const lock_suite<interprocess::mutex> locks;
const semaphore_suite<interprocess::counting_semaphore<>> semaphores("token_");
const cv_suite<interprocess::condition_variable, interprocess::mutex>
    conditions("cv_");

// What the processes share. Every stage is under the mutex.
struct commons {
  interprocess::mutex mutex;
  interprocess::condition_variable changed;
  interprocess::counting_semaphore<> tokens{2};
  interprocess::pi_mutex urgent;
  interprocess::shared_mutex read_mostly;
  std::uint64_t urgent_first = 0;  // these two are urgent's
  std::uint64_t urgent_second = 0;
  std::uint64_t value_first = 0;  // these two are read_mostly's
  std::uint64_t value_second = 0;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::uint64_t given = 0;
  std::uint64_t taken = 0;
  int inside = 0;
  int over = 0;
};

constexpr int kTornCounters = 10;

// One turn: false if two were inside at once.
bool turn(commons& c, rng& random) {
  c.tokens.acquire();
  bool alone = true;
  {
    std::unique_lock own(c.mutex);
    alone = c.inside++ == 0 && c.first == c.second;
    c.first = c.first + 1;
    compiler_barrier();
    c.second = c.second + 1;
    --c.inside;
    if (random.between(0, 1) == 0) {
      ++c.given;
      if (random.between(0, 1) == 0) c.changed.notify_one();
      c.changed.notify_all();
    } else if (random.between(0, 3) == 0) {
      c.changed.wait_for(own, std::chrono::microseconds(100),
                         [&] { return c.given > c.taken; });
    }
    if (c.given > c.taken) ++c.taken;
  }
  {
    const std::lock_guard own(c.urgent);
    alone = alone && c.urgent_first == c.urgent_second;
    c.urgent_first = c.urgent_first + 1;
    compiler_barrier();
    c.urgent_second = c.urgent_second + 1;
  }
  if (random.one_in(8)) {
    const std::lock_guard own(c.read_mostly);
    c.value_first = c.value_first + 1;
    compiler_barrier();
    c.value_second = c.value_second + 1;
  } else {
    const std::shared_lock reads(c.read_mostly);
    alone = alone && c.value_first == c.value_second;
  }
  c.tokens.release();
  return alone;
}

void processes(run& r) {
  void* const memory = mmap(nullptr, sizeof(commons), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    r.fail(failure::wrong_result, "mmap failed");
    return;
  }
  commons& c = *new (memory) commons;
  family children(3, [&](unsigned i) {
    rng random(r.seed() + i);
    for (;;) {
      if (!turn(c, random)) _exit(kTornCounters);
      const std::lock_guard own(c.mutex);
      if (c.over != 0) return;
    }
  });
  if (!children.complete()) r.fail(failure::wrong_result, "fork failed");
  const auto turns = r.count("turns");
  r.start("parent", 1, [&](worker& w) {
    while (w.running()) {
      if (!turn(c, w.random))
        r.fail(failure::exclusion, "two threads were inside at once");
      w.count(turns);
      w.progress();
    }
  });
  r.go();
  {
    const std::lock_guard own(c.mutex);
    c.over = 1;
  }
  if (!children.wait())
    r.fail(failure::exclusion, "a process has found two inside at once");
  munmap(memory, sizeof(commons));
}

const add_case processes_case{{.name = "processes",
                               .what = "four processes share all of it",
                               .body = processes}};

}  // namespace
