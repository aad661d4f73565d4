// SPDX-License-Identifier: Apache-2.0
//
// A small test with a known set of outcomes, for tests of how they are
// collected.
#ifndef SYNCXX_TESTS_MODEL_SUPPORT_OUTCOMES_H_
#define SYNCXX_TESTS_MODEL_SUPPORT_OUTCOMES_H_

#include <set>
#include <utility>

#include <sync/atomic.h>
#include <sync/model/check.h>

namespace syncxx_test {

using outcome = std::pair<int, int>;

// Store buffering, relaxed: what the two threads read.
inline outcome store_buffering() {
  constexpr auto relaxed = syncxx::memory_order_relaxed;
  syncxx::atomic<int> x(0), y(0);
  int a = 0, b = 0;
  {
    syncxx::model::thread t([&] {
      x.store(1, relaxed);
      a = y.load(relaxed);
    });
    syncxx::model::thread u([&] {
      y.store(1, relaxed);
      b = x.load(relaxed);
    });
  }
  return {a, b};
}

inline const std::set<outcome> kFour{{0, 0}, {0, 1}, {1, 0}, {1, 1}};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_MODEL_SUPPORT_OUTCOMES_H_
