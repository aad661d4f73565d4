// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sync/mutex.h>

#include <memory>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/lock_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::mutex;

static_assert(sizeof(mutex) == 4);
static_assert(std::is_standard_layout_v<mutex>);
static_assert(std::is_nothrow_default_constructible_v<mutex>);
static_assert(std::is_trivially_destructible_v<mutex> == !kHooked);
static_assert(mutex_type<mutex>);
static_assert(timed_lockable<mutex>);
static_assert(std::is_same_v<syncxx::timed_mutex, mutex>);
static_assert(std::is_same_v<
              decltype(std::declval<mutex&>().lock(std::stop_token())), bool>);

INSTANTIATE_TYPED_TEST_SUITE_P(Mutex, LockSuite, lock_kit<mutex>);

// Puts the calling thread on one CPU, where it runs before all threads of
// normal priority and beside none of its own kind. False: not permitted.
bool become_real_time() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
  int cpu = CPU_SETSIZE - 1;
  while (cpu > 0 && !CPU_ISSET(cpu, &allowed)) --cpu;
  CPU_ZERO(&allowed);
  CPU_SET(cpu, &allowed);
  sched_param lowest = {};
  lowest.sched_priority = sched_get_priority_min(SCHED_FIFO);
  return sched_setaffinity(0, sizeof allowed, &allowed) == 0 &&
         pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest) == 0;
}

// The lock is handed to the waiter that has waited too long. Waiters with a
// stop token, which sleep where any wake reaches them, may be woken in its
// place; they pass that wake on to it, and not to each other for ever, though
// their priority makes the kernel wake them first.
TEST(MutexTest, NextOwnersWakeReachesItPastRealTimeWaiters) {
  if (!run_in_background(become_real_time).result())
    GTEST_SKIP() << "no permission for SCHED_FIFO";
  mutex m;
  std::stop_source source;
  const auto lock_and_unlock = [&m] {
    m.lock();
    m.unlock();
    return true;
  };
  std::unique_ptr<background<bool>> next;
  m.lock();
  do {
    next = std::make_unique<background<bool>>(lock_and_unlock);
    next->await_sleep();
    std::this_thread::sleep_for(2ms);  // longer than its patience
    m.unlock();                        // wakes it in vain
    m.lock();
  } while (next->finished());  // unless it has been faster
  next->await_sleep();
  {
    std::vector<std::unique_ptr<background<bool>>> real_time;
    for (int i = 0; i < 2; ++i) {
      real_time.push_back(std::make_unique<background<bool>>([&] {
        if (become_real_time() && m.lock(source.get_token())) m.unlock();
        return true;
      }));
      real_time.back()->await_sleep();
    }
    m.unlock();
    // It is awake now, or they wake each other without end. (Awake, it may
    // still have to wait for a CPU.)
    const auto is_awake = [&] {
      return next->finished() || thread_state(next->tid()) != 'S';
    };
    constexpr long kWithoutEnd = 10'000;
    await([&] {
      if (is_awake()) return true;
      for (auto& one : real_time)
        if (sleeps_so_far(one->tid()) > kWithoutEnd) return true;
      return false;
    });
    EXPECT_TRUE(is_awake()) << "its wake goes round among the others";
    source.request_stop();
  }
  next->result();
  EXPECT_TRUE(try_from_another_thread(m));
}

}  // namespace
}  // namespace syncxx_test
