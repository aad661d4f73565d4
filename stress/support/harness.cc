// SPDX-License-Identifier: Apache-2.0
#include "harness.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "inject.h"

namespace syncxx::stress {
namespace {

thread_local worker* current_worker = nullptr;

std::vector<case_info>& registry() {
  static std::vector<case_info> cases;
  return cases;
}

// So that a case makes the same choices alone as among others.
std::uint64_t seed_for(std::uint64_t seed, const std::string& name) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return rng(seed, hash)();
}

double watchdog_for(const case_info& info, const options& given) {
  double seconds = 20;
  if (info.watchdog > 0) seconds = info.watchdog;
  if (given.watchdog > 0) seconds = given.watchdog;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  seconds *= 3;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
  seconds *= 3;
#endif
#endif
  return seconds;
}

}  // namespace

// ---- outcome ----

const char* name_of(failure kind) noexcept {
  switch (kind) {
    case failure::none:
      return "none";
    case failure::exclusion:
      return "exclusion";
    case failure::stuck:
      return "stuck";
    case failure::conservation:
      return "conservation";
    case failure::use_after_release:
      return "use after release";
    case failure::wrong_result:
      return "wrong result";
    case failure::crash:
      return "crash";
  }
  return "several";
}

// ---- worker ----

worker::worker(run& owner, unsigned index, std::string role, rng r)
    : random(r), run_(owner), index_(index), role_(std::move(role)) {}

worker* worker::current() noexcept { return current_worker; }

bool worker::running() const noexcept { return run_.running(); }

void worker::attach() noexcept {
  current_worker = this;
  handle_ = pthread_self();
  // Deadlines to the microsecond: the default lets them slip by 50 of them,
  // past all that they should race.
  prctl(PR_SET_TIMERSLACK, 1UL);
  tid_.store(static_cast<pid_t>(syscall(SYS_gettid)),
             std::memory_order_release);
}

void worker::jitter() {
  const std::uint32_t rate = run_.jitter_rate();
  if (rate == 0 || !random.one_in(rate)) return;
  switch (random.below(8)) {
    case 0:
      sleep_ns(random.below(200000));
      break;
    case 1:
      spin_ns(random.below(30000));
      break;
    case 2:
    case 3:
      sched_yield();
      break;
    default:
      for (std::uint64_t n = random.below(100); n != 0; --n) relax();
  }
}

// ---- operation ----

operation::operation(worker& w, latency time, const void* object) noexcept
    : worker_(w), time_(time), began_(now_ns()) {
  w.since_.store(began_, std::memory_order_relaxed);
  w.enter(activity::operating, w.run_.latency_name(time), object);
}

std::uint64_t operation::finish() noexcept {
  if (!open_) return 0;
  open_ = false;
  const std::uint64_t took = now_ns() - began_;
  worker_.latencies_[time_.index].add(took);
  worker_.progress();
  worker_.enter(activity::working, "", nullptr);
  return took;
}

// ---- registry ----

add_case::add_case(case_info info) { registry().push_back(std::move(info)); }

const std::vector<case_info>& all_cases() { return registry(); }

// ---- run: set-up ----

run::run(const case_info& info, const options& given, outcome& result)
    : info_(info),
      options_(given),
      outcome_(result),
      seed_(seed_for(given.seed, info.name)),
      threads_(given.threads != 0  ? given.threads
               : info.threads != 0 ? info.threads
                                   : default_threads()),
      length_ns_(static_cast<std::uint64_t>(info.length(given.seconds) * 1e9)),
      watchdog_seconds_(watchdog_for(info, given)),
      random_(seed_, 0) {}

run::~run() = default;

unsigned run::default_threads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  return std::clamp(2 * static_cast<unsigned>(CPU_COUNT(&allowed)), 4U, 16U);
}

latency run::time(std::string name) {
  latency_names_.push_back(std::move(name));
  return {static_cast<std::uint32_t>(latency_names_.size() - 1)};
}

