// SPDX-License-Identifier: Apache-2.0
//
// Objects that are destroyed, and their page unmapped, the moment the last
// user may let them go, while another thread is still on its way out of the
// call that let it go.
//
// One maker and some takers play with each object, and one of them destroys
// it; the maker has then begun the next one already. Two endings alternate:
// the page is unmapped at once (a late read or write faults), or it is filled
// with a pattern that is looked at later (a late write shows).
#ifndef SYNCXX_STRESS_SUPPORT_LIFETIME_CASES_H_
#define SYNCXX_STRESS_SUPPORT_LIFETIME_CASES_H_

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "harness.h"
#include "inject.h"
#include "race.h"
#include "retired.h"

namespace syncxx::stress {

// What the scripts below play with.
struct lifetime_tools {
  run& owner;
  latency time;
  stop_racer* racer;
  unsigned takers;
};

// Gets something by one of many ways, as often as it takes: plain() blocks,
// timed(duration) and stopped(token) may give up.
template <class Plain, class Timed, class Stopped>
void get_somehow(worker& w, lifetime_tools& tools, Plain plain, Timed timed,
                 Stopped stopped) {
  for (;;) {
    switch (w.random.below(4)) {
      case 0:
        if (timed(std::chrono::nanoseconds(w.random.below(100000)))) return;
        break;
      case 1: {
        const bool got = stopped(tools.racer->arm(w));
        tools.racer->disarm(tools.owner, w, got, false);
        if (got) return;
        break;
      }
      default:
        plain();
        return;
    }
  }
}

template <class M>
void lock_somehow(worker& w, lifetime_tools& tools, M& m) {
  get_somehow(
      w, tools, [&] { m.lock(); },
      [&](auto d) {
        if constexpr (requires { m.try_lock_for(d); })
          return m.try_lock_for(d);
        else
          return m.try_lock();
      },
      [&](const std::stop_token& stop) {
        if constexpr (requires { bool{m.lock(stop)}; }) return m.lock(stop);
        m.lock();
        return true;
      });
}

template <class W>
void wait_somehow(worker& w, lifetime_tools& tools, W& waitable) {
  get_somehow(
      w, tools, [&] { waitable.wait(); },
      [&](auto d) { return waitable.wait_for(d); },
      [&](const std::stop_token& stop) { return waitable.wait(stop); });
}

// Everybody locks it once; the last one to do so destroys it.
template <class M>
class lock_script {
 public:
  explicit lock_script(lifetime_tools& tools) : users_(tools.takers + 1) {}

  bool play(worker& w, lifetime_tools& tools, unsigned) {
    operation op(w, tools.time, &lock_);
    lock_somehow(w, tools, lock_);
    const bool last = --users_ == 0;
    if (w.random.one_in(8)) w.jitter();
    lock_.unlock();
    return last;
  }

 private:
  M lock_{};
  unsigned users_;  // guarded by lock_
};

// The maker releases, the takers acquire.
template <class S>
class semaphore_script {
 public:
  explicit semaphore_script(lifetime_tools& tools) : left_(tools.takers) {}

  bool play(worker& w, lifetime_tools& tools, unsigned side) {
    operation op(w, tools.time, &semaphore_);
    if (side == 0) {
      w.jitter();
      if (w.random.one_in(2)) {
        semaphore_.release(static_cast<int>(tools.takers));
        return false;
      }
      // The object may be gone as soon as the last token is there.
      for (unsigned i = tools.takers; i != 0; --i) semaphore_.release(1);
      return false;
    }
    get_somehow(
        w, tools, [&] { semaphore_.acquire(); },
        [&](auto d) { return semaphore_.try_acquire_for(d); },
        [&](const std::stop_token& stop) { return semaphore_.acquire(stop); });
    return left_.fetch_sub(1) == 1;
  }

 private:
  S semaphore_{0};
  std::atomic<unsigned> left_;
};

// The maker sets it, the takers wait.
template <class E>
class event_script {
 public:
  explicit event_script(lifetime_tools& tools) : left_(tools.takers) {}

