// SPDX-License-Identifier: Apache-2.0
//
// More of broken.h: a barrier and a once_flag with a bug each.
#ifndef SYNCXX_STRESS_SUPPORT_BROKEN_GATES_H_
#define SYNCXX_STRESS_SUPPORT_BROKEN_GATES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "broken.h"

namespace syncxx::stress {

template <bug Bug, class Completion>
class small_barrier {
 public:
  using arrival_token = std::uint32_t;

  small_barrier(std::ptrdiff_t n, Completion completion)
      : left_(static_cast<std::uint32_t>(n)),
        expected_(static_cast<std::uint32_t>(n)),
        completion_(completion) {}

  arrival_token arrive() {
    const std::uint32_t phase = phase_.load(std::memory_order_acquire);
    if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return phase;
    completion_();
    if (Bug != bug::renews_late) renew();
    phase_.store(phase + 1, std::memory_order_release);
    raw_wake(phase_, INT_MAX);
    if (Bug == bug::renews_late) renew();
    return phase;
  }
  void arrive_and_wait() { wait(arrive()); }
  void arrive_and_drop() {
    expected_.fetch_sub(1, std::memory_order_relaxed);
    arrive();
  }
  bool try_wait(arrival_token token) const {
    return phase_.load(std::memory_order_acquire) != token;
  }
  void wait(arrival_token token) const {
    while (!try_wait(token)) raw_wait(phase_, token);
  }
  template <class D, class... Stop>
  bool wait_for(arrival_token token, const D&, const Stop&...) const {
    wait(token);
    return true;
  }
  template <class T, class... Stop>
  bool wait_until(arrival_token token, const T&, const Stop&...) const {
    wait(token);
    return true;
  }
  bool wait(arrival_token token, const std::stop_token&) const {
    wait(token);
    return true;
  }

 private:
  void renew() {
    left_.store(expected_.load(std::memory_order_relaxed),
                std::memory_order_relaxed);
  }

  raw_word left_;
  raw_word expected_;
  mutable raw_word phase_{0};
  Completion completion_;
};

template <bug Bug>
class small_once {
 public:
  template <class F>
  void call(const F& f) {
    if (Bug == bug::says_done_early) {
      if (!done_.exchange(true)) f();
      return;
    }
    const std::lock_guard one(mutex_);
    if (done_) return;
    f();
    done_ = true;
  }
  template <class F, class... When>
  bool call_for(const F& f, const When&...) {
    call(f);
    return true;
  }
  template <class F, class... When>
  bool call_until(const F& f, const When&...) {
    call(f);
    return true;
  }
  template <class F>
  bool call(const F& f, const std::stop_token&) {
    call(f);
    return true;
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> done_{false};
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_BROKEN_GATES_H_
