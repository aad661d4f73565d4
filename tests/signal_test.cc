// SPDX-License-Identifier: Apache-2.0
//
// What may be called in a signal handler (docs/guide/fork-and-signals.md): real
// handlers that give while the thread that they interrupt waits for, takes from
// or gives to the same object.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sync/barrier.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/event_count.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>
#include <sync/seqlock.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/environment.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using semaphore = syncxx::counting_semaphore<>;

// What the handler does: it gets one object.
struct handler_work {
  void (*function)(void*);
  void* object;
};
std::atomic<const handler_work*> g_work{nullptr};
std::atomic<int> g_handled{0};
static_assert(std::atomic<const handler_work*>::is_always_lock_free);

void handle(int) {
  const int saved = errno;
  errno = 4321;
  const handler_work* const work = g_work.load();
  work->function(work->object);
  if (errno != 4321) std::abort();  // the operation must keep it
  errno = saved;
  g_handled.fetch_add(1);
}

// Installs the handler for a scope.
class handled {
 public:
  template <class T>
  handled(void (*function)(T&), T& object, int flags)
      : typed_(reinterpret_cast<void (*)()>(function)) {
    work_.object = this;
    object_ = &object;
    work_.function = [](void* self) {
      auto& me = *static_cast<handled*>(self);
      reinterpret_cast<void (*)(T&)>(me.typed_)(*static_cast<T*>(me.object_));
    };
    g_work.store(&work_);
    g_handled.store(0);
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = flags;
    sigaction(SIGUSR2, &action, &before_);
  }
  handled(const handled&) = delete;
  handled& operator=(const handled&) = delete;
  ~handled() { sigaction(SIGUSR2, &before_, nullptr); }

 private:
  handler_work work_{};
  void (*typed_)();
  void* object_ = nullptr;
  struct sigaction before_ = {};
};

// Sends the signal to a thread until that says that it is done, at intervals
// from none to what lets it fall asleep.
template <class Body>
void in_a_storm(Body body) {
  std::atomic<bool> over{false};
  std::atomic<bool> calm{false};
  std::thread target([&] {
    body();
    over.store(true);
    while (!calm.load()) std::this_thread::yield();  // no signal is under way
  });
  for (unsigned n = 0; !over.load(); ++n) {
    pthread_kill(target.native_handle(), SIGUSR2);
    if (n % 8 == 0) std::this_thread::sleep_for(100us);
    for (volatile unsigned i = n % 512; i > 0;) i = i - 1;
  }
  calm.store(true);  // what was sent is handled before the thread ends
  target.join();
}

class SignalTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (kThreadSanitizer)
      GTEST_SKIP() << "ThreadSanitizer delays handlers until the thread makes "
                      "a call that it knows";
  }
};

INSTANTIATE_TEST_SUITE_P(WithFlags, SignalTest, testing::Values(0, SA_RESTART));

// --- The handler gives what the thread that it interrupts sleeps for ---------

template <class T, class Wait>
void wakes_whom_it_interrupts(T& object, void (*give)(T&), Wait wait,
                              int flags) {
  const handled handler(give, object, flags);
  background<bool> waiting([&] {
    wait();
    return true;
  });
  waiting.await_sleep();
  pthread_kill(waiting.native(), SIGUSR2);
  EXPECT_TRUE(waiting.result());
  EXPECT_EQ(g_handled.load(), 1);
}

TEST_P(SignalTest, ReleaseWakesWhomItInterrupts) {
  const auto give = +[](semaphore& s) { s.release(); };
  semaphore s(0);
  std::stop_source source;
  for (const std::function<void()>& wait : std::vector<std::function<void()>>{
           [&] { s.acquire(); }, [&] { EXPECT_TRUE(s.try_acquire_for(1h)); },
           [&] {
             EXPECT_TRUE(
                 s.try_acquire_until(std::chrono::system_clock::now() + 1h));
           },
           [&] { EXPECT_TRUE(s.acquire(source.get_token())); },
           [&] { EXPECT_TRUE(s.try_acquire_for(1h, source.get_token())); }}) {
    wakes_whom_it_interrupts(s, give, wait, GetParam());
    EXPECT_FALSE(s.try_acquire()) << "one was given, and taken";
  }
}