  bool play(worker& w, lifetime_tools& tools, unsigned side) {
    operation op(w, tools.time, &event_);
    if (side == 0) {
      w.jitter();
      event_.set();
      return false;
    }
    wait_somehow(w, tools, event_);
    return left_.fetch_sub(1) == 1;
  }

 private:
  E event_{};
  std::atomic<unsigned> left_;
};

// The maker counts down, the takers count down and wait.
template <class L>
class latch_script {
 public:
  explicit latch_script(lifetime_tools& tools)
      : latch_(static_cast<std::ptrdiff_t>(tools.takers) + 1),
        left_(tools.takers) {}

  bool play(worker& w, lifetime_tools& tools, unsigned side) {
    operation op(w, tools.time, &latch_);
    if (side == 0) {
      w.jitter();
      latch_.count_down();
      return false;
    }
    if (w.random.one_in(2)) {
      latch_.arrive_and_wait();
    } else {
      latch_.count_down();
      wait_somehow(w, tools, latch_);
    }
    return left_.fetch_sub(1) == 1;
  }

 private:
  L latch_;
  std::atomic<unsigned> left_;
};

template <class CV, class Lock>
void wait_somehow_once(worker& w, lifetime_tools& tools, CV& cv, Lock& lock) {
  switch (w.random.below(4)) {
    case 0:
      cv.wait_for(lock, std::chrono::nanoseconds(w.random.below(200000)));
      break;
    case 1:
      if constexpr (requires(std::stop_token stop) { cv.wait(lock, stop); }) {
        const bool notified = cv.wait(lock, tools.racer->arm(w));
        tools.racer->disarm(tools.owner, w, notified, false);
        break;
      }
      [[fallthrough]];
    default:
      cv.wait(lock);
  }
}

// Condition variable and mutex together: whoever leaves last destroys both.
template <class CV, class M>
class monitor_script {
 public:
  explicit monitor_script(lifetime_tools& tools) : users_(tools.takers + 1) {}

  bool play(worker& w, lifetime_tools& tools, unsigned side) {
    operation op(w, tools.time, &cv_);
    std::unique_lock lock(mutex_);
    if (side == 0) {
      if (w.random.one_in(2)) {
        lock.unlock();
        w.jitter();
        lock.lock();
      }
      ready_ = true;
      cv_.notify_all();
    }
    while (!ready_) wait_somehow_once(w, tools, cv_, lock);
    const bool last = --users_ == 0;
    lock.unlock();
    lock.release();
    return last;
  }

 private:
  M mutex_{};
  CV cv_{};
  bool ready_ = false;
  unsigned users_;
};

// Hands objects from a maker to one taker. Nothing blocks in it but the
// harness's own patience.
template <class T>
struct alignas(128) mailbox {
  std::atomic<T*> slot{nullptr};

  void put(worker& w, T* object) {
    worker::rest resting(w, "full mailbox");
    for (unsigned looks = 0; slot.load(std::memory_order_acquire) != nullptr;
         ++looks)
      look_away(looks);
    slot.store(object, std::memory_order_release);
  }
  // Null once the maker has put its last one and `ended` is set.
  T* take(worker& w, const std::atomic<bool>& ended) {
    worker::rest resting(w, "empty mailbox");
    for (unsigned looks = 0;; ++looks) {
      const bool last = ended.load(std::memory_order_acquire);
      T* object = slot.load(std::memory_order_acquire);
      if (object != nullptr) {
        slot.store(nullptr, std::memory_order_release);
        return object;
      }
      if (last) return nullptr;
      look_away(looks);
    }
  }

 private:
  static void look_away(unsigned looks) {
    if (looks < 50)
      relax();
    else if (looks < 200)
      sched_yield();
    else
      sleep_ns(20000);
  }
};

// One object, and where it lives.
template <class Script>
struct stage {
  explicit stage(lifetime_tools& tools) : script(tools) {}
  Script script;
  on_own_page<stage> place;
};

// Ends objects, in both ways; one for each thread.
template <class Script>
class undertaker {
 public:
  void bury(run& r, worker& w, stage<Script>* object) {
    auto place = object->place;
    if (!w.random.one_in(4)) {
      place.destroy();
      return;
    }
    place.poison();
    graves_.push_back(place);
    if (graves_.size() > 16) open_oldest(r);
  }
  void finish(run& r) {
    while (!graves_.empty()) open_oldest(r);
  }

