// SPDX-License-Identifier: Apache-2.0
//
// A thread in one cell of the wait matrix: it runs one form on one waitable
// and, if it got through, gives back what it took.
#ifndef SYNCXX_TESTS_SUPPORT_WAITER_H_
#define SYNCXX_TESTS_SUPPORT_WAITER_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/threads.h"
#include "tests/support/wait_forms.h"
#include "tests/support/waitables.h"

namespace syncxx_test {

class waiter {
 public:
  waiter(waitable& w, wait_form form, nanoseconds budget,
         std::stop_token stop = {})
      : name_(form.name),
        parks_(w.traits().parks),
        thread_([&w, form = std::move(form), budget, stop = std::move(stop)] {
          const wait_outcome outcome = form.run(w, budget, stop);
          if (outcome.taken) w.give_back();
          return outcome;
        }) {}

  // Returns when the thread waits: asleep, or for a spinning lock, so long
  // after its start that it very likely spins.
  void await_blocked() const {
    if (parks_) {
      thread_.await_sleep();
    } else {
      static_cast<void>(thread_.tid());
      std::this_thread::sleep_for(2ms);
    }
  }
  bool finished() const { return thread_.finished(); }
  pthread_t native() { return thread_.native(); }
  const std::string& name() const { return name_; }

  void expect_taken() { EXPECT_TRUE(thread_.result().taken) << name_; }
  void expect_not_taken() {
    const wait_outcome outcome = thread_.result();
    EXPECT_FALSE(outcome.taken) << name_;
    EXPECT_FALSE(outcome.early) << name_ << " gave up before its deadline";
  }
  void expect_stopped() { EXPECT_FALSE(thread_.result().taken) << name_; }
  wait_outcome outcome() { return thread_.result(); }

 private:
  std::string name_;
  bool parks_;
  background<wait_outcome> thread_;
};

// One thread for each form, each with a waitable of its own, all at once.
class row {
 public:
  row(const waitable_kind& kind, const wait_forms& forms, nanoseconds budget,
      std::stop_token stop) {
    for (const wait_form& form : forms) {
      objects_.push_back(kind.make(false));
      waiters_.push_back(
          std::make_unique<waiter>(*objects_.back(), form, budget, stop));
    }
  }
  ~row() {  // after a failed assertion: nobody may be left behind
    if (!opened_) open();
  }
  void await_blocked() {
    for (auto& w : waiters_) w->await_blocked();
  }
  void open() {
    opened_ = true;
    for (auto& object : objects_) object->open();
  }
  void expect_waiting() {
    for (auto& w : waiters_)
      EXPECT_FALSE(w->finished()) << w->name() << " returned by itself";
  }
  std::vector<pthread_t> threads() {
    std::vector<pthread_t> all;
    for (auto& w : waiters_) all.push_back(w->native());
    return all;
  }
  auto begin() { return waiters_.begin(); }
  auto end() { return waiters_.end(); }
  waitable& object(std::size_t i) { return *objects_[i]; }

 private:
  std::vector<std::unique_ptr<waitable>> objects_;
  std::vector<std::unique_ptr<waiter>> waiters_;  // joined first
  bool opened_ = false;
};

// Runs `body` on another thread: the owner of a mutex must not wait for it.
template <class F>
void on_another_thread(F body) {
  std::thread(std::move(body)).join();
}

// At the end of a test there is exactly one token (or an open gate).
inline void expect_one_token_left(waitable& w) {
  on_another_thread([&w] {
    ASSERT_TRUE(w.try_wait()) << "a token was lost";
    if (w.traits().exclusive) {
      on_another_thread([&w] {
        const bool second = w.try_wait();
        EXPECT_FALSE(second) << "a token was made from nothing";
        if (second) w.give_back();
      });
    }
    w.give_back();
  });
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_WAITER_H_
