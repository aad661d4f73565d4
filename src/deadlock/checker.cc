// SPDX-License-Identifier: Apache-2.0
//
// Only what is certain is reported as misuse. Two things must agree: the entry
// of who holds a lock (threads.h: what is there is true, what is not there is
// not known) and the lock's own word, which says whether it is held at all.
#include "checker.h"

#if SYNCXX_HOOKED

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <sync/detail/clock.h>

#include "action.h"
#include "checks.h"
#include "detection/order.h"
#include "detection/ownership.h"
#include "detection/places.h"
#include "detection/semaphores.h"
#include "detection/threads.h"
#include "detection/victims.h"
#include "detection/wait_for.h"
#include "kinds.h"
#include "process.h"
#include "report/finding.h"
#include "report/names.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::checker {
using checks::follow;
using checks::stops;
using checks::tell;
using checks::to_deed;

// --- Locks and semaphores ----------------------------------------------------

verdict attempt(const void* object, object_kind kind, waits,
                const call_site& site) noexcept {
  const bool semaphore = is_semaphore(kind);
  if (words_for(kind) == nullptr && !semaphore) return verdict::none;
  const entrance checker;
  if (!checker || action::is_off()) return verdict::none;
  thread_record* const me = threads::self();
  if (me == nullptr) return verdict::none;
  if (semaphore && !semaphores::is_lock(object, kind, 0)) return verdict::none;
  if (!ownership::tidy(*me)) return verdict::none;
  const bool holds = me->held() != 0;
  if (holds && !semaphore && !names_owner(kind)) {
    const verdict v = checks::relock(*me, object, kind, site);
    if (stops(v)) return v;
    const verdict w = checks::reentry(*me, object, kind, site);
    if (stops(w)) return w;
  }
  switch (order::enter(*me, object, kind, order_graph::taken::waited, site)) {
    case order::result::known:
      return verdict::none;
    case order::result::circle:
      return follow(order::report_found(), false);
    default:
      return holds ? checks::under_spinlock(*me, object, kind, site)
                   : verdict::none;
  }
}

void acquired(const void* object, object_kind kind,
              const call_site& site) noexcept {
  const bool semaphore = is_semaphore(kind);
  if (words_for(kind) == nullptr && !semaphore) return;
  const entrance checker;
  if (!checker || action::is_off()) return;
  thread_record* const me = threads::self();
  if (me == nullptr) return;
  if (semaphore && !semaphores::is_lock(object, kind, 1)) return;
  if (!ownership::tidy(*me)) return;
  const bool expected = thread_record::is_expected(object, kind);
  // On the way out of a condition variable's wait it may have waited.
  const bool waited = std::exchange(me->was_on_condition, false) || expected;
  bool circle = false;
  if (!expected) {
    circle = order::enter(*me, object, kind,
                          waited ? order_graph::taken::waited
                                 : order_graph::taken::tried,
                          site) == order::result::circle;
  }
  const bool timed = checks::long_hold_limit() != 0;
  const lock_context context = me->next().context;
  held_lock* const entry = me->add(
      token_of(object, kind) | (waited ? 0 : kTried) | (timed ? kToBeTold : 0),
      me->next().where.load(memory_order_relaxed));
  if (entry == nullptr) return;
  entry->since_ns = timed ? process::now_ns() : 0;
  entry->context = context;
  if (circle && follow(order::report_found(), false) == verdict::end)
    std::abort();
}

