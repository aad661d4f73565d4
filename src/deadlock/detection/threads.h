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

#include "call_off.h"
#include "known_steps.h"
#include "order_graph.h"
#include "self.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

struct stop_of_waits;  // victims.cc

namespace ownership {
// The present one; odd while the checker listens (ownership.cc).
std::uint32_t epoch() noexcept;
}

class alignas(kCacheLine) thread_record : public hook_record {
 public:
  // --- By its thread alone ---------------------------------------------------

  std::uint32_t held() const noexcept {
    return held_.load(memory_order_relaxed);
  }
  held_lock& entry(std::uint32_t i) noexcept {
    return i < kNear ? near_[1 + i]
                     : far_.load(memory_order_relaxed)[i - kNear];
  }
  // Null: there is no memory, or the thread holds kMost. With kToBeTold or
  // kTried in its token.
  held_lock* add(std::uint64_t token, std::uint32_t where) noexcept;
  // The entry to be: all of it is the thread's own until it is added.
  held_lock& next() noexcept {
    return held() < kNear ? near_[held() + 1] : spare_;
  }
  // Its lock, which is not owned yet.
  void expect(const void* object, object_kind kind, std::uint32_t where,
              const lock_context& context) noexcept {
    fill(next(), where, context);
    t_hook_self.expected = token_of(object, kind) ^ kToBeTold;
  }
  static void fill(held_lock& e, std::uint32_t where,
                   const lock_context& context) noexcept {
    // [TR18] release; pairs with [TR17], [TR19], [TR20].
    e.where.store(where, memory_order_release);
    e.context = context;
  }
  // Whether the entry to be is for this lock.
  static bool is_expected(const void* object, object_kind kind) noexcept {
    return ((t_hook_self.expected ^ token_of(object, kind)) & ~kToBeTold) == 0;
  }
  // Those above move down.
  void remove(std::uint32_t i) noexcept;
  // Takes one of the near entries away that is not the last, or that has to be
  // told of for the sake of those below; false: it is none of them. Where it
  // was there is none until those above have gone as well.
  bool remove_near(std::uint64_t token) noexcept;

  void wait_begins(const void* object, object_kind kind, bool bounded,
                   std::uint32_t where, std::int64_t now_ns,
                   const void* mutex) noexcept;
  void wait_ends() noexcept;
  // The version that the next wait will have.
  std::uint32_t next_wait() const noexcept {
    return (wait_version_.load(memory_order_relaxed) + 1) | 1;
  }
  std::uint32_t wait_now() const noexcept {
    return wait_version_.load(memory_order_relaxed);
  }

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

  // f(entry) for each of the present epoch that is there now; stops when f
  // returns true, and returns that entry.
  template <class F>
  held_lock* find_held(F f) noexcept {
    // [TR22] acquire; pairs with [TR21]: what was before that epoch is gone.
    if (entries_epoch.load(memory_order_acquire) != ownership::epoch())
      return nullptr;
    // [TR2] acquire; pairs with [TR1], [HS1]: the entries below are written.
    const std::uint32_t n = held_.load(memory_order_acquire);
    // [TR4] acquire; pairs with [TR3].
    held_lock* const far = far_.load(memory_order_acquire);
    for (std::uint32_t i = n; i-- > 0;) {
      held_lock& each = i < kNear ? near_[1 + i] : far[i - kNear];
      // [TR2]: the rest of the entry, and its place.
      if (each.token.load(memory_order_acquire) != 0 && f(each)) return &each;
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

  // --- For victims.cc --------------------------------------------------------

  call_off calling_off;
  // Written before the wait is opened.
  stop_of_waits* woken_by = nullptr;
  atomic<int> priority{0};
  // In one line, for people: by wait_for.cc, under its lock, before the thread
  // is called off. It reads that before it waits again.
  char found[256] = {};

  // --- The thread's own, for order.cc ----------------------------------------

  std::uint32_t time = 0;      // on the clock that creations and joins advance
  std::uint64_t time_key = 0;  // of it (order.h)
  bool was_on_condition = false;  // and has not got its mutex yet
  known_steps known;
  // The locks given back last.
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

 private:
  friend struct registry;
  static constexpr std::uint32_t kMost = 65'536;

  atomic<std::uint64_t> serial_{0};
  atomic<int> tid_{0};
  atomic<std::uintptr_t> os_handle_{0};
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
  held_lock spare_;
};

namespace threads {

// The calling thread's; null: it has none.
inline thread_record* own() noexcept {
  hook_record* const record = t_hook_self.record;
  return record != &g_nobodys_record ? static_cast<thread_record*>(record)
                                     : nullptr;
}
// The same; null: there is no memory, or the thread has ended.
thread_record* self_slow() noexcept;
inline thread_record* self() noexcept {
  return own() != nullptr ? own() : self_slow();
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
