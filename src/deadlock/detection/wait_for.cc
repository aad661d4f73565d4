// SPDX-License-Identifier: Apache-2.0
//
// Why what is found is certain. Each thread of the circle is found waiting, in
// one wait (its version), both before and after the entry is read with which it
// holds what the one before it wants; and the checks after come when all reads
// before have been made. So there is a moment at which all of them waited, with
// these entries. A thread that waits gives nothing back.
//
// Why none is missed. A thread tells that it waits before it looks (both
// sequentially consistent): of those that close a circle together, the last one
// to tell sees all the others.
#include "wait_for.h"

#if SYNCXX_HOOKED

#include <cerrno>
#include <memory>
#include <span>
#include <string_view>

#include <sync/detail/raw_mutex.h>

#include "../action.h"
#include "../kinds.h"
#include "../report/finding.h"
#include "../report/names.h"
#include "../report/text.h"
#include "lock_sets.h"
#include "order.h"
#include "ownership.h"
#include "places.h"
#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::wait_for {
namespace {

// One at a time: of two that find the same deadlock, the second finds its
// victim gone, or the report made.
constinit raw_mutex g_lock;
constinit never_destroyed<key_table> g_reported;

// A thread on the way from the one that checks.
struct step {
  thread_record* who;
  thread_record::waiting wait;
  // What it holds of what the one before waits for.
  object_ref held;
  std::uint32_t held_where;
  std::uint32_t before;  // the number of that step
};

bool has_holders(object_kind kind) noexcept {
  return kind == object_kind::thread || is_semaphore(kind) ||
         words_for(kind) != nullptr;
}

hold way_of(object_kind kind) noexcept {
  return is_share(kind) ? hold::shared
         : kind == object_kind::shared_mutex_upgrade ? hold::upgrade
                                                     : hold::exclusive;
}

bool wait_for_ever(const thread_record& r, thread_record::waiting& w) noexcept {
  return r.look(w) && !w.bounded;
}

// f(step) for each thread that waits for ever, and for whose release `from`
// waits; stops when f returns true.
template <class F>
bool any_awaited(const step& from, F f) noexcept {
  const void* const object = from.wait.object;
  if (from.wait.kind == object_kind::thread) {
    thread_record* const r =
        threads::find(reinterpret_cast<std::uintptr_t>(object));
    step next{r, {}, {}, 0, 0};
    return r != nullptr && wait_for_ever(*r, next.wait) && f(next);
  }
  const hold asked = way_of(from.wait.kind);
  return threads::any_of([&](thread_record& r) {
    step next{&r, {}, {}, 0, 0};
    if (&r == from.who || !wait_for_ever(r, next.wait)) return false;
    const held_lock* const h = r.find_held([&](const held_lock& each) {
      const object_kind held = each.kind.load(memory_order_relaxed);
      return each.object.load(memory_order_relaxed) == object &&
             exclude_each_other(asked, way_of(held)) &&
             ownership::is_valid(each, held);
    });
    if (h != nullptr) {
      next.held = {object, h->kind.load(memory_order_relaxed)};
      next.held_where = h->where.load(memory_order_relaxed);
    } else if (asked == hold::shared && next.wait.object == object &&
               !is_share(next.wait.kind)) {
      // A reader that sleeps waits for the writers that wait already.
      next.held = {object, next.wait.kind};
      next.held_where = next.wait.where;
    } else {
      return false;
    }
    return r.still(next.wait) && f(next);
  });
}

// The circle through the calling thread, its own step first.
class circle {
 public:
  bool find(thread_record& me) noexcept {
    step first{&me, {}, {}, 0, 0};
    if (!wait_for_ever(me, first.wait) || !seen_.push(first)) return false;
    bool closed = false;
    for (std::uint32_t i = 0; i < seen_.size() && !closed; ++i) {
      const step from = seen_[i];
      closed = any_awaited(from, [&](step& next) {
        next.before = i;
        if (next.who == &me) {
          seen_[0].held = next.held;
          seen_[0].held_where = next.held_where;
          seen_[0].before = i;
          return true;
        }
        if (!is_seen(*next.who)) static_cast<void>(seen_.push(next));
        return false;
      });
    }
    if (!closed) return false;
    // Backwards from the last.
    for (std::uint32_t i = seen_[0].before; i != 0; i = seen_[i].before)
      static_cast<void>(steps_.push(seen_[i]));
    static_cast<void>(steps_.push(seen_[0]));
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
      if (!steps_[i].who->still(steps_[i].wait)) return false;
    }
    return true;
  }