verdict releasing(const void* object, object_kind kind,
                  const call_site& site) noexcept {
  if (is_condition(kind)) {
    notified(object, kind, site);
    return verdict::none;
  }
  if (words_for(kind) == nullptr && !counts(kind)) return verdict::none;
  const entrance checker;
  if (!checker) return verdict::none;
  operation here;
  if (counts(kind)) {
    if (action::is_off()) return verdict::none;
    describe(here, kind, site);
    ownership::gave(object, here);
    if (is_semaphore(kind) && semaphores::releasing(object, kind) &&
        order::proved(object)) {
      return follow(order::report_found(), false);
    }
    return verdict::none;
  }
  if (thread_record* const me = threads::own(); me != nullptr) {
    me->note_released(object);
    if (checks::long_hold_limit() != 0) {
      const held_lock* const mine = me->find_held(
          [&](const held_lock& h) { return h.object() == object; });
      if (mine != nullptr) checks::long_hold(*me, *mine, site);
    }
  }
  operation holder;
  const auto giver =
      kind == object_kind::shared_mutex_shared
          ? ownership::gives_share(object, kind, readers_of, holder)
          : ownership::gives(object, kind, holder);
  if (giver == ownership::giver::owner) return verdict::none;
  const bool held = is_locked(object, kind);
  // Held by nobody knows whom, perhaps by this thread.
  if (held && giver == ownership::giver::unknown) return verdict::none;
  describe(here, kind, site);
  const deed now = to_deed(here, object);
  const deed then = to_deed(holder, object);
  const verdict v = tell({.kind = finding_kind::unlock_not_owner,
                          .what = held ? words_for(kind)->unlocked_by_stranger
                                       : words_for(kind)->unlocked_while_free,
                          .code = EPERM,
                          .here = &now,
                          .other = held ? &then : nullptr});
  // The lock will be released: its holder does not hold it any more.
  if (v != verdict::raise) ownership::forget(object);
  return v;
}

verdict wait_begin(const void* object, object_kind kind, waits how,
                   const call_site& site) noexcept {
  const entrance checker;
  if (!checker || action::is_off()) return verdict::none;
  thread_record* const me = threads::self();
  if (me == nullptr) return verdict::none;
  if (!ownership::tidy(*me)) return verdict::none;
  if ((how == waits::for_ever || how == waits::revocable) &&
      is_process_shared(object, kind))
    how = waits::bounded;  // other processes may end it
  verdict v = verdict::none;
  const void* mutex = nullptr;
  if (is_condition(kind)) {
    mutex = me->last_released();
    if (kind != object_kind::condition_variable_any)
      v = checks::wrong_mutex(*me, object, kind, mutex, site);
    if (v == verdict::end || (v == verdict::raise && how != waits::committed))
      return v;
  }
  if (me->held() != 0) checks::under_spinlock(*me, object, kind, site);
  std::uint32_t where = 0;
  if (thread_record::is_expected(object, kind)) {
    where = me->next().where.load(memory_order_relaxed);
  } else {
    place at;
    capture(at, site);
    where = places::number_of(at);
  }
  // Before anybody sees the wait.
  if (how == waits::revocable) me->calling_off.open(me->next_wait());
  me->wait_begins(object, kind, how == waits::bounded, where, process::now_ns(),
                  mutex);
  if (is_condition(kind)) {
    // The other kind takes any lock again as a lock.
    me->was_on_condition = kind != object_kind::condition_variable_any;
    if (how != waits::bounded) checks::may_be_lost(object, mutex);
  }
  if (how == waits::bounded) return v;
  const wait_for::result found = wait_for::check(*me, how != waits::committed);
  if (found == wait_for::result::nothing) {
    wait_for::watch();
    return v;
  }
  return follow(true, found == wait_for::result::victim);
}

void wait_end(const void*, object_kind) noexcept {
  const entrance checker;
  if (!checker) return;
  thread_record* const me = threads::own();
  if (me != nullptr && me->is_waiting()) me->wait_ends();
}

namespace {

// The name goes last: the report has it.
class name_until_end {
 public:
  explicit name_until_end(const void* object) noexcept : object_(object) {}
  name_until_end(const name_until_end&) = delete;
  name_until_end& operator=(const name_until_end&) = delete;
  ~name_until_end() { forget_name(object_); }

 private:
  const void* const object_;
};

}  // namespace

