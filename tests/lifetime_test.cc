// SPDX-License-Identifier: Apache-2.0
//
// An object may be destroyed and its memory unmapped as soon as the standard
// lets its last user go, even if the call that let it go has not returned. Each
// test takes the memory away in that moment; a touch afterwards is SIGSEGV.
#include <gtest/gtest.h>
#include <sync/barrier.h>
#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/event_count.h>
#include <sync/interprocess.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/once.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>
#include <sync/wait_any.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/guard_page.h"
#include "tests/support/mcs_mutex.h"
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

TEST(LifetimeTest, BiasedSharedMutex) {
  destroy_after_unlock<syncxx::biased_shared_mutex>();
}
TEST(LifetimeTest, Mutex) { destroy_after_unlock<syncxx::mutex>(); }
TEST(LifetimeTest, RecursiveMutex) {
  destroy_after_unlock<syncxx::recursive_mutex>();
}
TEST(LifetimeTest, SharedMutex) {
  destroy_after_unlock<syncxx::shared_mutex>();
}
TEST(LifetimeTest, ByteMutex) { destroy_after_unlock<syncxx::byte_mutex>(); }
TEST(LifetimeTest, PiMutex) { destroy_after_unlock<syncxx::pi_mutex>(); }
TEST(LifetimeTest, RobustMutex) {
  if (const auto why = no_robust_lists(); !why.empty()) GTEST_SKIP() << why;
  destroy_after_unlock<syncxx::robust_mutex>();
}
TEST(LifetimeTest, RobustPiMutex) {
  if (const auto why = no_robust_lists(); !why.empty()) GTEST_SKIP() << why;
  destroy_after_unlock<syncxx::robust_pi_mutex>();
}
TEST(LifetimeTest, Spinlock) { destroy_after_unlock<syncxx::spinlock>(); }
TEST(LifetimeTest, TicketLock) { destroy_after_unlock<syncxx::ticket_lock>(); }
TEST(LifetimeTest, McsLock) { destroy_after_unlock<mcs_mutex>(); }
TEST(LifetimeTest, QueueLock) { destroy_after_unlock<syncxx::queue_lock>(); }

// The last of several owners destroys it.
template <class M>
void destroy_after_unlock_of_many() {
  destroy_after_release<M>(
      3, iterations(4000), [](auto& page) { page.emplace(); },
      [](auto& m) { m.lock(); }, [](auto& m) { m.unlock(); },
      [](auto& m) {
        m.lock();
        m.unlock();
      });
}

TEST(LifetimeTest, QueueLockOfMany) {
  destroy_after_unlock_of_many<syncxx::queue_lock>();
}

// A reader lets the last one go, which waits to write.
template <class M>
void destroy_after_its_last_reader() {
  destroy_after_release<M>(
      1, iterations(6000), [](auto& page) { page.emplace(); },
      [](auto& m) { m.lock_shared(); }, [](auto& m) { m.unlock_shared(); },
      [](auto& m) {
        m.lock();
        m.unlock();
      });
}
TEST(LifetimeTest, SharedMutexAfterItsLastReader) {
  destroy_after_its_last_reader<syncxx::shared_mutex>();
}
TEST(LifetimeTest, InterprocessSharedMutexAfterItsLastReader) {
  destroy_after_its_last_reader<syncxx::interprocess::shared_mutex>();
}

// All that a shared_mutex can be, each let go for the next.
template <class M>
void destroy_shared_mutex_of_many() {
  std::stop_source source;
  std::atomic<unsigned> turn{0};
  destroy_after_release<M>(
      4, iterations(4000), [](auto& page) { page.emplace(); },
      [](auto& m) { m.lock_upgrade(); },
      [](auto& m) {
        m.unlock_upgrade_and_lock();
        m.unlock();
      },
      [&](auto& m) {
        // (Shares do not wait for one another: each ends with a turn alone.)
        switch (turn.fetch_add(1) % 4) {
          case 0:
            m.lock_shared(source.get_token());
            m.unlock_shared();
            break;
          case 1:
            while (!m.try_lock_shared_for(20us)) {
            }
            m.unlock_shared();
            break;
          case 2:
            m.lock_upgrade();
            m.unlock_upgrade();
            break;
          default:
            break;
        }
        m.lock();
        m.unlock();
      });
}
TEST(LifetimeTest, SharedMutexOfMany) {
  destroy_shared_mutex_of_many<syncxx::shared_mutex>();
}
TEST(LifetimeTest, InterprocessSharedMutexOfMany) {
  destroy_shared_mutex_of_many<syncxx::interprocess::shared_mutex>();
}

TEST(LifetimeTest, MutexOfMany) {
  destroy_after_unlock_of_many<syncxx::mutex>();
}
TEST(LifetimeTest, ByteMutexOfMany) {
  destroy_after_unlock_of_many<syncxx::byte_mutex>();
}

