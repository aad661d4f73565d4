// SPDX-License-Identifier: Apache-2.0
//
// Condition variables under Relacy.
#include <chrono>
#include <mutex>

#include <sync/atomic.h>
#include <sync/condition_variable.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

#include "tests/relacy/suite.h"

namespace relacy_test {
namespace {

template <class Condition, class Lock>
struct guarded {
  Lock lock;
  Condition changed;
  syncxx::cell<int> ready{0};
  syncxx::cell<int> taken{0};
};

// Two wait, one lets them go with one notification for both or one each.
template <class Condition, class Lock, bool All>
struct notified
    : suite<notified<Condition, Lock, All>, guarded<Condition, Lock>, 3> {
  void thread(unsigned index) {
    auto& o = this->shared();
    if (index == 0) {
      for (int i = 0; i < (All ? 1 : 2); ++i) {
        const std::lock_guard lock(o.lock);
        o.ready = o.ready + (All ? 2 : 1);
        if (All) {
          o.changed.notify_all();
        } else {
          o.changed.notify_one();
        }
      }
    } else {
      std::unique_lock lock(o.lock);
      o.changed.wait(lock, [&o] { return o.ready > 0; });
      o.ready = o.ready - 1;
      o.taken = o.taken + 1;
    }
  }
  void finish() {
    require(this->shared().taken == 2 && this->shared().ready == 0,
            "both have got through");
  }
};

// Notified without the lock; one of the waiters gives up at some time.
template <class Condition, class Lock>
struct in_time : suite<in_time<Condition, Lock>, guarded<Condition, Lock>, 3> {
  void thread(unsigned index) {
    auto& o = this->shared();
    if (index == 0) {
      {
        const std::lock_guard lock(o.lock);
        o.ready = 1;
      }
      o.changed.notify_one();
      return;
    }
    std::unique_lock lock(o.lock);
    const auto ready = [&o] { return o.ready != 0; };
    if (o.changed.wait_for(lock, std::chrono::seconds(1), ready))
      require(o.ready == 1, "the predicate holds");
    o.taken = o.taken + 1;
  }
  void finish() { require(this->shared().taken == 2, "both have ended"); }
};

void all() {
  using cv = syncxx::condition_variable;
  using any = syncxx::condition_variable_any;
  using syncxx::mutex;
  using syncxx::spinlock;
  passes<notified<cv, mutex, false>>("condition_variable");
  finds<notified<cv, mutex, false>>("condition_variable without release",
                                    kNoRelease);
  finds<notified<cv, mutex, false>>("condition_variable without acquire",
                                    kNoAcquire);
  finds<notified<cv, mutex, false>>("condition_variable without wakes",
                                    kNoWakes);
  passes<notified<cv, mutex, true>>("condition_variable, notify_all");
  finds<notified<cv, mutex, true>>("notify_all without wakes", kNoWakes);
  passes<in_time<cv, mutex>>("condition_variable, with time-outs");
  passes<notified<any, spinlock, false>>("condition_variable_any");
  passes<notified<any, mutex, true>>("condition_variable_any, notify_all");
  finds<notified<any, mutex, true>>("condition_variable_any without wakes",
                                    kNoWakes);
  passes<in_time<any, spinlock>>("condition_variable_any, with time-outs");
}

}  // namespace
}  // namespace relacy_test

int main() {
  relacy_test::all();
  return relacy_test::failures() == 0 ? 0 : 1;
}
