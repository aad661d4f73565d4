// SPDX-License-Identifier: Apache-2.0
//
// What the hooks of the library's own primitives tell the checker, and how its
// verdicts are carried out.
#include <sync/misuse.h>

#include <string>
#include <system_error>

#include <sync/detail/hooks.h>
#include <sync/detail/raw_semaphore.h>
#include <sync/detail/told_wait.h>

#if SYNCXX_HOOKED

#include <cerrno>
#include <cstdlib>

#include "action.h"
#include "checker.h"
#include "checker_fast.h"
#include "checks.h"
#include "detection/order.h"
#include "detection/ownership.h"
#include "detection/places.h"
#include "detection/semaphores.h"
#include "detection/threads.h"
#include "detection/victims.h"
#include "detection/wait_for.h"
#include "kinds.h"
#include "listener.h"
#include "listeners.h"
#include "process.h"
#include "report/finding.h"
#include "report/names.h"
#include "statistics/control.h"
#include "statistics/statistics.h"
#include "statistics/summary.h"
#include "thread_calls.h"

#endif  // SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

[[noreturn]] void fail(const char* what, int errno_code) {
  throw std::system_error(errno_code, std::generic_category(),
                          std::string("syncxx: ") + what);
}

}  // namespace

void misused([[maybe_unused]] const void* object,
             [[maybe_unused]] object_kind kind, const char* what,
             int errno_code) {
#if SYNCXX_HOOKED
  if (const hook_table* table = hooks())
    table->misuse(object, kind, what, errno_code);
#endif
  fail(what, errno_code);
}

#if SYNCXX_HOOKED
namespace {

// Each listener is what the user's code calls (the hooks are inline), so the
// place is where it returns to. A verdict is carried out when the thread has
// left the checker: an exception's allocation and an abort's handler are the
// program's own.

using checker::verdict;

[[gnu::noinline]] void attempt_told(const void* object, object_kind kind,
                                    call_site site) {
  switch (checker::attempt(object, kind, waits::for_ever, site)) {
    case verdict::end:
      std::abort();
    case verdict::raise:
      fail(is_share(kind)
               ? "lock_shared() that waits for this thread's own share"
               : words_for(kind)->locked_twice,
           EDEADLK);
    default:
      return;
  }
}

void on_attempt(const void* object, object_kind kind) {
  const call_site site = SYNCXX_CALL_SITE();
  if (!checker::attempt_known(object, kind, site)) [[unlikely]]
    attempt_told(object, kind, site);
}

void on_acquired(const void* object, object_kind kind) noexcept {
  checker::acquired(object, kind, SYNCXX_CALL_SITE());
}

void on_releasing(const void* object, object_kind kind) {
  if (kind != object_kind::semaphore && checker::releasing_known(object, kind))
    return;
  switch (checker::releasing(object, kind, SYNCXX_CALL_SITE())) {
    case verdict::end:
      std::abort();
    case verdict::raise:
      fail(is_locked(object, kind) ? words_for(kind)->unlocked_by_stranger
                                   : words_for(kind)->unlocked_while_free,
           EPERM);
    default:
      return;
  }
}

void on_wait_begin(const void* object, object_kind kind, waits how) {
  if (how == waits::revocable && !victims::prepare()) how = waits::for_ever;
  switch (checker::wait_begin(object, kind, how, SYNCXX_CALL_SITE())) {
    case verdict::end:
      std::abort();
    case verdict::raise:
      if (how != waits::for_ever && how != waits::revocable) return;
      fail(threads::own()->found, EDEADLK);
    default:
      return;
  }
}

void on_wait_end(const void* object, object_kind kind) noexcept {
  checker::wait_end(object, kind);
}

void on_misuse(const void* object, object_kind kind, const char* what,
               int errno_code) {
  // 1: misused()
  if (checker::misused(object, kind, what, errno_code, SYNCXX_CALL_SITE(), 1) ==
      verdict::end) {
    std::abort();
  }
}

void on_reset(const void* object, object_kind kind) noexcept {
  checker::made_anew(object, kind);
}

void on_destroyed(const void* object, object_kind kind) noexcept {
  const verdict then = checker::destroyed(object, kind, SYNCXX_CALL_SITE());
  // A destructor cannot throw.
  if (then == verdict::end || then == verdict::raise) std::abort();
}

// --- Begin, fork, end of a thread --------------------------------------------

// In the order in which the locks are taken, one inside of another.
void before_fork() {
  const entrance checker;
  action::before_fork();
  wait_for::before_fork();
  victims::before_fork();
  checks::before_fork();
  order::before_fork();
  semaphores::before_fork();
  ownership::before_fork();
  threads::before_fork();
  places::before_fork();
  statistics::summary::before_fork();
  listeners::before_fork();
  statistics::before_fork();
  // A signal handler that comes in between finds the thread in the checker: it
  // must not wait for a lock that the thread holds. Not so the program's own
  // fork handlers.
  t_self.owns_all = true;
}
void after_fork_in_parent() {
  const entrance checker;
  t_self.owns_all = false;
  statistics::after_fork_in_parent();
  listeners::after_fork_in_parent();
  statistics::summary::after_fork_in_parent();
  places::after_fork_in_parent();
  threads::after_fork_in_parent();
  ownership::after_fork_in_parent();
  semaphores::after_fork_in_parent();
  order::after_fork_in_parent();
  checks::after_fork_in_parent();
  victims::after_fork_in_parent();
  wait_for::after_fork_in_parent();
  action::after_fork_in_parent();
}
void after_fork_in_child() {
  const entrance checker;
  statistics::after_fork_in_child();
  listeners::after_fork_in_child();
  statistics::summary::after_fork_in_child();
  places::after_fork_in_child();
  threads::after_fork_in_child();
  ownership::after_fork_in_child();
  semaphores::after_fork_in_child();
  order::after_fork_in_child();
  checks::after_fork_in_child();
  victims::after_fork_in_child();
  wait_for::after_fork_in_child();
  action::after_fork_in_child();
  reset_report_lock();
  reset_names_after_fork();
  t_self.owns_all = false;
}

void at_thread_end() {
  statistics::thread_ends();
  if (checker::thread_ends() == verdict::end) std::abort();
}

// Locks that are taken before this runs (other constructors) are heard too: the
// hooks are on from the first instruction, and the first to be heard reads the
// environment.
// (Among the first: of fork handlers those that were registered first lock
// last.)
[[gnu::constructor(101)]] void begin() {
  hear_thread_calls();
  checker::begin();
}

}  // namespace