  // From the calling thread on, each waits for the next.
  const step& operator[](std::uint32_t i) const noexcept {
    return steps_[steps_.size() - 1 - i];
  }
  std::uint32_t size() const noexcept { return steps_.size(); }

  // By its threads and their waits, wherever it begins.
  std::uint64_t key() const noexcept {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < steps_.size(); ++i)
      sum += mixed(steps_[i].who->serial(), steps_[i].wait.version);
    return sum | 1;
  }

 private:
  bool is_seen(const thread_record& r) noexcept {
    const auto key = reinterpret_cast<std::uintptr_t>(&r);
    if (known_.find(key) != 0) return true;
    static_cast<void>(known_.add(key, 1));
    return false;
  }

  segments<step> seen_, steps_;
  key_table known_;
};

struct told {
  const circle& steps;
  mutable deadlock_link now;
};

const deadlock_link& link_of(const void* of, std::uint32_t i) noexcept {
  const told& t = *static_cast<const told*>(of);
  const step& s = t.steps[i];
  const std::uint64_t serial = s.who->serial();
  const int tid = s.who->tid();
  t.now.held = {serial, tid, s.held, places::get(s.held_where)};
  t.now.wanted = {serial, tid, {s.wait.object, s.wait.kind},
                  places::get(s.wait.where)};
  return t.now;
}

void describe(const circle& c, thread_record& me) noexcept {
  text out(std::span(me.found).first(sizeof me.found - 1));
  out << "deadlock: ";
  for (std::uint32_t i = 0; i < c.size() && i < 8; ++i) {
    const step& s = c[i];
    out << (i == 0 ? "this thread" : "thread ");
    if (i != 0) out << std::int64_t{s.who->tid()};
    out << " waits for " << name_of(s.wait.kind) << " ";
    out.hex(s.wait.object) << ", which ";
  }
  out << (c.size() > 8 ? "… others hold" : "this thread holds");
  me.found[out.size()] = '\0';
}

}  // namespace

result check(thread_record& me, bool can_give_up) noexcept {
  // Most threads that wait hold nothing that another waits for.
  if (me.held() == 0 && !threads::any_joins()) return result::nothing;
  thread_record::waiting mine{};
  if (!me.look(mine) || !has_holders(mine.kind)) return result::nothing;
  const step first{&me, mine, {}, 0, 0};
  if (!any_awaited(first, [](const step&) { return true; }))
    return result::nothing;
  g_lock.lock();
  result r = result::nothing;
  {
    circle c;
    if (c.find(me) && g_reported->find(c.key()) == 0) {
      static_cast<void>(g_reported->add(c.key(), 1));
      const told links{c, {}};
      finding f{.kind = finding_kind::deadlock,
                .what = "threads wait for each other, for ever",
                .code = EDEADLK};
      f.links = c.size();
      f.link = link_of;
      f.circle = &links;
      describe(c, me);
      if (report(f)) r = result::reported;
      if (can_give_up &&
          action::current() == misuse_action::throw_exception) {
        r = result::victim;
        me.wait_ends();
      }
    }
  }
  g_lock.unlock();
  return r;
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept { std::construct_at(&g_lock); }

}  // namespace detail::wait_for
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
