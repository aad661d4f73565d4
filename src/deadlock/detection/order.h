// SPDX-License-Identifier: Apache-2.0
//
// The check of the order in which locks are taken: from the events of threads
// to the graph (order_graph.h), and from its circles to findings.
//
// What a thread does over and over is found in a table of its own, and costs no
// shared write: the context that it is in, the lock and the place say which
// context it is in next. A lock that is destroyed changes a number that is part
// of the key, so that another at its address is a new lock.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "../report/place.h"
#include "order_graph.h"
#include "threads.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::order {

// The calling thread, `me`, is about to take `lock`, and may have to wait for
// it; or has it already (tried). What it finds is in me.next().
enum class result : std::uint8_t {
  known,   // the thread has done the same before
  fresh,   // it has not
  circle,  // and the order seen so far may end in a deadlock: report_found()
};
result enter(thread_record& me, const void* lock, object_kind kind,
             order_graph::taken by, const call_site& site) noexcept;

// --- What a thread knows, for those who do not want to ask ------------------

inline std::uint64_t key_of(const void* address) noexcept {
  return reinterpret_cast<std::uintptr_t>(address);
}

// A number for each address, which changes when a lock there is destroyed.
// Several share one: then what is known of the others is found out once more.
inline constexpr unsigned kGenerationsLog2 = 12;
extern constinit atomic<std::uint32_t> g_generations[1 << kGenerationsLog2];

inline atomic<std::uint32_t>& generation_of(const void* address) noexcept {
  return g_generations[(key_of(address) >> 2) & ((1 << kGenerationsLog2) - 1)];
}

// Each word has a multiplier of its own: words that differ in a few bits do not
// make up for each other. Two parts share a word where one has few of the bits
// of the other. (Two keys that are the same by chance, and so a step that is
// not looked at, are one in 2^44.)
inline std::uint64_t key_of(const thread_record& me,
                            order_graph::context_ref in, const void* lock,
                            object_kind kind, order_graph::taken by,
                            const call_site& site) noexcept {
  // Relaxed: whoever has got a new lock at this address has synchronized with
  // whoever has destroyed the old one.
  const std::uint64_t generation =
      generation_of(lock).load(memory_order_relaxed);
  const std::uint64_t version = in.version;  // of one context only
  const std::uint64_t what =
      token_of(lock, kind) ^ std::uint64_t{static_cast<std::uint8_t>(by)} << 62;
  return (what * 0x9e3779b97f4a7c15u +
          (site.return_address ^ std::rotl(generation, 48)) *
              0xa0761d6478bd642fu +
          (reinterpret_cast<std::uintptr_t>(site.slot) ^
           std::rotl(version, 40)) *
              0xe7037ed1a0b428dbu +
          me.time_key) |
         known_step::kNotNone;
}

// The context in which the thread holds what it holds.
inline order_graph::context_ref current(thread_record& me,
                                        std::uint32_t held) noexcept {
  return held == 0 ? order_graph::context_ref{} : me.entry(held - 1).context;
}

// Whether `in` is that, with all that is held.
inline bool is_current(order_graph::context_ref in,
                       std::uint32_t held) noexcept {
  return held == 0 || in.number != 0;
}

// The fast part of enter(): false if it has to be called.
SYNCXX_ALWAYS_INLINE bool enter_known(thread_record& me, const void* lock,
                                      object_kind kind,
                                      call_site site) noexcept {
  const std::uint32_t held = me.held();
  if (held >= hook_record::kNear) return false;
  const order_graph::context_ref in = me.near_[held].context;
  if (!is_current(in, held)) return false;
  const known_step* const step = me.known.find(
      in.number, key_of(me, in, lock, kind, order_graph::taken::waited, site));
  if (step == nullptr) return false;
  me.fill(me.near_[held + 1], step->where(), step->to);
  t_hook_self.expected = token_of(lock, kind);
  return true;
}

// Tells what the calling thread has found, without any lock held. True: at
// least one finding was told, and not suppressed.
bool report_found() noexcept;

// A semaphore is used as a lock. True: so there are findings to tell of that
// were in doubt.
bool proved(const void* semaphore) noexcept;

// A lock's memory is something else from now on.
void forget(const void* lock) noexcept;
// All of them: what has happened to them was not seen.
void forget_all() noexcept;
// The same as forget() of each.
void forget(const void* begin, std::size_t size) noexcept;

// `first` is to be taken before `second`, wherever both are held; the same for
// classes of locks.
void declare(const void* first, const void* second,
             const call_site& site) noexcept;
void declare(std::string_view first, std::string_view second,
             const call_site& site) noexcept;
// To which class a lock belongs; "": to none.
void set_class(const void* lock, std::string_view name) noexcept;
// False: to none.
bool copy_class(const void* lock, char (&name)[64]) noexcept;

// --- The order of threads ----------------------------------------------------

void thread_created(thread_record& creator, std::uint64_t serial) noexcept;
void thread_joined(thread_record& by, std::uint64_t serial) noexcept;

// Around fork(): the child knows what the parent knew.
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

// Circles are told of also where they can't happen: gates, one thread, threads
// that never run at the same time.
void report_all(bool all) noexcept;

}  // namespace detail::order
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_ORDER_H_
