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
//
// Why there is one victim, and no other. A thread that has been called off does
// not wait any more, to whoever looks for a circle (wait_for_ever). A victim is
// called off, or leaves, under g_lock, when all of the circle still wait: with
// that the circle is gone. If the victim's wait has ended in between, so has
// the circle: calling_off tells (call_off.h). Who closes several circles at
// once looks again until there is none, or until it is the victim itself.
#include "wait_for.h"

#if SYNCXX_HOOKED

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <sync/detail/raw_mutex.h>

#include "../action.h"
#include "../checks.h"
#include "../kinds.h"
#include "../process.h"
#include "../report/finding.h"
#include "../report/names.h"
#include "../report/text.h"
#include "holders.h"
#include "lock_sets.h"
#include "order.h"
#include "ownership.h"
#include "places.h"
#include "semaphores.h"
#include "storage.h"
#include "victims.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::wait_for {
namespace {

// One at a time: of two that find the same deadlock, the second finds its
// victim gone, or the report made.
constinit raw_mutex g_lock;

// Those that have no victim, or none yet.
constinit never_destroyed<key_table> g_reported;
// That every thread waits has been told, or why.
constinit atomic<bool> g_told_all{false};

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
  return is_share(kind)                              ? hold::shared
         : kind == object_kind::shared_mutex_upgrade ? hold::upgrade
                                                     : hold::exclusive;
}

bool wait_for_ever(const thread_record& r, thread_record::waiting& w) noexcept {
  return r.look(w) && !w.bounded && w.epoch == ownership::epoch() &&
         !r.calling_off.was_requested(w.version);
}

// Whether the writer that waits so is the one that keeps new readers out until
// those inside have gone: the only one that waits, and nobody writes.
bool shuts_readers_out(const step& writer) noexcept {
  const void* const lock = writer.wait.object;
  if (way_of(writer.wait.kind) != hold::exclusive ||
      !prefers_writers(lock, writer.wait.kind))
    return false;
  if (writer.wait.kind == object_kind::shared_mutex &&
      !is_locked(lock, object_kind::shared_mutex))
    return false;
  return !threads::any_of([&](thread_record& r) {
    thread_record::waiting w{};
    if (&r != writer.who && r.look(w) && w.object == lock &&
        !is_share(w.kind) && !r.calling_off.was_requested(w.version))
      return true;
    return r.find_held([&](const held_lock& h) {
      return h.object() == lock && !is_share(h.kind());
    }) != nullptr;
  });
}

// f(step) for each thread that waits for ever, and for whose release `from`
// waits; stops when f returns true. `among`: where to look; null: everywhere.
template <class F>
bool any_awaited(const step& from, F f, holders* among = nullptr) noexcept {
  const void* const object = from.wait.object;
  if (from.wait.kind == object_kind::thread) {
    const std::uint64_t serial = reinterpret_cast<std::uintptr_t>(object);
    thread_record* const r =
        among != nullptr ? among->find(serial) : threads::find(serial);
    step next{r, {}, {}, 0, 0};
    return r != nullptr && wait_for_ever(*r, next.wait) &&
           r->serial() == serial && f(next);
  }
  // Of a semaphore of which it is not known that it is a lock somebody else may
  // release one that a thread has taken.
  if (is_semaphore(from.wait.kind) && !semaphores::is_proved(object))
    return false;
  const hold asked = way_of(from.wait.kind);
  const auto is_awaited = [&](thread_record& r) {
    step next{&r, {}, {}, 0, 0};
    if (&r == from.who || !wait_for_ever(r, next.wait)) return false;
    const held_lock* const h = r.find_held([&](const held_lock& each) {
      const object_kind held = each.kind();
      return each.object() == object && exclude_each_other(asked, way_of(held));
    });
    if (h != nullptr) {
      next.held = {object, h->kind()};
      // [TR20] acquire; pairs with [TR16], [TR18].
      next.held_where = h->where.load(memory_order_acquire);
    } else if (asked == hold::shared && next.wait.object == object &&
               shuts_readers_out(next)) {
      // A reader that sleeps waits for the writers that wait already.
      next.held = {object, next.wait.kind};
      next.held_where = next.wait.where;
    } else {
      return false;
    }
    return r.still(next.wait) && f(next);
  };
  return among != nullptr ? among->any_of(object, is_awaited)
                          : threads::any_of(is_awaited);
}

