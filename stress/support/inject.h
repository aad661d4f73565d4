// SPDX-License-Identifier: Apache-2.0
//
// Injectors: pieces that disturb a case from outside while it runs. A case
// takes the ones it wants (run::add, or disturb() for the usual ones). All of
// them are quiet during the last tenth of the run, so that a thread whose
// wakeup was lost is not saved by the next disturbance.
#ifndef SYNCXX_STRESS_SUPPORT_INJECT_H_
#define SYNCXX_STRESS_SUPPORT_INJECT_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"

namespace syncxx::stress {

class injector {
 public:
  virtual ~injector() = default;
  // Before the process has other threads; may fork.
  virtual void prepare(run&) {}
  virtual void begin(run& r) = 0;
  virtual void end() = 0;
  // What it did, for the report: "1.2k signals".
  virtual std::string tell() const = 0;
};

// Does one act after another from a thread of its own, with random gaps.
class periodic_injector : public injector {
 public:
  periodic_injector(std::uint64_t shortest_gap_ns, std::uint64_t longest_gap_ns,
                    const char* deeds);
  ~periodic_injector() override;
  void begin(run& r) override;
  void end() override;
  std::string tell() const override;

 protected:
  // Returns how many things it did.
  virtual std::uint64_t act(run& r, rng& random) = 0;

 private:
  const std::uint64_t shortest_gap_ns_;
  const std::uint64_t longest_gap_ns_;
  const char* const deeds_;
  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> done_{0};
  std::thread thread_;
};

// Sends SIGUSR1 (handled without SA_RESTART) and SIGUSR2 (with it) to the
// workers with even numbers; those with odd numbers are never helped out of a
// lost wakeup. Half of the handlers' runs also delay the thread, wherever in
// the code it was.
class signal_storm final : public periodic_injector {
 public:
  signal_storm();
  void prepare(run&) override;

 private:
  std::uint64_t act(run& r, rng& random) override;
};

// Wakes sleepers for no reason: FUTEX_WAKE on the very word that a worker
// sleeps on, found through /proc.
class spurious_waker final : public periodic_injector {
 public:
  spurious_waker();

 private:
  std::uint64_t act(run& r, rng& random) override;
};

// Moves threads from CPU to CPU.
class mover final : public periodic_injector {
 public:
  mover();
  void prepare(run& r) override;
  void end() override;

 private:
  std::uint64_t act(run& r, rng& random) override;

  std::vector<int> cpus_;
  std::vector<pid_t> moved_;
};

// Stops and continues the whole process (SIGSTOP, SIGCONT) from a forked
// helper.
class suspender final : public injector {
 public:
  suspender() = default;
  ~suspender() override;
  void prepare(run& r) override;
  void begin(run& r) override;
  void end() override;
  std::string tell() const override;

 private:
  [[noreturn]] static void help(int orders, int reports, std::uint64_t seed);

  pid_t helper_ = 0;
  int orders_ = -1;
  int reports_ = -1;
  std::uint32_t stops_ = 0;
};

enum class disturbance : std::uint32_t {
  none = 0,
  signals = 1,
  spurious = 2,
  moves = 4,
  suspend = 8,
  jitter = 16,  // worker::jitter, at the places where the case calls it
  all = 31,
};
constexpr disturbance operator|(disturbance a, disturbance b) noexcept {
  return static_cast<disturbance>(static_cast<std::uint32_t>(a) |
                                  static_cast<std::uint32_t>(b));
}
constexpr bool has(disturbance set, disturbance one) noexcept {
  return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(one)) !=
         0;
}

// Adds the injectors of the set.
void disturb(run& r, disturbance set);

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_INJECT_H_
