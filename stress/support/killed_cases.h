// SPDX-License-Identifier: Apache-2.0
//
// Processes that share a robust lock, and are killed: whoever comes next is
// told, repairs, and nobody hangs.
#ifndef SYNCXX_STRESS_SUPPORT_KILLED_CASES_H_
#define SYNCXX_STRESS_SUPPORT_KILLED_CASES_H_

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <new>

#include "family.h"
#include "harness.h"

namespace syncxx::stress {

template <class M>
class killed_case {
 public:
  explicit killed_case(run& r) : run_(r) {}
  killed_case(const killed_case&) = delete;
  killed_case& operator=(const killed_case&) = delete;
  ~killed_case() {
    if (shared_ != nullptr) munmap(shared_, sizeof(commons));
  }

  void go() {
    void* const memory = mmap(nullptr, sizeof(commons), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      run_.fail(failure::wrong_result, "mmap failed");
      return;
    }
    shared_ = new (memory) commons;
    const latency wait = run_.time("wait for the lock");
    const tally killed = run_.count("killed");
    const tally repaired = run_.count("repaired by the parent");
    // It kills and looks by turns: only its own locks are watched.
    run_.start("parent", 1, [=, this](worker& w) {
      pid_t children[kChildren];
      for (pid_t& child : children) child = start_child(w);
      while (w.running()) {
        sleep_ns(w.random.below(300000));
        pid_t& victim = children[w.random.below(kChildren)];
        if (!end(victim)) return;
        w.count(killed);
        {
          operation op(w, wait, &shared_->mutex);
          shared_->mutex.lock();
        }
        const found what = turn(w.random);
        shared_->mutex.unlock();
        if (what == found::repaired) w.count(repaired);
        if (what == found::torn) torn();
        victim = start_child(w);
      }
      for (const pid_t child : children)
        if (end(child)) w.count(killed);
    });
    run_.go();
    if (run_.total(killed) >= kEnough && shared_->repairs == 0)
      run_.fail(failure::wrong_result, "%llu were killed, and nobody was told",
                static_cast<unsigned long long>(run_.total(killed)));
    if (run_.total(killed) < shared_->repairs)
      run_.fail(failure::conservation, "%llu were killed, %llu repairs made",
                static_cast<unsigned long long>(run_.total(killed)),
                static_cast<unsigned long long>(shared_->repairs));
  }

 private:
  static constexpr unsigned kChildren = 3;
  static constexpr int kTorn = 10;
  static constexpr std::uint64_t kEnough = 100;  // kills to meet an owner

  struct commons {
    M mutex;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::uint64_t repairs = 0;
  };

  enum class found : std::uint8_t { whole, repaired, torn };

  // With the lock: makes a change that takes a while. What it has found.
  found turn(rng& random) {
    found what = found::whole;
    if (shared_->mutex.owner_died()) {
      what = found::repaired;
      shared_->second = shared_->first;
      ++shared_->repairs;
      shared_->mutex.make_consistent();
    } else if (shared_->first != shared_->second) {
      return found::torn;
    }
    shared_->first = shared_->first + 1;
    compiler_barrier();
    if (random.one_in(4)) spin_ns(random.below(20000));
    compiler_barrier();
    shared_->second = shared_->second + 1;
    return what;
  }

  [[noreturn]] void live(rng random) {
    for (;;) {
      if (random.one_in(4)) {
        if (!shared_->mutex.try_lock_for(
                std::chrono::nanoseconds(random.below(50000))))
          continue;
      } else {
        shared_->mutex.lock();
      }
      if (turn(random) == found::torn) _exit(kTorn);
      shared_->mutex.unlock();
    }
  }

  pid_t start_child(worker& w) {
    const std::uint64_t seed = w.random();
    const pid_t child = start_process([&] { live(rng(seed, 0)); });
    if (child < 0) run_.fail(failure::wrong_result, "fork failed");
    return child;
  }

  // Kills it. False, and a failure, if it had ended before.
  bool end(pid_t child) {
    if (child <= 0) return false;
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kTorn)
      torn();
    else
      run_.fail(failure::crash, "a process ended with status %d", status);
    return false;
  }
  void torn() {
    run_.fail(failure::exclusion,
              "somebody's change was half made, and nobody had said so");
  }

  run& run_;
  commons* shared_ = nullptr;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_KILLED_CASES_H_
