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

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>

#include <sync/detail/atomic.h>
#include <sync/detail/cache_line.h>
#include <sync/detail/raw_mutex.h>

#include "../process.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

thread_local constinit thread_state t_self
    __attribute__((tls_model("initial-exec")));

namespace {

// Odd: the hooks are on; even: off.
constinit atomic<std::uint32_t> g_epoch{1};

// [O1] acquire; pairs with [O2]: who reads an epoch reads the hooks as they
// were when it began, or later.
std::uint32_t current_epoch() noexcept {
  return g_epoch.load(memory_order_acquire);
}

std::uint64_t next_serial() noexcept {
  static constinit atomic<std::uint64_t> last{0};
  return last.fetch_add(1, memory_order_relaxed) + 1;
}

struct node {
  node* next = nullptr;
  const void* object = nullptr;
  operation latest;
  operation before;  // semaphores and latches only

  // False: left by another epoch, or by an object of another kind that was
  // here and whose destructor was left out.
  bool is_valid(object_kind kind) const noexcept {
    return latest.thread != 0 && latest.kind == kind &&
           (latest.epoch & 1) != 0 && latest.epoch == current_epoch();
  }
  // One of many for its object.
  bool is_share() const noexcept {
    return latest.kind == object_kind::shared_mutex_shared;
  }
};

// Pages from the kernel, zeroed; null: there are none. errno is kept.
void* new_pages(std::size_t bytes) noexcept {
  const int error = errno;
  void* const pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  errno = error;
  return pages == MAP_FAILED ? nullptr : pages;
}

// A hash table with chains. The first few nodes are part of it, so that a
// program that holds few locks makes no system call for them.
class alignas(kCacheLine) shard {
 public:
  raw_mutex lock;