// What a search needs; kept, since memory from the kernel is slow. Under
// g_lock.
class search {
 public:
  void begin() noexcept {
    seen.clear();
    known_.clear();
    among_ = holders_.look() ? &holders_ : nullptr;
  }
  holders* among() noexcept { return among_; }
  bool is_seen(const thread_record& r) noexcept {
    const auto key = reinterpret_cast<std::uintptr_t>(&r);
    if (known_.find(key) != 0) return true;
    static_cast<void>(known_.add(key, 1));
    return false;
  }

  segments<step> seen;

 private:
  key_table known_;
  holders holders_;
  holders* among_ = nullptr;
};
constinit never_destroyed<search> g_search;

// The circle through the calling thread, its own step first.
class circle {
 public:
  // Under g_lock, as is the next.
  bool find(thread_record& me) noexcept {
    search& s = *g_search.operator->();
    segments<step>& seen = s.seen;
    step first{&me, {}, {}, 0, 0};
    s.begin();
    if (!wait_for_ever(me, first.wait) || !seen.push(first)) return false;
    bool closed = false;
    for (std::uint32_t i = 0; i < seen.size() && !closed; ++i) {
      const step from = seen[i];
      closed = any_awaited(
          from,
          [&](step& next) {
            next.before = i;
            if (next.who == &me) {
              seen[0].held = next.held;
              seen[0].held_where = next.held_where;
              seen[0].before = i;
              return true;
            }
            if (!s.is_seen(*next.who)) static_cast<void>(seen.push(next));
            return false;
          },
          s.among());
    }
    if (!closed) return false;
    // Backwards from the last.
    steps_.clear();
    for (std::uint32_t i = seen[0].before; i != 0; i = seen[i].before) {
      if (!steps_.push(seen[i])) return false;
    }
    return steps_.push(seen[0]) && lasts();
  }
  // Whether all of them wait as they did, and nobody has been called off.
  bool lasts() const noexcept {
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
      const step& s = steps_[i];
      if (!s.who->still(s.wait) ||
          s.who->calling_off.was_requested(s.wait.version))
        return false;
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
  segments<step> steps_;
};

struct told {
  const circle& steps;
  mutable deadlock_link now;
};

deadlock_link to_link(const step& s) noexcept {
  const std::uint64_t serial = s.who->serial();
  const int tid = s.who->tid();
  return {
      {serial, tid, s.held, places::get(s.held_where)},
      {serial, tid, {s.wait.object, s.wait.kind}, places::get(s.wait.where)}};
}

const deadlock_link& link_of(const void* of, std::uint32_t i) noexcept {
  const told& t = *static_cast<const told*>(of);
  t.now = to_link(t.steps[i]);
  return t.now;
}

// For c[victim], which says so itself.
void describe(const circle& c, std::uint32_t victim) noexcept {
  auto& found = c[victim].who->found;
  text out({found, sizeof found - 1});
  out << "deadlock: ";
  for (std::uint32_t i = 0; i < c.size() && i < 8; ++i) {
    const step& s = c[(victim + i) % c.size()];
    out << (i == 0 ? "this thread" : "thread ");
    if (i != 0) out << std::int64_t{s.who->tid()};
    out << " waits for " << name_of(s.wait.kind) << " ";
    out.hex(s.wait.object) << ", which ";
  }
  out << (c.size() > 8 ? "… others hold" : "this thread holds");
  found[out.size()] = '\0';
}

// --- Who gives up ------------------------------------------------------------

enum class outcome : std::uint8_t {
  none,   // nobody can, or is to
  open,   // the program is to be asked
  gone,   // the circle has ended by itself
  me,     // the calling thread, which waits no more
  other,  // it has been called off, and is to be woken
};

struct decision {
  outcome how = outcome::none;
  stop_source wakes = stop_source(nostopstate);
};

// The threads of a circle, in its order, as a policy sees them.
class candidates {
 public:
  candidates(const circle& c, bool first_can) noexcept
      : bytes_(c.size() * sizeof(deadlock_thread)),
        all_(static_cast<deadlock_thread*>(map_pages(bytes_))),
        size_(all_ != nullptr ? c.size() : 0) {
    const std::int64_t now = process::now_ns();
    for (std::uint32_t i = 0; i < size_; ++i) {
      const step& s = c[i];
      deadlock_thread* const t = std::construct_at(all_ + i);
      t->serial = s.who->serial();
      t->tid = s.who->tid();
      t->priority = s.who->priority.load(memory_order_relaxed);
      t->locks_held = s.who->held();
      t->waiting = std::chrono::nanoseconds(now - s.wait.since_ns);
      t->closes_circle = i == 0;
      t->can_give_up =
          i == 0 ? first_can : s.who->calling_off.is_open(s.wait.version);
    }
  }
  candidates(const candidates&) = delete;
  candidates& operator=(const candidates&) = delete;
  ~candidates() {
    if (all_ != nullptr) unmap_pages(all_, bytes_);
  }
  std::span<deadlock_thread> all() const noexcept { return {all_, size_}; }