 private:
  void open_oldest(run& r) {
    if (!graves_.front().intact())
      r.fail(failure::use_after_release,
             "the memory of a destroyed object was written to");
    graves_.front().unmap();
    graves_.pop_front();
  }

  std::deque<on_own_page<stage<Script>>> graves_;
};

// One maker and its takers.
template <class T>
struct lifetime_group {
  explicit lifetime_group(unsigned takers) : boxes(takers) {}
  std::vector<mailbox<T>> boxes;
  std::atomic<bool> ended{false};
};

template <class Script>
void lifetime_case(run& r, unsigned takers, disturbance disturbances) {
  const unsigned groups = std::max(r.threads() / (takers + 1), 1U);
  const unsigned threads = groups * (takers + 1);
  auto racer = std::make_unique<stop_racer>(threads);
  lifetime_tools tools{r, r.time("use"), racer.get(), takers};
  const tally objects = r.count("objects");
  r.add(std::move(racer));
  disturb(r, disturbances);
  std::deque<lifetime_group<stage<Script>>> all;
  for (unsigned g = 0; g != groups; ++g) all.emplace_back(takers);

  r.start("maker", groups, [&](worker& w) {
    auto& group = all[w.index()];
    undertaker<Script> undertake;
    while (w.running()) {
      w.count(objects);
      auto place = on_own_page<stage<Script>>::make(w.index(), w.random, tools);
      stage<Script>* object = place.get();
      object->place = place;
      for (auto& box : group.boxes) box.put(w, object);
      if (object->script.play(w, tools, 0)) undertake.bury(r, w, object);
    }
    group.ended.store(true, std::memory_order_release);
    undertake.finish(r);
  });
  r.start("taker", groups * takers, [&](worker& w) {
    const unsigned n = w.index() - groups;
    auto& group = all[n % groups];
    auto& box = group.boxes[n / groups];
    undertaker<Script> undertake;
    while (stage<Script>* object = box.take(w, group.ended)) {
      if (object->script.play(w, tools, n / groups + 1))
        undertake.bury(r, w, object);
    }
    undertake.finish(r);
  });
  r.go();
}

// The notifier destroys the condition variable as soon as notify_all has
// returned, when none of the waits needs to have returned yet. The mutex, and
// what it guards, live on.
template <class CV, class M>
void notifier_destroys_case(run& r, disturbance disturbances) {
  const unsigned waiters = r.threads() - 1;
  auto racer = std::make_unique<stop_racer>(r.threads());
  lifetime_tools tools{r, r.time("wait"), racer.get(), waiters};
  const tally objects = r.count("objects");
  r.add(std::move(racer));
  disturb(r, disturbances);
  M mutex{};
  on_own_page<CV> current;  // guarded by mutex, as is the rest
  std::uint64_t round = 0;
  unsigned waiting = 0;
  bool closed = false;

  r.start("notifier", 1, [&](worker& w) {
    current = on_own_page<CV>::make(w.index(), w.random);
    for (bool more = true; more;) {
      std::unique_lock lock(mutex);
      if (waiting != waiters) {  // not all of them there yet
        lock.unlock();
        sched_yield();
        continue;
      }
      more = w.running();
      w.count(objects);
      w.progress();
      on_own_page<CV> old = current;
      current = on_own_page<CV>::make(w.index(), w.random);
      closed = !more;
      ++round;
      waiting = 0;
      const bool unlock_first = w.random.one_in(2);
      if (unlock_first) lock.unlock();
      old.get()->notify_all();
      old.destroy();
    }
    current.destroy();
  });
  r.start("waiter", waiters, [&](worker& w) {
    std::unique_lock lock(mutex);
    while (current.get() == nullptr) {  // the notifier has not begun
      lock.unlock();
      sched_yield();
      lock.lock();
    }
    while (!closed) {
      operation op(w, tools.time, current.get());
      const std::uint64_t mine = round;
      CV& cv = *current.get();
      ++waiting;
      while (round == mine) wait_somehow_once(w, tools, cv, lock);
    }
  });
  r.go();
}

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_LIFETIME_CASES_H_
