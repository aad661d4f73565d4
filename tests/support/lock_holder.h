// SPDX-License-Identifier: Apache-2.0
//
// For tests of several locks: which are free, and a thread that holds one.
#ifndef SYNCXX_TESTS_SUPPORT_LOCK_HOLDER_H_
#define SYNCXX_TESTS_SUPPORT_LOCK_HOLDER_H_

#include <atomic>

#include "tests/support/exclusion.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {

template <class... M>
bool all_free(M&... m) {
  return (try_from_another_thread(m) && ...);
}
template <class... M>
bool all_taken(M&... m) {
  return (!try_from_another_thread(m) && ...);
}

// Holds a lock, by a thread of its own.
template <class M>
class holder {
 public:
  explicit holder(M& m)
      : thread_([&m, this] {
          m.lock();
          held_ = true;
          await([this] { return over_.load(); });
          m.unlock();
          return true;
        }) {
    await([this] { return held_.load(); });
  }
  ~holder() { over_ = true; }
  void let_go() {
    over_ = true;
    thread_.result();
  }

 private:
  std::atomic<bool> held_{false}, over_{false};
  background<bool> thread_;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_LOCK_HOLDER_H_
