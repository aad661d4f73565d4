// SPDX-License-Identifier: Apache-2.0
//
// The cases for everything that locks, written once. A lock M needs lock,
// try_lock and unlock; timed and stoppable forms, and recursion, are used
// where M has them.
#ifndef SYNCXX_STRESS_SUPPORT_LOCK_CASES_H_
#define SYNCXX_STRESS_SUPPORT_LOCK_CASES_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "inject.h"
#include "race.h"

namespace syncxx::stress {

template <class M>
concept timed_lock = requires(M& m) {
  { m.try_lock_for(std::chrono::nanoseconds(1)) } -> std::same_as<bool>;
};
template <class M>
concept stoppable_lock = requires(M& m, std::stop_token token) {
  { m.lock(token) } -> std::same_as<bool>;
};
template <class M>
concept timed_stoppable_lock = requires(M& m, std::stop_token token) {
  { m.try_lock_for(std::chrono::nanoseconds(1), token) } -> std::same_as<bool>;
};

// What a lock protects. Plain members on purpose: two threads inside at once
// tear them apart, and ThreadSanitizer sees it as a race.
class guarded_pair {
 public:
  void enter(run& r, worker& w) {
    const unsigned me = w.index() + 1;
    if (owner_ != 0)
      r.fail(failure::exclusion, "thread #%u entered while #%u was inside",
             w.index(), owner_ - 1);
    owner_ = me;
    first_ = first_ + 1;
    entries_.store(first_, std::memory_order_relaxed);
    compiler_barrier();
  }

  void leave(run& r, worker& w) {
    compiler_barrier();
    second_ = second_ + 1;
    if (owner_ != w.index() + 1 || first_ != second_)
      r.fail(failure::exclusion,
             "thread #%u was not alone: owner #%d, counters %llu and %llu",
             w.index(), static_cast<int>(owner_) - 1,
             static_cast<unsigned long long>(first_),
             static_cast<unsigned long long>(second_));
    owner_ = 0;
  }

  // How often it was entered; a waiter's overtakes are the difference.
  std::uint64_t entries() const noexcept {
    return entries_.load(std::memory_order_relaxed);
  }

  // With all threads back.
  void check_total(run& r, std::uint64_t expected) const {
    if (first_ != expected || second_ != expected)
      r.fail(failure::exclusion, "%llu entries left counters %llu and %llu",
             static_cast<unsigned long long>(expected),
             static_cast<unsigned long long>(first_),
             static_cast<unsigned long long>(second_));
  }

 private:
  std::uint64_t first_ = 0;
  std::uint64_t second_ = 0;
  unsigned owner_ = 0;
  std::atomic<std::uint64_t> entries_{0};
};

struct lock_plan {
  // How workers with even numbers lock; those with odd numbers always block.
  bool tries = false;
  bool timeouts = false;
  bool stops = false;
  disturbance disturbances = disturbance::none;
  unsigned cpus = 0;             // 0: all
  std::uint64_t inside_ns = 0;   // at most so long inside, and
  std::uint64_t outside_ns = 0;  // outside
  unsigned depth = 1;            // recursive locks: at most so deep
};

// One lock, what it guards, and all that the workers need to fight for it.
template <class M>
class lock_arena {
 public:
  lock_arena(run& r, const lock_plan& plan, unsigned workers)
      : run_(r),
        plan_(plan),
        wait_(r.time("wait for the lock")),
        given_up_(r.count("given up")),
        overtakes_(r.highest("most overtakes")),
        races_(r, plan, workers),
        visits_(workers) {}

  // One visit: lock, stay, unlock. False if the lock was not taken.
  bool visit(worker& w) {
    const std::uint64_t before = pair_.entries();
    bool taken = false;
    {
      operation op(w, wait_, &lock_);
      taken = take(w);
    }
    if (!taken) {
      w.count(given_up_);
      return false;
    }
    w.reach(overtakes_, pair_.entries() - before);
    pair_.enter(run_, w);
    const unsigned again = go_deeper(w);
    stay_inside(w);
    w.jitter();
    come_back(w, again);
    pair_.leave(run_, w);
    races_.fire(w, 8);
    lock_.unlock();
    races_.fire(w, 8);
    ++visits_[w.index()].entries;
    return true;
  }

  void away(worker& w) {
    if (plan_.outside_ns != 0) stay(w.random.below(plan_.outside_ns));
    w.jitter();
  }

  M& lock() noexcept { return lock_; }

  void check_total() {
    std::uint64_t entries = 0;
    for (const auto& v : visits_) entries += v.entries;
    pair_.check_total(run_, entries);
  }

 private:
  struct alignas(128) visits {
    std::uint64_t entries = 0;
  };

  bool take(worker& w) {
    if (w.index() % 2 == 0) {
      if (plan_.tries && w.random.one_in(2)) return lock_.try_lock();
      if constexpr (stoppable_lock<M>) {
        if (plan_.stops && !w.random.one_in(4)) return take_stoppable(w);
      }
      if constexpr (timed_lock<M>) {
        if (plan_.timeouts && !w.random.one_in(4)) return take_timed(w);
      }
    }
    lock_.lock();
    return true;
  }

