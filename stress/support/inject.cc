// SPDX-License-Identifier: Apache-2.0
#include "inject.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>

#include "clock.h"
#include "thread_look.h"

namespace syncxx::stress {

// ---- periodic_injector ----

periodic_injector::periodic_injector(std::uint64_t shortest_gap_ns,
                                     std::uint64_t longest_gap_ns,
                                     const char* deeds)
    : shortest_gap_ns_(shortest_gap_ns),
      longest_gap_ns_(longest_gap_ns),
      deeds_(deeds) {}

periodic_injector::~periodic_injector() {
  if (thread_.joinable()) thread_.join();
}

void periodic_injector::begin(run& r) {
  thread_ = std::thread([this, &r, random = rng(r.seed(), 0x1217)]() mutable {
    while (!ended_.load(std::memory_order_acquire)) {
      const std::uint64_t n = act(r, random);
      done_.store(done_.load(std::memory_order_relaxed) + n,
                  std::memory_order_relaxed);
      sleep_ns(random.between(shortest_gap_ns_, longest_gap_ns_));
    }
  });
}

void periodic_injector::end() {
  ended_.store(true, std::memory_order_release);
  if (thread_.joinable()) thread_.join();
}

std::string periodic_injector::tell() const {
  return format_count(done_.load()) + " " + deeds_;
}

// ---- signal_storm ----

namespace {

void on_storm(int) {
  // No worker::random here: the signal comes in the middle of anything.
  thread_local std::uint32_t state = 0x9e3779b9;
  state = state * 1664525 + 1013904223;
  const int error = errno;
  if ((state >> 31) != 0) {
    if ((state >> 28 & 7) == 7)
      sched_yield();
    else
      spin_ns(state >> 18 & 0x3fff);
  }
  errno = error;
}

}  // namespace

signal_storm::signal_storm() : periodic_injector(5000, 100000, "signals") {}

void signal_storm::prepare(run&) {
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_storm;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &action, nullptr);
}

std::uint64_t signal_storm::act(run& r, rng& random) {
  const auto& workers = r.workers();
  const auto n = (workers.size() + 1) / 2;
  worker& victim = *workers[2 * random.below(n)];
  if (victim.doing() == activity::done) return 0;
  pthread_kill(victim.handle(), random.one_in(2) ? SIGUSR1 : SIGUSR2);
  return 1;
}

// ---- spurious_waker ----

spurious_waker::spurious_waker()
    : periodic_injector(10000, 200000, "spurious wakes") {}

std::uint64_t spurious_waker::act(run& r, rng& random) {
  const auto& workers = r.workers();
  worker& victim = *workers[random.below(workers.size())];
  if (victim.doing() != activity::operating) return 0;
  std::uint64_t woken = 0;
  for (const std::uint64_t word : look_at(victim.tid()).futex_words()) {
    const long n = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE,
                           random.one_in(4) ? INT_MAX : 1, nullptr, nullptr, 0);
    if (n > 0) woken += static_cast<std::uint64_t>(n);
  }
  return woken;
}

// ---- mover ----

mover::mover() : periodic_injector(50000, 1000000, "moves") {}

void mover::prepare(run&) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (int cpu = 0; cpu != CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) cpus_.push_back(cpu);
}

std::uint64_t mover::act(run& r, rng& random) {
  const auto& workers = r.workers();
  worker& victim = *workers[random.below(workers.size())];
  if (victim.doing() == activity::done) return 0;
  cpu_set_t target;
  CPU_ZERO(&target);
  CPU_SET(cpus_[random.below(cpus_.size())], &target);
  if (sched_setaffinity(victim.tid(), sizeof target, &target) != 0) return 0;
  moved_.push_back(victim.tid());
  return 1;
}

void mover::end() {
  periodic_injector::end();
  cpu_set_t all;
  CPU_ZERO(&all);
  for (const int cpu : cpus_) CPU_SET(cpu, &all);
  for (const pid_t tid : moved_) sched_setaffinity(tid, sizeof all, &all);
  moved_.clear();
}

// ---- suspender ----

suspender::~suspender() { end(); }

void suspender::prepare(run& r) {
  int down[2];
  int up[2];
  if (pipe(down) != 0 || pipe(up) != 0) {
    std::perror("stress: pipe");
    std::abort();
  }
  helper_ = fork();
  if (helper_ < 0) {
    std::perror("stress: fork");
    std::abort();
  }
  if (helper_ == 0) {
    close(down[1]);
    close(up[0]);
    help(down[0], up[1], r.seed());
  }
  close(down[0]);
  close(up[1]);
  orders_ = down[1];
  reports_ = up[0];
}

// One byte of orders starts it, the end of the pipe ends it, always with the
// process running.
void suspender::help(int orders, int reports, std::uint64_t seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const pid_t target = getppid();
  rng random(seed, 0x5709);
  char order = 0;
  if (read(orders, &order, 1) != 1) _exit(0);
  std::uint32_t stops = 0;
  for (;;) {
    pollfd ended{orders, POLLIN, 0};
    if (poll(&ended, 1, static_cast<int>(random.between(1, 30))) != 0) break;
    if (getppid() != target || kill(target, SIGSTOP) != 0) break;
    sleep_ns(random.one_in(4) ? random.between(1, 20) * 1000000
                              : random.between(1, 1000) * 1000);
    kill(target, SIGCONT);
    ++stops;
  }
  if (write(reports, &stops, sizeof stops) != sizeof stops) _exit(1);
  _exit(0);
}

void suspender::begin(run&) {
  const char start = 1;
  if (write(orders_, &start, 1) != 1) std::perror("stress: write");
}

void suspender::end() {
  if (helper_ == 0) return;
  close(orders_);
  ssize_t n;
  do {
    n = read(reports_, &stops_, sizeof stops_);
  } while (n < 0 && errno == EINTR);
  close(reports_);
  while (waitpid(helper_, nullptr, 0) < 0 && errno == EINTR) {
  }
  helper_ = 0;
}

std::string suspender::tell() const {
  return format_count(stops_) + " stops of the process";
}

// ---- the usual ones ----

void disturb(run& r, disturbance set) {
  if (has(set, disturbance::signals)) r.add(std::make_unique<signal_storm>());
  if (has(set, disturbance::spurious))
    r.add(std::make_unique<spurious_waker>());
  if (has(set, disturbance::moves)) r.add(std::make_unique<mover>());
  if (has(set, disturbance::suspend)) r.add(std::make_unique<suspender>());
  if (has(set, disturbance::jitter)) r.set_jitter(8);
}

}  // namespace syncxx::stress
