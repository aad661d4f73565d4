// SPDX-License-Identifier: Apache-2.0
#include "order.h"

#if SYNCXX_HOOKED

#include <cerrno>
#include <cstring>
#include <memory>

#include <sync/detail/raw_mutex.h>

#include "../kinds.h"
#include "../report/finding.h"
#include "lock_classes.h"
#include "places.h"
#include "semaphores.h"
#include "storage.h"
#include "thread_order.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::order {

constinit atomic<std::uint32_t> g_generations[1 << kGenerationsLog2] = {};

namespace {

bool ordered(void*, const moment_of& a, const moment_of& b) noexcept;
void found(void*, const segments<order_link>& circle) noexcept;
void found_classes(void*, const segments<order_link>& circle) noexcept;

// --- What is shared, under g_lock --------------------------------------------

struct lock_info {
  const void* address;
  object_kind kind;
  lock_id next_of_page, previous_of_page;
};

constexpr unsigned kPageLog2 = 12;

// A circle that has been found and not been told of yet.
struct found_link {
  order_link link;
  object_ref held, wanted;
  int tid;
};

constinit raw_mutex g_lock;
constinit never_destroyed<order_graph> g_graph{ordered, found, nullptr};
constinit never_destroyed<lock_classes> g_classes{ordered, found_classes};
constinit never_destroyed<thread_order> g_threads;
constinit never_destroyed<key_table> g_lock_by_address;
constinit never_destroyed<segments<lock_info>> g_info;  // by lock_id
constinit never_destroyed<key_table> g_first_of_page;   // by page_of()
constinit never_destroyed<segments<found_link>> g_found;
constinit never_destroyed<segments<std::uint32_t>> g_found_ends;

// As a key: not 0.
std::uint64_t page_of(const void* address) noexcept {
  return (key_of(address) >> kPageLog2) + 1;
}

// 0: there is no memory.
lock_id id_of(const void* address, object_kind kind) noexcept {
  if (const lock_id known = g_lock_by_address->find(key_of(address))) {
    g_info.value[known].kind = kind;  // a declaration does not know it
    return known;
  }
  const lock_id added = g_graph->add_lock();
  if (added == 0) return 0;
  while (g_info->size() <= added) {
    if (!g_info->push({})) return 0;
  }
  if (!g_lock_by_address->add(key_of(address), added)) {
    g_graph->remove_lock(added);
    return 0;
  }
  const std::uint64_t page = page_of(address);
  const lock_id next = g_first_of_page->find(page);
  g_info.value[added] = {address, kind, next, 0};
  // It was of no interest so far, perhaps, to threads that know it.
  generation_of(address).fetch_add(1, memory_order_relaxed);
  if (is_share(kind) || kind == object_kind::shared_mutex ||
      kind == object_kind::pthread_rwlock) {
    if (prefers_writers(address, kind)) g_graph->put_writers_first(added);
  }
  if (next != 0) {
    g_info.value[next].previous_of_page = added;
    g_first_of_page->remove(page);
  }
  static_cast<void>(g_first_of_page->add(page, added));
  return added;
}

void remove(lock_id id) noexcept {
  const lock_info gone = g_info.value[id];
  if (gone.next_of_page != 0)
    g_info.value[gone.next_of_page].previous_of_page = gone.previous_of_page;
  if (gone.previous_of_page != 0) {
    g_info.value[gone.previous_of_page].next_of_page = gone.next_of_page;
  } else {
    const std::uint64_t page = page_of(gone.address);
    g_first_of_page->remove(page);
    if (gone.next_of_page != 0)
      static_cast<void>(g_first_of_page->add(page, gone.next_of_page));
  }
  g_lock_by_address->remove(key_of(gone.address));
  g_info.value[id].address = nullptr;
  g_graph->remove_lock(id);
}

hold way_of(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::shared_mutex_shared:
    case object_kind::pthread_rwlock_shared:
      return hold::shared;
    case object_kind::shared_mutex_upgrade:
      return hold::upgrade;
    default:
      return hold::exclusive;
  }
}

bool ordered(void*, const moment_of& a, const moment_of& b) noexcept {
  return g_threads->is_before(a, b);
}

