// SPDX-License-Identifier: Apache-2.0
//
// Semaphores, events, latches, barriers and event counts under Relacy.
#include <chrono>

#include <sync/atomic.h>
#include <sync/barrier.h>
#include <sync/event.h>
#include <sync/event_count.h>
#include <sync/latch.h>
#include <sync/semaphore.h>

#include "tests/relacy/suite.h"

namespace relacy_test {
namespace {

// --- Semaphores --------------------------------------------------------------

struct one_token {
  syncxx::counting_semaphore<> tokens{1};
  syncxx::cell<int> count{0};
};

// A semaphore of one token is a lock.
struct semaphore_as_lock : suite<semaphore_as_lock, one_token, 3> {
  void thread(unsigned) {
    for (int i = 0; i < 2; ++i) {
      shared().tokens.acquire();
      shared().count = shared().count + 1;
      shared().tokens.release();
    }
  }
  void finish() { require(shared().count == 6, "every turn counts"); }
};

struct no_token {
  syncxx::counting_semaphore<> tokens{0};
  syncxx::cell<int> result{0};
  syncxx::cell<int> taken[2] = {0, 0};
};

// One gives two tokens, one at a time; two take one each.
struct handover : suite<handover, no_token, 3> {
  void thread(unsigned index) {
    if (index == 0) {
      shared().result = 1;
      shared().tokens.release();
      shared().tokens.release();
    } else {
      shared().tokens.acquire();
      require(shared().result == 1, "what the releaser wrote is seen");
    }
  }
  void finish() { require(!shared().tokens.try_acquire(), "no token is left"); }
};

// One of the two takes the token; the other's time runs out, or not.
struct handover_in_time : suite<handover_in_time, no_token, 3> {
  void thread(unsigned index) {
    if (index == 0) {
      shared().tokens.release();
      shared().tokens.release();
    } else if (shared().tokens.try_acquire_for(std::chrono::seconds(1))) {
      shared().taken[index - 1] = 1;
    }
  }
  void finish() {
    int left = 0;
    while (shared().tokens.try_acquire()) ++left;
    require(left + shared().taken[0] + shared().taken[1] == 2,
            "no token is lost or made");
  }
};

// --- Events ------------------------------------------------------------------

template <class Event>
struct announced {
  Event event;
  syncxx::cell<int> result{0};
};

template <class Event, int Waiters>
struct announcement
    : suite<announcement<Event, Waiters>, announced<Event>, Waiters + 1> {
  void thread(unsigned index) {
    auto& o = this->shared();
    if (index == 0) {
      o.result = 1;
      o.event.set();
    } else {
      o.event.wait();
      require(o.result == 1, "what the setter wrote is seen");
    }
  }
};

// Passed on from one thread to the next.
struct relay : suite<relay, announced<syncxx::auto_reset_event>, 3> {
  void thread(unsigned index) {
    auto& o = this->shared();
    if (index == 0) {
      o.event.set();
    } else {
      o.event.wait();
      o.result = o.result + 1;
      o.event.set();
    }
  }
  void finish() { require(shared().result == 2, "both had their turn"); }
};

// --- Latches -----------------------------------------------------------------

struct counted {
  syncxx::latch all{3};
  syncxx::cell<int> parts[3] = {0, 0, 0};
};

struct rendezvous : suite<rendezvous, counted, 3> {
  void thread(unsigned index) {
    shared().parts[index] = 1;
    shared().all.arrive_and_wait();
    require(shared().parts[0] + shared().parts[1] + shared().parts[2] == 3,
            "what all wrote before is seen");
  }
};

struct rendezvous_in_time : suite<rendezvous_in_time, counted, 3> {
  void thread(unsigned index) {
    shared().parts[index] = 1;
    shared().all.count_down();
    if (shared().all.wait_for(std::chrono::seconds(1)))
      require(shared().parts[0] + shared().parts[1] + shared().parts[2] == 3,
              "what all wrote before is seen");
  }
  void finish() { require(shared().all.try_wait(), "it is open"); }
};

// --- Barriers ----------------------------------------------------------------

struct phased {
  syncxx::barrier<> all{3};
  syncxx::cell<int> parts[3] = {0, 0, 0};
};

// Two phases; in the second the parts are written anew, by the next thread.
struct phases : suite<phases, phased, 3> {
  void thread(unsigned index) {
    phased& o = shared();
    o.parts[index] = 1;
    o.all.arrive_and_wait();
    const unsigned next = (index + 1) % 3;
    o.parts[next] = o.parts[next] + 1;
    o.all.arrive_and_wait();
    require(o.parts[0] + o.parts[1] + o.parts[2] == 6,
            "what all wrote before is seen");
  }
};

// --- Event counts ------------------------------------------------------------

struct queue_of_one {
  syncxx::event_count changed;
  syncxx::atomic<int> full{0};
  syncxx::cell<int> item{0};
};

// Nothing but the event count lets a consumer see in time that there is work.
struct items : suite<items, queue_of_one, 3> {
  void thread(unsigned index) {
    queue_of_one& o = shared();
    if (index == 0) {
      for (int i = 0; i < 2; ++i) {
        o.full.fetch_add(1, syncxx::memory_order_relaxed);
        o.changed.notify_one();
      }
      return;
    }
    o.changed.await([&] {
      int n = o.full.load(syncxx::memory_order_relaxed);
      while (n > 0)
        if (o.full.compare_exchange_strong(n, n - 1,
                                           syncxx::memory_order_relaxed,
                                           syncxx::memory_order_relaxed))
          return true;
      return false;
    });
  }
  void finish() {
    require(shared().full.load(syncxx::memory_order_relaxed) == 0,
            "both are taken");
  }
};

// What was written before a notification is seen after the wait for it.
struct notice : suite<notice, queue_of_one, 2> {
  void thread(unsigned index) {
    queue_of_one& o = shared();
    if (index == 0) {
      o.item = 1;
      o.full.store(1, syncxx::memory_order_release);
      o.changed.notify_all();
    } else {
      o.changed.await(
          [&] { return o.full.load(syncxx::memory_order_acquire) != 0; });
      require(o.item == 1, "what the notifier wrote is seen");
    }
  }
};

void all() {
  passes<semaphore_as_lock>("semaphore");
  finds<semaphore_as_lock>("semaphore without release", kNoRelease);
  finds<semaphore_as_lock>("semaphore without acquire", kNoAcquire);
  finds<semaphore_as_lock>("semaphore without wakes", kNoWakes);
  passes<handover>("semaphore, tokens handed over");
  finds<handover>("semaphore, handed over without wakes", kNoWakes);
  passes<handover_in_time>("semaphore, with time-outs");

  using syncxx::auto_reset_event;
  using syncxx::event;
  passes<announcement<event, 2>>("event");
  finds<announcement<event, 2>>("event without release", kNoRelease);
  finds<announcement<event, 2>>("event without acquire", kNoAcquire);
  finds<announcement<event, 2>>("event without wakes", kNoWakes);
  passes<announcement<auto_reset_event, 1>>("auto_reset_event");
  passes<relay>("auto_reset_event, passed on");
  finds<relay>("auto_reset_event without release", kNoRelease);
  finds<relay>("auto_reset_event without wakes", kNoWakes);

  passes<rendezvous>("latch");
  finds<rendezvous>("latch without release", kNoRelease);
  finds<rendezvous>("latch without acquire", kNoAcquire);
  finds<rendezvous>("latch without wakes", kNoWakes);
  passes<rendezvous_in_time>("latch, with time-outs");

  passes<phases>("barrier");
  finds<phases>("barrier without release", kNoRelease);
  finds<phases>("barrier without acquire", kNoAcquire);
  finds<phases>("barrier without wakes", kNoWakes);

  passes<items>("event_count");
  finds<items>("event_count without wakes", kNoWakes);
  passes<notice>("event_count, ordering");
  finds<notice>("event_count, ordering, without release", kNoRelease);
}

}  // namespace
}  // namespace relacy_test

int main() {
  relacy_test::all();
  return relacy_test::failures() == 0 ? 0 : 1;
}
