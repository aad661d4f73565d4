// SPDX-License-Identifier: Apache-2.0
//
// What the checker keeps of each thread: which locks it holds, and what it
// waits for. Locks keep their size.
//
// A record is written by its own thread, and read by any. An entry for a lock
// is added after the lock has been taken and removed before it is given back,
// both by the owner: an entry that is there is true. One that is missing says
// nothing (the lock may have been taken while nobody listened). Two things
// leave an entry that is not true, and both are rare and wrong: a lock that the
// thread holds is given back by a signal handler that comes while the thread is
// in the checker; a lock's memory is used again while it is held and without
// its destructor.
//
// Nothing here allocates with malloc, and nothing is ever destroyed: it serves
// locks inside of allocators, and in static destructors.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_THREADS_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_THREADS_H_

#include <cstddef>
#include <cstdint>

#include <sync/detail/atomic.h>
#include <sync/detail/cache_line.h>
#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "order_graph.h"
#include "self.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// A lock that a thread holds.
struct held_lock {
  // Null: somebody else has taken the entry away.
  atomic<const void*> object{nullptr};
  atomic<std::uint32_t> where{0};  // places.h
  atomic<std::uint32_t> epoch{0};
  atomic<object_kind> kind{};
  // The thread's own:
  bool waited = false;
  bool has_context = false;  // `context` is up to date
  order_graph::context_ref context;
  std::int64_t since_ns = 0;  // where somebody asks for it
};

// A place in the order of locks that a thread has been in before.
struct known_context {
  std::uint64_t key = 0;
  order_graph::context_ref context;
  std::uint32_t where = 0;
};

class alignas(kCacheLine) thread_record {
 public:
  // --- By its thread alone ---------------------------------------------------

  std::uint32_t held() const noexcept {
    return held_.load(memory_order_relaxed);
  }
  held_lock& entry(std::uint32_t i) noexcept {
    return i < kNear ? near_[i] : far_.load(memory_order_relaxed)[i - kNear];
  }
  // Null: there is no memory, or the thread holds kMost.
  held_lock* add(const void* object, object_kind kind, std::uint32_t where,
                 std::uint32_t epoch) noexcept;
  // The same where there is room at hand; false: there is not.
  bool add_near(const void* object, object_kind kind, std::uint32_t where,
                std::uint32_t epoch,
                const order_graph::context_ref& context) noexcept {
    const std::uint32_t i = held();
    if (i >= kNear) return false;
    held_lock& e = near_[i];
    // [TR18] release; pairs with [TR17], [TR19], [TR20].
    e.where.store(where, memory_order_release);
    e.epoch.store(epoch, memory_order_relaxed);
    e.kind.store(kind, memory_order_relaxed);
    e.waited = true;
    e.since_ns = 0;
    // [TR15] release; pairs with [TR2].
    e.object.store(object, memory_order_release);
    // [TR15]
    held_.store(i + 1, memory_order_release);
    set_context_of_last(context);
    return true;
  }
  void set_context_of_last(const order_graph::context_ref& context) noexcept {
    const std::uint32_t n = held();
    entry(n - 1).context = context;
    stale_from = context.number != 0 ? n : n - 1;
  }
  // Takes the last entry away if it is this one.
  bool remove_last(const void* object, object_kind kind) noexcept {
    const std::uint32_t n = held();
    if (n == 0 || n > kNear) return false;
    const held_lock& e = near_[n - 1];
    if (e.object.load(memory_order_relaxed) != object ||
        e.kind.load(memory_order_relaxed) != kind)
      return false;
    // [TR15]
    held_.store(n - 1, memory_order_release);
    if (stale_from > n - 1) stale_from = n - 1;
    return true;
  }
  // Those above move down.
  void remove(std::uint32_t i) noexcept;

  void wait_begins(const void* object, object_kind kind, bool bounded,
                   std::uint32_t where, std::int64_t now_ns,
                   const void* mutex) noexcept;
  void wait_ends() noexcept;

  // --- By anybody ------------------------------------------------------------

  // Never that of another thread, also of an ended one; kept in the child of a
  // fork. 0: there is no such thread.
  std::uint64_t serial() const noexcept {
    // [TR6] acquire; pairs with [TR5]: the record is this thread's.
    return serial_.load(memory_order_acquire);
  }
  int tid() const noexcept { return tid_.load(memory_order_relaxed); }
  std::uintptr_t os_handle() const noexcept {
    return os_handle_.load(memory_order_relaxed);
  }

  // f(entry) for each that is there now; stops when f returns true, and returns
  // that entry.
  template <class F>
  held_lock* find_held(F f) noexcept {
    // [TR2] acquire; pairs with [TR1], [TR15]: the entries below are written.
    const std::uint32_t n = held_.load(memory_order_acquire);
    // [TR4] acquire; pairs with [TR3].
    held_lock* const far = far_.load(memory_order_acquire);
    for (std::uint32_t i = n; i-- > 0;) {
      held_lock& each = i < kNear ? near_[i] : far[i - kNear];
      // [TR2]: the rest of the entry, and its place.
      if (each.object.load(memory_order_acquire) != nullptr && f(each))
        return &each;
    }
    return nullptr;
  }