  bool take_timed(worker& w) requires timed_lock<M> {
    return races_.timed(
        w, true, [&](auto d) { return lock_.try_lock_for(d); },
        [&](auto t) { return lock_.try_lock_until(t); });
  }

  bool take_stoppable(worker& w) requires stoppable_lock<M> {
    const std::stop_token token = races_.arm(w);
    bool taken = false;
    bool timed = false;
    if constexpr (timed_stoppable_lock<M>) {
      timed = plan_.timeouts && w.random.one_in(2);
      if (timed)
        taken = races_.timed(
            w, true, [&](auto d) { return lock_.try_lock_for(d, token); },
            [&](auto t) { return lock_.try_lock_until(t, token); },
            [&] { return token.stop_requested(); });
    }
    if (!timed) taken = lock_.lock(token);
    races_.disarm(w, taken, timed);
    return taken;
  }

  // A recursive lock's owner gets it again, whichever way it asks.
  unsigned go_deeper(worker& w) {
    if (plan_.depth < 2) return 0;
    const auto again = static_cast<unsigned>(w.random.below(plan_.depth));
    for (unsigned i = 0; i != again; ++i) {
      bool taken = true;
      switch (w.random.below(4)) {
        case 0:
          taken = lock_.try_lock();
          break;
        case 1:
          if constexpr (timed_lock<M>)
            taken = lock_.try_lock_for(std::chrono::nanoseconds(0));
          else
            lock_.lock();
          break;
        default:
          lock_.lock();
      }
      if (!taken)
        run_.fail(failure::wrong_result,
                  "thread #%u owns the lock and did not get it again",
                  w.index());
    }
    return again;
  }

  void come_back(worker& w, unsigned again) {
    for (; again != 0; --again) {
      lock_.unlock();
      if (w.random.one_in(16)) w.jitter();
    }
  }

  void stay_inside(worker& w) {
    if (plan_.inside_ns == 0) return;
    const std::uint64_t ns = w.random.below(plan_.inside_ns);
    if (plan_.timeouts) races_.announce(ns);
    stay(ns);
  }

  static void stay(std::uint64_t ns) {
    if (ns > 500000)
      sleep_ns(ns);
    else
      spin_ns(ns);
  }

