// SPDX-License-Identifier: Apache-2.0
#include <sync/detail/spin_wait.h>

#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>

#include <sync/detail/atomic.h>
#include <sync/detail/clock.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constexpr std::int64_t kFirstPauseNs = 125;
// In first pauses; 25 us in all, about what a sleep and the wake from it take.
constexpr unsigned kPauses[] = {1, 3, 9, 27, 81, 81};
constexpr unsigned kRounds = std::size(kPauses);
constexpr unsigned kBriefRounds = 4;  // 5 us
constexpr unsigned kManyCpus = 64;    // more than fit into a cpu_set_t, say
constexpr unsigned kYields = 64;
constexpr std::int64_t kNapNs = 50'000;  // about what waking a thread costs
// In a line: steps in a first pause, and how many of them (5 us) are made
// before the CPU is given away. With a few threads a CPU the turn comes after a
// few yields; after more than those it is cheaper to sleep. Who naps keeps all
// behind it waiting: much later than others.
constexpr unsigned kStepsAPause = 4;
constexpr unsigned kLineSteps = 160;
constexpr unsigned kYieldsBeforeSleep = 16;
constexpr unsigned kLineYields = 512;
// Where something is handed on, before a sleep. A yield that takes longer than
// kLateNs has given the CPU to other work, for a time slice most likely
// (milliseconds): so many waits then do without.
constexpr unsigned kHandOverYields = 12;
constexpr std::int64_t kLateNs = 1'000'000;
constexpr unsigned kSkipsWhenLate = 256;

void pause_for(unsigned instructions) noexcept {
  for (unsigned i = 0; i < instructions; ++i) pause();
}

unsigned count_cpus() noexcept {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0) return kManyCpus;
  return static_cast<unsigned>(CPU_COUNT(&cpus));
}

// How many pause instructions make kFirstPauseNs: one takes 4 to 60 ns,
// depending on the core.
unsigned measure_first_pause() noexcept {
  constexpr unsigned kSample = 16;
  std::int64_t best = kFirstPauseNs * kSample;
  for (int i = 0; i < 4; ++i) {  // the shortest was not interrupted
    const std::int64_t start = now_ns(clock_id::monotonic);
    pause_for(kSample);
    best = std::min(best, now_ns(clock_id::monotonic) - start);
  }
  best = std::max<std::int64_t>(best, 1);
  const std::int64_t count = (kFirstPauseNs * kSample + best / 2) / best;
  return static_cast<unsigned>(std::clamp<std::int64_t>(count, 1, 512));
}

// Found once, when the program is loaded, so that no slow path makes a syscall
// for it. Locks used by earlier static constructors, and the threads that those
// start, read 0, and act as on one CPU. Relaxed: numbers by themselves.
constinit atomic<unsigned> g_cpus{0};
constinit atomic<unsigned> g_first_pause{0};  // 0: do not spin
[[maybe_unused]] const bool g_measured = [] {
  const unsigned cpus = count_cpus();
  g_cpus.store(cpus, memory_order_relaxed);
  if (cpus > 1)
    g_first_pause.store(measure_first_pause(), memory_order_relaxed);
  return true;
}();

// What this thread has learnt: how many waits are to begin without spinning.
constexpr unsigned kMostSkips = 256;
constinit thread_local unsigned t_next_skips = 1;  // after the next failure
constinit thread_local unsigned t_skips = 0;       // from now on

void spinning_failed() noexcept {
  t_skips = t_next_skips;
  t_next_skips = std::min(2 * t_next_skips, kMostSkips);
}

// The same of yields.
constinit thread_local unsigned t_yield_skips = 0;

bool may_yield() noexcept {
  if (t_yield_skips == 0) return true;
  --t_yield_skips;
  return false;
}

// Gives the CPU away; false if that took long.
bool try_yield() noexcept {
  const std::int64_t began = now_ns(clock_id::monotonic);
  yield();
  if (now_ns(clock_id::monotonic) - began < kLateNs) return true;
  t_yield_skips = kSkipsWhenLate;
  return false;
}

void nap() noexcept { nap_for(kNapNs); }

}  // namespace

unsigned usable_cpus() noexcept { return g_cpus.load(memory_order_relaxed); }

bool pause_for_ns(std::int64_t ns) noexcept {
  const std::int64_t first_pause = g_first_pause.load(memory_order_relaxed);
  if (first_pause == 0) return false;
  pause_for(static_cast<unsigned>(first_pause * ns / kFirstPauseNs));
  return true;
}

void nap_for(std::int64_t ns) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const timespec time{ns / kSecond, ns % kSecond};
  // Not the library's function: that is a cancellation point. A signal ends
  // the nap with EINTR, which is nobody's business.
  const int saved = errno;
  ::syscall(SYS_nanosleep, &time, nullptr);
  errno = saved;
}

bool spinner::spin() noexcept {
  if (round_ == kGivenUp) return false;
  const unsigned first_pause = g_first_pause.load(memory_order_relaxed);
  if (first_pause == 0 || (round_ == 0 && t_skips != 0)) {
    if (t_skips != 0) --t_skips;
    round_ = kGivenUp;
    return false;
  }
  if (round_ == (briefly_ ? kBriefRounds : kRounds)) {
    spinning_failed();
    round_ = kGivenUp;
    return false;
  }
  pause_for(first_pause * kPauses[round_++]);
  return true;
}

void spinner::succeeded() noexcept { t_next_skips = 1; }

bool spinner::yield() noexcept {
  if (yields_ == 0 && !may_yield()) yields_ = kGivenUp;
  if (yields_ >= kHandOverYields) return false;
  yields_ = try_yield() ? yields_ + 1 : kGivenUp;
  return true;
}

void patience::wait() noexcept {
  const unsigned first_pause = g_first_pause.load(memory_order_relaxed);
  if (round_ < kBriefRounds && first_pause != 0) {
    pause_for(first_pause * kPauses[round_++]);
  } else if (round_ < kBriefRounds + kYields) {
    ++round_;
    yield();
  } else {
    nap();
  }
}

bool line_patience::try_wait(unsigned ahead) noexcept {
  const unsigned first_pause = g_first_pause.load(memory_order_relaxed);
  if (ahead != ahead_) {  // the line has moved
    ahead_ = ahead;
    round_ = std::min(round_, kLineSteps);
  }
  if (round_ < kLineSteps) {
    const bool skips = !sure_ && round_ == 0 && t_skips != 0;
    if (skips) --t_skips;
    if (!skips && first_pause != 0 && ahead < usable_cpus()) {
      pause_for(std::max(first_pause / kStepsAPause, 1U) * ahead);
      round_ += ahead;
      if (round_ < kLineSteps) return true;
      if (!sure_) spinning_failed();
    }
    round_ = kLineSteps;
  }
  if (round_ >= kLineSteps + kYieldsBeforeSleep) return false;
  ++round_;
  yield();
  return true;
}

void line_patience::wait(unsigned ahead) noexcept {
  if (try_wait(ahead)) return;
  if (round_ < kLineSteps + kLineYields) {
    ++round_;
    yield();
  } else {
    nap();
  }
}

void line_patience::over() noexcept {
  if (!sure_ && round_ < kLineSteps) t_next_skips = 1;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
