// SPDX-License-Identifier: Apache-2.0
//
// An acquisition that has to wait for nobody writes to memory of its own thread
// alone. What a lock's class is, is looked up once by each thread; the lock of
// the tables is taken for that, and for the place of a wait.
#include "statistics.h"

#if SYNCXX_HOOKED

#include <cstring>
#include <memory>

#include <sync/detail/raw_mutex.h>

#include "../detection/lock_sets.h"
#include "../detection/order.h"
#include "../detection/places.h"
#include "../detection/self.h"
#include "../detection/storage.h"
#include "../kinds.h"
#include "../process.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {

constinit atomic<bool> g_on{false};

namespace {

// --- Threads -----------------------------------------------------------------

struct thread_state {
  thread_counters* counters = nullptr;
  bool has_ended = false;
};
// In the static TLS block: access never allocates.
thread_local constinit thread_state t_mine
    __attribute__((tls_model("initial-exec")));

// Of the tables below, and of the list of all counters.
constinit raw_mutex g_lock;
constinit thread_counters* g_all = nullptr;
constinit thread_counters* g_free = nullptr;

constinit atomic<std::uint64_t> g_missed{0};
constinit atomic<std::uint32_t> g_hold_sampling{1};
constinit atomic<std::int64_t> g_since_ns{0};

// In the upper half how often all was reset: counts of before are none. In the
// lower one how often any lock may have been given back unheard: what threads
// were known to hold, they may not.
constinit atomic<std::uint64_t> g_stamp{std::uint64_t{1} << 32};

std::uint32_t epoch_of(std::uint64_t stamp) noexcept {
  return static_cast<std::uint32_t>(stamp >> 32);
}

void missed() noexcept { g_missed.fetch_add(1, memory_order_relaxed); }

SYNCXX_COLD void catch_up(thread_counters& me, std::uint64_t stamp) noexcept {
  if (epoch_of(me.stamp) != epoch_of(stamp)) {
    me.clear_counts();
    // [LS3] release; pairs with [LS4]: the counts are zero.
    me.epoch.store(epoch_of(stamp), memory_order_release);
  }
  me.forget_all_held();
  me.until_timed = 0;
  me.stamp = stamp;
}

SYNCXX_COLD thread_counters* begin_thread() noexcept {
  if (t_mine.has_ended) return nullptr;
  thread_counters* me = nullptr;
  {
    const table_lock only_me(g_lock);
    me = g_free;
    if (me != nullptr) {
      g_free = me->next_free;
    } else {
      void* const pages = map_pages(sizeof(thread_counters));
      if (pages == nullptr) return nullptr;
      me = std::construct_at(static_cast<thread_counters*>(pages));
      me->next = g_all;
      g_all = me;
    }
  }
  me->forget_all_held();
  t_mine.counters = me;
  process::call_at_thread_end();
  return me;
}

// Null: nobody is to count for this thread.
thread_counters* self() noexcept {
  thread_counters* const me =
      t_mine.counters != nullptr ? t_mine.counters : begin_thread();
  if (me == nullptr) return nullptr;
  // Relaxed: a thread that has not heard of a reset counts in what nobody looks
  // at any more.
  const std::uint64_t stamp = g_stamp.load(memory_order_relaxed);
  if (me->stamp != stamp) [[unlikely]]
    catch_up(*me, stamp);
  return me;
}

// --- Classes -----------------------------------------------------------------

// Deep enough for guards of the standard library in a program that is not
// optimized; calls further out would make one place many.
constexpr std::uint32_t kPlaceDepth = 6;
constexpr std::size_t kMostLocks = std::size_t{1} << 20;
constexpr std::uint32_t kMostSites = 8192;
constexpr unsigned kPageLog2 = 12;

constinit never_destroyed<segments<class_info>> g_classes;
constinit never_destroyed<key_table> g_class_by_hash;
constinit never_destroyed<key_table> g_class_by_address;  // + 1
constinit never_destroyed<key_table> g_locks_of_page;
constinit site_counts* g_sites = nullptr;
constinit std::uint32_t g_n_sites = 1;  // 0 is none
constinit never_destroyed<key_table> g_site_by_key;

// A thread that knows a lock's class looks here whether it is still that lock.
constexpr unsigned kGenerationsLog2 = 10;
constinit atomic<std::uint32_t>
    g_generations[std::size_t{1} << kGenerationsLog2] = {};

std::uint64_t key_of(const void* object) noexcept {
  return reinterpret_cast<std::uintptr_t>(object);
}

// Relaxed: a lock is not used any more, or not yet, when this changes.
atomic<std::uint32_t>& generation_of(const void* object) noexcept {
  return g_generations[(key_of(object) * 0x9e3779b97f4a7c15u) >>
                       (64 - kGenerationsLog2)];
}

bool is_counted(object_kind kind) noexcept {
  return words_for(kind) != nullptr || is_semaphore(kind);
}

// The kind of the lock, however it is owned.
object_kind kind_of_lock(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::shared_mutex_shared:
    case object_kind::shared_mutex_upgrade:
      return object_kind::shared_mutex;
    case object_kind::pthread_rwlock_shared:
      return object_kind::pthread_rwlock;
    default:
      return kind;
  }
}