tally run::count(std::string name) {
  tally_names_.push_back(std::move(name));
  if (tally_names_.size() > worker::kTallies) std::abort();
  return {static_cast<std::uint32_t>(tally_names_.size() - 1)};
}

peak run::highest(std::string name, bool is_duration) {
  peak_names_.emplace_back(std::move(name), is_duration);
  if (peak_names_.size() > worker::kPeaks) std::abort();
  return {static_cast<std::uint32_t>(peak_names_.size() - 1)};
}

void run::limit_cpus(unsigned n) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  cpu_set_t kept;
  CPU_ZERO(&kept);
  for (int cpu = 0; cpu != CPU_SETSIZE && n != 0; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    CPU_SET(cpu, &kept);
    --n;
  }
  sched_setaffinity(0, sizeof kept, &kept);
}

void run::add(std::unique_ptr<injector> disturbance) {
  injectors_.push_back(std::move(disturbance));
}

void run::start(const std::string& role, unsigned n,
                std::function<void(worker&)> body) {
  for (unsigned i = 0; i != n; ++i) {
    const auto index = static_cast<unsigned>(workers_.size());
    workers_.push_back(
        std::make_unique<worker>(*this, index, role, rng(seed_, index + 1)));
    bodies_.push_back(body);
  }
}

void run::when_time_is_up(std::function<void(worker&)> release) {
  start("closer", 1, [release = std::move(release)](worker& w) {
    {
      worker::rest resting(w, "the end");
      while (w.running()) sleep_ns(2000000);
    }
    release(w);
  });
}

// ---- run: the workers' side ----

void run::run_worker(worker& w, const std::function<void(worker&)>& body) {
  w.attach();
  go_.wait(false, std::memory_order_acquire);
  w.enter(activity::working, "", nullptr);
  try {
    body(w);
  } catch (const std::exception& problem) {
    fail(failure::crash, "thread #%u (%s) threw: %s", w.index(),
         w.role().c_str(), problem.what());
  }
  w.progress();
  w.enter(activity::done, "", nullptr);
}

void run::launch() {
  for (std::size_t i = 0; i != workers_.size(); ++i) {
    worker& w = *workers_[i];
    w.latencies_.resize(latency_names_.size());
    threads_running_.emplace_back([this, &w, i] { run_worker(w, bodies_[i]); });
  }
  for (const auto& w : workers_)
    while (w->tid() == 0) sched_yield();
  started_ns_ = now_ns();
  go_.store(true, std::memory_order_release);
  go_.notify_all();
}

void run::fail(failure kind, const char* format, ...) {
  if (!outcome_.claim()) return;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(outcome_.message, sizeof outcome_.message, format, arguments);
  va_end(arguments);
  outcome_.kind.store(kind);
  time_is_up_.store(true, std::memory_order_release);
  failed_.store(true, std::memory_order_release);
}

void run::go() {
  for (const auto& i : injectors_) i->prepare(*this);
  launch();
  for (const auto& i : injectors_) i->begin(*this);
  monitor_until_done();
  for (std::thread& t : threads_running_) t.join();
  if (failed()) give_up();
  report();
}

std::uint64_t run::total(tally t) const noexcept {
  std::uint64_t sum = 0;
  for (const auto& w : workers_) sum += w->tallies_[t.index];
  return sum;
}

std::uint64_t run::steps() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& w : workers_) sum += w->steps();
  return sum;
}

bool run::all_done() const noexcept {
  return std::all_of(workers_.begin(), workers_.end(), [](const auto& w) {
    return w->doing() == activity::done;
  });
}

// ---- meeting ----

meeting::meeting(run& r, unsigned parties) : run_(r) {
  pthread_barrier_init(&barrier_, nullptr, parties);
}

meeting::~meeting() { pthread_barrier_destroy(&barrier_); }

bool meeting::arrive() {
  return pthread_barrier_wait(&barrier_) == PTHREAD_BARRIER_SERIAL_THREAD;
}

}  // namespace syncxx::stress
