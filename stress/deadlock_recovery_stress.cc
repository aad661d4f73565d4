// SPDX-License-Identifier: Apache-2.0
//
// Deadlocks made on purpose, in the hooked library: rings of 2 to 8 threads and
// of locks of all kinds. Each has one victim, the one that the policy names,
// and all threads get through. What a victim was woken by is not felt in the
// rounds that follow.
#include <sync/byte_mutex.h>
#include <sync/deadlock.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "support/harness.h"
#include "support/inject.h"

namespace {

using namespace syncxx::stress;
using syncxx::deadlock_thread;
using syncxx::deadlock_victim;

constexpr unsigned kMost = 8;

enum class form { mutex, shared, read, byte, recursive, semaphore, pi, forms };
constexpr auto kForms = static_cast<std::uint64_t>(form::forms);

// What a thread of the ring holds, as one of its forms.
class slot {
 public:
  slot() {  // a semaphore that is given back by who took it is a lock
    semaphore_.acquire();
    semaphore_.release();
  }
  slot(const slot&) = delete;
  slot& operator=(const slot&) = delete;

  void lock(form as) {
    visit(as, [](auto& m) { m.lock(); });
  }
  void unlock(form as) {
    visit(as, [](auto& m) { m.unlock(); });
  }

 private:
  struct reader {
    void lock() { m.lock_shared(); }
    void unlock() { m.unlock_shared(); }
    syncxx::shared_mutex& m;
  };
  struct token {
    void lock() { s.acquire(); }
    void unlock() { s.release(); }
    syncxx::counting_semaphore<>& s;
  };
  template <class F>
  void visit(form as, F f) {
    reader reads{shared_};
    token one{semaphore_};
    switch (as) {
      case form::shared:
        return f(shared_);
      case form::read:
        return f(reads);
      case form::byte:
        return f(byte_);
      case form::recursive:
        return f(recursive_);
      case form::semaphore:
        return f(one);
      case form::pi:
        return f(pi_);
      default:
        return f(mutex_);
    }
  }

  syncxx::mutex mutex_;
  syncxx::shared_mutex shared_;
  syncxx::byte_mutex byte_;
  syncxx::recursive_mutex recursive_;
  syncxx::counting_semaphore<> semaphore_{1};
  syncxx::pi_mutex pi_;
};

// In a ring of readers nobody waits: what is held is exclusive.
form held_as(form wanted) {
  return wanted == form::read ? form::shared : wanted;
}

enum class policy { closes_circle, youngest, fewest_locks, lowest, function };

// Of the one ring that there is at a time.
std::atomic<int> g_chosen{0};
std::atomic<unsigned> g_asked{0};
std::size_t choose(std::span<const deadlock_thread> circle, void*) {
  const unsigned turn = g_asked.fetch_add(1);
  for (std::size_t i = 0;; ++i) {
    const deadlock_thread& each = circle[(turn + i) % circle.size()];
    if (!each.can_give_up) continue;
    g_chosen.store(each.tid);
    return (turn + i) % circle.size();
  }
}

void set(policy p) {
  switch (p) {
    case policy::youngest:
      return syncxx::set_deadlock_victim(deadlock_victim::youngest);
    case policy::fewest_locks:
      return syncxx::set_deadlock_victim(deadlock_victim::fewest_locks);
    case policy::lowest:
      return syncxx::set_deadlock_victim(deadlock_victim::lowest_priority);
    case policy::function:
      return syncxx::set_deadlock_victim(choose);
    default:
      return syncxx::set_deadlock_victim(deadlock_victim::closes_circle);
  }
}

void rings(run& r, policy p) {
  syncxx::set_misuse_action(syncxx::misuse_action::throw_exception);
  syncxx::suppress_findings("*", "*");
  set(p);
  meeting step(r, r.threads());
  const latency wait = r.time("second lock");
  const tally deadlocks = r.count("deadlocks");
  const tally woken = r.count("of them by the one named");
  // New ones in each round, at the same places: what has been seen of the order
  // of those before is not what is tested.
  std::array<std::optional<slot>, kMost> slots;
  std::array<syncxx::mutex, kMost> extra;
  std::array<form, kMost> forms{};
  std::array<int, kMost> owner{};
  std::atomic<unsigned> victims{0};
  unsigned n = 2, rich = 0;
  disturb(r, disturbance::jitter);
  r.start("member", r.threads(), [&](worker& w) {
    const unsigned me = w.index();
    syncxx::set_deadlock_priority(static_cast<int>(me));
    while (step.next(w, [&] {
      n = 2 + static_cast<unsigned>(r.random().below(r.threads() - 1));
      rich = static_cast<unsigned>(r.random().below(256));
      for (unsigned i = 0; i < n; ++i) {
        forms[i] = static_cast<form>(r.random().below(kForms));
        slots[i].emplace();
      }
      victims.store(0);
      g_chosen.store(0);
    })) {
      const bool takes_part = me < n;
      const unsigned next = (me + 1) % n;
      const bool has_more = ((rich >> me) & 1) != 0;
      if (takes_part) {
        if (has_more) extra[me].lock();
        slots[me]->lock(held_as(forms[me]));
        owner[me] = static_cast<int>(me) + 1;
      }
      if (!step.next(w)) return;
      w.jitter();
      if (takes_part) {
        try {
          operation op(w, wait, &*slots[next]);
          slots[next]->lock(forms[next]);
          op.finish();
          if (owner[next] != 0)
            r.fail(failure::exclusion, "got the lock of member %u, who has it",
                   next);
          slots[next]->unlock(forms[next]);
        } catch (const std::system_error& e) {
          victims.fetch_add(1);
          w.count(deadlocks);
          // Who waits for a pi_mutex can't be woken.
          const bool sure = forms[next] != form::pi;
          unsigned other = me;
          if (p == policy::youngest && sure) other = n - 1;
          if (p == policy::lowest && sure) other = 0;
          const bool as_named =
              p == policy::function
                  ? g_chosen.load() == ::gettid()
                  : other == me || forms[(other + 1) % n] == form::pi;
          // A rich one gives up only if no poor one can for sure.
          for (unsigned i = 0; p == policy::fewest_locks && has_more && i < n;
               ++i) {
            if (((rich >> i) & 1) == 0 && forms[(i + 1) % n] != form::pi)
              r.fail(failure::wrong_result, "member %u holds less than %u", i,
                     me);
          }
          if (as_named) w.count(woken);
          if (!as_named ||
              e.code() != std::errc::resource_deadlock_would_occur ||
              std::strstr(e.what(), "deadlock: this thread waits for") ==
                  nullptr)
            r.fail(failure::wrong_result, "member %u of %u gives up: %s", me, n,
                   e.what());
        }
        owner[me] = 0;
        slots[me]->unlock(held_as(forms[me]));
        if (has_more) extra[me].unlock();
      }
      if (!step.next(w)) return;
      if (victims.load() != 1)
        r.fail(failure::wrong_result, "%u victims in a ring of %u",
               victims.load(), n);
    }
  });
  r.go();
}

struct ring_suite {
  ring_suite() {
    add("closes_circle", policy::closes_circle);
    add("youngest", policy::youngest);
    add("fewest_locks", policy::fewest_locks);
    add("lowest_priority", policy::lowest);
    add("function", policy::function);
  }
  static void add(const std::string& name, policy p) {
    add_case({.name = "rings_" + name,
              .what = "rings of 2 to 8 threads; who gives up: " + name,
              .body = [p](run& r) { rings(r, p); },
              .threads = kMost});
  }
};
const ring_suite ring_cases;

}  // namespace