verdict destroyed(const void* object, object_kind kind,
                  const call_site& site) noexcept {
  const entrance checker;
  if (!checker) return verdict::none;
  const name_until_end named(object);
  if (is_condition(kind)) {
    if (!action::is_off()) checks::forget_notified(object);
    return verdict::none;
  }
  if (words_for(kind) == nullptr && !counts(kind)) return verdict::none;
  operation holder;
  bool held = false;
  const auto look = [&](object_kind as) {
    operation one;
    if (held || words_for(as) == nullptr || !is_locked(object, as) ||
        !ownership::forget(object, as, one))
      return;
    held = true;
    holder = one;
  };
  if (kind == object_kind::shared_mutex) {
    // Its writer or upgrader has the one entry besides those of readers.
    look(object_kind::shared_mutex_upgrade);
    look(object_kind::shared_mutex_shared);
  }
  if (kind == object_kind::pthread_rwlock)
    look(object_kind::pthread_rwlock_shared);
  look(kind);
  if (counts(kind)) ownership::forget_given(object);
  if (is_semaphore(kind)) {
    // Tokens that are taken don't come back.
    ownership::forget(object, kind, holder);
    semaphores::forget(object);
  }
  order::forget(object);
  if (!held) return verdict::none;
  operation here;
  describe(here, kind, site);
  const deed now = to_deed(here, object);
  const deed then = to_deed(holder, object);
  return tell({.kind = finding_kind::destroyed_while_held,
               .what = words_for(kind)->destroyed_while_held,
               .code = EBUSY,
               .here = &now,
               .other = &then});
}

void memory_released(const void* begin, std::size_t size,
                     const call_site& site) noexcept {
  const entrance checker;
  if (!checker || action::is_off()) return;
  // Those that are held are told of, as if they were destroyed.
  const void* held[8];
  object_kind kinds[8];
  const std::uint32_t n = ownership::find_held(begin, size, held, kinds, 8);
  for (std::uint32_t i = 0; i < n; ++i) {
    operation holder;
    if (words_for(kinds[i]) == nullptr || !is_locked(held[i], kinds[i]) ||
        !ownership::forget(held[i], kinds[i], holder))
      continue;
    operation here;
    describe(here, kinds[i], site);
    const deed now = to_deed(here, held[i]);
    const deed then = to_deed(holder, held[i]);
    tell({.kind = finding_kind::destroyed_while_held,
          .what = "memory given back with a lock in it that is held",
          .code = EBUSY,
          .here = &now,
          .other = &then});
  }
  order::forget(begin, size);
}

verdict misused(const void* object, object_kind kind, const char* what,
                int errno_code, const call_site& site, unsigned skip) noexcept {
  const entrance checker;
  if (!checker) return verdict::none;
  operation here;
  operation latest;
  operation before;
  describe(here, kind, site, skip);
  const deed now = to_deed(here, object);
  deed other;
  deed other_before;
  finding found{.kind = finding_kind::misuse,
                .what = what,
                .code = errno_code,
                .here = &now};
  if (kind == object_kind::condition_variable ||
      kind == object_kind::pthread_cond) {
    found.kind = finding_kind::wrong_mutex_for_condition;
  } else if (words_for(kind) != nullptr) {
    if (errno_code == EDEADLK) found.kind = finding_kind::self_deadlock;
    if (errno_code == EPERM) found.kind = finding_kind::unlock_not_owner;
    if (errno_code == EBUSY) found.kind = finding_kind::destroyed_while_held;
    if (ownership::find_holder(object, kind, latest)) {
      other = to_deed(latest, object);
      found.other = &other;
    }
  } else if (counts(kind)) {
    // A release or arrival that fails has told that it was about to give: that
    // is `here`.
    if (errno_code == EOVERFLOW || kind == object_kind::barrier)
      ownership::refused(object, kind);
    if (ownership::find_last(object, kind, latest, before)) {
      other = to_deed(latest, object);
      found.other = &other;
      if (before.thread != 0) {
        other_before = to_deed(before, object);
        found.before = &other_before;
      }
    }
  }
  return tell(found);
}

