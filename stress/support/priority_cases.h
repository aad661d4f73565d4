// SPDX-License-Identifier: Apache-2.0
//
// For condition variables that serve by priority. Threads of SCHED_FIFO, all on
// one CPU, with other priorities in each round: whoever is notified must come
// back before those with lower ones.
#ifndef SYNCXX_STRESS_SUPPORT_PRIORITY_CASES_H_
#define SYNCXX_STRESS_SUPPORT_PRIORITY_CASES_H_

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness.h"
#include "thread_look.h"

namespace syncxx::stress {

inline bool set_fifo_priority(int priority) {
  sched_param p = {};
  p.sched_priority = priority;
  return pthread_setschedparam(pthread_self(), SCHED_FIFO, &p) == 0;
}

// Null, or why these cases cannot run here.
inline const char* no_priorities() {
  if (!can_look()) return "/proc does not tell who sleeps";
  bool permitted = false;
  std::thread([&] { permitted = set_fifo_priority(1); }).join();
  return permitted ? nullptr : "no permission for SCHED_FIFO";
}

// When all sleep, they are notified one by one, in twos, or all at once, with
// or without the mutex held; and those that were must be back before the next
// are. (Else all of them would be awake before the first one runs, and the
// scheduler would put any of them in order.)
template <class CV, class M>
class priority_rounds {
 public:
  explicit priority_rounds(run& r)
      : run_(r),
        wait_(r.time("wait")),
        waiters_(r.threads() - 1),
        between_rounds_(r, r.threads()) {
    r.limit_cpus(1);
    for (unsigned i = 0; i != waiters_; ++i)
      priorities_.push_back(static_cast<int>(10 + i));
    shuffle();
    r.start("giver", 1, [this](worker& w) { give(w); });
    r.start("waiter", waiters_, [this](worker& w) { come(w); });
  }

 private:
  static constexpr int kHighest = 90;

  void shuffle() {
    for (std::size_t i = priorities_.size(); i > 1; --i)
      std::swap(priorities_[i - 1],
                priorities_[static_cast<std::size_t>(run_.random().below(i))]);
  }

  void give(worker& w) {
    set_fifo_priority(kHighest);
    do {
      await_sleepers(w);
      for (unsigned notified = 0; notified < waiters_;) {
        const unsigned left = waiters_ - notified;
        const unsigned some = w.random.one_in(4) ? 2 : 1;
        const unsigned n = w.random.one_in(8) ? left : std::min(some, left);
        {
          std::unique_lock lock(mutex_);
          if (w.random.one_in(2)) lock.unlock();
          if (n > 2)
            changed_.notify_all();
          else
            for (unsigned i = 0; i != n; ++i) changed_.notify_one();
        }
        notified += n;
        await(w, "waiting until they are back",
              [&] { return served_ >= notified; });
      }
    } while (next_round(w));
  }

  void come(worker& w) {
    do {
      const int mine = priorities_[w.index() - 1];
      set_fifo_priority(mine);
      std::unique_lock lock(mutex_);
      ++waiting_;
      {
        operation op(w, wait_, &changed_);
        changed_.wait(lock);
      }
      if (mine > last_)
        run_.fail(failure::wrong_result, "priority %d was served after %d",
                  mine, last_);
      last_ = mine;
      ++served_;
    } while (next_round(w));
  }

  bool next_round(worker& w) {
    return between_rounds_.next(w, [this] {
      waiting_ = served_ = 0;
      last_ = kHighest;
      shuffle();
    });
  }

  // They own the mutex when they count themselves, and unlock it on their way
  // to sleep: whoever sleeps now sleeps there.
  void await_sleepers(worker& w) {
    await(w, "waiting until all sleep", [&] {
      if (waiting_ != waiters_) return false;
      for (const auto& other : run_.workers())
        if (other.get() != &w && !look_at(other->tid()).waits_in_futex())
          return false;
      return true;
    });
  }

  template <class Predicate>
  void await(worker& w, const char* what, Predicate holds) {
    worker::rest resting(w, what);
    while (!run_.failed()) {
      {
        const std::lock_guard lock(mutex_);
        if (holds()) return;
      }
      sleep_ns(50'000);
    }
  }

  run& run_;
  const latency wait_;
  const unsigned waiters_;
  meeting between_rounds_;
  std::vector<int> priorities_;  // changed between rounds
  alignas(128) M mutex_{};
  CV changed_{};
  unsigned waiting_ = 0;  // guarded by mutex_, as are the next two
  unsigned served_ = 0;
  int last_ = kHighest;
};

template <class CV, class M>
void add_priority_case(const std::string& name, const std::string& what,
                       failure must_fail = failure::none) {
  if (const char* why = no_priorities()) {
    add_case({.name = name,
              .what = std::string("skipped: ") + why,
              .body = [](run&) {}});
    return;
  }
  add_case({.name = name,
            .what = what,
            .body =
                [](run& r) {
                  priority_rounds<CV, M> rounds(r);
                  r.go();
                },
            .threads = 7,
            .must_fail = must_fail});
}

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_PRIORITY_CASES_H_