 private:
  const std::size_t bytes_;
  deadlock_thread* const all_;
  const std::uint32_t size_;
};

std::size_t choose(const circle& c, bool first_can,
                   bool may_ask_program) noexcept {
  const candidates who(c, first_can);
  if (!who.all().empty()) return victims::choose(who.all(), may_ask_program);
  return first_can ? 0 : c.size();  // there is no memory
}

// Under g_lock. Whom to wake is for afterwards, when the circle has been told
// of: it is called off already.
decision decide(const circle& c, std::size_t chosen) noexcept {
  g_reported->remove(c.key());
  if (!c.lasts()) return {outcome::gone};
  const auto victim = static_cast<std::uint32_t>(chosen);
  const step& s = c[victim];
  describe(c, victim);
  g_told_all.store(false, memory_order_relaxed);
  if (victim == 0) {
    s.who->wait_ends();
    return {outcome::me};
  }
  if (!s.who->calling_off.request(s.wait.version)) return {outcome::gone};
  return {outcome::other, victims::waker(*s.who)};
}

// The program itself is to choose, without any lock of the checker.
decision ask(const circle& c, bool first_can) noexcept {
  const std::size_t chosen = choose(c, first_can, true);
  if (chosen == c.size()) return {};
  const table_lock only_me(g_lock);
  return decide(c, chosen);
}

// Tells of it. Without g_lock: who listens may do what it likes.
bool tell(const circle& c) noexcept {
  const told links{c, {}};
  finding f{.kind = finding_kind::deadlock,
            .what = "threads wait for each other, for ever",
            .code = EDEADLK};
  f.links = c.size();
  f.link = link_of;
  f.circle = &links;
  return report(f);
}

// A circle that has not been reported, and what follows.
bool find_new(circle& c, thread_record& me, bool can_give_up,
              decision& then) noexcept {
  const table_lock only_me(g_lock);
  if (!c.find(me) || g_reported->find(c.key()) != 0) return false;
  static_cast<void>(g_reported->add(c.key(), 1));
  g_told_all.store(true, memory_order_relaxed);  // or why it is so
  if (action::current() != misuse_action::throw_exception) return true;
  if (victims::by_program()) {
    then.how = outcome::open;
  } else if (const std::size_t chosen = choose(c, can_give_up, false);
             chosen != c.size()) {
    then = decide(c, chosen);
  }
  return true;
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
  // There may be several, of which each has its own victim.
  circle c;
  bool any_told = false;
  for (;;) {
    decision then;
    if (!find_new(c, me, can_give_up, then)) break;
    if (then.how == outcome::open) then = ask(c, can_give_up);
    if (then.how == outcome::gone) continue;
    any_told = tell(c) || any_told;
    if (then.how == outcome::me) return result::victim;
    if (then.how == outcome::none) break;
    then.wakes.request_stop();
  }
  return any_told ? result::reported : result::nothing;
}

// (It took a copy of what wakes the thread under the lock.)
void settle() noexcept { const table_lock nobody_is_inside(g_lock); }

// --- All threads -------------------------------------------------------------

namespace {

// A handler of a signal may release a semaphore or set an event.
bool may_end_by_signal(object_kind kind) noexcept {
  return is_semaphore(kind) || kind == object_kind::event ||
         kind == object_kind::auto_reset_event;
}

// What every thread waits for. A wait for what has no known holder (a
// notification, a count) is one for all the others: one of them would have had
// to end it.
class everybody {
 public:
  // False: some thread does not wait, or may be woken.
  bool find(unsigned not_the_programs) noexcept {
    bool all = true;
    bool by_signal = false;
    threads::any_of([&](thread_record& r) {
      step s{&r, {}, {}, 0, 0};
      all = wait_for_ever(r, s.wait) && steps_.push(s);
      by_signal = by_signal || may_end_by_signal(s.wait.kind);
      return !all;
    });
    const unsigned threads = process::count_threads();
    if (!all || steps_.empty() || threads == 0 ||
        threads != steps_.size() + not_the_programs ||
        (by_signal && process::catches_signals()))
      return false;
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
      if (!process::is_asleep(steps_[i].who->tid())) return false;
    }
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
      if (!steps_[i].who->still(steps_[i].wait)) return false;
    }
    return true;
  }