TEST_P(SignalTest, SetWakesWhomItInterrupts) {
  syncxx::event e;
  wakes_whom_it_interrupts(
      e, +[](syncxx::event& it) { it.set(); }, [&] { e.wait(); }, GetParam());
  EXPECT_TRUE(e.is_set());
  syncxx::auto_reset_event a;
  wakes_whom_it_interrupts(
      a, +[](syncxx::auto_reset_event& it) { it.set(); }, [&] { a.wait(); },
      GetParam());
  EXPECT_FALSE(a.is_set());
}

TEST_P(SignalTest, CountDownWakesWhomItInterrupts) {
  syncxx::latch l(1);
  wakes_whom_it_interrupts(
      l, +[](syncxx::latch& it) { it.count_down(); }, [&] { l.wait(); },
      GetParam());
}

struct counted_event {
  syncxx::event_count count;
  std::atomic<int> given{0};
  std::atomic<bool> all{false};
  void give() {
    given.fetch_add(1, std::memory_order_relaxed);
    if (all.load())
      count.notify_all();
    else
      count.notify_one();
  }
};

TEST_P(SignalTest, NotifyOfAnEventCountWakesWhomItInterrupts) {
  for (const bool all : {false, true}) {
    counted_event e;
    e.all = all;
    wakes_whom_it_interrupts(
        e, +[](counted_event& it) { it.give(); },
        [&] {
          e.count.await(
              [&] { return e.given.load(std::memory_order_relaxed) != 0; });
        },
        GetParam());
  }
}

// The handler wakes another thread than it runs on; errno is looked at there.
TEST_P(SignalTest, WakesOthersAndKeepsErrno) {
  semaphore s(0);
  background<bool> waiting([&] {
    s.acquire();
    return true;
  });
  waiting.await_sleep();
  const handled handler(
      +[](semaphore& it) { it.release(); }, s, GetParam());
  raise(SIGUSR2);
  EXPECT_TRUE(waiting.result());
}

// --- Storms ------------------------------------------------------------------

// The handler gives and the thread takes, in every form: as much as was given.
TEST_P(SignalTest, StormOfReleases) {
  semaphore s(0);
  const handled handler(
      +[](semaphore& it) { it.release(); }, s, GetParam());
  int taken = 0;
  in_a_storm([&] {
    std::stop_source source;
    for (int n = 0; n < iterations(4000); ++n) {
      switch (n % 5) {
        case 0:
          s.acquire();
          ++taken;
          break;
        case 1:
          taken += s.try_acquire_for(20us) ? 1 : 0;
          break;
        case 2:
          taken += s.acquire(source.get_token()) ? 1 : 0;
          break;
        case 3:
          taken += s.try_acquire() ? 1 : 0;
          break;
        default:
          s.release();
          s.acquire();
          break;
      }
    }
  });
  const int given = g_handled.load();
  while (s.try_acquire()) ++taken;
  EXPECT_EQ(taken, given);
}