  template <class Predicate>
  node* find_if(const void* object, Predicate wanted) noexcept {
    node* n = *bucket_of(object);
    while (n != nullptr && (n->object != object || !wanted(*n))) n = n->next;
    return n;
  }
  // But for readers' shares.
  node* find(const void* object) noexcept {
    return find_if(object, [](const node& n) { return !n.is_share(); });
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
    void* const slab = new_pages(kSlabBytes);
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
    void* const pages = new_pages((std::size_t{1} << larger) * kBucketBytes);
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
    if (!old_is_own) ::munmap(old, old_buckets * kBucketBytes);
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
        locked_(!t_self.owns_table) {
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
    s.lock.lock();
    s.remove_if([](const node&) { return true; });
    s.lock.unlock();
  }
}

}  // namespace

void describe(operation& now, object_kind kind, const call_site& site,
              unsigned skip) noexcept {
  if (t_self.serial == 0) {
    t_self.serial = next_serial();
    t_self.tid = process::thread_id();
  }
  now.thread = t_self.serial;
  now.epoch = current_epoch();
  now.kind = kind;
  now.tid = t_self.tid;
  capture(now.at, site, skip);
}

namespace ownership {

void took(const void* lock, const operation& now) noexcept {
  const locked_shard table(lock);
  node* const n = now.kind == object_kind::shared_mutex_shared
                      ? table->add(lock)
                      : table->find_or_add(lock);
  if (n == nullptr) return;
  n->latest = now;
  ++t_self.held;
}

giver gives(const void* lock, object_kind kind, operation& holder) noexcept {
  const locked_shard table(lock);
  const node* const n = table->find(lock);
  if (n == nullptr || !n->is_valid(kind)) return giver::unknown;
  if (n->latest.thread != t_self.serial) {
    holder = n->latest;
    return giver::stranger;
  }
  table->remove(n);
  if (t_self.held > 0) --t_self.held;
  return giver::owner;
}

giver gives_share(const void* lock, object_kind kind,
                  std::uint32_t (*shares)(const void* lock),
                  operation& holder) noexcept {
  const locked_shard table(lock);
  std::uint32_t others = 0;
  const node* const mine = table->find_if(lock, [&](const node& n) {
    if (!n.is_valid(kind)) return false;
    if (n.latest.thread == t_self.serial) return true;
    holder = n.latest;
    ++others;
    return false;
  });
  if (mine == nullptr) {
    // While the table is locked, records neither come nor go: if there are as
    // many as there are shares, each share has its record.
    return others != 0 && others == shares(lock) ? giver::stranger
                                                 : giver::unknown;
  }
  table->remove(mine);
  if (t_self.held > 0) --t_self.held;
  return giver::owner;
}

bool find_holder(const void* lock, object_kind kind,
                 operation& holder) noexcept {
  const locked_shard table(lock);
  const node* any = nullptr;
  const node* const mine = table->find_if(lock, [&](const node& n) {
    if (!n.is_valid(kind)) return false;
    any = &n;
    return n.latest.thread == t_self.serial;
  });
  if (any == nullptr) return false;
  holder = (mine != nullptr ? mine : any)->latest;
  return true;
}

bool is_mine(const void* lock, object_kind kind) noexcept {
  if (t_self.held == 0) return false;
  const locked_shard table(lock);
  return table->find_if(lock, [&](const node& n) {
    return n.is_valid(kind) && n.latest.thread == t_self.serial;
  }) != nullptr;
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
  if (n->latest.thread == t_self.serial) {
    n->latest = n->before;
    n->before.thread = 0;
  } else if (n->before.thread == t_self.serial) {
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

void forget(const void* object) noexcept {
  locked_shard table(object);
  while (const node* const n =
             table->find_if(object, [](const node&) { return true; })) {
    table->remove(n);
  }
}

bool forget(const void* lock, object_kind kind, operation& holder) noexcept {
  const locked_shard table(lock);
  bool is_held = false;
  while (const node* const n = table->find_if(lock, [kind](const node& each) {
    return each.is_share() == (kind == object_kind::shared_mutex_shared);
  })) {
    if (n->is_valid(kind)) {
      is_held = true;
      holder = n->latest;
      if (holder.thread == t_self.serial && t_self.held > 0) --t_self.held;
    }
    table->remove(n);
  }
  return is_held;
}

void begin_epoch() noexcept {
  drop_all();
  // [O2] release; pairs with [O1].
  g_epoch.store(current_epoch() | 1, memory_order_release);
}

void end_epoch() noexcept {
  // [O2], when listening ends.
  g_epoch.store((current_epoch() | 1) + 1, memory_order_release);
  drop_all();
}

// A signal handler that comes in between finds the thread in the checker: it
// must not wait for a lock that the thread holds, nor change a table that the
// thread is about to change. Not so the program's own fork handlers.
void before_fork() noexcept {
  const entrance checker;
  for (shard& s : g_shards) s.lock.lock();
  t_self.owns_table = true;
}

void after_fork_in_parent() noexcept {
  const entrance checker;
  t_self.owns_table = false;
  for (shard& s : g_shards) s.lock.unlock();
}

// Whether the forking thread holds in the child what it held in the parent. The
// others are made anew there, at the same address.
bool is_kept_by_child(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::shared_mutex:
    case object_kind::shared_mutex_upgrade:
    case object_kind::shared_mutex_shared:
    case object_kind::byte_mutex:
    case object_kind::ticket_lock:
    case object_kind::mcs_lock:
    case object_kind::queue_lock:
    case object_kind::biased_shared_mutex:
    case object_kind::pi_mutex:
    case object_kind::robust_mutex:
    case object_kind::robust_pi_mutex:
      return false;
    default:
      return true;
  }
}

void after_fork_in_child() noexcept {
  const entrance checker;
  const std::uint64_t survivor = t_self.serial;
  if (survivor != 0) t_self.tid = process::thread_id();
  for (shard& s : g_shards) {
    s.remove_if([=](const node& n) {
      if (n.latest.thread != survivor) return true;
      if (is_kept_by_child(n.latest.kind)) return false;
      if (n.is_valid(n.latest.kind) && t_self.held > 0) --t_self.held;
      return true;
    });
    // Threads that waited for it are not in this process: a new lock.
    std::construct_at(&s.lock);
  }
  t_self.owns_table = false;
}

}  // namespace ownership
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
