// SPDX-License-Identifier: Apache-2.0
#include "action.h"

#if SYNCXX_HOOKED

#include <cstdlib>
#include <memory>

#include <sync/detail/hooks.h>
#include <sync/detail/raw_mutex.h>

#include "checks.h"
#include "detection/order.h"
#include "detection/ownership.h"
#include "detection/semaphores.h"
#include "listeners.h"
#include "settings.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::action {
namespace {

constexpr int kNotRead = -1;  // SYNCXX_DEADLOCK
constinit atomic<int> g_action{kNotRead};
constinit raw_mutex g_action_lock;

// Under g_action_lock.
void change_locked(misuse_action to) noexcept {
  const bool listens = listeners::checker_listens();
  g_action.store(static_cast<int>(to), memory_order_relaxed);
  if (to == misuse_action::off) {
    // Whoever still listens does no harm (ownership.cc).
    listeners::set_checker(false);
    if (listens) ownership::end_epoch();
  } else if (!listens) {
    // (That hands over the action, and the end of the epoch before.)
    listeners::set_checker(true);
    // What happened in between was not seen.
    order::forget_all();
    semaphores::forget_all();
    checks::forget_all_notified();
    ownership::begin_epoch();
  }
}

misuse_action asked_for() noexcept {
  constexpr auto value_of = [](misuse_action a) { return static_cast<int>(a); };
  constexpr settings::choice kChoices[] = {
      {"off", value_of(misuse_action::off)},
      {"report", value_of(misuse_action::report)},
      {"abort", value_of(misuse_action::abort)},
      {"throw", value_of(misuse_action::throw_exception)}};
  constexpr const char* kVariable = "SYNCXX_DEADLOCK";
  return static_cast<misuse_action>(
      settings::choose(kVariable, std::getenv(kVariable), kChoices,
                       "report, abort, throw or off: taken as abort",
                       value_of(misuse_action::abort)));
}

}  // namespace

misuse_action current() noexcept {
  int action = g_action.load(memory_order_relaxed);
  if (action == kNotRead) [[unlikely]] {
    const table_lock only_me(g_action_lock);
    action = g_action.load(memory_order_relaxed);
    if (action == kNotRead) {
      change_locked(asked_for());
      action = g_action.load(memory_order_relaxed);
    }
  }
  return static_cast<misuse_action>(action);
}

void change(misuse_action to) noexcept {
  const table_lock only_me(g_action_lock);
  change_locked(to);
}

void before_fork() noexcept { g_action_lock.lock(); }
void after_fork_in_parent() noexcept { g_action_lock.unlock(); }
void after_fork_in_child() noexcept { std::construct_at(&g_action_lock); }

}  // namespace detail::action
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
