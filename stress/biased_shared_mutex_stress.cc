// SPDX-License-Identifier: Apache-2.0
//
// biased_shared_mutex: writers as with every lock; readers beside writers, who
// come often enough for the bias to come and go.
#include <sync/biased_shared_mutex.h>

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

const lock_suite<syncxx::biased_shared_mutex> writers;
const shared_suite<syncxx::biased_shared_mutex> readers;
const add_case broken{
    {.name = "late",
     .what = "readers that become visible too late: must fail",
     .body = [](run& r) { shared_case<late_lock>(r, {.write_one_in = 4}); },
     .must_fail = failure::exclusion}};

}  // namespace
