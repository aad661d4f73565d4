// SPDX-License-Identifier: Apache-2.0
//
// No false report across a switch of the listening. A record is valid in the
// epoch in which its owner's handler has begun, if that is a listening one
// (odd). Suppose thread A has a valid record for a lock that it has released.
// A has not told, so it has read null in g_hooks [H2]. Whoever holds the lock
// now got it from A, so it reads that null or something later; it asks the
// table only if it reads a table, which was stored later than the null. The
// null is followed by end_epoch() before another table is stored, so it also
// reads a later epoch than the record's: the record is not valid.
#include "ownership.h"

#if SYNCXX_HOOKED

#include <cstddef>
#include <memory>
#include <new>

#include <sync/detail/atomic.h>
#include <sync/detail/cache_line.h>
#include <sync/detail/raw_mutex.h>

#include "../kinds.h"
#include "../process.h"
#include "places.h"
#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

namespace {

// Odd: the hooks are on; even: off.
constinit atomic<std::uint32_t> g_epoch{1};
constinit atomic<bool> g_fast_allowed{false};

// [O1] acquire; pairs with [O2]: who reads an epoch reads the hooks as they
// were when it began, or later.
std::uint32_t current_epoch() noexcept {
  return g_epoch.load(memory_order_acquire);
}

struct node {
  node* next = nullptr;
  const void* object = nullptr;
  operation latest;
  operation before;

  // False: left by another epoch, or by an object of another kind that was
  // here and whose destructor was left out.
  bool is_valid(object_kind kind) const noexcept {
    return latest.thread != 0 && latest.kind == kind &&
           (latest.epoch & 1) != 0 && latest.epoch == current_epoch();
  }
};

// A hash table with chains. The first few nodes are part of it, so that a
// program that holds few locks makes no system call for them.
class alignas(kCacheLine) shard {
 public:
  raw_mutex lock;

  node* find(const void* object) noexcept {
    node* n = *bucket_of(object);
    while (n != nullptr && n->object != object) n = n->next;
    return n;
  }

  // Null: there is no memory.
  node* find_or_add(const void* object) noexcept {
    if (node* const known = find(object)) return known;
    return add(object);
  }
  node* add(const void* object) noexcept {
    node* const n = new_node();
    if (n == nullptr) return nullptr;
    if (++size_ > 2 * buckets()) grow();
    node** const bucket = bucket_of(object);
    n->object = object;
    n->next = *bucket;
    *bucket = n;
    return n;
  }

  void remove(const node* unwanted) noexcept {
    for (node** link = bucket_of(unwanted->object); *link != nullptr;
         link = &(*link)->next) {
      if (*link == unwanted) {
        unlink(link);
        return;
      }
    }
  }

  template <class Predicate>
  void remove_if(Predicate unwanted) noexcept {
    for (std::size_t b = 0; b < buckets(); ++b) {
      node** link = first_bucket() + b;
      while (*link != nullptr) {
        if (unwanted(**link))
          unlink(link);
        else
          link = &(*link)->next;
      }
    }
  }

 private:
  static constexpr unsigned kFirstBucketsLog2 = 4;
  static constexpr std::size_t kFirstNodes = 8;
  static constexpr std::size_t kBucketBytes = sizeof(void*);
  static constexpr std::size_t kSlabBytes = std::size_t{32} << 10;

  unsigned log2() const noexcept {
    return grown_ != nullptr ? grown_log2_ : kFirstBucketsLog2;
  }
  std::size_t buckets() const noexcept { return std::size_t{1} << log2(); }
  node** first_bucket() noexcept {
    return grown_ != nullptr ? grown_ : first_buckets_;
  }
  node** bucket_of(const void* object) noexcept;

  void unlink(node** link) noexcept {
    node* const n = *link;
    *link = n->next;
    n->object = nullptr;
    n->next = free_;
    free_ = n;
    --size_;
  }

  node* new_node() noexcept {
    if (free_ == nullptr && !add_nodes()) return nullptr;
    node* const n = free_;
    free_ = n->next;
    n->latest.thread = 0;
    n->latest.kind = {};
    n->before.thread = 0;
    return n;
  }