namespace {

// The first pages of all tables: a program that locks itself up later, and
// takes few locks, needs no system call for them.
void warm_up(const call_site& site) noexcept {
  thread_record* const me = threads::self();
  if (me == nullptr) return;
  static constexpr char locks[2] = {};
  for (const char& lock : locks) {
    order::enter(*me, &lock, object_kind::mutex, order_graph::taken::waited,
                 site);
    if (held_lock* const h = me->add(token_of(&lock, object_kind::mutex), 0))
      h->context = {};
  }
  for (const char& lock : locks) {
    ownership::remove_mine(&lock, object_kind::mutex);
    order::forget(&lock);
  }
  static constexpr raw_semaphore semaphore{1};
  semaphores::is_lock(&semaphore, object_kind::semaphore, 0);
  semaphores::forget(&semaphore);
  checks::notified(*me, &semaphore, object_kind::condition_variable, site);
  checks::forget_notified(&semaphore);
}

}  // namespace

void checker::begin() noexcept {
  static constinit bool has_begun = false;
  if (has_begun) return;
  has_begun = true;
  const entrance checker;
  process::begin(before_fork, after_fork_in_parent, after_fork_in_child,
                 at_thread_end);
  begin_reports();
  statistics::begin();
  if (action::current() != misuse_action::off) warm_up(SYNCXX_CALL_SITE());
  ownership::allow_fast(checks::long_hold_limit() == 0);
}

const stop_token* call_off_token() noexcept { return victims::token(); }

void call_off_ends(bool owned) {
  thread_record* const me = threads::own();
  if (!victims::ends(*me)) return;
  {
    const entrance checker;
    wait_for::settle();
    victims::used();
  }
  if (!owned) fail(me->found, EDEADLK);
}

const hook_table g_listener = {
    .attempt = on_attempt,
    .acquired = on_acquired,
    .releasing = on_releasing,
    .wait_begin = on_wait_begin,
    .wait_end = on_wait_end,
    .misuse = on_misuse,
    .reset = on_reset,
    .destroyed = on_destroyed,
    .knows_steps = true,
};

constinit atomic<const hook_table*> g_hooks{&g_listener};

#endif  // SYNCXX_HOOKED

}  // namespace detail

#if SYNCXX_HOOKED

void set_misuse_action(misuse_action action) noexcept {
  const detail::entrance checker;
  detail::action::change(action);
}

misuse_action get_misuse_action() noexcept {
  const detail::entrance checker;
  return detail::action::current();
}

#endif  // SYNCXX_HOOKED

}  // namespace syncxx::inline SYNCXX_ABI
