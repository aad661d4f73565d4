// SPDX-License-Identifier: Apache-2.0
//
// Three threads of SCHED_FIFO on one CPU. The low one is inside a section, the
// high one waits for that, and the middle one has work for as long as it likes.
// How much does each of the others work before the high one gets on? In
// processor time, so that neither other programs nor a slow machine count.
#ifndef SYNCXX_TESTS_SUPPORT_INVERSION_H_
#define SYNCXX_TESTS_SUPPORT_INVERSION_H_

#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "tests/support/real_time.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {

class inversion {
 public:
  static constexpr double kSection = 0.05, kMiddle = 0.3;  // seconds
  static constexpr double kSlack = 0.02;

  // While the high one was blocked, from the section's begin.
  struct work {
    double low = 0, middle = 0;
  };

  // A Scene has
  //   low_before()  what the low one does before the high one waits,
  //   low_begin()   and, once it waits, before the section;
  //   low_end()     ends the section;
  //   high()        waits until the section has ended, calls back, and leaves.
  template <class Scene>
  static work measure(Scene& scene) {
    std::atomic<bool> before{false}, asleep{false}, begun{false}, over{false};
    std::atomic<bool> middle_ready{false};
    work at_begin, at_end;
    background<bool> middle([&] {
      if (!pin_to_first_cpu() || !set_fifo_priority(20)) return false;
      middle_ready = true;
      await([&] { return begun.load(); });
      burn(kMiddle);
      await([&] { return over.load(); });
      return true;
    });
    background<bool> low([&] {
      if (!pin_to_first_cpu() || !set_fifo_priority(10)) return false;
      scene.low_before();
      before = true;
      await([&] { return asleep.load(); });
      scene.low_begin();
      at_begin = {seconds_of(pthread_self()), seconds_of(middle.native())};
      begun = true;
      burn(kSection);
      scene.low_end();
      await([&] { return over.load(); });
      return true;
    });
    await([&] { return before.load() && middle_ready.load(); });
    background<bool> high([&] {
      if (!pin_to_first_cpu() || !set_fifo_priority(30)) return false;
      scene.high([&] {
        at_end = {seconds_of(low.native()), seconds_of(middle.native())};
        over = true;
      });
      return true;
    });
    high.await_sleep();
    asleep = true;
    EXPECT_TRUE(high.result());
    EXPECT_TRUE(low.result());
    EXPECT_TRUE(middle.result());
    return {at_end.low - at_begin.low, at_end.middle - at_begin.middle};
  }

  // The high one waits as long as the section lasts, and for nobody else.
  template <class Scene>
  static void expect_bounded(Scene scene) {
    const work w = measure(scene);
    EXPECT_GE(w.low, kSection);
    EXPECT_LT(w.low, kSection + kSlack);
    EXPECT_LT(w.middle, kSlack);
  }
  // The test can see it: all of the middle one's work comes first.
  template <class Scene>
  static void expect_inverted(Scene scene) {
    const work w = measure(scene);
    EXPECT_GE(w.low, kSection);
    EXPECT_GE(w.middle, kMiddle);
  }

 private:
  static double seconds_of(pthread_t thread) {
    clockid_t clock;
    timespec t{};
    EXPECT_EQ(pthread_getcpuclockid(thread, &clock), 0);
    EXPECT_EQ(clock_gettime(clock, &t), 0);
    return static_cast<double>(t.tv_sec) +
           static_cast<double>(t.tv_nsec) * 1e-9;
  }
  static void burn(double seconds) {
    const double end = seconds_of(pthread_self()) + seconds;
    while (seconds_of(pthread_self()) < end) {
    }
  }
};

// The high one waits for the lock.
template <class M>
struct lock_scene {
  void low_before() { m.lock(); }
  void low_begin() {}
  void low_end() { m.unlock(); }
  template <class F>
  void high(F owned) {
    m.lock();
    owned();
    m.unlock();
  }
  M& m;
};

// ... for a lock whose owner waits for that of the low one.
template <class M>
struct chain_scene {
  void low_before() {
    m.lock();
    link = std::make_unique<background<bool>>([this] {
      if (!pin_to_first_cpu() || !set_fifo_priority(15)) return false;
      between.lock();
      m.lock();
      m.unlock();
      between.unlock();
      return true;
    });
    link->await_sleep();
  }
  void low_begin() {}
  void low_end() { m.unlock(); }
  template <class F>
  void high(F owned) {
    between.lock();
    owned();
    between.unlock();
  }
  M& m;
  M& between;
  std::unique_ptr<background<bool>> link{};
};

// ... at a condition variable, and has been notified: it is the lock that it
// still has to wait for.
template <class C, class M>
struct notified_scene {
  void low_before() {}
  void low_begin() {
    m.lock();
    c.notify_one();
  }
  void low_end() { m.unlock(); }
  template <class F>
  void high(F owned) {
    std::unique_lock<M> lock(m);
    c.wait(lock);
    owned();
  }
  C& c;
  M& m;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_INVERSION_H_