// describe(lock_id): the object in a report.
template <class F>
void keep_circle(const segments<order_link>& circle, F describe) noexcept {
  const std::uint32_t begin = g_found->size();
  for (std::uint32_t i = 0; i < circle.size(); ++i) {
    const order_link& l = circle[i];
    if (!g_found->push({l, describe(l.held), describe(l.wanted),
                        g_threads->tid_of(l.when.thread)})) {
      while (g_found->size() > begin) g_found->pop();
      return;
    }
  }
  if (!g_found_ends->push(g_found->size())) {
    while (g_found->size() > begin) g_found->pop();
  }
}

void found(void*, const segments<order_link>& circle) noexcept {
  keep_circle(circle, [](lock_id id) {
    const lock_info& lock = g_info.value[id];
    return object_ref{lock.address, lock.kind, nullptr};
  });
}

void found_classes(void*, const segments<order_link>& circle) noexcept {
  keep_circle(circle, [](lock_id id) {
    return object_ref{nullptr, object_kind::mutex, g_classes->name(id)};
  });
}

// --- Contexts ----------------------------------------------------------------

// Under g_lock. A lock that is taken with nothing held, and of which nothing is
// known: most locks are never taken in another way, and there may be millions
// of them. When one is taken with it held, it is told of. (Of those that keep
// readers out it matters that they are written.)
bool is_of_no_interest(const void* lock, object_kind kind) noexcept {
  return g_lock_by_address->find(key_of(lock)) == 0 &&
         g_classes->of(lock) == 0 && !is_share(kind) &&
         kind != object_kind::shared_mutex &&
         kind != object_kind::shared_mutex_upgrade &&
         kind != object_kind::pthread_rwlock;
}

// Under g_lock. Locks that were taken under one that has been given back are
// now held without it.
void refresh(thread_record& me) noexcept {
  const std::uint32_t held = me.held();
  // One that was forgotten while it was held has taken with it the contexts of
  // those after it.
  std::uint32_t i = held;
  if (held != 0 && current(me, held).number != 0 &&
      !g_graph->is_current(current(me, held)))
    i = 0;
  while (i > 0 && me.entry(i - 1).context.number == 0) --i;
  for (; i < held; ++i) {
    held_lock& h = me.entry(i);
    const void* const object = h.object();
    const object_kind kind = h.kind();
    const lock_id id = object != nullptr ? id_of(object, kind) : 0;
    // The first may not have been told of: see is_of_no_interest().
    const auto by = i != 0 || h.context.version != 0 ? order_graph::taken::known
                    : h.was_tried()                  ? order_graph::taken::tried
                                    : order_graph::taken::waited;
    h.context = id == 0 ? current(me, i)
                        : g_graph->enter({me.serial(), me.time}, current(me, i),
                                         id, way_of(kind), by,
                                         h.where.load(memory_order_relaxed),
                                         !h.was_tried());
  }
}

// Under g_lock. The same order, of classes.
void enter_class(thread_record& me, const void* lock, hold how,
                 order_graph::taken by, std::uint32_t where) noexcept {
  const lock_id wanted = g_classes->of(lock);
  if (wanted == 0) return;
  const moment_of now{me.serial(), me.time};
  order_graph::context_ref in;
  for (std::uint32_t i = 0; i < me.held(); ++i) {
    const held_lock& h = me.entry(i);
    const void* const object = h.object();
    const lock_id id = object != nullptr ? g_classes->of(object) : 0;
    if (id == 0 || id == wanted) continue;
    in = g_classes->graph().enter(
        now, in, id, way_of(h.kind()), order_graph::taken::known,
        h.where.load(memory_order_relaxed), !h.was_tried());
  }
  g_classes->graph().enter(now, in, wanted, how, by, where);
}

bool holds(thread_record& me, const void* lock) noexcept {
  return me.find_held([lock](const held_lock& h) {
    return h.object() == lock;
  }) != nullptr;
}

}  // namespace

