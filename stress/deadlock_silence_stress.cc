// SPDX-License-Identifier: Apache-2.0
//
// Correct programs, in the hooked library: whatever the checker finds in them
// is a false alarm, and ends the case. And one program that is not correct,
// which shows that a finding does.
#include <sync/barrier.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/deadlock.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/harness.h"
#include "support/inject.h"

namespace {

using namespace syncxx::stress;
using namespace std::chrono_literals;

void listen(run& r) {
  syncxx::set_misuse_action(syncxx::misuse_action::report);
  syncxx::on_finding(
      [](const syncxx::deadlock_finding& found, void* context) {
        static_cast<run*>(context)->fail(failure::wrong_result, "%.*s",
                                         static_cast<int>(found.text.size()),
                                         found.text.data());
      },
      &r);
}

struct everything {
  // In this order, wherever more than one is held.
  syncxx::mutex outer;
  syncxx::shared_mutex middle;
  syncxx::recursive_mutex deep;
  syncxx::byte_mutex small;
  syncxx::pi_mutex inner;
  syncxx::counting_semaphore<> last{1};
  // In any order, but under this gate.
  syncxx::mutex gate;
  std::array<syncxx::mutex, 4> gated;
  // In any order, but by tries.
  std::array<syncxx::mutex, 4> tried;
  // A queue.
  syncxx::mutex queue_lock;
  syncxx::condition_variable not_empty;
  int queued = 0;
  // Tokens that go from thread to thread.
  syncxx::counting_semaphore<> signals{0};
};

template <class... Locks>
void nest(worker& w, Locks&... locks) {
  // Each with even odds: the order stays.
  const auto take = [&](auto& self, auto& lock, auto&... more) -> void {
    std::unique_lock guard(lock, std::defer_lock);
    if (w.random.one_in(2)) guard.lock();
    w.jitter();
    if constexpr (sizeof...(more) > 0) self(self, more...);
  };
  take(take, locks...);
}

struct token {
  void lock() { s.acquire(); }
  bool try_lock() { return s.try_acquire(); }
  void unlock() { s.release(); }
  syncxx::counting_semaphore<>& s;
};

void in_order(worker& w, everything& e) {
  token one{e.last};
  nest(w, e.outer, e.middle, e.deep, e.small, e.inner, one);
}

void as_readers(worker& w, everything& e) {
  const std::scoped_lock outer(e.outer);
  if (w.random.one_in(3)) {
    e.middle.lock_upgrade();
    e.middle.unlock_upgrade_and_lock();
    e.middle.unlock();
    return;
  }
  const std::shared_lock reads(e.middle);
  const std::scoped_lock again(e.deep);
  const std::scoped_lock deeper(e.deep);
}

void under_gate(worker& w, everything& e) {
  const auto a = w.random.below(4);
  const auto b = (a + w.random.between(1, 3)) % 4;
  const std::scoped_lock gate(e.gate);
  const std::scoped_lock first(e.gated[a]);
  w.jitter();
  const std::scoped_lock second(e.gated[b]);
}

void by_tries(worker& w, everything& e) {
  const auto a = w.random.below(4);
  const auto b = (a + w.random.between(1, 3)) % 4;
  const std::unique_lock first(e.tried[a], std::try_to_lock);
  w.jitter();
  const std::unique_lock second(e.tried[b], std::try_to_lock);
}

void bounded(worker& w, everything& e) {
  std::stop_source stop;
  if (w.random.one_in(2)) stop.request_stop();
  switch (w.random.below(4)) {
    case 0:
      if (e.outer.try_lock_for(20us)) e.outer.unlock();
      break;
    case 1:
      if (e.middle.try_lock_shared_for(20us)) e.middle.unlock_shared();
      break;
    case 2:
      if (e.outer.lock(stop.get_token())) e.outer.unlock();
      break;
    default:
      if (e.signals.try_acquire_for(20us)) w.jitter();
      break;
  }
}

void on_condition(worker& w, everything& e) {
  std::unique_lock guard(e.queue_lock);
  if (w.random.one_in(2)) {
    ++e.queued;
    e.not_empty.notify_one();
    guard.unlock();
    e.signals.release();
  } else if (e.not_empty.wait_for(guard, 100us, [&] { return e.queued > 0; })) {
    --e.queued;
    guard.unlock();
    if (e.signals.try_acquire()) w.jitter();
  }
}

// Opposite orders, one before the other's thread begins.
void with_thread(worker& w, everything& e) {
  const auto locks = std::make_unique<std::array<syncxx::mutex, 2>>();
  const auto both = [&](std::size_t first) {
    const std::scoped_lock outer((*locks)[first]);
    const std::scoped_lock inner((*locks)[1 - first]);
  };
  both(0);
  const std::scoped_lock held(e.outer);
  std::thread other([&] { both(1); });
  w.jitter();
  other.join();
  both(0);
}

// Opposite orders, at the same addresses, of other locks.
void in_used_memory(worker& w, everything&) {
  alignas(syncxx::mutex) std::byte memory[2][sizeof(syncxx::mutex)];
  std::size_t first = w.random.below(2);
  for (int i = 0; i < 2; ++i, first = 1 - first) {
    auto* const a = ::new (memory[first]) syncxx::mutex;
    auto* const b = ::new (memory[1 - first]) syncxx::mutex;
    {
      const std::scoped_lock outer(*a);
      const std::scoped_lock inner(*b);
    }
    std::destroy_at(a);
    std::destroy_at(b);
  }
}

using deed = void (*)(worker&, everything&);

// Every few deeds all meet at a barrier, with nothing held.
void quiet(run& r, const std::vector<deed>& deeds) {
  listen(r);
  const latency time = r.time("deed");
  everything e;
  syncxx::barrier<> all(static_cast<std::ptrdiff_t>(r.threads()));
  meeting step(r, r.threads());
  disturb(r, disturbance::all);
  r.start("worker", r.threads(), [&](worker& w) {
    while (step.next(w)) {
      for (int i = 0; i < 200; ++i) {
        operation op(w, time, &e);
        deeds[w.random.below(deeds.size())](w, e);
        op.finish();
      }
      all.arrive_and_wait();
    }
  });
  r.go();
  syncxx::on_finding(nullptr);
}

// Must be found: the order of one pair is the other's.
void inverted(run& r) {
  listen(r);
  const latency time = r.time("pair");
  syncxx::mutex a, b;
  std::mutex one_at_a_time;  // it does not come to a deadlock
  r.start("worker", 2, [&](worker& w) {
    while (w.running()) {
      operation op(w, time, &a);
      const std::scoped_lock only_me(one_at_a_time);
      const std::scoped_lock outer(w.index() == 0 ? a : b);
      const std::scoped_lock inner(w.index() == 0 ? b : a);
      op.finish();
    }
  });
  r.go();
}

struct silence_suite {
  silence_suite() {
    add("order", "six kinds in one order, readers, upgrades",
        {in_order, as_readers});
    add("gates_and_tries", "any order under a gate, or by tries",
        {under_gate, by_tries, in_order});
    add("bounded_waits", "deadlines, stop requests, conditions, signals",
        {bounded, on_condition, in_order});
    add("threads_and_memory", "creation and join of threads, reuse of memory",
        {with_thread, in_used_memory, by_tries});
    add("everything", "all of it",
        {in_order, as_readers, under_gate, by_tries, bounded, on_condition,
         with_thread, in_used_memory});
  }
  static void add(const std::string& name, const std::string& what,
                  const std::vector<deed>& deeds) {
    add_case({.name = "silence_" + name,
              .what = "no finding: " + what,
              .body = [deeds](run& r) { quiet(r, deeds); },
              .threads = 6});
  }
};
const silence_suite silence_cases;

const add_case inverted_case({.name = "broken_order",
                              .what = "two orders of one pair of locks",
                              .body = inverted,
                              .threads = 2,
                              .must_fail = failure::wrong_result});

}  // namespace
