// SPDX-License-Identifier: Apache-2.0
//
// biased_shared_mutex: writers as with every lock; readers beside writers, who
// come often enough for the bias to come and go.
#include <sync/biased_shared_mutex.h>

#include "support/lock_cases.h"
#include "support/shared_cases.h"

namespace {

using namespace syncxx::stress;

// One that is biased for good, and has no fence between the reader's two steps:
// the case below can fail.
class unfenced_lock {
 public:
  void lock_shared() noexcept {
    for (;;) {
      mine().store(this, std::memory_order_relaxed);
      if (!writing_.load(std::memory_order_relaxed)) return;
      mine().store(nullptr, std::memory_order_relaxed);
      relax();
    }
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

const lock_suite<syncxx::biased_shared_mutex> writers;
const shared_suite<syncxx::biased_shared_mutex> readers;
const add_case broken{
    {.name = "unfenced",
     .what = "a lock without a fence: must fail",
     .body = [](run& r) { shared_case<unfenced_lock>(r, {}); },
     .must_fail = failure::exclusion}};

}  // namespace
