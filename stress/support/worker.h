// SPDX-License-Identifier: Apache-2.0
//
// One thread of a case: its random numbers, what it is doing right now (for
// the watchdog), and its share of the bookkeeping. Everything here is written
// by its own thread only, on its own cache lines.
#ifndef SYNCXX_STRESS_SUPPORT_WORKER_H_
#define SYNCXX_STRESS_SUPPORT_WORKER_H_

#include <pthread.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "clock.h"
#include "histogram.h"
#include "random.h"

namespace syncxx::stress {

class run;

// Handles that run::time, run::count and run::highest give out.
struct latency {
  std::uint32_t index;
};
struct tally {
  std::uint32_t index;
};
struct peak {
  std::uint32_t index;
};

enum class activity : std::uint32_t {
  starting,   // not yet in its body
  working,    // between operations
  operating,  // inside an operation on the object under test
  resting,    // waiting for other workers, in the harness
  done,       // has left its body
};

class alignas(128) worker {
 public:
  static constexpr std::size_t kTallies = 16;
  static constexpr std::size_t kPeaks = 8;

  worker(run& owner, unsigned index, std::string role, rng random);
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  rng random;

  unsigned index() const noexcept { return index_; }
  const std::string& role() const noexcept { return role_; }

  // False once the time is up, or once the case has failed.
  bool running() const noexcept;

  // Tells the watchdog that this thread gets on.
  void progress() noexcept {
    steps_.store(steps_.load(std::memory_order_relaxed) + 1,
                 std::memory_order_relaxed);
  }

  // While a `rest` lives, the thread waits for other workers: not its fault.
  class rest {
   public:
    rest(worker& w, const char* what) noexcept : worker_(w) {
      w.enter(activity::resting, what, nullptr);
    }
    ~rest() {
      worker_.progress();
      worker_.enter(activity::working, "", nullptr);
    }
    rest(const rest&) = delete;
    rest& operator=(const rest&) = delete;

   private:
    worker& worker_;
  };

  void count(tally t, std::uint64_t n = 1) noexcept { tallies_[t.index] += n; }
  void reach(peak p, std::uint64_t value) noexcept {
    if (value > peaks_[p.index]) peaks_[p.index] = value;
  }

  // Now and then (as run::set_jitter says) a yield, a delay or a short sleep.
  void jitter();

  // For the monitor and the injectors; any thread may ask.
  pid_t tid() const noexcept { return tid_.load(std::memory_order_acquire); }
  pthread_t handle() const noexcept { return handle_; }  // once tid() != 0
  activity doing() const noexcept {
    return doing_.load(std::memory_order_relaxed);
  }
  const char* what() const noexcept {
    return what_.load(std::memory_order_relaxed);
  }
  const void* object() const noexcept {
    return object_.load(std::memory_order_relaxed);
  }
  std::uint64_t since() const noexcept {
    return since_.load(std::memory_order_relaxed);
  }
  std::uint64_t steps() const noexcept {
    return steps_.load(std::memory_order_relaxed);
  }

  // The worker that the calling thread is; null for other threads.
  static worker* current() noexcept;

 private:
  friend class run;
  friend class operation;

  void enter(activity doing, const char* what, const void* object) noexcept {
    what_.store(what, std::memory_order_relaxed);
    object_.store(object, std::memory_order_relaxed);
    doing_.store(doing, std::memory_order_relaxed);
  }
  void attach() noexcept;

  run& run_;
  const unsigned index_;
  const std::string role_;
  pthread_t handle_{};
  std::atomic<pid_t> tid_{0};
  std::atomic<activity> doing_{activity::starting};
  std::atomic<const char*> what_{""};
  std::atomic<const void*> object_{nullptr};
  std::atomic<std::uint64_t> since_{0};
  std::atomic<std::uint64_t> steps_{0};
  std::array<std::uint64_t, kTallies> tallies_{};
  std::array<std::uint64_t, kPeaks> peaks_{};
  std::vector<histogram> latencies_;
};

// A timed operation on the object under test: the watchdog sees it, its
// duration goes into the histogram, and its end counts as progress.
class operation {
 public:
  operation(worker& w, latency time, const void* object) noexcept;
  ~operation() { finish(); }
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;

  // Ends it before the end of the scope; returns its duration.
  std::uint64_t finish() noexcept;

  std::uint64_t began() const noexcept { return began_; }

 private:
  worker& worker_;
  const latency time_;
  const std::uint64_t began_;
  bool open_ = true;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_WORKER_H_
