// SPDX-License-Identifier: Apache-2.0
//
// A primitive of your own on futex_wait and futex_wake: a gate that is opened
// once. (syncxx::event does this and more; this shows how it is done.)
#include <sync/atomic.h>
#include <sync/futex.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

class gate {
 public:
  void open() noexcept {
    // Release: what was written before is seen by all who come through. After
    // it the gate may be gone: the wake uses its address only.
    if (state_.exchange(kOpen, std::memory_order_release) == kParked)
      syncxx::futex_wake_all(state_);
  }
  void wait() noexcept {
    while (!passes()) syncxx::futex_wait(state_, kParked);
  }
  bool wait_until(std::chrono::steady_clock::time_point time) noexcept {
    while (!passes()) {
      if (syncxx::futex_wait_until(state_, kParked, time) ==
          syncxx::futex_result::timed_out)
        return passes();
    }
    return true;
  }

 private:
  // If not, leaves kParked in the word, so that open() will wake.
  bool passes() noexcept {
    std::uint32_t seen = kClosed;
    return !state_.compare_exchange_strong(seen, kParked,
                                           syncxx::memory_order_acquire) &&
           seen == kOpen;
  }

  // A thread sleeps only while the word is kParked (the kernel compares it in
  // the step in which it queues the thread), and open() changes it before it
  // wakes: nobody is left behind.
  static constexpr std::uint32_t kClosed = 0, kParked = 1, kOpen = 2;
  syncxx::atomic<std::uint32_t> state_{kClosed};
};

int main() {
  gate start;
  long numbers[] = {0, 0, 0};
  std::atomic<long> sum = 0;

  const auto soon = std::chrono::steady_clock::now() + 5ms;
  const bool too_soon = start.wait_until(soon);  // nobody has opened it
  {
    std::vector<std::jthread> threads;
    for (long& number : numbers)
      threads.emplace_back([&] {
        start.wait();
        sum += number;
      });
    numbers[0] = 1, numbers[1] = 20, numbers[2] = 300;
    start.open();
  }

  std::printf("through the gate: %ld (a gate of %zu bytes)\n", sum.load(),
              sizeof(gate));
  return !too_soon && sum == 321 && sizeof(gate) == 4 ? 0 : 1;
}
