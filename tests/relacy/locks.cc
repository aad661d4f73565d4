// SPDX-License-Identifier: Apache-2.0
//
// The locks under Relacy.
#include <chrono>

#include <sync/atomic.h>
#include <sync/mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/spinlock.h>

#include "tests/relacy/suite.h"

namespace relacy_test {
namespace {

template <class Lock>
struct guarded {
  Lock lock;
  syncxx::cell<int> count{0};
  syncxx::cell<int> turns{0};
};

// Three threads, two turns each.
template <class Lock>
struct exclusion : suite<exclusion<Lock>, guarded<Lock>, 3> {
  void thread(unsigned) {
    guarded<Lock>& o = this->shared();
    for (int i = 0; i < 2; ++i) {
      o.lock.lock();
      o.count = o.count + 1;
      o.lock.unlock();
    }
  }
  void finish() { require(this->shared().count == 6, "every turn counts"); }
};

// One waits, one tries, one waits for a time only.
template <class Lock>
struct trying : suite<trying<Lock>, guarded<Lock>, 3> {
  void thread(unsigned index) {
    guarded<Lock>& o = this->shared();
    bool owned = true;
    if (index == 0) {
      o.lock.lock();
    } else if (index == 1) {
      owned = o.lock.try_lock();
    } else {
      owned = o.lock.try_lock_for(std::chrono::seconds(1));
    }
    if (!owned) return;
    o.count = o.count + 1;
    o.turns = o.turns + 1;
    o.lock.unlock();
  }
  void finish() {
    require(this->shared().count == this->shared().turns, "every turn counts");
  }
};

// Inner levels exclude the others as well.
struct reentry : suite<reentry, guarded<syncxx::recursive_mutex>, 2> {
  void thread(unsigned) {
    auto& o = shared();
    o.lock.lock();
    o.count = o.count + 1;
    o.lock.lock();
    o.lock.unlock();
    o.count = o.count + 1;
    o.lock.unlock();
  }
  void finish() { require(shared().count == 4, "every turn counts"); }
};

void all() {
  using syncxx::mutex;
  using syncxx::recursive_mutex;
  using syncxx::spinlock;
  passes<exclusion<mutex>>("mutex");
  finds<exclusion<mutex>>("mutex without release", kNoRelease);
  finds<exclusion<mutex>>("mutex without acquire", kNoAcquire);
  finds<exclusion<mutex>>("mutex without wakes", kNoWakes);
  passes<trying<mutex>>("mutex, trying");
  finds<trying<mutex>>("mutex, trying, without release", kNoRelease);

  passes<exclusion<spinlock>>("spinlock");
  finds<exclusion<spinlock>>("spinlock without release", kNoRelease);
  finds<exclusion<spinlock>>("spinlock without acquire", kNoAcquire);
  passes<trying<spinlock>>("spinlock, trying");

  passes<exclusion<recursive_mutex>>("recursive_mutex");
  passes<reentry>("recursive_mutex, inner levels");
  finds<reentry>("recursive_mutex without release", kNoRelease);
  finds<exclusion<recursive_mutex>>("recursive_mutex without wakes", kNoWakes);
}

}  // namespace
}  // namespace relacy_test

int main() {
  relacy_test::all();
  return relacy_test::failures() == 0 ? 0 : 1;
}
