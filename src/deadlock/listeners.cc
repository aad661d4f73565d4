// SPDX-License-Identifier: Apache-2.0
//
// The tables of hooks for the statistics, alone and together with the checker.
//
// Together: the statistics hear first, and the checker is what each function
// ends with. A jump, where that is optimized: the checker finds the caller's
// frame, and may throw through here. So the statistics must bear with what does
// not come after all: a wait that the checker refuses, a release that it does.
#include "listeners.h"

#if SYNCXX_HOOKED

#include <memory>

#include <sync/detail/hooks.h>
#include <sync/detail/raw_mutex.h>

#include "detection/order.h"
#include "detection/self.h"
#include "listener.h"
#include "report/names.h"
#include "report/place.h"
#include "statistics/statistics.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::listeners {
namespace {

// --- The statistics alone ----------------------------------------------------

void on_attempt(const void*, object_kind) { statistics::attempt(); }

void on_acquired(const void* object, object_kind kind) noexcept {
  statistics::acquired(object, kind, SYNCXX_CALL_SITE());
}

void on_releasing(const void* object, object_kind kind) {
  statistics::releasing(object, kind);
}

void on_wait_begin(const void* object, object_kind kind, waits) {
  statistics::wait_begin(object, kind, SYNCXX_CALL_SITE());
}

void on_wait_end(const void* object, object_kind kind) noexcept {
  statistics::wait_end(object, kind);
}

void on_misuse(const void*, object_kind, const char*, int) {}

// The lock is the same, and the child has forgotten who held it.
void on_reset(const void*, object_kind) noexcept {}

void on_destroyed(const void* object, object_kind kind) noexcept {
  statistics::forget(object, kind);
  const entrance checker;
  if (!checker) return;
  forget_name(object);
  order::forget(object);  // its class
}

constexpr hook_table kStatistics = {
    .attempt = on_attempt,
    .acquired = on_acquired,
    .releasing = on_releasing,
    .wait_begin = on_wait_begin,
    .wait_end = on_wait_end,
    .misuse = on_misuse,
    .reset = on_reset,
    .destroyed = on_destroyed,
    .knows_steps = false,
};

// --- Both --------------------------------------------------------------------

void both_attempt(const void* object, object_kind kind) {
  statistics::attempt();
  return g_listener.attempt(object, kind);
}

void both_acquired(const void* object, object_kind kind) noexcept {
  statistics::acquired(object, kind, SYNCXX_CALL_SITE());
  if (!acquired_as_expected(object, kind))
    return g_listener.acquired(object, kind);
}

void both_releasing(const void* object, object_kind kind) {
  statistics::releasing(object, kind);
  if (kind == object_kind::semaphore || !released_last(object, kind))
    return g_listener.releasing(object, kind);
}

void both_wait_begin(const void* object, object_kind kind, waits how) {
  statistics::wait_begin(object, kind, SYNCXX_CALL_SITE());
  return g_listener.wait_begin(object, kind, how);
}

void both_wait_end(const void* object, object_kind kind) noexcept {
  statistics::wait_end(object, kind);
  return g_listener.wait_end(object, kind);
}

void both_destroyed(const void* object, object_kind kind) noexcept {
  statistics::forget(object, kind);
  return g_listener.destroyed(object, kind);
}

// What the statistics do not care for is the checker's own.
constinit hook_table g_both{};

// --- Who listens -------------------------------------------------------------

constinit raw_mutex g_lock;
constinit atomic<bool> g_checker{true};
constinit bool g_statistics = false;

// Under g_lock.
void install() noexcept {
  const bool checker = g_checker.load(memory_order_relaxed);
  if (g_both.acquired == nullptr) {
    g_both = {
        .attempt = both_attempt,
        .acquired = both_acquired,
        .releasing = both_releasing,
        .wait_begin = both_wait_begin,
        .wait_end = both_wait_end,
        .misuse = g_listener.misuse,
        .reset = g_listener.reset,
        .destroyed = both_destroyed,
        .knows_steps = false,
    };
  }
  const hook_table* const alone = checker ? &g_listener : nullptr;
  // [H2] release; pairs with [H1]: the table, and what the caller has written.
  g_hooks.store(g_statistics ? (checker ? &g_both : &kStatistics) : alone,
                memory_order_release);
}

}  // namespace

void set_checker(bool listens) noexcept {
  const table_lock only_me(g_lock);
  g_checker.store(listens, memory_order_relaxed);
  install();
}

void set_statistics(bool listens) noexcept {
  const table_lock only_me(g_lock);
  if (listens) statistics::switch_on(true);
  g_statistics = listens;
  install();
  if (!listens) statistics::switch_on(false);
}

bool checker_listens() noexcept { return g_checker.load(memory_order_relaxed); }

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept { std::construct_at(&g_lock); }

}  // namespace detail::listeners
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