// Handler and thread take and give: nothing is lost, nothing made.
TEST_P(SignalTest, StormOfTakesAndGives) {
  semaphore s(3);
  const handled handler(
      +[](semaphore& it) {
        if (it.try_acquire()) it.release();
      },
      s, GetParam());
  in_a_storm([&] {
    for (int n = 0; n < iterations(100'000); ++n) {
      s.acquire();
      s.release();
    }
  });
  int left = 0;
  while (s.try_acquire()) ++left;
  EXPECT_EQ(left, 3);
  EXPECT_GT(g_handled.load(), 0);
}

TEST_P(SignalTest, StormOfSets) {
  syncxx::event e;
  const handled handler(
      +[](syncxx::event& it) { it.set(); }, e, GetParam());
  in_a_storm([&] {
    for (int n = 0; n < iterations(3000); ++n) {
      e.wait();  // for the handler
      e.reset();
      e.set();
      EXPECT_TRUE(e.try_wait());
      e.reset();
    }
  });
}

// No set is lost to a reset in the thread that waits.
TEST_P(SignalTest, StormOfAutoResets) {
  syncxx::auto_reset_event e;
  const handled handler(
      +[](syncxx::auto_reset_event& it) { it.set(); }, e, GetParam());
  int passed = 0;
  in_a_storm([&] {
    for (int n = 0; n < iterations(3000); ++n) {
      e.wait();
      ++passed;
      if (n % 3 == 0) passed += e.wait_for(20us) ? 1 : 0;
    }
  });
  EXPECT_LE(passed, g_handled.load());
}

// The thread waits for the handler, and is also anywhere in a wait that it has
// begun itself and gives up.
TEST_P(SignalTest, StormOfNotifications) {
  counted_event e;
  const handled handler(
      +[](counted_event& it) { it.give(); }, e, GetParam());
  in_a_storm([&] {
    std::stop_source source;
    for (int n = 0; n < iterations(3000); ++n) {
      const int before = e.given.load();
      const auto more = [&] { return e.given.load() > before; };
      if (n % 3 == 0) static_cast<void>(e.count.await_for(more, 20us));
      if (n % 3 == 1) {
        static_cast<void>(e.count.prepare_wait());
        e.count.cancel_wait();
        e.count.notify_one();
      }
      e.count.await(more);
      EXPECT_TRUE(more());
    }
  });
}

// --- A handler that looks at a value
// ------------------------------------------

struct seen_value {
  struct pair {
    long first, second;
  };
  syncxx::seqlock<pair> value{pair{0, 0}};
  std::atomic<long> torn{0};

  void look() {
    pair p = value.load();
    if (p.first != p.second) torn.fetch_add(1);
    if (value.try_load(p) && p.first != p.second) torn.fetch_add(1);
  }
};

// Another thread writes. The one that is interrupted reads, too.
TEST_P(SignalTest, StormOfLoads) {
  seen_value v;
  const handled handler(
      +[](seen_value& it) { it.look(); }, v, GetParam());
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (long n = 1; !over.load(); ++n) {
      v.value.store({n, n});
      if (n % 64 == 0) std::this_thread::yield();
    }
  });
  in_a_storm([&] {
    while (g_handled.load() < iterations(1000)) v.look();
  });
  over = true;
  writer.join();
  EXPECT_EQ(v.torn.load(), 0);
}

struct counted_latch {
  syncxx::latch latch;
  std::atomic<int> left;
};

TEST_P(SignalTest, StormOfCountDowns) {
  for (int round = 0; round < iterations(20); ++round) {
    counted_latch l{syncxx::latch(60), {50}};
    const handled handler(
        +[](counted_latch& it) {
          if (it.left.fetch_sub(1) > 0) it.latch.count_down();
        },
        l, GetParam());
    in_a_storm([&] {
      for (int n = 0; n < 10; ++n) l.latch.count_down();
      l.latch.wait();
    });
    EXPECT_TRUE(l.latch.try_wait());
  }
}

// The thread is anywhere in the other primitives when the handler comes.
TEST_P(SignalTest, ReleaseFromAnywhere) {
  semaphore s(0);
  const handled handler(
      +[](semaphore& it) { it.release(); }, s, GetParam());
  syncxx::mutex m;
  syncxx::condition_variable c;
  syncxx::barrier<> b(2);
  bool full = false;
  int rounds = 0;
  const int n = iterations(1500);
  std::thread partner([&] {
    for (int i = 0; i < n; ++i) {
      std::unique_lock lock(m);
      c.wait(lock, [&] { return full; });
      full = false;
      c.notify_all();
      lock.unlock();
      b.arrive_and_wait();
    }
  });
  in_a_storm([&] {
    for (int i = 0; i < n; ++i) {
      std::unique_lock lock(m);
      full = true;
      c.notify_one();
      c.wait(lock, [&] { return !full; });
      lock.unlock();
      b.arrive_and_wait();
      ++rounds;
    }
  });
  partner.join();
  EXPECT_EQ(rounds, n);
  int given = 0;
  while (s.try_acquire()) ++given;
  EXPECT_EQ(given, g_handled.load());
}

}  // namespace
}  // namespace syncxx_test
