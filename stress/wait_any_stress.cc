// SPDX-License-Identifier: Apache-2.0
//
// wait_any: the cases for locks and for semaphores, with a third of the threads
// waiting for the object alone and the others for it and something else that
// may be there too, so that wakes are consumed by threads that take another.
#include <sync/event.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>
#include <sync/wait_any.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <stop_token>

#include "support/lock_cases.h"
#include "support/semaphore_cases.h"

namespace {

// Something that comes now and then to one that waits for `T`, and is given
// back: it has to wait once more.
class distraction {
 public:
  // Waits with wait(object) for 0: the distraction, or 1: the object.
  template <class Wait>
  bool wait_for(const Wait& wait) {
    for (;;) {
      const std::optional<std::size_t> taken = wait(pulse_);
      if (!taken) return false;
      if (*taken == 1) return true;
    }
  }
  void sometimes() {
    if (calls_.fetch_add(1, std::memory_order_relaxed) % 4 == 0) pulse_.set();
  }

 private:
  syncxx::auto_reset_event pulse_;
  std::atomic<unsigned> calls_{0};
};

class distracted_lock {
 public:
  void lock() {
    if (turn_.fetch_add(1, std::memory_order_relaxed) % 3 == 0) {
      mutex_.lock();
    } else {
      other_.wait_for([&](auto& pulse) {
        return std::optional(syncxx::wait_any(pulse, mutex_));
      });
    }
  }
  bool try_lock() { return syncxx::try_wait_any(mutex_).has_value(); }
  template <class D>
  bool try_lock_for(const D& d) {
    return other_.wait_for(
        [&](auto& pulse) { return syncxx::wait_any_for(d, pulse, mutex_); });
  }
  template <class T>
  bool try_lock_until(const T& t) {
    return other_.wait_for(
        [&](auto& pulse) { return syncxx::wait_any_until(t, pulse, mutex_); });
  }
  bool lock(const std::stop_token& stop) {
    return other_.wait_for(
        [&](auto& pulse) { return syncxx::wait_any(stop, pulse, mutex_); });
  }
  template <class D>
  bool try_lock_for(const D& d, const std::stop_token& stop) {
    return other_.wait_for([&](auto& pulse) {
      return syncxx::wait_any_for(d, stop, pulse, mutex_);
    });
  }
  template <class T>
  bool try_lock_until(const T& t, const std::stop_token& stop) {
    return other_.wait_for([&](auto& pulse) {
      return syncxx::wait_any_until(t, stop, pulse, mutex_);
    });
  }
  void unlock() {
    other_.sometimes();
    mutex_.unlock();
  }

 private:
  syncxx::mutex mutex_;
  distraction other_;
  std::atomic<unsigned> turn_{0};
};

class distracted_semaphore {
 public:
  explicit distracted_semaphore(std::ptrdiff_t n) : tokens_(n) {}
  static constexpr std::ptrdiff_t max() {
    return syncxx::counting_semaphore<>::max();
  }

  void acquire() {
    if (turn_.fetch_add(1, std::memory_order_relaxed) % 3 == 0) {
      tokens_.acquire();
    } else {
      other_.wait_for([&](auto& pulse) {
        return std::optional(syncxx::wait_any(pulse, tokens_));
      });
    }
  }
  bool try_acquire() { return syncxx::try_wait_any(tokens_).has_value(); }
  template <class D>
  bool try_acquire_for(const D& d) {
    return other_.wait_for(
        [&](auto& pulse) { return syncxx::wait_any_for(d, pulse, tokens_); });
  }
  template <class T>
  bool try_acquire_until(const T& t) {
    return other_.wait_for(
        [&](auto& pulse) { return syncxx::wait_any_until(t, pulse, tokens_); });
  }
  bool acquire(const std::stop_token& stop) {
    return other_.wait_for(
        [&](auto& pulse) { return syncxx::wait_any(stop, pulse, tokens_); });
  }
  template <class D>
  bool try_acquire_for(const D& d, const std::stop_token& stop) {
    return other_.wait_for([&](auto& pulse) {
      return syncxx::wait_any_for(d, stop, pulse, tokens_);
    });
  }
  template <class T>
  bool try_acquire_until(const T& t, const std::stop_token& stop) {
    return other_.wait_for([&](auto& pulse) {
      return syncxx::wait_any_until(t, stop, pulse, tokens_);
    });
  }
  void release(std::ptrdiff_t n = 1) {
    other_.sometimes();
    tokens_.release(n);
  }

 private:
  syncxx::counting_semaphore<> tokens_;
  distraction other_;
  std::atomic<unsigned> turn_{0};
};

const syncxx::stress::lock_suite<distracted_lock> locks;
const syncxx::stress::semaphore_suite<distracted_semaphore> semaphores(
    "token_");

}  // namespace
