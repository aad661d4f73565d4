// SPDX-License-Identifier: Apache-2.0
//
// notify_all_at_thread_exit ([thread.condition.nonmember]).
#include <gtest/gtest.h>
#include <pthread.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/mutex.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::condition_variable;
using syncxx::mutex;
using syncxx::notify_all_at_thread_exit;
using lock_type = std::unique_lock<mutex>;

static_assert(
    std::is_void_v<decltype(notify_all_at_thread_exit(
        std::declval<condition_variable&>(), std::declval<lock_type>()))>);

// What a thread leaves behind; its thread_local objects count themselves.
struct meeting {
  mutex m;
  condition_variable c;
  bool said = false;  // under m
  int destroyed = 0;

  void wait() {
    lock_type lock(m);
    c.wait(lock, [this] { return said; });
  }
};

struct counted {
  meeting* of = nullptr;
  ~counted() {
    if (of != nullptr) ++of->destroyed;
  }
};
thread_local counted t_before;
thread_local counted t_after;
thread_local counted t_from_a_destructor;
struct makes_another {
  meeting* of = nullptr;
  ~makes_another() {
    if (of == nullptr) return;
    ++of->destroyed;
    t_from_a_destructor.of = of;
  }
};
thread_local makes_another t_makes_another;

void say_and_end(meeting& a) {
  lock_type lock(a.m);
  t_before.of = &a;
  a.said = true;
  notify_all_at_thread_exit(a.c, std::move(lock));
  t_after.of = &a;
  t_makes_another.of = &a;
}

TEST(NotifyAtThreadExitTest, ComesAfterTheThreadsOwnObjects) {
  meeting a;
  std::thread speaker([&] { say_and_end(a); });
  a.wait();
  EXPECT_EQ(a.destroyed, 4);
  speaker.join();
}

TEST(NotifyAtThreadExitTest, HoldsTheLockUntilThen) {
  meeting a;
  syncxx::event said;
  syncxx::event may_end;
  std::thread speaker([&] {
    say_and_end(a);
    said.set();
    may_end.wait();
  });
  said.wait();
  background<bool> waiting([&] {
    a.wait();
    return true;
  });
  waiting.await_sleep();
  EXPECT_FALSE(a.m.try_lock());
  may_end.set();
  speaker.join();
  EXPECT_TRUE(waiting.result());
}

TEST(NotifyAtThreadExitTest, DetachedThread) {
  const auto a = std::make_unique<meeting>();
  std::thread([&] { say_and_end(*a); }).detach();
  a->wait();
  EXPECT_EQ(a->destroyed, 4);
}

// Who sees under the lock that it was said may destroy both.
TEST(NotifyAtThreadExitTest, MayBeDestroyedByTheWaiter) {
  for (int round = 0; round < iterations(300); ++round) {
    auto a = std::make_unique<meeting>();
    std::thread speaker([shared = a.get()] { say_and_end(*shared); });
    a->wait();
    a.reset();
    speaker.join();
  }
}

TEST(NotifyAtThreadExitTest, ManyWaiters) {
  meeting a;
  std::vector<std::unique_ptr<background<int>>> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(std::make_unique<background<int>>([&] {
      a.wait();
      return a.destroyed;
    }));
  }
  for (auto& one : waiting) one->await_sleep();
  std::thread([&] { say_and_end(a); }).join();
  for (auto& one : waiting) EXPECT_EQ(one->result(), 4);
}

TEST(NotifyAtThreadExitTest, SeveralOfOneThreadInTheirOrder) {
  struct place {
    mutex m;
    condition_variable c;
    int turn = 0;
  };
  place places[3];
  std::thread([&] {
    for (place& p : places) notify_all_at_thread_exit(p.c, lock_type(p.m));
  }).join();
  for (place& p : places) {
    EXPECT_TRUE(p.m.try_lock()) << "given back";
    p.m.unlock();
  }
  // Each thread has its own.
  std::vector<std::thread> crew;
  for (place& p : places) {
    crew.emplace_back([&p] {
      for (int i = 0; i < 2; ++i) {
        std::thread([&p] {
          lock_type lock(p.m);
          ++p.turn;
          notify_all_at_thread_exit(p.c, std::move(lock));
        }).detach();
      }
      lock_type lock(p.m);
      p.c.wait(lock, [&p] { return p.turn == 2; });
    });
  }
  for (std::thread& thread : crew) thread.join();
}

TEST(NotifyAtThreadExitTest, EndedByPthreadExit) {
  meeting a;
  std::thread speaker([&] {
    say_and_end(a);
    pthread_exit(nullptr);
  });
  a.wait();
  EXPECT_EQ(a.destroyed, 4);
  speaker.join();
}

TEST(NotifyAtThreadExitTest, WithoutTheLockIsAnError) {
  mutex m;
  condition_variable c;
  expect_system_error(std::errc::operation_not_permitted,
                      [&] { notify_all_at_thread_exit(c, lock_type()); });
  expect_system_error(std::errc::operation_not_permitted, [&] {
    notify_all_at_thread_exit(c, lock_type(m, std::defer_lock));
  });
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

// The main thread ends in exit(). Looked at after all that was registered with
// atexit() since the program began.
constinit meeting* g_meeting = nullptr;
void look_at_exit() {
  if (g_meeting == nullptr) return;
  const bool ok =
      g_meeting->m.try_lock() && g_meeting->said && g_meeting->destroyed == 4;
  _exit(ok ? 0 : 1);
}
[[maybe_unused]] const bool g_registered = std::atexit(look_at_exit) == 0;

TEST(NotifyAtThreadExitTest, MainThread) {
  EXPECT_TRUE(succeeds_in_child([] {
    g_meeting = new meeting;
    say_and_end(*g_meeting);
    std::exit(3);
  }));
}

}  // namespace
}  // namespace syncxx_test
