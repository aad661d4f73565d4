// SPDX-License-Identifier: Apache-2.0
//
// What is counted, and where each thread counts it.
//
// A row of counts is written by one thread at a time and read by any: each
// count is exact once the thread has been joined, and a moment late before. A
// thread that ends leaves its counters as they are to the next that begins,
// which goes on counting in them: so nothing is lost, and there are as many as
// there were threads at one time.
#ifndef SYNCXX_SRC_DEADLOCK_STATISTICS_COUNTERS_H_
#define SYNCXX_SRC_DEADLOCK_STATISTICS_COUNTERS_H_

#include <bit>
#include <cstddef>
#include <cstdint>

#include <sync/detail/atomic.h>
#include <sync/detail/cache_line.h>
#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {

inline constexpr std::uint32_t kBuckets = 40;
// Class 0 is what the others are too many for.
inline constexpr std::uint32_t kMostClasses = 4096;

using class_id = std::uint32_t;

inline std::uint32_t bucket_of(std::uint64_t ns) noexcept {
  const auto i = static_cast<std::uint32_t>(std::bit_width(ns));
  return i < kBuckets ? i : kBuckets - 1;
}

// By the one thread that writes it.
class count {
 public:
  std::uint64_t get() const noexcept { return n_.load(memory_order_relaxed); }
  void set(std::uint64_t n) noexcept { n_.store(n, memory_order_relaxed); }
  void add(std::uint64_t n) noexcept { set(get() + n); }

 private:
  atomic<std::uint64_t> n_{0};
};

struct duration_counts {
  count total_ns, max_ns;
  count buckets[kBuckets];

  void add(std::uint64_t ns) noexcept {
    total_ns.add(ns);
    if (ns > max_ns.get()) max_ns.set(ns);
    buckets[bucket_of(ns)].add(1);
  }
  void clear() noexcept {
    total_ns.set(0);
    max_ns.set(0);
    for (count& each : buckets) each.set(0);
  }
};

// Of one class, by one thread.
struct alignas(kCacheLine) row {
  count acquisitions, shared, contended;
  duration_counts hold, wait;

  void clear() noexcept {
    acquisitions.set(0);
    shared.set(0);
    contended.set(0);
    hold.clear();
    wait.clear();
  }
};

// Where a class was waited for: written by all, but only after a wait.
struct site_counts {
  class_id of;
  std::uint32_t where;  // places.h
  atomic<std::uint64_t> waits, total_ns, max_ns;
};

class thread_counters {
 public:
  // --- By its thread alone ---------------------------------------------------

  struct known {
    const void* object = nullptr;
    std::uint32_t generation = 0;
    class_id id = 0;
    row* counts = nullptr;
  };
  known& known_at(const void* object) noexcept {
    const auto key = reinterpret_cast<std::uintptr_t>(object);
    return known_[(key * 0x9e3779b97f4a7c15u) >> (64 - kKnownLog2)];
  }
  void forget_known() noexcept {
    for (known& each : known_) each = {};
  }

  // A lock that it holds, and whose hold is timed.
  struct held {
    const void* object;
    object_kind kind;
    row* counts;
    std::int64_t since_ns;
  };
  void push(const held& one) noexcept {
    if (n_held_ == kMostHeld) drop_oldest();
    held_[n_held_++] = one;
  }
  // False: it is not there.
  bool pop(const void* object, object_kind kind, held& found) noexcept {
    for (std::uint32_t i = n_held_; i-- > 0;) {
      if (held_[i].object != object || held_[i].kind != kind) continue;
      found = held_[i];
      for (--n_held_; i < n_held_; ++i) held_[i] = held_[i + 1];
      return true;
    }
    return false;
  }

  // A wait for a lock, until the lock has been acquired or something else is
  // waited for. (wait_any() waits for several.)
  struct pending {
    const void* object = nullptr;
    bool has_waited = false;
    row* counts = nullptr;
    site_counts* at = nullptr;
    std::int64_t since_ns = 0;
  };
  pending& new_pending(const void* object) noexcept {
    if (pending* const old = find_pending(object)) return *old;
    for (pending& each : pending_) {
      if (each.object == nullptr) return each;
    }
    return pending_[next_pending_++ % kMostPending];
  }
  pending* find_pending(const void* object) noexcept {
    for (pending& each : pending_) {
      if (each.object == object) return &each;
    }
    return nullptr;
  }
  bool any_pending = false;

  bool holds_none() const noexcept { return n_held_ == 0; }
  void forget_pending() noexcept {
    for (pending& each : pending_) each = {};
    any_pending = false;
  }
  void forget_all_held() noexcept {
    n_held_ = 0;
    forget_pending();
  }

  std::uint64_t stamp = 0;        // as of statistics::g_stamp
  std::uint32_t until_timed = 0;  // acquisitions, to the next that is timed

  // Null: there is no memory.
  row* counts_of(class_id id) noexcept;
  void clear_counts() noexcept;

  // --- By anybody ------------------------------------------------------------

  // The counts are those since this reset.
  atomic<std::uint32_t> epoch{0};
  // Null: it has not counted any.
  const row* look(class_id id) const noexcept {
    // [LS2] acquire; pairs with [LS1]: rows of zeros, at least.
    const row* const chunk = chunks_[id / kChunk].load(memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + id % kChunk;
  }

  thread_counters* next = nullptr;       // of all
  thread_counters* next_free = nullptr;  // of those without a thread

 private:
  static constexpr unsigned kKnownLog2 = 9;
  static constexpr std::uint32_t kMostHeld = 64;
  static constexpr std::uint32_t kMostPending = 8;
  static constexpr std::uint32_t kChunk = 8;

  void drop_oldest() noexcept {
    for (std::uint32_t i = 1; i < n_held_; ++i) held_[i - 1] = held_[i];
    --n_held_;
  }

  std::uint32_t n_held_ = 0;
  std::uint32_t next_pending_ = 0;
  held held_[kMostHeld];
  pending pending_[kMostPending];
  known known_[std::size_t{1} << kKnownLog2];
  atomic<row*> chunks_[kMostClasses / kChunk];
};

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_STATISTICS_COUNTERS_H_
