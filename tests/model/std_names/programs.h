// SPDX-License-Identifier: Apache-2.0
//
// Programs written in std:: names alone, as any code is: included where std is
// the checker's, by files that include <sync/model/std.h> first or last.
#ifndef SYNCXX_TESTS_MODEL_STD_NAMES_PROGRAMS_H_
#define SYNCXX_TESTS_MODEL_STD_NAMES_PROGRAMS_H_

#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <latch>
#include <mutex>
#include <optional>
#include <queue>
#include <semaphore>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include <sync/atomic.h>
#include <sync/model/check.h>

namespace programs {
namespace {

using syncxx::cell;
using syncxx::model::require;

// --- Atomics -----------------------------------------------------------------

inline void message_passing(std::memory_order store, std::memory_order load) {
  cell<int> message(0);
  std::atomic<bool> ready = false;
  std::thread writer([&] {
    message = 42;
    ready.store(true, store);
  });
  if (ready.load(load)) require(message == 42);
  writer.join();
}

inline void store_buffering(bool fences) {
  std::atomic_int x{0}, y{0};
  int seen[2] = {};
  const auto run = [&](std::atomic_int& mine, std::atomic_int& other, int& r) {
    std::atomic_store_explicit(&mine, 1, std::memory_order_relaxed);
    if (fences) std::atomic_thread_fence(std::memory_order_seq_cst);
    r = std::atomic_load_explicit(&other, std::memory_order_relaxed);
  };
  std::thread a(run, std::ref(x), std::ref(y), std::ref(seen[0]));
  std::thread b(run, std::ref(y), std::ref(x), std::ref(seen[1]));
  a.join();
  b.join();
  require(seen[0] == 1 || seen[1] == 1, "one of them is first");
}

// A lock that spins, with each of the ways to say so.
template <class Pause>
void spin_lock(std::memory_order release, Pause pause) {
  std::atomic_flag locked = ATOMIC_FLAG_INIT;
  cell<int> count(0);
  const auto work = [&] {
    while (locked.test_and_set(std::memory_order_acquire)) pause();
    count = count + 1;
    locked.clear(release);
  };
  std::thread other(work);
  work();
  other.join();
  require(count == 2);
}

inline void atomic_wait(bool notify) {
  std::atomic<int> x{0};
  std::jthread other([&] {
    std::atomic_store(&x, 1);
    if (notify) std::atomic_notify_one(&x);
  });
  std::atomic_wait(&x, 0);
}

// --- Locks -------------------------------------------------------------------

template <class Mutex>
void counter(bool locked) {
  Mutex m;
  cell<int> count(0);
  const auto work = [&] {
    std::unique_lock<Mutex> lock(m, std::defer_lock);
    if (locked) lock.lock();
    count = count + 1;
  };
  std::vector<std::thread> crew;
  for (int i = 0; i < 2; ++i) crew.emplace_back(work);
  for (std::thread& t : crew) t.join();
  const std::lock_guard lock(m);
  require(count == 2);
}

// Two locks, taken in two orders.
inline void two_locks(bool together) {
  std::mutex a, b;
  cell<int> count(0);
  const auto work = [&](std::mutex& first, std::mutex& second) {
    if (together) {
      const std::scoped_lock both(first, second);
      count = count + 1;
    } else {
      const std::lock_guard one(first);
      const std::lock_guard two(second);
      count = count + 1;
    }
  };
  std::jthread other([&] { work(b, a); });
  work(a, b);
}

// A queue; the bug is a flag that is set outside of the lock.
class bounded_queue {
 public:
  explicit bounded_queue(bool correct) : correct_(correct) {}
  void push(int n) {
    {
      const std::lock_guard lock(m_);
      items_.push(n);
    }
    filled_.notify_one();
  }
  void close() {
    if (correct_) {
      const std::lock_guard lock(m_);
      closed_.store(true, std::memory_order_relaxed);
    } else {
      closed_.store(true, std::memory_order_relaxed);
    }
    filled_.notify_all();
  }
  std::optional<int> pop() {
    std::unique_lock lock(m_);
    filled_.wait(lock, [this] {
      return !items_.empty() || closed_.load(std::memory_order_relaxed);
    });
    if (items_.empty()) return std::nullopt;
    const int n = items_.front();
    items_.pop();
    return n;
  }