  // By the threads and their waits.
  std::uint64_t key() const noexcept {
    std::uint64_t key = steps_.size();
    for (std::uint32_t i = 0; i < steps_.size(); ++i)
      key = mixed(key, mixed(steps_[i].who->serial(), steps_[i].wait.version));
    return key;
  }

  // The shortest circle through somebody who waits for what has no holder.
  bool choose(segments<step>& circle) noexcept {
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
      if (has_known_holder(steps_[i])) continue;
      if (close(i, circle)) return true;
    }
    return false;
  }

 private:
  bool has_known_holder(const step& s) noexcept {
    return any_awaited(s, [](const step&) { return true; });
  }
  // Backwards: who waits for something that steps_[last] holds, and so on, up
  // to one who could have ended the wait of steps_[last].
  bool close(std::uint32_t last, segments<step>& circle) noexcept {
    const step& end = steps_[last];
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
      if (i == last) continue;
      step found{};
      if (!any_awaited(steps_[i], [&](const step& next) {
            if (next.who != end.who) return false;
            found = next;
            return true;
          }))
        continue;
      // steps_[i] waits for `end`, which waits for anybody, and so for it.
      step first = steps_[i];
      first.held = {end.wait.object, end.wait.kind};
      first.held_where = 0;
      circle.clear();
      return circle.push(first) && circle.push(found);
    }
    return false;
  }

  segments<step> steps_;
};

struct told_all {
  const segments<step>& steps;
  mutable deadlock_link now;
};

const deadlock_link& link_of_all(const void* of, std::uint32_t i) noexcept {
  const told_all& t = *static_cast<const told_all*>(of);
  t.now = to_link(t.steps[i]);
  return t.now;
}

// In the watch, which is one thread that is not the program's.
// Who has been woken and has not come to tell so is not asleep; and it is all
// the same at two looks.
bool tell_all(std::uint64_t& seen) noexcept {
  everybody all;
  segments<step> circle;
  if (!all.find(1)) {
    seen = 0;
    return false;
  }
  const std::uint64_t now = all.key();
  if (std::exchange(seen, now) != now || !all.choose(circle)) return false;
  g_told_all.store(true, memory_order_relaxed);
  const told_all links{circle, {}};
  finding f{
      .kind = finding_kind::deadlock,
      .what = "every thread waits, for ever: nobody is left to end a wait",
      .code = EDEADLK};
  f.links = circle.size();
  f.link = link_of_all;
  f.circle = &links;
  return report(f);
}

// For as long as all known threads wait, but not for ever: there may be others.
bool look_again() noexcept {
  static constinit int looks = 0;
  static constinit std::uint64_t seen = 0;
  const bool told = threads::may_be_all_stuck() && tell_all(seen);
  if (told && action::current() == misuse_action::abort) std::abort();
  checks::lost_notifies();
  looks = threads::may_be_all_stuck() && !told ? looks + 1 : 0;
  return (looks != 0 && looks < 20) || checks::want_watch();
}

}  // namespace

void watch() noexcept {
  if ((threads::may_be_all_stuck() && !g_told_all.load(memory_order_relaxed)) ||
      checks::want_watch())
    process::watch(100'000'000, look_again);
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept {
  std::construct_at(&g_lock);
  process::forget_watch();
  g_told_all.store(false, memory_order_relaxed);
}

}  // namespace detail::wait_for
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
