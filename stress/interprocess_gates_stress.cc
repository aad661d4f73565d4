// SPDX-License-Identifier: Apache-2.0
//
// interprocess: event, latch and barrier by the cases of the others; and
// processes that meet at a barrier.
#include <sync/interprocess.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#include "support/barrier_cases.h"
#include "support/event_cases.h"
#include "support/latch_cases.h"

namespace {

namespace interprocess = syncxx::interprocess;
using namespace syncxx::stress;

const event_suite<interprocess::event> events("event_");
const latch_suite<interprocess::latch> latches("latch_");
const barrier_suite<interprocess::barrier<phase_counter>> barriers("barrier_");

constexpr unsigned kProcesses = 4;
constexpr int kEarly = 10;

// What the processes share. `over` is written by the parent before it arrives,
// for the rounds to come: those of the other parity than the one under way.
struct place {
  explicit place(std::uint64_t& count)
      : all(kProcesses, phase_counter{&count}) {}

  interprocess::barrier<phase_counter> all;
  std::uint64_t written[2][kProcesses] = {};
  bool over[2] = {};
};

struct shared_place {
  std::uint64_t phases = 0;
  place at{phases};
};

// One round of process `me`: false if another had not arrived.
bool meet(shared_place& p, unsigned me, std::uint64_t round, rng& random) {
  auto& written = p.at.written[round % 2];
  written[me] = round;
  if (random.one_in(8)) spin_ns(random.below(20000));
  p.at.all.arrive_and_wait();
  bool all = p.phases == round;
  for (const std::uint64_t theirs : written) all = all && theirs == round;
  return all;
}

void processes(run& r) {
  void* const memory =
      mmap(nullptr, sizeof(shared_place), PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    r.fail(failure::wrong_result, "mmap failed");
    return;
  }
  shared_place& p = *new (memory) shared_place;
  pid_t children[kProcesses - 1];
  for (unsigned i = 0; i < kProcesses - 1; ++i) {
    children[i] = fork();
    if (children[i] == 0) {
      alarm(600);  // not for ever, if the parent is gone
      rng random(r.seed() + i);
      for (std::uint64_t round = 1;; ++round) {
        if (!meet(p, i, round, random)) _exit(kEarly);
        if (p.at.over[round % 2]) _exit(0);
      }
    }
  }
  const latency wait = r.time("round");
  r.start("parent", 1, [&](worker& w) {
    for (std::uint64_t round = 1;; ++round) {
      const bool last = !w.running();
      p.at.over[round % 2] = last;
      operation op(w, wait, &p.at.all);
      if (!meet(p, kProcesses - 1, round, w.random))
        r.fail(failure::wrong_result,
               "a process went on before all had arrived");
      op.finish();
      if (last) return;
    }
  });
  r.go();
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
      r.fail(failure::wrong_result, "a process ended with status %d", status);
  }
  munmap(memory, sizeof(shared_place));
}

const add_case processes_case{{.name = "processes",
                               .what = "four processes meet at a barrier",
                               .body = processes}};

}  // namespace