result enter(thread_record& me, const void* lock, object_kind kind,
             order_graph::taken by, const call_site& site) noexcept {
  const std::uint32_t held = me.held();
  order_graph::context_ref in = current(me, held);
  if (is_current(in, held)) {
    if (const known_step* const step =
            me.known.find(in.number, key_of(me, in, lock, kind, by, site))) {
      me.expect(lock, kind, step->where(), step->to);
      return result::known;
    }
  }
  place at;
  capture(at, site);
  const std::uint32_t where = places::number_of(at);
  std::uint32_t circles = 0;
  order_graph::context_ref context;
  {
    const table_lock only_me(g_lock);
    refresh(me);
    in = current(me, held);
    circles = g_found_ends->size();
    const lock_id id =
        held == 0 && is_of_no_interest(lock, kind) ? 0 : id_of(lock, kind);
    g_threads->note(me);
    context = id == 0 ? in
                      : g_graph->enter({me.serial(), me.time}, in, id,
                                       way_of(kind), by, where);
    me.expect(lock, kind, where, context);
    // What is found of the locks themselves says more.
    if (circles == g_found_ends->size() && !g_classes->empty())
      enter_class(me, lock, way_of(kind), by, where);
    circles = g_found_ends->size() - circles;
  }
  // What deserves another look each time is not kept.
  if (circles == 0 && !holds(me, lock)) {
    me.known.add(in, key_of(me, in, lock, kind, by, site), where, context);
  }
  return circles != 0 ? result::circle : result::fresh;
}

namespace {

// Under g_lock.
bool is_certain(std::uint32_t begin, std::uint32_t end) noexcept {
  for (std::uint32_t l = begin; l < end; ++l) {
    const object_ref& held = g_found.value[l].held;
    if (is_semaphore(held.kind) && !semaphores::is_proved(held.address))
      return false;
  }
  return true;
}

// The links of one circle, as a finding wants them.
struct told {
  const segments<found_link>& links;
  std::uint32_t begin;
  mutable deadlock_link now;  // the one asked for last
};

const deadlock_link& link_of(const void* circle, std::uint32_t i) noexcept {
  const told& t = *static_cast<const told*>(circle);
  const found_link& l = t.links[t.begin + i];
  const std::uint64_t thread = l.link.when.thread;
  t.now.held = {thread, l.tid, l.held, places::get(l.link.held_where)};
  t.now.wanted = {thread, l.tid, l.wanted, places::get(l.link.wanted_where)};
  return t.now;
}

}  // namespace

// Circles with a semaphore of which it is not known yet that it is used as a
// lock stay.
bool report_found() noexcept {
  segments<found_link> links;
  segments<std::uint32_t> ends;
  {
    const table_lock only_me(g_lock);
    segments<found_link> doubtful;
    segments<std::uint32_t> doubtful_ends;
    for (std::uint32_t i = 0, begin = 0; i < g_found_ends->size();
         begin = g_found_ends.value[i++]) {
      const std::uint32_t end = g_found_ends.value[i];
      const bool certain = is_certain(begin, end);
      for (std::uint32_t l = begin; l < end; ++l)
        static_cast<void>((certain ? links : doubtful).push(g_found.value[l]));
      static_cast<void>((certain ? ends : doubtful_ends)
                            .push((certain ? links : doubtful).size()));
    }
    g_found->clear();
    g_found_ends->clear();
    for (std::uint32_t l = 0; l < doubtful.size(); ++l)
      static_cast<void>(g_found->push(doubtful[l]));
    for (std::uint32_t i = 0; i < doubtful_ends.size(); ++i)
      static_cast<void>(g_found_ends->push(doubtful_ends[i]));
  }
  bool any = false;
  for (std::uint32_t i = 0, begin = 0; i < ends.size(); begin = ends[i++]) {
    const told circle{links, begin, {}};
    finding f{.kind = finding_kind::lock_order_inversion,
              .what = "locks are taken in an order that may end in a deadlock",
              .code = EDEADLK};
    f.links = ends[i] - begin;
    f.link = link_of;
    f.circle = &circle;
    any |= report(f);
  }
  return any;
}

bool proved(const void* semaphore) noexcept {
  const table_lock only_me(g_lock);
  for (std::uint32_t i = 0; i < g_found->size(); ++i) {
    if (g_found.value[i].held.address == semaphore) return true;
  }
  return false;
}

