// SPDX-License-Identifier: Apache-2.0
//
// interprocess: event, latch and barrier by the cases of the others; and
// processes that meet at a barrier.
#include <sync/interprocess.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <new>

#include "support/barrier_cases.h"
#include "support/event_cases.h"
#include "support/family.h"
#include "support/latch_cases.h"

namespace {

namespace interprocess = syncxx::interprocess;
using namespace syncxx::stress;

const event_suite<interprocess::event> events("event_");
const latch_suite<interprocess::latch> latches("latch_");
const barrier_suite<interprocess::barrier<phase_counter>> barriers("barrier_");

constexpr unsigned kProcesses = 4;

// What the processes share. `over` is written by the parent before it arrives,
// and read by the others after that round: the next one's is another.
struct place {
  std::uint64_t phases = 0;
  interprocess::barrier<phase_counter> all{kProcesses, phase_counter{&phases}};
  std::uint64_t written[2][kProcesses] = {};
  bool over[2] = {};
  std::atomic<bool> early{false};  // somebody went on before all had arrived
};

// One round of process `me`: false if another had not arrived.
bool meet(place& p, unsigned me, std::uint64_t round, rng& random) {
  auto& written = p.written[round % 2];
  written[me] = round;
  if (random.one_in(8)) spin_ns(random.below(20000));
  p.all.arrive_and_wait();
  bool all = p.phases == round;
  for (const std::uint64_t theirs : written) all = all && theirs == round;
  return all;
}

void processes(run& r) {
  void* const memory = mmap(nullptr, sizeof(place), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    r.fail(failure::wrong_result, "mmap failed");
    return;
  }
  place& p = *new (memory) place;
  family children(kProcesses - 1, [&](unsigned i) {
    rng random(r.seed() + i);
    for (std::uint64_t round = 1;; ++round) {
      if (!meet(p, i, round, random)) p.early.store(true);
      if (p.over[round % 2]) return;
    }
  });
  if (!children.complete()) {
    r.fail(failure::wrong_result, "fork failed");
    return;
  }
  const latency wait = r.time("round");
  r.start("parent", 1, [&](worker& w) {
    for (std::uint64_t round = 1;; ++round) {
      const bool last = !w.running() || p.early.load();
      p.over[round % 2] = last;
      operation op(w, wait, &p.all);
      if (!meet(p, kProcesses - 1, round, w.random)) p.early.store(true);
      op.finish();
      if (last) return;
    }
  });
  r.go();
  if (p.early.load())
    r.fail(failure::wrong_result, "a process went on before all had arrived");
  if (!children.wait())
    r.fail(failure::wrong_result, "a process has not ended as it should");
  munmap(memory, sizeof(place));
}

const add_case processes_case{{.name = "processes",
                               .what = "four processes meet at a barrier",
                               .body = processes}};

}  // namespace
