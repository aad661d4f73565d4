// SPDX-License-Identifier: Apache-2.0
//
// Shows mutual exclusion: many threads in one critical section whose plain data
// comes out wrong if two are ever in it (and TSan sees each missing edge).
#ifndef SYNCXX_TESTS_SUPPORT_EXCLUSION_H_
#define SYNCXX_TESTS_SUPPORT_EXCLUSION_H_

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/environment.h"
#include "tests/support/thread_safety_off.h"

namespace syncxx_test {

// `enter` and `leave` bracket the section; each of `threads` threads passes it
// `rounds` times.
template <class Enter, class Leave>
void expect_exclusion(int threads, int rounds, Enter enter, Leave leave) {
  long counter = 0;
  long mirror = 0;
  bool torn = false;
  std::vector<std::thread> crew;
  for (int t = 0; t < threads; ++t) {
    crew.emplace_back([&, rounds] {
      for (int i = 0; i < rounds; ++i) {
        enter();
        torn = torn || counter != mirror;
        ++counter;
        if (i % 61 == 0) std::this_thread::yield();
        ++mirror;
        leave();
      }
    });
  }
  for (std::thread& thread : crew) thread.join();
  EXPECT_FALSE(torn) << "two threads were inside at once";
  EXPECT_EQ(counter, static_cast<long>(threads) * rounds);
  EXPECT_EQ(mirror, counter);
}

template <class M>
void expect_exclusion(M& m, int threads, int rounds) {
  expect_exclusion(
      threads, rounds, [&m] { m.lock(); }, [&m] { m.unlock(); });
}

// What another thread gets at once; and gives back.
template <class M>
bool try_from_another_thread(M& m) {
  bool locked = false;
  std::thread([&] {
    locked = m.try_lock();
    if (locked) m.unlock();
  }).join();
  return locked;
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_EXCLUSION_H_