void made_anew(const void* object, object_kind kind) noexcept {
  const entrance checker;
  if (!checker) return;
  ownership::forget(object);
  order::forget(object);
  if (is_semaphore(kind)) semaphores::forget(object);
  if (is_condition(kind)) checks::forget_notified(object);
}

// --- Condition variables -----------------------------------------------------

// The rest is in wait_begin().
verdict condition_wait(const void*, object_kind, const void* mutex, object_kind,
                       waits, const call_site&) noexcept {
  const entrance checker;
  if (checker && !action::is_off()) {
    if (thread_record* const me = threads::self()) me->note_released(mutex);
  }
  return verdict::none;
}

void notified(const void* condition, object_kind kind,
              const call_site& site) noexcept {
  const entrance checker;
  if (!checker || action::is_off()) return;
  if (thread_record* const me = threads::self())
    checks::notified(*me, condition, kind, site);
}

// --- Threads -----------------------------------------------------------------

thread_serial creating_thread() noexcept {
  const entrance checker;
  if (!checker || action::is_off()) return 0;
  thread_record* const me = threads::self();
  if (me == nullptr) return 0;
  process::start_watcher();
  const thread_serial serial = threads::new_serial();
  order::thread_created(*me, serial);
  return serial;
}

void thread_begins(thread_serial serial, std::uintptr_t) noexcept {
  const entrance checker;
  if (!checker || threads::own() != nullptr) return;
  t_self.serial_for_it = serial;
  if (!action::is_off()) static_cast<void>(threads::self());
}

void created(thread_serial serial, std::uintptr_t os_handle) noexcept {
  const entrance checker;
  if (checker && serial != 0) threads::note_handle(os_handle, serial);
}

verdict thread_ends() noexcept {
  const entrance checker;
  if (!checker) return verdict::none;
  thread_record* const me = threads::own();
  verdict v = verdict::none;
  if (me != nullptr && !action::is_off()) {
    const held_lock* const left = me->find_held([](const held_lock& h) {
      const object_kind kind = h.kind();
      return words_for(kind) != nullptr && !is_robust(kind) &&
             is_locked(h.object(), kind);
    });
    if (left != nullptr) {
      operation taken;
      ownership::read(*me, *left, taken);
      const deed then = to_deed(taken, left->object());
      deed now = then;
      now.at = {};
      v = tell({.kind = finding_kind::thread_exit_holding,
                .what = "a thread has ended that holds a lock",
                .code = EOWNERDEAD,
                .here = &now,
                .other = &then});
    }
  }
  victims::thread_ends();
  threads::end();
  return v;
}

verdict joining(std::uintptr_t os_handle, const call_site& site) noexcept {
  std::uint64_t serial = 0;
  {
    const entrance checker;
    if (!checker || action::is_off()) return verdict::none;
    serial = threads::serial_of(os_handle);
    t_self.joins = serial;
  }
  if (serial == 0) return verdict::none;
  return wait_begin(reinterpret_cast<const void*>(serial), object_kind::thread,
                    waits::for_ever, site);
}

void joined(std::uintptr_t os_handle, bool has_ended) noexcept {
  const entrance checker;
  if (!checker) return;
  thread_record* const me = threads::own();
  if (me == nullptr) return;
  // A try, or a bounded wait, has not told that it begins.
  const std::uint64_t serial =
      t_self.joins != 0 ? t_self.joins : threads::serial_of(os_handle);
  if (t_self.joins != 0 && me->is_waiting()) me->wait_ends();
  t_self.joins = 0;
  if (!has_ended || serial == 0) return;
  threads::joined(os_handle, serial);
  order::thread_joined(*me, serial);
}

}  // namespace detail::checker
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