std::uint32_t number_of(const call_site& site) noexcept {
  place at;
  capture(at, site);
  if (at.depth > kPlaceDepth) at.depth = kPlaceDepth;
  return places::number_of(at);
}

bool is_same(const class_info& a, const class_info& b) noexcept {
  return a.kind == b.kind && a.is_named == b.is_named && a.where == b.where &&
         std::strcmp(a.name, b.name) == 0;
}

// The rest are under g_lock.

class_id find_or_add(const class_info& wanted) noexcept {
  std::uint64_t hash =
      mixed(1 + static_cast<std::uint64_t>(wanted.kind), wanted.where);
  for (const char* c = wanted.name; *c != '\0'; ++c)
    hash = mixed(hash, static_cast<unsigned char>(*c));
  for (;; ++hash) {
    if (hash == 0) continue;
    const class_id known = g_class_by_hash->find(hash);
    if (known == 0) break;
    if (is_same(g_classes.value[known], wanted)) return known;
  }
  if (g_classes->empty() && !g_classes->push({})) return 0;
  const class_id id = g_classes->size();
  if (id >= kMostClasses || !g_classes->push(wanted)) return 0;
  return g_class_by_hash->add(hash, id) ? id : 0;
}

void count_of_page(const void* object, bool more) noexcept {
  const std::uint64_t page = (key_of(object) >> kPageLog2) + 1;
  std::uint32_t n = g_locks_of_page->find(page);
  g_locks_of_page->remove(page);
  if (more)
    ++n;
  else if (n > 0)
    --n;
  if (n > 0) static_cast<void>(g_locks_of_page->add(page, n));
}

void forget_locked(const void* object) noexcept {
  if (g_class_by_address->find(key_of(object)) == 0) {
    // Too many to be there: threads may know it all the same.
    if (g_class_by_address->size() >= kMostLocks)
      generation_of(object).fetch_add(1, memory_order_relaxed);
    return;
  }
  g_class_by_address->remove(key_of(object));
  count_of_page(object, false);
  generation_of(object).fetch_add(1, memory_order_relaxed);
}

SYNCXX_COLD class_id classify(const void* object, object_kind kind,
                              const call_site& site) noexcept {
  {
    const table_lock only_me(g_lock);
    const std::uint32_t known = g_class_by_address->find(key_of(object));
    if (known != 0) return known - 1;
  }
  // (Without the lock: the stack's walk may wait for the loader's.)
  class_info wanted{};
  wanted.kind = kind_of_lock(kind);
  wanted.is_named =
      order::copy_class(object, wanted.name) || copy_name(object, wanted.name);
  if (!wanted.is_named) wanted.where = number_of(site);
  const table_lock only_me(g_lock);
  const std::uint32_t known = g_class_by_address->find(key_of(object));
  if (known != 0) return known - 1;
  const class_id id = find_or_add(wanted);
  if (g_class_by_address->size() < kMostLocks &&
      g_class_by_address->add(key_of(object), id + 1)) {
    count_of_page(object, true);
  }
  if (!g_classes->empty()) ++g_classes.value[id].locks;
  return id;
}

thread_counters::known& look_up(thread_counters& me, const void* object,
                                object_kind kind,
                                const call_site& site) noexcept {
  thread_counters::known& known = me.known_at(object);
  const std::uint32_t generation =
      generation_of(object).load(memory_order_relaxed);
  if (known.object != object || known.generation != generation ||
      known.counts == nullptr) [[unlikely]] {
    const class_id id = classify(object, kind, site);
    known = {object, generation, id, me.counts_of(id)};
  }
  return known;
}