void forget(const void* lock) noexcept {
  // Relaxed: see key_of().
  generation_of(lock).fetch_add(1, memory_order_relaxed);
  const table_lock only_me(g_lock);
  g_classes->forget(lock);
  const lock_id id = g_lock_by_address->find(key_of(lock));
  if (id == 0) return;
  remove(id);
}

namespace {

// Under g_lock. f(lock_id) for each in [begin, begin + size), which may remove
// it.
template <class F>
void for_each_lock(const void* begin, std::size_t size, F f) noexcept {
  const std::uint64_t from = key_of(begin);
  const std::uint64_t to = from + size;
  for (std::uint64_t page = from >> kPageLog2; page << kPageLog2 < to; ++page) {
    lock_id next = g_first_of_page->find(page + 1);
    for (lock_id id = next; id != 0; id = next) {
      next = g_info.value[id].next_of_page;
      const std::uint64_t at = key_of(g_info.value[id].address);
      if (at >= from && at < to) f(id);
    }
  }
}

}  // namespace

void forget_all() noexcept {
  const table_lock only_me(g_lock);
  for (auto& each : g_generations) each.fetch_add(1, memory_order_relaxed);
  for (lock_id id = 1; id < g_info->size(); ++id) {
    if (g_info.value[id].address != nullptr) remove(id);
  }
  g_found->clear();
  g_found_ends->clear();
}

void forget(const void* begin, std::size_t size) noexcept {
  const table_lock only_me(g_lock);
  for_each_lock(begin, size, [](lock_id id) {
    generation_of(g_info.value[id].address).fetch_add(1, memory_order_relaxed);
    remove(id);
  });
}

namespace {

// Under g_lock. As if a thread of its own had taken the two.
void declare(order_graph& graph, lock_id first, lock_id second,
             std::uint32_t where) noexcept {
  if (first == 0 || second == 0) return;
  const moment_of now{threads::new_serial(), 0};
  g_threads->note_declaration(now.thread);
  const auto held = graph.enter(now, {}, first, hold::exclusive,
                                order_graph::taken::tried, where);
  graph.enter(now, held, second, hold::exclusive, order_graph::taken::waited,
              where);
}

std::uint32_t number_of(const call_site& site) noexcept {
  place at;
  capture(at, site);
  return places::number_of(at);
}

}  // namespace

void declare(const void* first, const void* second,
             const call_site& site) noexcept {
  const std::uint32_t where = number_of(site);
  const table_lock only_me(g_lock);
  declare(g_graph.value, id_of(first, object_kind::mutex),
          id_of(second, object_kind::mutex), where);
}

void declare(std::string_view first, std::string_view second,
             const call_site& site) noexcept {
  const std::uint32_t where = number_of(site);
  const table_lock only_me(g_lock);
  declare(g_classes->graph(), g_classes->find_or_add(first),
          g_classes->find_or_add(second), where);
}

void set_class(const void* lock, std::string_view name) noexcept {
  generation_of(lock).fetch_add(1, memory_order_relaxed);
  const table_lock only_me(g_lock);
  g_classes->set(lock, name);
}

bool copy_class(const void* lock, char (&name)[64]) noexcept {
  const table_lock only_me(g_lock);
  const lock_id id = g_classes->of(lock);
  if (id == 0) return false;
  std::memcpy(name, g_classes->name(id), std::strlen(g_classes->name(id)) + 1);
  return true;
}

void report_all(bool all) noexcept {
  const table_lock only_me(g_lock);
  g_graph->find_all(all);
  g_classes->graph().find_all(all);
}

namespace {

void advance(thread_record& one) noexcept {
  one.time_key = std::uint64_t{++one.time} * 0x94d049bb133111ebu;
}

}  // namespace

void thread_created(thread_record& creator, std::uint64_t serial) noexcept {
  const table_lock only_me(g_lock);
  g_threads->created(creator, serial);
  advance(creator);
}

void thread_joined(thread_record& by, std::uint64_t serial) noexcept {
  const table_lock only_me(g_lock);
  advance(by);
  g_threads->joined(by, serial);
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept { std::construct_at(&g_lock); }

}  // namespace detail::order
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