  run& run_;
  const lock_plan plan_;
  const latency wait_;
  const tally given_up_;
  const peak overtakes_;
  wait_races races_;
  std::vector<visits> visits_;
  alignas(128) M lock_{};
  alignas(128) guarded_pair pair_;
};

// Everybody visits as often as they can.
template <class M>
void exclusion_case(run& r, const lock_plan& plan) {
  lock_arena<M> arena(r, plan, r.threads());
  r.start("locker", r.threads(), [&](worker& w) {
    while (w.running()) {
      arena.visit(w);
      arena.away(w);
    }
  });
  r.go();
  arena.check_total();
}

// A few visits each, then all stand still until everybody is through: nobody
// comes along later to repair a lost wakeup.
template <class M>
void rounds_case(run& r, const lock_plan& plan) {
  lock_arena<M> arena(r, plan, r.threads());
  meeting end_of_round(r, r.threads());
  r.start("locker", r.threads(), [&](worker& w) {
    do {
      for (std::uint64_t n = w.random.between(1, 3); n != 0; --n) {
        while (!arena.visit(w)) w.jitter();
        arena.away(w);
      }
    } while (end_of_round.next(w));
  });
  r.go();
  arena.check_total();
}

// One thread takes the lock again the moment it has let it go; the others
// must get their turn all the same.
template <class M>
void hog_case(run& r) {
  lock_arena<M> arena(r, {.inside_ns = 2000}, r.threads());
  const latency wait = r.time("wait beside the hog");
  const peak overtakes = r.highest("overtakes by the hog");
  alignas(128) std::atomic<std::uint64_t> turns{0};
  r.start("hog", 1, [&](worker& w) {
    while (w.running()) {
      arena.visit(w);
      turns.store(turns.load(std::memory_order_relaxed) + 1,
                  std::memory_order_relaxed);
    }
  });
  r.start("guest", r.threads() - 1, [&](worker& w) {
    while (w.running()) {
      const std::uint64_t before = turns.load(std::memory_order_relaxed);
      {
        operation op(w, wait, &arena.lock());
        arena.lock().lock();
      }
      w.reach(overtakes, turns.load(std::memory_order_relaxed) - before);
      arena.lock().unlock();
      sleep_ns(w.random.below(300000));
    }
  });
  r.go();
  arena.check_total();
}

// How a thread gets two locks at once.
enum class both_locks {
  trying,    // std::lock: locks one, tries the other
  in_order,  // that with the lower address first
};

// Money moves between accounts, two locks at a time; none may be lost.
template <class M>
void accounts_case(run& r, both_locks how) {
  struct alignas(128) account {
    M lock{};
    std::int64_t money = 1000;
  };
  constexpr std::size_t kAccounts = 5;
  std::array<account, kAccounts> accounts{};
  const latency wait = r.time("wait for both locks");
  r.start("payer", r.threads(), [&](worker& w) {
    while (w.running()) {
      const std::size_t from = w.random.below(kAccounts);
      const std::size_t to =
          (from + 1 + w.random.below(kAccounts - 1)) % kAccounts;
      const auto sum = static_cast<std::int64_t>(w.random.below(100));
      operation op(w, wait, &accounts[from].lock);
      std::unique_lock first(accounts[std::min(from, to)].lock,
                             std::defer_lock);
      std::unique_lock second(accounts[std::max(from, to)].lock,
                              std::defer_lock);
      if (how == both_locks::in_order) {
        first.lock();
        second.lock();
      } else {
        std::lock(first, second);
      }
      op.finish();
      accounts[from].money -= sum;
      w.jitter();
      accounts[to].money += sum;
    }
  });
  disturb(r, disturbance::jitter);
  r.go();
  std::int64_t money = 0;
  for (const account& a : accounts) money += a.money;
  if (money != 1000 * static_cast<std::int64_t>(kAccounts))
    r.fail(failure::exclusion, "the accounts hold %lld instead of %lld",
           static_cast<long long>(money),
           static_cast<long long>(1000 * kAccounts));
}

// Registers the cases above for one type of lock.
template <class M>
struct lock_suite {
  explicit lock_suite(unsigned depth = 1,
                      both_locks both = both_locks::trying) {
    using enum disturbance;
    const bool timed = timed_lock<M>;
    const bool stoppable = stoppable_lock<M>;
    exclusion("exclusion", "lock and unlock, as fast as it goes",
              {.depth = depth});
    exclusion("mixed", "lock, try_lock, short and long stays",
              {.tries = true,
               .timeouts = timed,
               .disturbances = jitter,
               .inside_ns = 5000,
               .outside_ns = 5000,
               .depth = depth});
    exclusion("sleepers", "stays so long that everybody sleeps",
              {.inside_ns = 1000000, .outside_ns = 200000, .depth = depth});
    exclusion("signals", "EINTR storms, with and without SA_RESTART",
              {.timeouts = timed,
               .disturbances = signals | jitter,
               .inside_ns = 3000,
               .depth = depth});
    exclusion("suspend", "SIGSTOP and SIGCONT of the whole process",
              {.timeouts = timed,
               .disturbances = suspend | jitter,
               .inside_ns = 3000,
               .depth = depth});
    exclusion("spurious", "sleepers woken for no reason",
              {.disturbances = spurious | jitter,
               .inside_ns = 20000,
               .depth = depth});
    exclusion(
        "moves", "threads moved between CPUs",
        {.disturbances = moves | jitter, .inside_ns = 3000, .depth = depth});
    exclusion("oversubscribed", "64 threads on 2 CPUs",
              {.tries = true, .cpus = 2, .inside_ns = 1000, .depth = depth},
              64);
    rounds("rounds", "a lost wakeup is final at the end of a round",
           {.inside_ns = 4000, .depth = depth});
    rounds("rounds_sleepers", "rounds in which everybody sleeps",
           {.inside_ns = 100000, .depth = depth});
    if (timed) {
      exclusion("timeouts", "timeouts race the lock's release",
                {.timeouts = true,
                 .disturbances = jitter,
                 .inside_ns = 20000,
                 .outside_ns = 40000,
                 .depth = depth});
      rounds("rounds_timeouts", "timeouts race the last wakeup of a round",
             {.timeouts = true,
              .disturbances = jitter,
              .inside_ns = 60000,
              .depth = depth});
    }
    if (stoppable) {
      exclusion("stops", "stop requests race the lock's release",
                {.stops = true,
                 .disturbances = jitter,
                 .inside_ns = 20000,
                 .outside_ns = 40000,
                 .depth = depth});
      rounds("rounds_stops", "stop requests race the last wakeup of a round",
             {.stops = true,
              .disturbances = jitter,
              .inside_ns = 60000,
              .depth = depth});
    }
    exclusion("everything", "all of it at once",
              {.tries = true,
               .timeouts = timed,
               .stops = stoppable,
               .disturbances = all,
               .inside_ns = 10000,
               .outside_ns = 10000,
               .depth = depth},
              16);
    add_case({.name = "hog",
              .what = "one thread locks again at once; the others' waits",
              .body = hog_case<M>});
    add_case({.name = "accounts",
              .what = both == both_locks::trying
                          ? "std::lock over pairs of locks"
                          : "pairs of locks, each in the same order",
              .body = [both](run& r) { accounts_case<M>(r, both); }});
  }

 private:
  static void exclusion(const char* name, const char* what, lock_plan plan,
                        unsigned threads = 0) {
    add_case({.name = name,
              .what = what,
              .body = [plan](run& r) { exclusion_case<M>(r, plan); },
              .threads = threads});
  }
  static void rounds(const char* name, const char* what, lock_plan plan) {
    add_case({.name = name, .what = what, .body = [plan](run& r) {
                rounds_case<M>(r, plan);
              }});
  }
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_LOCK_CASES_H_