template <class M>
void destroy_after_timed_and_stoppable_waits() {
  std::stop_source source;
  std::atomic<unsigned> turn{0};
  destroy_after_release<M>(
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

TEST(LifetimeTest, MutexTakenByTimedAndStoppableWaits) {
  destroy_after_timed_and_stoppable_waits<syncxx::mutex>();
}
TEST(LifetimeTest, ByteMutexTakenByTimedAndStoppableWaits) {
  destroy_after_timed_and_stoppable_waits<syncxx::byte_mutex>();
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

template <class barrier>
void destroy_after_arrival() {
  for (const int takers : {1, 3}) {
    destroy_after_release<barrier>(
        takers, iterations(4000),
        [takers](auto& page) { page.emplace(takers + 1); }, do_nothing,
        [](barrier& b) { static_cast<void>(b.arrive()); },
        [](barrier& b) { b.arrive_and_wait(); });
  }
}
TEST(LifetimeTest, Barrier) { destroy_after_arrival<syncxx::barrier<>>(); }

// Whoever arrives without waiting may find it gone, also if not the last.
TEST(LifetimeTest, BarrierThatOthersArriveAt) {
  using barrier = syncxx::barrier<>;
  destroy_after_release<barrier>(
      1, iterations(4000), [](auto& page) { page.emplace(3); }, do_nothing,
      [](barrier& b) { static_cast<void>(b.arrive()); },
      [](barrier& b) {
        static_cast<void>(b.arrive());
        b.arrive_and_wait();
      });
}

// The one that has called lets those go that wait for the call: they begin when
// it is in it.
TEST(LifetimeTest, OnceFlag) {
  std::atomic<bool> in_call{false};
  destroy_after_release<syncxx::once_flag>(
      1, iterations(4000),
      [&](auto& page) {
        page.emplace();
        in_call.store(false);
      },
      do_nothing,
      [&](syncxx::once_flag& o) {
        syncxx::call_once(o, [&] {
          in_call.store(true);
          std::minstd_rand random(1);
          spin_up_to(random, 2000);
        });
      },
      [&](syncxx::once_flag& o) {
        while (!in_call.load()) std::this_thread::yield();
        syncxx::call_once(o, [] { std::abort(); });
      });
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

// One whose wait has returned because of a notification is the last user: the
// notifier has nothing left to look at. (Not one that found a predicate true.)
TEST(LifetimeTest, EventCount) {
  std::optional<syncxx::event_count::key> key;
  destroy_after_release<syncxx::event_count>(
      1, iterations(4000), [](auto& page) { page.emplace(); },
      [&](syncxx::event_count& c) { key = c.prepare_wait(); },
      [](syncxx::event_count& c) { c.notify_one(); },
      [&](syncxx::event_count& c) { c.wait(*key); });
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

// With shared futexes the kernel says that the memory is gone: late wakes are
// told EFAULT.
TEST(LifetimeTest, InterprocessMutex) {
  destroy_after_unlock<syncxx::interprocess::mutex>();
}
TEST(LifetimeTest, InterprocessSharedMutex) {
  destroy_after_unlock<syncxx::interprocess::shared_mutex>();
}
TEST(LifetimeTest, InterprocessPiMutex) {
  destroy_after_unlock<syncxx::interprocess::pi_mutex>();
}
TEST(LifetimeTest, InterprocessBarrier) {
  destroy_after_arrival<syncxx::interprocess::barrier<>>();
}
TEST(LifetimeTest, InterprocessSemaphore) {
  using semaphore = syncxx::interprocess::counting_semaphore<>;
  destroy_after_release<semaphore>(
      1, iterations(6000), [](auto& page) { page.emplace(0); }, do_nothing,
      [](semaphore& s) { s.release(); }, [](semaphore& s) { s.acquire(); });
}
TEST(LifetimeTest, InterprocessEvent) {
  destroy_after_release<syncxx::interprocess::event>(
      3, iterations(4000), [](auto& page) { page.emplace(); }, do_nothing,
      [](auto& e) { e.set(); }, [](auto& e) { e.wait(); });
}

// Whoever has taken one of two by wait_any is its last user.
TEST(LifetimeTest, TakenByWaitAny) {
  struct two {
    syncxx::event shut;
    syncxx::binary_semaphore token{0};
  };
  destroy_after_release<two>(
      1, iterations(6000), [](auto& page) { page.emplace(); }, do_nothing,
      [](two& t) { t.token.release(); },
      [](two& t) { syncxx::wait_any(t.shut, t.token); });
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
TEST(LifetimeTest, EventCountAfterStop) {
  destroy_after_stop<syncxx::event_count>(
      [](auto& c, auto stop) { return c.await([] { return false; }, stop); });
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

}  // namespace
}  // namespace syncxx_test