  struct waiting {
    std::uint32_t version;  // odd: it waits; another for each wait
    const void* object;
    object_kind kind;
    bool bounded;
    std::uint32_t where;
    std::int64_t since_ns;
    const void* mutex;    // of a condition variable's wait
    std::uint32_t epoch;  // as of entries
  };
  bool is_waiting() const noexcept {
    return (wait_version_.load(memory_order_relaxed) & 1) != 0;
  }
  // False: it does not wait, or not for long.
  bool look(waiting& now) const noexcept;
  // Whether that wait goes on.
  bool still(const waiting& then) const noexcept {
    // [TR9] acquire; pairs with [TR7], [TR8]: what was read before is of that
    // wait, or of none that is over.
    return wait_version_.load(memory_order_acquire) == then.version;
  }

  // --- The thread's own, for order.cc ----------------------------------------

  // All entries are of this epoch, and none was taken away by others (or 0).
  std::uint32_t entries_epoch = 0;

  std::uint32_t time = 0;  // on the clock that creations and joins advance
  std::uint32_t stale_from = 0;   // entries from here have no context
  bool was_on_condition = false;  // and has not got its mutex yet
  known_context* known = nullptr;
  std::uint32_t known_log2 = 0;
  std::uint32_t known_used = 0;
  // The locks given back last.
  static constexpr std::uint32_t kReleased = 8;
  void note_released(const void* lock) noexcept {
    released_[++last_released_ % kReleased] = lock;
  }
  const void* last_released() const noexcept {
    return released_[last_released_ % kReleased];
  }
  template <class F>
  void for_each_released(F f) const noexcept {
    for (const void* const each : released_) f(each);
  }
  void forget_released() noexcept {
    for (const void*& each : released_) each = nullptr;
  }

  // What attempt() has found out for acquired().
  struct {
    const void* object = nullptr;
    object_kind kind{};
    order_graph::context_ref in, context;
    std::uint32_t where = 0;
  } expected;
  char found[256] = {};  // by wait_for.cc, for people

 private:
  friend struct registry;
  static constexpr std::uint32_t kNear = 32;
  static constexpr std::uint32_t kMost = 65'536;

  atomic<std::uint64_t> serial_{0};
  atomic<int> tid_{0};
  atomic<std::uintptr_t> os_handle_{0};
  atomic<std::uint32_t> held_{0};
  atomic<held_lock*> far_{nullptr};

  atomic<std::uint32_t> wait_version_{0};
  atomic<std::uint32_t> wait_where_{0};
  atomic<const void*> wait_object_{nullptr};
  atomic<std::int64_t> wait_since_{0};
  atomic<const void*> wait_mutex_{nullptr};
  atomic<std::uint32_t> wait_epoch_{0};
  atomic<object_kind> wait_kind_{};
  atomic<bool> wait_bounded_{false};

  std::uint32_t next_free_ = 0;
  std::uint32_t last_released_ = 0;
  const void* released_[kReleased] = {};
  held_lock near_[kNear];
};

namespace threads {

// The calling thread's; null: there is no memory, or the thread has ended.
thread_record* self_slow() noexcept;
inline thread_record* self() noexcept {
  return t_self.record != nullptr ? t_self.record : self_slow();
}

std::uint64_t new_serial() noexcept;
// The calling thread ends: its record goes.
void end() noexcept;

// f(record) for each thread; stops when f returns true.
template <class F>
bool any_of(F f) noexcept;

// Null: it is not known, or has ended.
thread_record* find(std::uint64_t serial) noexcept;
// A thread's handle is its from its creation until it has been joined, or
// another has got it: told by its creator, and by itself.
void note_handle(std::uintptr_t os_handle, std::uint64_t serial) noexcept;
// 0: it is not known.
std::uint64_t serial_of(std::uintptr_t os_handle) noexcept;
void joined(std::uintptr_t os_handle, std::uint64_t serial) noexcept;

// The epoch (ownership.h), while nothing but the order of locks is looked at;
// else 0.
extern constinit atomic<std::uint32_t> g_fast_epoch;

// How many threads are known, and how many of them wait for ever.
extern constinit atomic<std::uint32_t> g_alive;
extern constinit atomic<std::uint32_t> g_stuck;
inline bool may_be_all_stuck() noexcept {
  // Relaxed: the last of those that begin to wait together reads what it has
  // made of the number itself.
  return g_stuck.load(memory_order_relaxed) >=
         g_alive.load(memory_order_relaxed);
}

// Whether some thread waits for another's end.
extern constinit atomic<std::uint32_t> g_joins;
inline bool any_joins() noexcept {
  // [TR11] seq_cst; pairs with [TR10]: see wait_for.cc. Who joins this thread
  // sees that it waits, or this thread sees that it is joined.
  return g_joins.load(memory_order_seq_cst) != 0;
}

// In the child of a fork: there is but this thread.
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

// The rest is any_of().
inline constexpr std::size_t kChunk = 16;
inline constexpr std::size_t kChunks = 4096;
extern constinit atomic<thread_record*> g_chunks[kChunks];
extern constinit atomic<std::uint32_t> g_end;  // records made

inline thread_record* at(std::uint32_t i) noexcept {
  // [TR13] acquire; pairs with [TR12]: the records are made.
  return g_chunks[i / kChunk].load(memory_order_acquire) + i % kChunk;
}

template <class F>
bool any_of(F f) noexcept {
  // [TR13]
  const std::uint32_t end = g_end.load(memory_order_acquire);
  for (std::uint32_t i = 0; i < end; ++i) {
    thread_record* const record = at(i);
    if (record->serial() != 0 && f(*record)) return true;
  }
  return false;
}

}  // namespace threads
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_THREADS_H_