  bool add_nodes() noexcept {
    if (!first_nodes_used_) {
      first_nodes_used_ = true;
      add_nodes(first_nodes_, sizeof first_nodes_);
      return true;
    }
    void* const slab = map_pages(kSlabBytes);
    if (slab == nullptr) return false;
    add_nodes(slab, kSlabBytes);
    return true;
  }
  void add_nodes(void* memory, std::size_t bytes) noexcept {
    auto* place_for_node = static_cast<std::byte*>(memory);
    for (std::size_t n = bytes / sizeof(node); n > 0; --n) {
      auto* const added =
          std::construct_at(reinterpret_cast<node*>(place_for_node));
      added->next = free_;
      free_ = added;
      place_for_node += sizeof(node);
    }
  }

  void grow() noexcept {
    node** const old = first_bucket();
    const std::size_t old_buckets = buckets();
    const bool old_is_own = grown_ == nullptr;
    const unsigned larger = old_is_own ? 9 : grown_log2_ + 2;  // 9: one page
    void* const pages = map_pages((std::size_t{1} << larger) * kBucketBytes);
    if (pages == nullptr) return;  // longer chains
    grown_ = static_cast<node**>(pages);
    grown_log2_ = larger;
    for (std::size_t b = 0; b < old_buckets; ++b) {
      for (node* n = old[b]; n != nullptr;) {
        node* const next = n->next;
        node** const bucket = bucket_of(n->object);
        n->next = *bucket;
        *bucket = n;
        n = next;
      }
    }
    if (!old_is_own) unmap_pages(old, old_buckets * kBucketBytes);
  }

  // All zero at first: the table takes no room in the program's file.
  bool first_nodes_used_ = false;
  unsigned grown_log2_ = 0;
  std::size_t size_ = 0;
  node* free_ = nullptr;
  node** grown_ = nullptr;  // null: first_buckets_
  node* first_buckets_[std::size_t{1} << kFirstBucketsLog2] = {};
  alignas(node) std::byte first_nodes_[kFirstNodes * sizeof(node)] = {};
};

constexpr unsigned kShardsLog2 = 6;
constinit shard g_shards[1 << kShardsLog2];

// Fibonacci hashing: the high bits pick the shard, the next ones the bucket.
std::uint64_t hash(const void* object) noexcept {
  return reinterpret_cast<std::uintptr_t>(object) * 0x9e3779b97f4a7c15u;
}

node** shard::bucket_of(const void* object) noexcept {
  return first_bucket() + ((hash(object) << kShardsLog2) >> (64 - log2()));
}

// The shard of an object, locked.
class locked_shard {
 public:
  explicit locked_shard(const void* object) noexcept
      : shard_(g_shards[hash(object) >> (64 - kShardsLog2)]),
        locked_(!t_self.owns_all) {
    if (locked_) shard_.lock.lock();
  }
  locked_shard(const locked_shard&) = delete;
  locked_shard& operator=(const locked_shard&) = delete;
  ~locked_shard() {
    if (locked_) shard_.lock.unlock();
  }
  shard* operator->() const noexcept { return &shard_; }

 private:
  shard& shard_;
  const bool locked_;
};

void drop_all() noexcept {
  for (shard& s : g_shards) {
    if (!t_self.owns_all) s.lock.lock();
    s.remove_if([](const node&) { return true; });
    if (!t_self.owns_all) s.lock.unlock();
  }
}

}  // namespace

void describe(operation& now, object_kind kind, const call_site& site,
              unsigned skip) noexcept {
  const thread_record* const me = threads::self();
  now.thread = me != nullptr ? me->serial() : 0;
  now.tid = me != nullptr ? me->tid() : process::thread_id();
  now.epoch = current_epoch();
  now.kind = kind;
  capture(now.at, site, skip);
}

