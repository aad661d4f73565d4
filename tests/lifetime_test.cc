// SPDX-License-Identifier: Apache-2.0
//
// An object may be destroyed and its memory unmapped as soon as the standard
// lets its last user go, even if the call that let it go has not returned. Each
// test takes the memory away in that moment; a touch afterwards is SIGSEGV.
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/futex.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/guard_page.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

void spin_up_to(std::minstd_rand& random, unsigned ns) {
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::nanoseconds(random() % ns);
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Many rounds of: one thread prepares a T (say, locks it) and releases it;
// `takers` threads take it; the last one to get through destroys it at once.
// All threads live through all rounds, so that no new thread's stack can cover
// the hole that the T leaves.
template <class T, class Make, class Prepare, class Release, class Take>
void destroy_after_release(int takers, int rounds, Make make, Prepare prepare,
                           Release release, Take take) {
  EXPECT_TRUE(succeeds_in_child([&] {
    std::optional<guard_page<T>> page;
    std::atomic<int> inside{0};
    std::barrier phase(takers + 1);
    const auto body_of_taker = [&](unsigned seed) {
      std::minstd_rand random(seed);
      for (int round = 0; round < rounds; ++round) {
        phase.arrive_and_wait();  // prepared
        spin_up_to(random, 3000);
        take(**page);
        if (inside.fetch_sub(1) == 1) page->destroy();
        phase.arrive_and_wait();  // over
      }
    };
    std::vector<std::thread> crew;
    for (int i = 0; i < takers; ++i)
      crew.emplace_back(body_of_taker, static_cast<unsigned>(i) + 2);
    std::minstd_rand random(1);
    for (int round = 0; round < rounds; ++round) {
      make(page);
      prepare(**page);
      inside.store(takers);
      phase.arrive_and_wait();
      // Sometimes the takers spin, sometimes they sleep.
      spin_up_to(random, round % 4 == 0 ? 120'000 : 4000);
      release(**page);
      phase.arrive_and_wait();
    }
    for (std::thread& thread : crew) thread.join();
  }));
}

const auto do_nothing = [](auto&) {};

template <class M>
void destroy_after_unlock() {
  destroy_after_release<M>(
      1, iterations(6000), [](auto& page) { page.emplace(); },
      [](M& m) { m.lock(); }, [](M& m) { m.unlock(); },
      [](M& m) {
        m.lock();
        m.unlock();
      });
}

TEST(LifetimeTest, Mutex) { destroy_after_unlock<syncxx::mutex>(); }
TEST(LifetimeTest, RecursiveMutex) {
  destroy_after_unlock<syncxx::recursive_mutex>();
}
TEST(LifetimeTest, PiMutex) { destroy_after_unlock<syncxx::pi_mutex>(); }
TEST(LifetimeTest, RobustMutex) {
  destroy_after_unlock<syncxx::robust_mutex>();
}
TEST(LifetimeTest, Spinlock) { destroy_after_unlock<syncxx::spinlock>(); }

// The last of several owners destroys it.
TEST(LifetimeTest, MutexOfMany) {
  destroy_after_release<syncxx::mutex>(
      3, iterations(4000), [](auto& page) { page.emplace(); },
      [](auto& m) { m.lock(); }, [](auto& m) { m.unlock(); },
      [](auto& m) {
        m.lock();
        m.unlock();
      });
}

TEST(LifetimeTest, MutexTakenByTimedAndStoppableWaits) {
  std::stop_source source;
  std::atomic<unsigned> turn{0};
  destroy_after_release<syncxx::mutex>(
      2, iterations(4000), [](auto& page) { page.emplace(); },
      [](auto& m) { m.lock(); }, [](auto& m) { m.unlock(); },
      [&](auto& m) {
        if (turn.fetch_add(1) % 2 == 0)
          m.lock(source.get_token());
        else
          while (!m.try_lock_for(20us)) {
          }
        m.unlock();
      });
}

TEST(LifetimeTest, Semaphore) {
  using semaphore = syncxx::counting_semaphore<>;
  destroy_after_release<semaphore>(
      1, iterations(6000), [](auto& page) { page.emplace(0); }, do_nothing,
      [](semaphore& s) { s.release(); }, [](semaphore& s) { s.acquire(); });
}

TEST(LifetimeTest, SemaphoreOfMany) {
  using semaphore = syncxx::counting_semaphore<>;
  std::stop_source source;
  destroy_after_release<semaphore>(
      3, iterations(4000), [](auto& page) { page.emplace(0); }, do_nothing,
      [](semaphore& s) { s.release(3); },
      [&](semaphore& s) { s.acquire(source.get_token()); });
}

TEST(LifetimeTest, Event) {
  for (const int takers : {1, 3}) {
    destroy_after_release<syncxx::event>(
        takers, iterations(4000), [](auto& page) { page.emplace(); },
        do_nothing, [](syncxx::event& e) { e.set(); },
        [](syncxx::event& e) { e.wait(); });
  }
}

TEST(LifetimeTest, EventWithStopToken) {
  std::stop_source source;
  destroy_after_release<syncxx::event>(
      2, iterations(4000), [](auto& page) { page.emplace(); }, do_nothing,
      [](syncxx::event& e) { e.set(); },
      [&](syncxx::event& e) { e.wait(source.get_token()); });
}

TEST(LifetimeTest, AutoResetEvent) {
  destroy_after_release<syncxx::auto_reset_event>(
      1, iterations(6000), [](auto& page) { page.emplace(); }, do_nothing,
      [](syncxx::auto_reset_event& e) { e.set(); },
      [](syncxx::auto_reset_event& e) { e.wait(); });
}

TEST(LifetimeTest, Latch) {
  for (const int takers : {1, 3}) {
    destroy_after_release<syncxx::latch>(
        takers, iterations(4000), [](auto& page) { page.emplace(2); },
        [](syncxx::latch& l) { l.count_down(); },
        [](syncxx::latch& l) { l.count_down(); },
        [](syncxx::latch& l) { l.wait(); });
  }
}

TEST(LifetimeTest, LatchWhereAllArrive) {
  destroy_after_release<syncxx::latch>(
      3, iterations(4000), [](auto& page) { page.emplace(4); }, do_nothing,
      [](syncxx::latch& l) { l.count_down(); },
      [](syncxx::latch& l) { l.arrive_and_wait(); });
}

// The mutex, the condition variable and the flag go together: whoever has seen
// the flag under the mutex is the last user.
template <class Condition>
struct monitor {
  bool ready = false;
  Condition condition;
  syncxx::mutex mutex;
};

template <class Condition, class Notify>
void destroy_after_notified_wait(int takers, Notify notify) {
  using shared = monitor<Condition>;
  destroy_after_release<shared>(
      takers, iterations(4000), [](auto& page) { page.emplace(); }, do_nothing,
      [&](shared& s) {
        std::lock_guard lock(s.mutex);
        s.ready = true;
        notify(s.condition);
      },
      [](shared& s) {
        std::unique_lock lock(s.mutex);
        s.condition.wait(lock, [&] { return s.ready; });
      });
}

TEST(LifetimeTest, ConditionVariableAfterItsWait) {
  destroy_after_notified_wait<syncxx::condition_variable>(
      1, [](auto& c) { c.notify_one(); });
  destroy_after_notified_wait<syncxx::condition_variable>(
      3, [](auto& c) { c.notify_all(); });
}

TEST(LifetimeTest, ConditionVariableAnyAfterItsWait) {
  destroy_after_notified_wait<syncxx::condition_variable_any>(
      1, [](auto& c) { c.notify_one(); });
  destroy_after_notified_wait<syncxx::condition_variable_any>(
      3, [](auto& c) { c.notify_all(); });
}

// The notifier destroys the condition variable right after notify_all: the
// waiters have been told, but are still on their way out.
template <class Condition, class Mutex>
void destroy_right_after_notify_all(bool under_lock) {
  EXPECT_TRUE(succeeds_in_child([under_lock] {
    constexpr int kWaiters = 3;
    const int rounds = iterations(1500);
    std::optional<guard_page<Condition>> page;
    Mutex m;
    int waiting = 0;  // under m
    std::stop_source source;
    std::barrier phase(kWaiters + 1);
    std::vector<std::thread> crew;
    for (int i = 0; i < kWaiters; ++i) {
      crew.emplace_back([&, i] {
        for (int round = 0; round < rounds; ++round) {
          phase.arrive_and_wait();
          {
            std::unique_lock lock(m);
            ++waiting;
            if (i == 0)
              (*page)->wait(lock);
            else if (i == 1)
              (*page)->wait_for(lock, 1h);
            else
              (*page)->wait(lock, source.get_token());
            EXPECT_TRUE(lock.owns_lock());
          }
          phase.arrive_and_wait();
        }
      });
    }
    std::minstd_rand random(3);
    for (int round = 0; round < rounds; ++round) {
      page.emplace();
      waiting = 0;
      phase.arrive_and_wait();
      // With the lock held and all of them counted, all are waiting.
      await([&] {
        std::lock_guard lock(m);
        return waiting == kWaiters;
      });
      spin_up_to(random, 100'000);
      if (under_lock) {
        std::lock_guard lock(m);
        (*page)->notify_all();
        page->destroy();
      } else {
        (*page)->notify_all();
        page->destroy();
      }
      phase.arrive_and_wait();
    }
    for (std::thread& thread : crew) thread.join();
  }));
}

TEST(LifetimeTest, ConditionVariableRightAfterNotifyAll) {
  using condition = syncxx::condition_variable;
  destroy_right_after_notify_all<condition, syncxx::mutex>(true);
  destroy_right_after_notify_all<condition, syncxx::mutex>(false);
}

TEST(LifetimeTest, ConditionVariableAnyRightAfterNotifyAll) {
  using condition = syncxx::condition_variable_any;
  destroy_right_after_notify_all<condition, syncxx::mutex>(true);
  destroy_right_after_notify_all<condition, syncxx::mutex>(false);
  destroy_right_after_notify_all<condition, std::mutex>(false);
}

// A waiter that was asked to stop destroys the object while the requester may
// still be waking it.
template <class T, class Wait>
void destroy_after_stop(Wait wait) {
  EXPECT_TRUE(succeeds_in_child([&] {
    const int rounds = iterations(3000);
    std::optional<guard_page<T>> page;
    std::stop_source source;
    std::barrier phase(2);
    std::thread taker([&] {
      for (int round = 0; round < rounds; ++round) {
        phase.arrive_and_wait();
        EXPECT_FALSE(wait(**page, source.get_token()));
        page->destroy();
        phase.arrive_and_wait();
      }
    });
    std::minstd_rand random(5);
    for (int round = 0; round < rounds; ++round) {
      page.emplace();
      source = std::stop_source();
      phase.arrive_and_wait();
      spin_up_to(random, round % 4 == 0 ? 120'000 : 5000);
      source.request_stop();
      phase.arrive_and_wait();
    }
    taker.join();
  }));
}

// A notifier that finds nobody waiting has the last waiter's leaving behind it,
// and may destroy the object: what ThreadSanitizer checks here.
TEST(LifetimeTest, ConditionVariableThatItsLastWaiterHasLeft) {
  auto condition = std::make_unique<syncxx::condition_variable>();
  syncxx::mutex m;
  bool waiting = false;  // under m
  auto leaver = run_in_background([&] {
    std::unique_lock lock(m);
    waiting = true;
    return condition->wait_for(lock, 20ms) == std::cv_status::timeout;
  });
  for (bool seen = false; !seen; short_pause()) {
    const std::unique_lock lock(m);
    if (!waiting) continue;
    seen = true;
    std::this_thread::sleep_for(60ms);  // it leaves, and waits for m
    condition->notify_all();
    condition.reset();
  }
  leaver.result();  // notified, if it came late
}

TEST(LifetimeTest, EventAfterStop) {
  destroy_after_stop<syncxx::event>(
      [](auto& e, auto stop) { return e.wait(stop); });
}
TEST(LifetimeTest, AutoResetEventAfterStop) {
  destroy_after_stop<syncxx::auto_reset_event>(
      [](auto& e, auto stop) { return e.wait(stop); });
}
TEST(LifetimeTest, ConditionVariableAfterStop) {
  destroy_after_stop<monitor<syncxx::condition_variable>>(
      [](auto& s, auto stop) {
        std::unique_lock lock(s.mutex);
        return s.condition.wait(lock, stop, [] { return false; });
      });
}

// A priority-inheriting lock, as the kernel makes it and pthread_mutex_t of
// PTHREAD_PRIO_INHERIT uses it: the word holds the owner's thread id.
class pi_lock {
 public:
  explicit pi_lock(syncxx::futex_scope scope)
      : private_flag_(scope == syncxx::futex_scope::process_private
                          ? FUTEX_PRIVATE_FLAG
                          : 0) {}
  bool lock() { return call(FUTEX_LOCK_PI); }
  bool unlock() { return call(FUTEX_UNLOCK_PI); }
  auto& word() const { return word_; }

 private:
  bool call(int operation) {
    return syscall(SYS_futex, &word_, operation | private_flag_, 0, nullptr,
                   nullptr, 0) == 0;
  }

  syncxx::detail::futex_word word_{0};
  int private_flag_;
};

// The release lets the memory go before its wake has been made: by then the
// memory may hold somebody else's futex, where the kernel refuses a plain wake
// if a thread waits for a priority-inheriting lock there. Such a wake wakes
// nobody and harms nobody.
TEST(LifetimeTest, LateWakeOnMemoryOfAPriorityInheritingLock) {
  using syncxx::futex_scope;
  for (const futex_scope scope :
       {futex_scope::process_private, futex_scope::process_shared}) {
    pi_lock probe(scope);
    if (!probe.lock() || !probe.unlock())
      GTEST_SKIP() << "no priority-inheriting futexes here";
    EXPECT_TRUE(succeeds_in_child([scope] {
      pi_lock newcomer(scope);
      ASSERT_TRUE(newcomer.lock());
      background<bool> waiting(
          [&] { return newcomer.lock() && newcomer.unlock(); });
      waiting.await_sleep();
      // The wakes that the releases of this library end with.
      for (const std::uint32_t mask :
           {syncxx::detail::raw_mutex::kQueue,
            syncxx::detail::raw_mutex::kClaimant, syncxx::detail::kAnySleeper})
        EXPECT_EQ(syncxx::detail::unpark(&newcomer.word(), 1, mask, scope), 0);
      EXPECT_EQ(syncxx::futex_wake_all(newcomer.word(), scope), 0);
      EXPECT_FALSE(waiting.finished());
      EXPECT_TRUE(newcomer.unlock());
      EXPECT_TRUE(waiting.result());
    }));
  }
}

}  // namespace
}  // namespace syncxx_test
