// SPDX-License-Identifier: Apache-2.0
//
// What tests of the child of a fork share: threads of the parent that the child
// does not have, and what must work there all the same.
#ifndef SYNCXX_TESTS_SUPPORT_IN_CHILD_H_
#define SYNCXX_TESTS_SUPPORT_IN_CHILD_H_

#include <gtest/gtest.h>
#include <sync/event.h>

#include <mutex>
#include <thread>

#include "tests/support/child_process.h"
#include "tests/support/environment.h"
#include "tests/support/thread_safety_off.h"

namespace syncxx_test {

// ThreadSanitizer lets the child of a process with threads make none.
inline constexpr bool kChildMayHaveThreads = !kThreadSanitizer;

// Several threads use the lock, and exclude each other.
template <class M>
void expect_works(M& m) {
  int count = 0;
  const auto use = [&] {
    for (int i = 0; i < 300; ++i) {
      const std::lock_guard<M> lock(m);
      ++count;
    }
  };
  if (!kChildMayHaveThreads) {
    use();
    EXPECT_EQ(count, 300);
    return;
  }
  std::thread one(use), two(use);
  use();
  one.join();
  two.join();
  EXPECT_EQ(count, 900);
}

// A thread that holds the lock from construction to destruction.
template <class M>
class holder {
 public:
  explicit holder(M& m)
      : thread_([this, &m] {
          const std::lock_guard<M> lock(m);
          held_.set();
          over_.wait();
        }) {
    held_.wait();
  }
  holder(const holder&) = delete;
  holder& operator=(const holder&) = delete;
  ~holder() {
    over_.set();
    thread_.join();
  }

 private:
  syncxx::event held_, over_;
  std::thread thread_;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_IN_CHILD_H_