namespace ownership {
namespace {

std::uint64_t my_serial() noexcept {
  return threads::own() != nullptr ? threads::own()->serial() : 0;
}

// f(record, entry) for each valid entry for the lock, of any thread; stops when
// it returns true.
template <class F>
bool any_holder(const void* lock, object_kind kind, F f) noexcept {
  return threads::any_of([&](thread_record& r) {
    return r.find_held([&](held_lock& h) {
      return h.object() == lock && h.kind() == kind && f(r, h);
    }) != nullptr;
  });
}

// Whether the calling thread's entries mean anything.
bool is_present(const thread_record& me) noexcept {
  return me.entries_epoch.load(memory_order_relaxed) == current_epoch();
}

// The calling thread's entry; -1: there is none.
std::int64_t find_mine(thread_record& me, const void* lock,
                       object_kind kind) noexcept {
  for (std::uint32_t i = is_present(me) ? me.held() : 0; i-- > 0;) {
    const held_lock& h = me.entry(i);
    if (h.object() == lock && h.kind() == kind) return i;
  }
  return -1;
}

}  // namespace

bool remove_mine(const void* lock, object_kind kind) noexcept {
  thread_record* const me = threads::own();
  if (me == nullptr) return false;
  for (std::uint32_t i = me->held(); i-- > 0;) {
    const held_lock& h = me->entry(i);
    if (h.object() != lock || h.kind() != kind) continue;
    me->remove(i);  // also one that means nothing
    if (is_present(*me)) return true;
  }
  return false;
}

namespace {

// The owner may have put another lock there meanwhile.
void take_away(held_lock& h, const void* object) noexcept {
  std::uint64_t token = h.token.load(memory_order_relaxed);
  if (h.object() == object)
    h.token.compare_exchange_strong(token, 0, memory_order_relaxed);
}

}  // namespace

std::uint32_t epoch() noexcept { return current_epoch(); }

void read(const thread_record& of, const held_lock& h,
          operation& holder) noexcept {
  holder.thread = of.serial();
  holder.tid = of.tid();
  holder.kind = h.kind();
  holder.epoch = of.entries_epoch.load(memory_order_relaxed);
  // [TR17] acquire; pairs with [TR16], [TR18].
  holder.at = places::get(h.where.load(memory_order_acquire));
}

bool tidy(thread_record& me) noexcept {
  const std::uint32_t epoch = current_epoch();
  if ((epoch & 1) == 0) return false;
  if (!is_present(me)) {  // what was not seen may have ended these
    while (me.held() != 0) me.remove(me.held() - 1);
    t_hook_self.expected = 0;
    me.forget_released();
    me.was_on_condition = false;
    if (me.is_waiting()) me.wait_ends();
  }
  while (me.held() != 0 && me.entry(me.held() - 1).object() == nullptr)
    me.remove(me.held() - 1);
  // [TR21] release; pairs with [TR22].
  me.entries_epoch.store(epoch, memory_order_release);
  return true;
}

// Relaxed: a thread that reads an older one goes the slow way, or makes entries
// that mean nothing.
void allow_fast(bool allow) noexcept {
  g_fast_allowed.store(allow, memory_order_relaxed);
  const std::uint32_t epoch = current_epoch();
  threads::g_fast_epoch.store(allow && (epoch & 1) != 0 ? epoch : 0,
                              memory_order_relaxed);
}

giver gives(const void* lock, object_kind kind, operation& holder) noexcept {
  if (remove_mine(lock, kind)) return giver::owner;
  return any_holder(lock, kind,
                    [&](const thread_record& r, const held_lock& h) {
                      read(r, h, holder);
                      return true;
                    })
             ? giver::stranger
             : giver::unknown;
}

giver gives_share(const void* lock, object_kind kind,
                  std::uint32_t (*shares)(const void* lock),
                  operation& holder) noexcept {
  if (remove_mine(lock, kind)) return giver::owner;
  // Entries come after their shares and go before them: if there are as many
  // as there were shares before and after they were counted, each has its own.
  const std::uint32_t before = shares(lock);
  std::uint32_t others = 0;
  any_holder(lock, kind, [&](const thread_record& r, const held_lock& h) {
    read(r, h, holder);
    ++others;
    return false;
  });
  return others != 0 && others == before && others == shares(lock)
             ? giver::stranger
             : giver::unknown;
}

bool find_holder(const void* lock, object_kind kind,
                 operation& holder) noexcept {
  bool any = false;
  any_holder(lock, kind, [&](const thread_record& r, const held_lock& h) {
    any = true;
    read(r, h, holder);
    return holder.thread == my_serial();
  });
  return any;
}

bool is_mine(const void* lock, object_kind kind) noexcept {
  thread_record* const me = threads::own();
  return me != nullptr && me->held() != 0 && find_mine(*me, lock, kind) >= 0;
}

void gave(const void* object, const operation& now) noexcept {
  const locked_shard table(object);
  node* const n = table->find_or_add(object);
  if (n == nullptr) return;
  if (n->is_valid(now.kind))
    n->before = n->latest;
  else
    n->before.thread = 0;
  n->latest = now;
}

void refused(const void* object, object_kind kind) noexcept {
  const locked_shard table(object);
  node* const n = table->find(object);
  if (n == nullptr || !n->is_valid(kind)) return;
  if (n->latest.thread == my_serial()) {
    n->latest = n->before;
    n->before.thread = 0;
  } else if (n->before.thread == my_serial()) {
    n->before.thread = 0;
  }
}

bool find_last(const void* object, object_kind kind, operation& latest,
               operation& before) noexcept {
  const locked_shard table(object);
  const node* const n = table->find(object);
  if (n == nullptr || !n->is_valid(kind)) return false;
  latest = n->latest;
  before = n->before;
  return true;
}

std::uint32_t find_held(const void* begin, std::size_t size, const void** locks,
                        object_kind* kinds, std::uint32_t most) noexcept {
  const auto from = reinterpret_cast<std::uintptr_t>(begin);
  std::uint32_t n = 0;
  threads::any_of([&](thread_record& r) {
    r.find_held([&](const held_lock& h) {
      const void* const object = h.object();
      if (n < most && reinterpret_cast<std::uintptr_t>(object) - from < size) {
        locks[n] = object;
        kinds[n++] = h.kind();
      }
      return n == most;
    });
    return n == most;
  });
  return n;
}

void forget_given(const void* object) noexcept {
  const locked_shard table(object);
  if (const node* const n = table->find(object)) table->remove(n);
}

void forget(const void* object) noexcept {
  threads::any_of([&](thread_record& r) {
    r.find_held([&](held_lock& h) {
      take_away(h, object);
      return false;
    });
    return false;
  });
  forget_given(object);
}

bool forget(const void* lock, object_kind kind, operation& holder) noexcept {
  bool is_held = false;
  threads::any_of([&](thread_record& r) {
    r.find_held([&](held_lock& h) {
      if (h.object() != lock || h.kind() != kind) return false;
      is_held = true;
      read(r, h, holder);
      take_away(h, lock);
      return false;
    });
    return false;
  });
  return is_held;
}

void begin_epoch() noexcept {
  drop_all();
  // [O2] release; pairs with [O1].
  g_epoch.store(current_epoch() | 1, memory_order_release);
  allow_fast(g_fast_allowed.load(memory_order_relaxed));
}

void end_epoch() noexcept {
  threads::g_fast_epoch.store(0, memory_order_relaxed);
  // [O2], when listening ends.
  g_epoch.store((current_epoch() | 1) + 1, memory_order_release);
  drop_all();
}

// A signal handler that comes in between finds the thread in the checker: it
// must not wait for a lock that the thread holds, nor change a table that the
// thread is about to change. Not so the program's own fork handlers.
void before_fork() noexcept {
  for (shard& s : g_shards) s.lock.lock();
}

void after_fork_in_parent() noexcept {
  for (shard& s : g_shards) s.lock.unlock();
}

// What was given in the parent says nothing of the child's semaphores. A lock
// in shared memory that the thread holds is the parent's.
void after_fork_in_child() noexcept {
  const std::uint64_t survivor = my_serial();
  if (thread_record* const me = threads::own()) {
    for (std::uint32_t i = me->held(); i-- > 0;) {
      const held_lock& h = me->entry(i);
      if (!is_kept_by_child(h.kind()) || process::is_shared_memory(h.object()))
        me->remove(i);
    }
  }
  for (shard& s : g_shards) {
    s.remove_if([=](const node& n) { return n.latest.thread != survivor; });
    // Threads that waited for it are not in this process: a new lock.
    std::construct_at(&s.lock);
  }
}

}  // namespace ownership
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
