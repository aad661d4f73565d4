// SPDX-License-Identifier: Apache-2.0
#include "checks.h"

#if SYNCXX_HOOKED

#include <pthread.h>

#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <memory>

#include <sync/detail/raw_mutex.h>

#include "action.h"
#include "detection/order.h"
#include "detection/places.h"
#include "detection/storage.h"
#include "kinds.h"
#include "process.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::checks {

deed to_deed(const operation& o, const void* object) noexcept {
  return {o.thread, o.tid, {object, o.kind}, o.at};
}

verdict follow(bool told, bool raises) noexcept {
  if (!told) return verdict::none;
  switch (action::current()) {
    case misuse_action::off:
      return verdict::none;
    case misuse_action::report:
      return verdict::go_on;
    case misuse_action::throw_exception:
      return raises ? verdict::raise : verdict::go_on;
    default:
      return verdict::end;
  }
}

verdict tell(const finding& found) noexcept {
  if (action::is_off()) return verdict::none;
  return follow(report(found), true);
}

namespace {

// No more than a word of warning: the program goes on, whatever the action.
verdict warn(const finding& found) noexcept {
  return report(found) ? verdict::go_on : verdict::none;
}

// A finding about what the calling thread does now and what somebody did.
verdict tell(finding_kind what_kind, const char* what, int code,
             const void* object, object_kind kind, const call_site& site,
             const operation& then, const void* with,
             bool is_warning = false) noexcept {
  if (action::is_off()) return verdict::none;
  operation here;
  describe(here, kind, site);
  const deed now = to_deed(here, object);
  const deed other = to_deed(then, with);
  finding found{.kind = what_kind, .what = what, .code = code};
  found.here = &now;
  found.other = &other;
  return is_warning ? warn(found) : follow(report(found), true);
}

}  // namespace

// --- Locks -------------------------------------------------------------------

verdict relock(thread_record& me, const void* object, object_kind kind,
               const call_site& site) noexcept {
  const held_lock* const mine = me.find_held([&](const held_lock& h) {
    const object_kind held = h.kind();
    return h.object() == object && waits_for_itself(kind, held);
  });
  if (mine == nullptr) return verdict::none;
  operation holder;
  ownership::read(me, *mine, holder);
  if (!is_locked(object, holder.kind)) {  // another lock, in reused memory
    ownership::forget(object);
    order::forget(object);
    return verdict::none;
  }
  return tell(finding_kind::self_deadlock, words_for(kind)->locked_twice,
              EDEADLK, object, kind, site, holder, object);
}

verdict reentry(thread_record& me, const void* object, object_kind kind,
                const call_site& site) noexcept {
  if (!is_share(kind) || !prefers_writers(object, kind)) return verdict::none;
  const held_lock* const mine = me.find_held([&](const held_lock& h) {
    return h.object() == object && h.kind() == kind;
  });
  if (mine == nullptr) return verdict::none;
  const bool writer_waits = threads::any_of([&](const thread_record& r) {
    thread_record::waiting w{};
    return r.look(w) && w.object == object && !is_share(w.kind);
  });
  if (!writer_waits) return verdict::none;
  operation first;
  ownership::read(me, *mine, first);
  return tell(finding_kind::reader_reentry,
              "a reader locks once more what a writer waits for: it waits for "
              "the writer, and the writer for it",
              EDEADLK, object, kind, site, first, object);
}

verdict under_spinlock(thread_record& me, const void* object, object_kind kind,
                       const call_site& site) noexcept {
  if (is_spinlock(kind)) return verdict::none;
  const held_lock* const spin = me.find_held([](const held_lock& h) {
    const object_kind held = h.kind();
    return is_spinlock(held);
  });
  if (spin == nullptr) return verdict::none;
  operation taken;
  ownership::read(me, *spin, taken);
  return tell(finding_kind::blocking_under_spinlock,
              "a wait that may sleep, with a spinlock held", EDEADLK, object,
              kind, site, taken, spin->object(), true);
}

// --- Time --------------------------------------------------------------------

namespace {

constexpr std::int64_t kNotRead = -1;
constinit atomic<std::int64_t> g_limit_ns{kNotRead};

}  // namespace

std::int64_t long_hold_limit() noexcept {
  std::int64_t limit = g_limit_ns.load(memory_order_relaxed);
  if (limit == kNotRead) [[unlikely]] {
    const char* const value = std::getenv("SYNCXX_LONG_HOLD_MS");
    limit = value != nullptr ? std::strtoll(value, nullptr, 10) * 1'000'000 : 0;
    if (limit < 0) limit = 0;
    g_limit_ns.store(limit, memory_order_relaxed);
  }
  return limit;
}

void set_long_hold_limit(std::int64_t ns) noexcept {
  g_limit_ns.store(ns > 0 ? ns : 0, memory_order_relaxed);
  ownership::allow_fast(ns <= 0);
}

verdict long_hold(thread_record& me, const held_lock& entry,
                  const call_site& site) noexcept {
  const std::int64_t limit = long_hold_limit();
  if (limit == 0 || entry.since_ns == 0) return verdict::none;
  const std::int64_t held_ns = process::now_ns() - entry.since_ns;
  if (held_ns <= limit) return verdict::none;
  operation here;
  operation taken;
  ownership::read(me, entry, taken);
  describe(here, taken.kind, site);
  const void* const object = entry.object();
  const deed now = to_deed(here, object);
  const deed then = to_deed(taken, object);
  finding found{.kind = finding_kind::long_hold,
                .what = "a lock was held longer than the limit",
                .code = ETIME};
  found.here = &now;
  found.other = &then;
  found.duration_ns = held_ns;
  return warn(found);
}

