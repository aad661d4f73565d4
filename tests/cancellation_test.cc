// SPDX-License-Identifier: Apache-2.0
//
// pthread_cancel and the waits: none of them is a cancellation point, in any
// form, of any primitive. A thread that is cancelled while it waits (or that
// was cancelled before) goes on waiting, owns what it has waited for, and ends
// at the next cancellation point that its program passes. The same holds for
// releases, stop requests and futex_wait. (The waits are noexcept: were they
// cancellation points, cancelling would end the process.)
#include <gtest/gtest.h>
#include <pthread.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/futex.h>
#include <sync/mutex.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/wait_forms.h"
#include "tests/support/waitables.h"
#include "tests/support/waiter.h"

namespace syncxx_test {
namespace {

// A thread that runs `body` and then comes to a cancellation point. (Not
// std::thread: cancelling unwinds the stack, which a noexcept function and a
// catch (...) on it must not see.)
class cancellable {
 public:
  explicit cancellable(std::function<void()> body) : body_(std::move(body)) {
    EXPECT_EQ(pthread_create(&thread_, nullptr, run, this), 0);
  }
  cancellable(const cancellable&) = delete;
  cancellable& operator=(const cancellable&) = delete;
  ~cancellable() {
    if (!joined_) join();
  }

  pid_t tid() const {
    await([this] { return tid_.load() != 0; });
    return tid_.load();
  }
  void cancel() { EXPECT_EQ(pthread_cancel(thread_), 0); }
  bool body_is_over() const { return over_.load(); }

  void expect_cancelled_after_body(const std::string& what) {
    void* const result = join();
    EXPECT_TRUE(body_is_over()) << what << " was a cancellation point";
    EXPECT_EQ(result, PTHREAD_CANCELED)
        << what << " has swallowed the cancellation";
  }

 private:
  static void* run(void* self) {
    auto* const me = static_cast<cancellable*>(self);
    me->tid_.store(this_tid());
    me->body_();
    me->over_.store(true);
    pthread_testcancel();
    return nullptr;
  }
  void* join() {
    void* result = nullptr;
    EXPECT_EQ(pthread_join(thread_, &result), 0);
    joined_ = true;
    return result;
  }

  std::function<void()> body_;
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> over_{false};
  bool joined_ = false;
  pthread_t thread_{};
};

// Runs `body` on a thread that was cancelled before.
void expect_no_cancellation_point(const std::string& what,
                                  const std::function<void()>& body) {
  cancellable thread([&] {
    pthread_cancel(pthread_self());
    body();
  });
  thread.expect_cancelled_after_body(what);
}

class Cancellation : public waitable_test {
 protected:
  std::stop_source never_stopped_;
};
INSTANTIATE_TEST_SUITE_P(, Cancellation, testing::ValuesIn(waitables()),
                         waitable_name);

// Each test runs in a child: a wait that is a cancellation point ends it.

TEST_P(Cancellation, OfAWaitingThreadLeavesItWaiting) {
  EXPECT_TRUE(succeeds_in_child([this] {
    struct cell {
      explicit cell(const wait_form& f, const std::stop_token& stop)
          : form(f), thread([this, stop] {
              taken = form.run(*object, 1h, stop).taken;
              if (taken) object->give_back();
            }) {}
      wait_form form;
      bool taken = false;
      std::unique_ptr<waitable> object = GetParam().make(false);
      cancellable thread;
    };
    std::vector<std::unique_ptr<cell>> cells;
    for (const auto& form : waiting_forms(GetParam()))
      cells.push_back(std::make_unique<cell>(form, never_stopped_.get_token()));
    // All sleep: parked, or in a nap between two looks at a spinning lock.
    for (auto& one : cells)
      await([&] { return thread_state(one->thread.tid()) == 'S'; });
    for (auto& one : cells) one->thread.cancel();
    if (!GetParam().traits.parks) {  // they nap again
      for (auto& one : cells)
        await([&, before = sleeps_so_far(one->thread.tid())] {
          return sleeps_so_far(one->thread.tid()) > before + 1;
        });
    }
    for (auto& one : cells) EXPECT_FALSE(one->thread.body_is_over());
    for (auto& one : cells) one->object->open();
    for (auto& one : cells) {
      one->thread.expect_cancelled_after_body(one->form.name);
      EXPECT_TRUE(one->taken) << one->form.name;
      expect_one_token_left(*one->object);
    }
  }));
}

TEST_P(Cancellation, BeforeAWaitThatSucceedsStaysPending) {
  EXPECT_TRUE(succeeds_in_child([this] {
    const auto w = GetParam().make(true);
    for (const auto& form : all_forms(GetParam())) {
      bool taken = false;
      expect_no_cancellation_point(form.name, [&] {
        taken = form.run(*w, 1h, never_stopped_.get_token()).taken;
        if (taken) w->give_back();
      });
      EXPECT_TRUE(taken) << form.name;
    }
    expect_one_token_left(*w);
  }));
}

TEST_P(Cancellation, BeforeAWaitThatFailsStaysPending) {
  EXPECT_TRUE(succeeds_in_child([this] {
    const auto w = GetParam().make(false);
    const std::stop_token stop = never_stopped_.get_token();
    for (const auto& form : past_forms(GetParam()))
      expect_no_cancellation_point(form.name, [&] { form.run(*w, 0ns, stop); });
    for (const auto& form : timed_forms(GetParam()))
      expect_no_cancellation_point(form.name, [&] { form.run(*w, 1ms, stop); });
    w->open();
    expect_one_token_left(*w);
  }));
}

// Notifies, unlocks and sets that wake others, and a request that stops them.
TEST(CancellationTest, StaysPendingInThoseWhoWake) {
  EXPECT_TRUE(succeeds_in_child([] {
    syncxx::mutex m;
    syncxx::condition_variable c;
    syncxx::event e;
    std::stop_source source;
    bool ready = false;
    auto notified = run_in_background([&] {
      std::unique_lock lock(m);
      c.wait(lock, [&] { return ready; });
    });
    auto set = run_in_background([&] { e.wait(); });
    auto stopped = run_in_background([&] {
      std::unique_lock lock(m);
      return c.wait(lock, source.get_token(), [] { return false; });
    });
    notified.await_sleep();
    set.await_sleep();
    stopped.await_sleep();
    expect_no_cancellation_point("a wake", [&] {
      {
        std::lock_guard lock(m);
        ready = true;
        c.notify_all();
      }
      e.set();
      source.request_stop();
    });
    EXPECT_TRUE(notified.result());
    EXPECT_TRUE(set.result());
    EXPECT_FALSE(stopped.result());
  }));
}

TEST(CancellationTest, StaysPendingInFutexWaits) {
  EXPECT_TRUE(succeeds_in_child([] {
    const syncxx::detail::futex_word word{0};
    expect_no_cancellation_point("futex_wait_for", [&] {
      while (syncxx::futex_wait_for(word, 0, 1ms) !=
             syncxx::futex_result::timed_out) {
      }
    });
    const syncxx::futex_wait_entry both[] = {{&word, 0}, {&word, 0}};
    expect_no_cancellation_point("futex_wait_any_for", [&] {
      while (syncxx::futex_wait_any_for(both, 1ms)) {
      }
    });
  }));
}

}  // namespace
}  // namespace syncxx_test
