// SPDX-License-Identifier: Apache-2.0
//
// notify_all_at_thread_exit: a waiter goes on when all threads that it waits
// for have ended, thread_local objects and all, and then destroys what they
// have notified.
#include <sync/condition_variable.h>
#include <sync/mutex.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "support/harness.h"
#include "support/inject.h"
#include "support/retired.h"

namespace {

using namespace syncxx::stress;
using lock_type = std::unique_lock<syncxx::mutex>;

struct scene {
  syncxx::mutex m;
  syncxx::condition_variable all_over;
  // Under m.
  unsigned said = 0;
  unsigned ended = 0;  // by the threads' own objects
};

struct thread_end {
  scene* of = nullptr;
  ~thread_end() {
    if (of != nullptr) ++of->ended;
  }
};

using last_words = void (*)(scene& s, lock_type lock);

void at_thread_exit(scene& s, lock_type lock) {
  notify_all_at_thread_exit(s.all_over, std::move(lock));
}
// Before its objects have gone: the case below can fail.
void at_once(scene& s, lock_type lock) {
  s.all_over.notify_all();
  lock.unlock();
}

void speak(scene& s, last_words how) {
  static thread_local thread_end mine;
  lock_type lock(s.m);
  mine.of = &s;
  ++s.said;
  how(s, std::move(lock));
}

struct plan {
  last_words how = at_thread_exit;
  bool timeouts = false;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;
};

void rounds(run& r, const plan& plan) {
  if (plan.cpus != 0) r.limit_cpus(plan.cpus);
  const latency waiting = r.time("wait");
  const tally ends = r.count("ends");
  r.start("waiter", r.threads(), [&](worker& w) {
    while (w.running()) {
      auto page = on_own_page<scene>::make(w.index(), w.random);
      scene& s = *page.get();
      const auto n = static_cast<unsigned>(1 + w.random.below(3));
      std::vector<std::thread> crew;
      for (unsigned i = 0; i < n; ++i)
        crew.emplace_back([&] { speak(s, plan.how); });
      w.jitter();
      {
        lock_type lock(s.m);
        operation op(w, waiting, &s);
        while (s.said != n) {
          if (plan.timeouts && w.random.one_in(2))
            s.all_over.wait_for(lock,
                                std::chrono::microseconds(w.random.below(100)));
          else
            s.all_over.wait(lock);
        }
        op.finish();
        if (s.ended != n)
          r.fail(failure::wrong_result,
                 "%u threads have said it, %u have ended", n, s.ended);
      }
      page.destroy();
      for (std::thread& thread : crew) thread.join();
      w.count(ends, n);
    }
  });
  disturb(r, plan.disturbances);
  r.go();
}

struct exit_suite {
  exit_suite() {
    using enum disturbance;
    add("plain", "as fast as it goes", {});
    add("timeouts", "timeouts race the ends", {.timeouts = true});
    add("signals", "EINTR storms", {.disturbances = signals | jitter});
    add("spurious", "sleepers woken for no reason",
        {.disturbances = spurious | jitter});
    add("crowd", "64 threads on 2 CPUs", {.cpus = 2}, 64);
    add("everything", "all of it at once",
        {.timeouts = true, .disturbances = all}, 16);
    add_case({.name = "early",
              .what = "notified before the thread's objects go: must fail",
              .body = [](run& r) { rounds(r, {.how = at_once}); },
              .must_fail = failure::wrong_result});
  }

 private:
  static void add(const char* name, const char* what, plan p,
                  unsigned threads = 0) {
    add_case({.name = name,
              .what = what,
              .body = [p](run& r) { rounds(r, p); },
              .threads = threads});
  }
};
const exit_suite suite;

}  // namespace