// --- Condition variables -----------------------------------------------------

namespace {

struct last_notify {
  std::uint64_t thread;
  std::int64_t at_ns;
  std::uint32_t where;
  int tid;
  object_kind kind;
  bool in_vain;  // nobody waited
  // The lock that the notifier had given back last, and some that it held: with
  // the waiter's among them, the waiter has seen what it was notified of.
  const void* locks[2 * thread_record::kReleased];
  bool told;
};

constexpr std::int64_t kLong = 1'000'000'000;

constinit atomic<std::int64_t> g_watch_until{0};

constinit raw_mutex g_lock;
constinit never_destroyed<key_table> g_by_address;
constinit never_destroyed<numbered_pool<last_notify>> g_notifies;

std::uint64_t key_of(const void* condition) noexcept {
  return reinterpret_cast<std::uintptr_t>(condition);
}

}  // namespace

verdict wrong_mutex(thread_record& me, const void* condition, object_kind kind,
                    const void* mutex, const call_site& site) noexcept {
  operation other;
  const void* others_mutex = nullptr;
  const bool found = threads::any_of([&](const thread_record& r) {
    thread_record::waiting w{};
    if (&r == &me || !r.look(w) || w.object != condition || w.kind != kind ||
        w.mutex == mutex || w.mutex == nullptr)
      return false;
    other.thread = r.serial();
    other.tid = r.tid();
    other.kind = kind;
    other.at = places::get(w.where);
    others_mutex = w.mutex;
    return r.still(w);
  });
  if (!found) return verdict::none;
  return tell(finding_kind::wrong_mutex_for_condition,
              "a wait on a condition variable with another mutex than that of "
              "those who wait there",
              EINVAL, condition, kind, site, other, condition);
}

void notified(thread_record& me, const void* condition, object_kind kind,
              const call_site& site) noexcept {
  const bool in_vain = !threads::any_of([&](const thread_record& r) {
    thread_record::waiting w{};
    return r.look(w) && w.object == condition;
  });
  place at;
  capture(at, site);
  last_notify now{};
  now.thread = me.serial();
  now.at_ns = process::now_ns();
  now.where = places::number_of(at);
  now.tid = me.tid();
  now.kind = kind;
  // (Of more that are held, one may be the waiter's.)
  now.in_vain = in_vain && me.held() <= thread_record::kReleased;
  std::uint32_t n = 0;
  me.for_each_released([&](const void* lock) { now.locks[n++] = lock; });
  for (std::uint32_t i = 0; i < me.held() && n < std::size(now.locks); ++i)
    now.locks[n++] = me.entry(i).object();
  const table_lock only_me(g_lock);
  std::uint32_t i = g_by_address->find(key_of(condition));
  if (i != 0) {
    g_notifies.value[i] = now;
  } else if ((i = g_notifies->add(now)) != 0 &&
             !g_by_address->add(key_of(condition), i)) {
    g_notifies->remove(i);
  }
}

void forget_all_notified() noexcept {
  const table_lock only_me(g_lock);
  g_by_address->clear();
}

void forget_notified(const void* condition) noexcept {
  const table_lock only_me(g_lock);
  const std::uint32_t i = g_by_address->find(key_of(condition));
  if (i == 0) return;
  g_by_address->remove(key_of(condition));
  g_notifies->remove(i);
}

namespace {

// Whether the last notification was lost on who waits with `mutex`.
bool is_lost(const void* condition, const void* mutex, std::int64_t since_ns,
             last_notify& last) noexcept {
  const table_lock only_me(g_lock);
  const std::uint32_t i = g_by_address->find(key_of(condition));
  if (i == 0) return false;
  last = g_notifies.value[i];
  if (!last.in_vain || last.told || last.at_ns > since_ns) return false;
  for (const void* const lock : last.locks) {
    if (lock == mutex) return false;
  }
  return true;
}

}  // namespace

namespace {

void note_told(const void* condition) noexcept {
  const table_lock only_me(g_lock);
  const std::uint32_t i = g_by_address->find(key_of(condition));
  if (i != 0) g_notifies.value[i].told = true;
}

}  // namespace

void may_be_lost(const void* condition, const void* mutex) noexcept {
  last_notify last{};
  const std::int64_t now = process::now_ns();
  if (is_lost(condition, mutex, now, last))
    g_watch_until.store(now + kLong + kLong / 2, memory_order_relaxed);
}

bool want_watch() noexcept {
  return g_watch_until.load(memory_order_relaxed) != 0 &&
         process::now_ns() < g_watch_until.load(memory_order_relaxed);
}

void lost_notifies() noexcept {
  const std::int64_t now = process::now_ns();
  threads::any_of([now](const thread_record& r) {
    thread_record::waiting w{};
    last_notify last{};
    if (!r.look(w) || w.bounded || !is_condition(w.kind) ||
        now - w.since_ns < kLong ||
        !is_lost(w.object, w.mutex, w.since_ns, last) || !r.still(w))
      return false;
    note_told(w.object);
    const deed here{
        r.serial(), r.tid(), {w.object, w.kind}, places::get(w.where)};
    const deed other{
        last.thread, last.tid, {w.object, last.kind}, places::get(last.where)};
    finding found{.kind = finding_kind::lost_notify,
                  .what =
                      "a wait on a condition variable that does not end; "
                      "its last notification came before, when nobody "
                      "waited",
                  .code = ETIME};
    found.here = &here;
    found.other = &other;
    report(found);
    return false;
  });
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept { std::construct_at(&g_lock); }

}  // namespace detail::checks
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