 private:
  const bool correct_;
  std::mutex m_;
  std::condition_variable filled_;
  std::queue<int> items_;
  std::atomic<bool> closed_{false};
};

inline void queue(bool correct) {
  bounded_queue q(correct);
  std::thread consumer([&] { require(q.pop() == std::nullopt); });
  q.close();
  consumer.join();
}

inline void full_queue() {
  bounded_queue q(true);
  std::thread consumer([&] { require(q.pop() == 1); });
  q.push(1);
  consumer.join();
}

inline void wait_for_any(bool notify) {
  std::recursive_mutex m;
  std::condition_variable_any changed;
  bool ready = false;
  std::jthread other([&] {
    const std::lock_guard lock(m);
    ready = true;
    if (notify) changed.notify_one();
  });
  std::unique_lock lock(m);
  changed.wait(lock, [&] { return ready; });
}

// --- Semaphores, latches, stop tokens ----------------------------------------

inline void handover(bool wait) {
  std::binary_semaphore done(0);
  cell<int> result(0);
  std::jthread other([&] {
    result = 1;
    done.release();
  });
  if (wait) done.acquire();
  require(result == 1);
}

inline void arrive(bool wait) {
  std::latch all(2);
  cell<int> result(0);
  std::jthread other([&] {
    result = 1;
    all.count_down();
  });
  if (wait) {
    all.arrive_and_wait();
  } else {
    all.count_down();
  }
  require(result == 1);
}

inline void meet(bool wait) {
  cell<int> parts[2] = {};
  cell<int> sum(0);
  std::barrier all(2, [&]() noexcept { sum = parts[0] + parts[1]; });
  const auto come = [&](int i) {
    parts[i] = 1;
    auto token = all.arrive();
    if (wait) all.wait(std::move(token));
    require(sum == 2);
  };
  std::jthread other(come, 1);
  come(0);
}

inline void set_up(bool once) {
  std::once_flag flag;
  cell<int> value(0);
  const auto use = [&] {
    if (once)
      std::call_once(
          flag, [&](int n) { value = value + n; }, 1);
    else
      value = value + 1;
    require(value == 1);
  };
  std::jthread other(use);
  use();
}

inline void stopped(bool stop) {
  std::mutex m;
  std::condition_variable_any cv;
  std::jthread worker([&](std::stop_token token) {
    std::unique_lock lock(m);
    cv.wait(lock, token, [] { return false; });
    require(token.stop_requested());
  });
  if (stop) worker.request_stop();
  if (!stop) worker.join();
}

// --- Threads and time --------------------------------------------------------

inline void threads() {
  std::thread::id seen;
  std::thread t([&] { seen = std::this_thread::get_id(); });
  const std::thread::id id = t.get_id();
  t.join();
  std::unordered_set<std::thread::id> ids{id, std::this_thread::get_id(), {}};
  require(seen == id && ids.size() == 3 && !t.joinable());
  std::thread empty;
  std::swap(t, empty);
  try {
    t.join();
    require(false, "joining no thread throws");
  } catch (const std::system_error& e) {
    require(e.code() == std::errc::invalid_argument);
  }
}

inline void never_joined() {
  std::thread t([] {});
}

// Spins until a time that comes, and nothing else does.
template <class Pause>
void spin_until(Pause pause) {
  using clock = std::chrono::steady_clock;
  const clock::time_point end = clock::now() + std::chrono::seconds(1);
  std::atomic<bool> never{false};
  while (!never && clock::now() < end) pause();
}

inline void time_passes() {
  using namespace std::chrono_literals;
  using clock = std::chrono::steady_clock;
  const clock::time_point begin = clock::now();
  std::this_thread::sleep_for(10s);
  require(clock::now() - begin >= 10s, "it has slept");
  const auto later = std::chrono::system_clock::now() + 1h;
  std::this_thread::sleep_until(later);
  require(std::chrono::system_clock::now() >= later);
  std::timed_mutex m;
  const std::lock_guard lock(m);
  std::jthread other([&] { require(!m.try_lock_for(1s)); });
  std::counting_semaphore<4> none(0);
  require(!none.try_acquire_until(clock::now() + 1s));
}

}  // namespace
}  // namespace programs

#endif  // SYNCXX_TESTS_MODEL_STD_NAMES_PROGRAMS_H_