// Null: there are too many.
site_counts* site_of(class_id id, const call_site& site) noexcept {
  const std::uint32_t where = number_of(site);
  const std::uint64_t key = (std::uint64_t{id} << 32 | where) + 1;
  const table_lock only_me(g_lock);
  if (const std::uint32_t known = g_site_by_key->find(key)) {
    return g_sites + known;
  }
  if (g_n_sites == kMostSites) return nullptr;
  if (g_sites == nullptr) {
    g_sites =
        static_cast<site_counts*>(map_pages(kMostSites * sizeof(site_counts)));
    if (g_sites == nullptr) return nullptr;
  }
  if (!g_site_by_key->add(key, g_n_sites)) return nullptr;
  site_counts* const added = std::construct_at(g_sites + g_n_sites++);
  added->of = id;
  added->where = where;
  return added;
}

void add(site_counts& to, std::uint64_t ns) noexcept {
  to.waits.fetch_add(1, memory_order_relaxed);
  to.total_ns.fetch_add(ns, memory_order_relaxed);
  std::uint64_t most = to.max_ns.load(memory_order_relaxed);
  while (ns > most &&
         !to.max_ns.compare_exchange_weak(most, ns, memory_order_relaxed,
                                          memory_order_relaxed)) {
  }
}

std::uint64_t ns_since(std::int64_t then) noexcept {
  const std::int64_t ns = process::now_ns() - then;
  return ns > 0 ? static_cast<std::uint64_t>(ns) : 0;
}

// Whether the hold of this acquisition is to be timed.
bool is_timed(thread_counters& me) noexcept {
  const std::uint32_t every = g_hold_sampling.load(memory_order_relaxed);
  if (every <= 1) return every == 1;
  if (me.until_timed == 0 || me.until_timed > every) me.until_timed = every;
  return --me.until_timed == 0;
}

}  // namespace

row* thread_counters::counts_of(class_id id) noexcept {
  row* chunk = chunks_[id / kChunk].load(memory_order_relaxed);
  if (chunk == nullptr) {
    chunk = static_cast<row*>(map_pages(kChunk * sizeof(row)));
    if (chunk == nullptr) return nullptr;
    for (std::uint32_t i = 0; i < kChunk; ++i) std::construct_at(chunk + i);
    // [LS1] release; pairs with [LS2]: the rows.
    chunks_[id / kChunk].store(chunk, memory_order_release);
  }
  return chunk + id % kChunk;
}

void thread_counters::clear_counts() noexcept {
  for (auto& each : chunks_) {
    row* const chunk = each.load(memory_order_relaxed);
    for (std::uint32_t i = 0; chunk != nullptr && i < kChunk; ++i)
      chunk[i].clear();
  }
}

// --- Events ------------------------------------------------------------------

void attempt() noexcept {
  thread_counters* const me = t_mine.counters;
  if (me == nullptr || !me->any_pending) return;
  const entrance checker;
  if (checker) me->forget_pending();
}

void acquired(const void* object, object_kind kind,
              const call_site& site) noexcept {
  if (!is_counted(kind)) return;
  const entrance checker;
  if (!checker) return;
  thread_counters* const me = self();
  row* const counts =
      me == nullptr ? nullptr : look_up(*me, object, kind, site).counts;
  if (counts == nullptr) return missed();
  counts->acquisitions.add(1);
  if (is_share(kind)) counts->shared.add(1);
  if (me->any_pending) [[unlikely]] {
    const auto* const waited = me->find_pending(object);
    if (waited != nullptr && waited->has_waited) counts->contended.add(1);
    me->forget_pending();
  }
  if (!is_semaphore(kind) && is_timed(*me))
    me->push({object, kind, counts, process::now_ns()});
}

void releasing(const void* object, object_kind kind) noexcept {
  thread_counters* const me = t_mine.counters;
  if (me == nullptr || me->holds_none()) return;
  const entrance checker;
  if (!checker) return;
  thread_counters::held one;
  if (self() == nullptr || !me->pop(object, kind, one)) return;
  one.counts->hold.add(ns_since(one.since_ns));
}

void wait_begin(const void* object, object_kind kind,
                const call_site& site) noexcept {
  if (!is_counted(kind)) return;
  const entrance checker;
  if (!checker) return;
  const std::int64_t now = process::now_ns();
  thread_counters* const me = self();
  if (me == nullptr) return;
  const thread_counters::known& known = look_up(*me, object, kind, site);
  if (known.counts == nullptr) return;
  me->new_pending(object) = {object, false, known.counts,
                             site_of(known.id, site), now};
  me->any_pending = true;
}

void wait_end(const void* object, object_kind) noexcept {
  if (t_mine.counters == nullptr || !t_mine.counters->any_pending) return;
  const entrance checker;
  thread_counters* const me = checker ? self() : nullptr;
  auto* const wait = me != nullptr ? me->find_pending(object) : nullptr;
  if (wait == nullptr || wait->has_waited) return;
  const std::uint64_t ns = ns_since(wait->since_ns);
  wait->has_waited = true;
  wait->counts->wait.add(ns);
  if (wait->at != nullptr) add(*wait->at, ns);
}

