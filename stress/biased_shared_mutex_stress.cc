// SPDX-License-Identifier: Apache-2.0
//
// biased_shared_mutex: writers as with every lock; readers beside writers, who
// come often enough for the bias to come and go.
#include <sched.h>
#include <sync/asymmetric_fence.h>
#include <sync/biased_shared_mutex.h>

#include <atomic>
#include <chrono>
#include <iterator>

#include "support/biased_cases.h"
#include "support/lock_cases.h"

namespace {

using namespace syncxx::stress;

// Its readers become visible after they have looked for a writer: the case
// below can fail.
class late_lock {
 public:
  void lock_shared() noexcept {
    while (writing_.load()) relax();
    sched_yield();  // (else it may take long until it is seen)
    mine().store(this);
  }
  bool try_lock_shared_for(std::chrono::nanoseconds) noexcept {
    lock_shared();
    return true;
  }
  void unlock_shared() noexcept {
    mine().store(nullptr, std::memory_order_release);
  }
  void lock() noexcept {
    while (writing_.exchange(true)) relax();
    for (auto& slot : slots_)
      while (slot.load() == this) relax();
  }
  bool try_lock_for(std::chrono::nanoseconds) noexcept {
    lock();
    return true;
  }
  void unlock() noexcept { writing_.store(false); }

 private:
  std::atomic<const void*>& mine() noexcept {
    static std::atomic<unsigned> threads{0};
    thread_local const unsigned n = threads.fetch_add(1);
    return slots_[n % std::size(slots_)];
  }
  std::atomic<bool> writing_{false};
  alignas(128) std::atomic<const void*> slots_[64]{};
};

// Its readers say that they are there and look for a writer, with no more than
// a light fence in between: a writer that makes no heavy one misses them.
template <bool Heavy>
class fenced_lock {
 public:
  fenced_lock() { fence(); }

  void lock_shared() noexcept {
    for (;;) {
      mine().store(true, std::memory_order_release);
      syncxx::asymmetric_thread_fence_light(std::memory_order_seq_cst);
      if (!writing_.load(std::memory_order_acquire)) return;
      unlock_shared();
      while (writing_.load(std::memory_order_relaxed)) relax();
    }
  }
  bool try_lock_shared_for(std::chrono::nanoseconds) noexcept {
    lock_shared();
    return true;
  }
  void unlock_shared() noexcept {
    mine().store(false, std::memory_order_release);
  }
  void lock() noexcept {
    while (owned_.exchange(true, std::memory_order_acquire)) relax();
    writing_.store(true, std::memory_order_relaxed);
    fence();
    for (auto& slot : slots_)
      while (slot.reads.load(std::memory_order_acquire)) relax();
  }
  bool try_lock_for(std::chrono::nanoseconds) noexcept {
    lock();
    return true;
  }
  void unlock() noexcept {
    writing_.store(false, std::memory_order_release);
    owned_.store(false, std::memory_order_release);
  }

 private:
  static void fence() noexcept {
    if constexpr (Heavy)
      syncxx::asymmetric_thread_fence_heavy(std::memory_order_seq_cst);
    else
      compiler_barrier();
  }
  std::atomic<bool>& mine() noexcept {
    static std::atomic<unsigned> threads{0};
    thread_local const unsigned n = threads.fetch_add(1);
    return slots_[n % std::size(slots_)].reads;
  }
  struct alignas(128) place {
    std::atomic<bool> reads{false};
  };
  alignas(128) std::atomic<bool> owned_{false};
  alignas(128) std::atomic<bool> writing_{false};
  place slots_[2];
};

const lock_suite<syncxx::biased_shared_mutex> writers;
const shared_suite<syncxx::biased_shared_mutex> readers;
const add_case broken{
    {.name = "late",
     .what = "readers that become visible too late: must fail",
     .body = [](run& r) { shared_case<late_lock>(r, {.write_one_in = 4}); },
     .must_fail = failure::exclusion}};
const add_case no_heavy_fence{
    {.name = "no_heavy_fence",
     .what = "writers without their heavy fence: must fail",
     .body =
         [](run& r) {
           syncxx::asymmetric_thread_fence_heavy(std::memory_order_seq_cst);
           shared_case<fenced_lock<false>>(
               r, {.write_one_in = 2,
                   .disturbances = disturbance::moves | disturbance::jitter});
         },
     .threads = 2,
     .must_fail = failure::exclusion}};
const add_case heavy_fence{
    {.name = "heavy_fence",
     .what = "the same with it",
     .body =
         [](run& r) {
           shared_case<fenced_lock<true>>(
               r, {.write_one_in = 2,
                   .disturbances = disturbance::moves | disturbance::jitter});
         },
     .threads = 2}};

}  // namespace
