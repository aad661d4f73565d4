// SPDX-License-Identifier: Apache-2.0
//
// The locks under Relacy.
#include <chrono>

#include <sync/atomic.h>
#include <sync/mcs_lock.h>
#include <sync/mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

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

// One waits, one tries, one waits and then tries.
template <class Lock>
struct trying_in_line : suite<trying_in_line<Lock>, guarded<Lock>, 3> {
  void thread(unsigned index) {
    guarded<Lock>& o = this->shared();
    for (unsigned turn = index == 1 ? 1 : 0; turn < (index == 0 ? 1 : 2);
         ++turn) {
      if (turn == 0)
        o.lock.lock();
      else if (!o.lock.try_lock())
        continue;
      o.count = o.count + 1;
      o.turns = o.turns + 1;
      o.lock.unlock();
    }
  }
  void finish() {
    require(this->shared().count == this->shared().turns, "every turn counts");
  }
};

// A node for each turn, on its thread's stack.
struct nodes : suite<nodes, guarded<syncxx::mcs_lock>, 3> {
  void thread(unsigned) {
    auto& o = shared();
    syncxx::mcs_lock::node mine;
    for (int i = 0; i < 2; ++i) {
      o.lock.lock(mine);
      o.count = o.count + 1;
      o.lock.unlock(mine);
    }
    if (o.lock.try_lock(mine)) {
      o.turns = o.turns + 1;
      o.lock.unlock(mine);
    }
  }
  void finish() { require(shared().count == 6, "every turn counts"); }
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
  using syncxx::queue_lock;
  using syncxx::recursive_mutex;
  using syncxx::spinlock;
  using syncxx::ticket_lock;
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

  passes<exclusion<ticket_lock>>("ticket_lock");
  finds<exclusion<ticket_lock>>("ticket_lock without release", kNoRelease);
  finds<exclusion<ticket_lock>>("ticket_lock without acquire", kNoAcquire);
  passes<trying_in_line<ticket_lock>>("ticket_lock, trying");

  passes<nodes>("mcs_lock");
  finds<nodes>("mcs_lock without release", kNoRelease);
  finds<nodes>("mcs_lock without acquire", kNoAcquire);

  passes<exclusion<queue_lock>>("queue_lock");
  finds<exclusion<queue_lock>>("queue_lock without release", kNoRelease);
  finds<exclusion<queue_lock>>("queue_lock without acquire", kNoAcquire);
  finds<exclusion<queue_lock>>("queue_lock without wakes", kNoWakes);
  passes<trying_in_line<queue_lock>>("queue_lock, trying");

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