void forget(const void* object, object_kind kind) noexcept {
  if (!is_counted(kind)) return;
  const entrance checker;
  if (!checker) return;
  const table_lock only_me(g_lock);
  forget_locked(object);
}

void rename(const void* object) noexcept {
  const table_lock only_me(g_lock);
  forget_locked(object);
}

void forget(const void* begin, std::size_t size) noexcept {
  const entrance checker;
  if (!checker) return;
  constexpr std::size_t kStep = alignof(int);  // of what is interposed
  const auto* const first = static_cast<const char*>(begin);
  const table_lock only_me(g_lock);
  for (std::size_t at = 0; at < size;) {
    const std::uint64_t here = key_of(first + at);
    const std::size_t next =
        at + ((std::size_t{1} << kPageLog2) - here % (1u << kPageLog2));
    if (g_locks_of_page->find((here >> kPageLog2) + 1) != 0) {
      for (; at < size && at < next; at += kStep) forget_locked(first + at);
    }
    at = next;
  }
}

void thread_ends() noexcept {
  const entrance checker;
  if (!checker) return;
  thread_counters* const me = t_mine.counters;
  t_mine = {nullptr, true};
  if (me == nullptr) return;
  const table_lock only_me(g_lock);
  me->next_free = g_free;
  g_free = me;
}

// --- Settings ----------------------------------------------------------------

void switch_on(bool on) noexcept {
  const entrance checker;
  const table_lock only_me(g_lock);
  if (on && !is_on()) {
    g_stamp.fetch_add(1, memory_order_relaxed);
    if (g_since_ns.load(memory_order_relaxed) == 0)
      g_since_ns.store(process::now_ns(), memory_order_relaxed);
  }
  g_on.store(on, memory_order_relaxed);
}

namespace {

// Under g_lock.
void reset_locked() noexcept {
  g_stamp.fetch_add((std::uint64_t{1} << 32) + 1, memory_order_relaxed);
  for (std::uint32_t i = 1; i < g_n_sites; ++i) {
    g_sites[i].waits.store(0, memory_order_relaxed);
    g_sites[i].total_ns.store(0, memory_order_relaxed);
    g_sites[i].max_ns.store(0, memory_order_relaxed);
  }
  g_missed.store(0, memory_order_relaxed);
  g_since_ns.store(process::now_ns(), memory_order_relaxed);
}

}  // namespace

void reset() noexcept {
  const entrance checker;
  const table_lock only_me(g_lock);
  reset_locked();
}

void set_hold_sampling(std::uint32_t n) noexcept {
  g_hold_sampling.store(n, memory_order_relaxed);
}

std::uint32_t hold_sampling() noexcept {
  return g_hold_sampling.load(memory_order_relaxed);
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept {
  std::construct_at(&g_lock);
  // The other threads are not there.
  g_free = nullptr;
  for (thread_counters* each = g_all; each != nullptr; each = each->next) {
    if (each == t_mine.counters) continue;
    each->forget_known();  // perhaps half written
    each->next_free = g_free;
    g_free = each;
  }
  reset_locked();
}

// --- To be read --------------------------------------------------------------

reading::reading() noexcept {
  if (!t_self.owns_all) g_lock.lock();
}

reading::~reading() {
  if (!t_self.owns_all) g_lock.unlock();
}

std::uint32_t reading::classes() const noexcept { return g_classes->size(); }

const class_info& reading::info(class_id id) const noexcept {
  return g_classes.value[id];
}

void reading::visit_rows(class_id id,
                         function_ref<void(const row&)> f) const noexcept {
  const std::uint32_t epoch = epoch_of(g_stamp.load(memory_order_relaxed));
  for (const thread_counters* t = g_all; t != nullptr; t = t->next) {
    // [LS4] acquire; pairs with [LS3].
    if (t->epoch.load(memory_order_acquire) != epoch) continue;
    if (const row* const counts = t->look(id)) f(*counts);
  }
}

void reading::visit_sites(
    function_ref<void(const site_counts&)> f) const noexcept {
  for (std::uint32_t i = 1; i < g_n_sites; ++i) f(g_sites[i]);
}

std::uint64_t reading::missed() const noexcept {
  return g_missed.load(memory_order_relaxed);
}

std::int64_t reading::since_ns() const noexcept {
  return g_since_ns.load(memory_order_relaxed);
}

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
