// SPDX-License-Identifier: Apache-2.0
#include "victims.h"

#if SYNCXX_HOOKED

#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include <sync/detail/raw_mutex.h>

#include "../action.h"
#include "../process.h"
#include "../settings.h"
#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Made anew when it has been used; a thread_local names it, where a search for
// leaks looks.
struct stop_of_waits {
  stop_source source;
  stop_token token = source.get_token();
  bool is_used = false;
  bool waits = false;  // some wait is made with it
};

namespace victims {
namespace {

thread_local constinit stop_of_waits* t_stop
    __attribute__((tls_model("initial-exec"))) = nullptr;

// A deadlock_victim; kFunction: g_chooser.
constexpr int kNotRead = -1;  // SYNCXX_DEADLOCK_VICTIM
constexpr int kFunction = 100;
constinit atomic<int> g_policy{kNotRead};
constinit raw_mutex g_lock;
constinit victim_chooser g_chooser = nullptr;
constinit void* g_context = nullptr;

int asked_for() noexcept {
  constexpr auto value_of = [](deadlock_victim v) {
    return static_cast<int>(v);
  };
  constexpr settings::choice kChoices[] = {
      {"closes_circle", value_of(deadlock_victim::closes_circle)},
      {"youngest", value_of(deadlock_victim::youngest)},
      {"fewest_locks", value_of(deadlock_victim::fewest_locks)},
      {"lowest_priority", value_of(deadlock_victim::lowest_priority)}};
  constexpr const char* kVariable = "SYNCXX_DEADLOCK_VICTIM";
  return settings::choose(kVariable, std::getenv(kVariable), kChoices,
                          "closes_circle, youngest, fewest_locks or "
                          "lowest_priority: taken as closes_circle",
                          value_of(deadlock_victim::closes_circle));
}

int policy() noexcept {
  int now = g_policy.load(memory_order_relaxed);
  if (now == kNotRead) [[unlikely]] {
    const table_lock only_me(g_lock);
    now = g_policy.load(memory_order_relaxed);
    if (now == kNotRead) {
      now = asked_for();
      g_policy.store(now, memory_order_relaxed);
    }
  }
  return now;
}

// Whether a is rather to give up than b.
bool rather(int by, const deadlock_thread& a,
            const deadlock_thread& b) noexcept {
  switch (static_cast<deadlock_victim>(by)) {
    case deadlock_victim::youngest:
      return a.serial > b.serial;
    case deadlock_victim::fewest_locks:
      if (a.locks_held != b.locks_held) return a.locks_held < b.locks_held;
      break;
    case deadlock_victim::lowest_priority:
      if (a.priority != b.priority) return a.priority < b.priority;
      break;
    default:
      if (a.closes_circle != b.closes_circle) return a.closes_circle;
      break;
  }
  if (a.waiting != b.waiting) return a.waiting < b.waiting;
  return a.serial > b.serial;
}

std::size_t ask(std::span<deadlock_thread> circle) noexcept {
  g_lock.lock();
  const victim_chooser chooser = g_chooser;
  void* const context = g_context;
  g_lock.unlock();
  if (chooser == nullptr) return circle.size();
  // The names are read from files: only where somebody asks.
  using name = char[process::kThreadNameSize];
  const std::size_t bytes = circle.size() * sizeof(name);
  auto* const names = static_cast<name*>(map_pages(bytes));
  for (std::size_t i = 0; names != nullptr && i < circle.size(); ++i) {
    process::look_up_thread(circle[i].tid, names[i]);
    circle[i].name = names[i];
  }
  const std::size_t chosen = chooser(circle, context);
  if (names != nullptr) unmap_pages(names, bytes);
  return chosen;
}

}  // namespace

bool prepare() noexcept {
  const entrance checker;
  if (!checker || action::current() != misuse_action::throw_exception ||
      policy() == static_cast<int>(deadlock_victim::closes_circle))
    return false;
  thread_record* const me = threads::self();
  if (me == nullptr) return false;
  try {
    if (t_stop == nullptr)
      t_stop = new stop_of_waits;
    else if (t_stop->waits)
      return false;  // in a signal handler, which has come into such a wait
    else if (t_stop->is_used)
      *t_stop = stop_of_waits{};
  } catch (const std::bad_alloc&) {
    return false;
  }
  me->woken_by = t_stop;
  return true;
}

// Not in a signal handler that comes between the opening and this, nor for the
// wait that it has come into, which is not known any more then.
const stop_token* token() noexcept {
  thread_record* const me = threads::own();
  if (me == nullptr || t_self.outside == nullptr || t_stop == nullptr ||
      t_stop->waits || !me->calling_off.is_of(me->wait_now()))
    return nullptr;
  t_stop->waits = true;
  return &t_stop->token;
}

bool ends(thread_record& me) noexcept {
  t_stop->waits = false;
  return me.calling_off.close();
}

void used() noexcept { t_stop->is_used = true; }

stop_source waker(const thread_record& victim) noexcept {
  return victim.woken_by->source;
}

void thread_ends() noexcept { delete std::exchange(t_stop, nullptr); }

bool by_program() noexcept { return policy() == kFunction; }

std::size_t choose(std::span<deadlock_thread> circle,
                   bool may_ask_program) noexcept {
  int by = policy();
  if (by == kFunction) {
    const std::size_t chosen = may_ask_program ? ask(circle) : circle.size();
    if (chosen < circle.size() && circle[chosen].can_give_up) return chosen;
    by = static_cast<int>(deadlock_victim::closes_circle);
  }
  std::size_t best = circle.size();
  for (std::size_t i = 0; i < circle.size(); ++i) {
    if (circle[i].can_give_up &&
        (best == circle.size() || rather(by, circle[i], circle[best])))
      best = i;
  }
  return best;
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept { std::construct_at(&g_lock); }

}  // namespace victims

void choose_victims(deadlock_victim policy) noexcept {
  const entrance checker;
  victims::g_policy.store(static_cast<int>(policy), memory_order_relaxed);
}

void choose_victims(victim_chooser chooser, void* context) noexcept {
  const entrance checker;
  const table_lock only_me(victims::g_lock);
  victims::g_chooser = chooser;
  victims::g_context = context;
  victims::g_policy.store(
      chooser != nullptr ? victims::kFunction
                         : static_cast<int>(deadlock_victim::closes_circle),
      memory_order_relaxed);
}

void give_priority(int priority) noexcept {
  const entrance checker;
  if (thread_record* const me = threads::self())
    me->priority.store(priority, memory_order_relaxed);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
