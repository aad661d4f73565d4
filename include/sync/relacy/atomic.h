// SPDX-License-Identifier: Apache-2.0
//
// The Relacy world of the seam: atomics, cells, fences, threads and time on
// Relacy (https://github.com/dvyukov/relacy), a second opinion on the locks
// beside the model checker. Needs its headers as <relacy/…>, and a compiler
// with std::source_location. Sleeping: tests/relacy/world.h.
#ifndef SYNCXX_RELACY_ATOMIC_H_
#define SYNCXX_RELACY_ATOMIC_H_

#include <sync/detail/config.h>

#if SYNCXX_IN_RELACY

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <type_traits>

// Not <relacy/relacy.hpp>: it takes over names of C and POSIX as macros.
#include <relacy/base.hpp>
//
#include <relacy/atomic.hpp>
#include <relacy/atomic_fence.hpp>
#include <relacy/context.hpp>
#include <relacy/context_base_impl.hpp>
#include <relacy/stdlib/mutex.hpp>
//
#include <relacy/stdlib/condition_variable.hpp>
#include <relacy/stdlib/event.hpp>
#include <relacy/stdlib/semaphore.hpp>
#include <relacy/test_suite.hpp>
#include <relacy/var.hpp>

namespace syncxx::inline SYNCXX_ABI {
namespace relacy {

using std::memory_order;
using place = std::source_location;

// --- Seeded bugs -------------------------------------------------------------

// What a test breaks in the primitives, to see that it is found.
struct sabotage {
  bool no_release = false;  // release becomes relaxed
  bool no_acquire = false;
  int lost_wakes = 0;  // every so-many-th wake of a futex does nothing
};
inline sabotage& seeded() noexcept {
  static sabotage bugs;
  return bugs;
}

inline rl::memory_order order_of(memory_order o) noexcept {
  const bool acquires = o == memory_order::acquire ||
                        o == memory_order::acq_rel ||
                        o == memory_order::seq_cst;
  const bool releases = o == memory_order::release ||
                        o == memory_order::acq_rel ||
                        o == memory_order::seq_cst;
  const bool acquire = acquires && !seeded().no_acquire;
  const bool release = releases && !seeded().no_release;
  if (acquire == acquires && release == releases)
    return static_cast<rl::memory_order>(o);
  return acquire ? rl::mo_acquire : release ? rl::mo_release : rl::mo_relaxed;
}

// --- Atomics -----------------------------------------------------------------

// std::atomic's interface, as far as the primitives use it.
template <class T>
class atomic {
 public:
  using value_type = T;

  constexpr atomic() noexcept : atomic(T()) {}
  // (Never constant-initialised: Relacy's objects belong to an iteration.)
  constexpr atomic(T desired) noexcept : nothing_() {
    if (!std::is_constant_evaluated()) begin(desired);
  }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
  constexpr ~atomic() {
    if (!std::is_constant_evaluated()) end();
  }

  T load(memory_order o = memory_order::seq_cst,
         const place& at = place::current()) const noexcept {
    return object_(at).load(order_of(o));
  }
  void store(T desired, memory_order o = memory_order::seq_cst,
             const place& at = place::current()) noexcept {
    object_(at).store(desired, order_of(o));
  }
  T exchange(T desired, memory_order o = memory_order::seq_cst,
             const place& at = place::current()) noexcept {
    return object_(at).exchange(desired, order_of(o));
  }
  bool compare_exchange_weak(T& expected, T desired, memory_order success,
                             memory_order failure,
                             const place& at = place::current()) noexcept {
    return object_(at).compare_exchange_weak(
        expected, desired, order_of(at_least(success, failure)),
        order_of(failure));
  }
  bool compare_exchange_strong(T& expected, T desired, memory_order success,
                               memory_order failure,
                               const place& at = place::current()) noexcept {
    return object_(at).compare_exchange_strong(
        expected, desired, order_of(at_least(success, failure)),
        order_of(failure));
  }
  T fetch_add(T n, memory_order o,
              const place& at = place::current()) noexcept {
    return object_(at).fetch_add(n, order_of(o));
  }
  T fetch_sub(T n, memory_order o,
              const place& at = place::current()) noexcept {
    return object_(at).fetch_sub(n, order_of(o));
  }
  T fetch_and(T n, memory_order o,
              const place& at = place::current()) noexcept {
    return object_(at).fetch_and(n, order_of(o));
  }
  T fetch_or(T n, memory_order o, const place& at = place::current()) noexcept {
    return object_(at).fetch_or(n, order_of(o));
  }
  T fetch_xor(T n, memory_order o,
              const place& at = place::current()) noexcept {
    return object_(at).fetch_xor(n, order_of(o));
  }

  // As the kernel reads it: the latest value, without ordering anything.
  T latest() const noexcept {
    return object_(place::current()).fetch_add(T(), rl::mo_relaxed);
  }

 private:
  // Relacy's failures are as before C++17, never stronger than a success.
  static memory_order at_least(memory_order success,
                               memory_order failure) noexcept {
    if (failure != memory_order::acquire) return success;
    if (success == memory_order::release) return memory_order::acq_rel;
    return success == memory_order::relaxed ? failure : success;
  }

  void begin(T desired) noexcept { std::construct_at(&object_, desired); }
  void end() noexcept { std::destroy_at(&object_); }

  union {
    char nothing_;
    mutable rl::atomic<T> object_;
  };
};

inline void atomic_thread_fence(memory_order o,
                                const place& at = place::current()) noexcept {
  const rl::memory_order order = order_of(o);
  if (order != rl::mo_relaxed) rl::atomic_thread_fence(order, at);
}

// Plain shared data.
template <class T>
class cell {
 public:
  cell() = default;
  cell(T value) : value_(value) {}
  cell(const cell&) = delete;
  cell& operator=(const cell&) = delete;

  T get(const place& at = place::current()) const { return value_(at).load(); }
  void set(T value, const place& at = place::current()) {
    value_(at).store(value);
  }
  operator T() const { return get(); }
  cell& operator=(T value) {
    set(value);
    return *this;
  }

 private:
  rl::var<T> value_;
};

// --- Threads and time --------------------------------------------------------

inline std::uintptr_t self_number() noexcept {
  return std::uintptr_t{1} + rl::ctx().current_thread();
}
inline void yield() noexcept { rl::ctx().yield(1, rl::debug_info()); }

// How often a thread's time-outs have run out: its clock.
inline constexpr std::size_t kMostThreads = 8;
inline auto& all_jumps() noexcept {
  static std::int64_t each[kMostThreads + 1] = {};
  return each;
}
inline std::int64_t& jumps() noexcept {
  return all_jumps()[rl::ctx().current_thread()];
}
inline std::int64_t now_ns() noexcept {
  return (jumps() + 1) * (std::int64_t{1} << 50);
}

}  // namespace relacy
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_IN_RELACY

#endif  // SYNCXX_RELACY_ATOMIC_H_
