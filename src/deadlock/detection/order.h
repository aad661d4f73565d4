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
// it; or has it already (tried). What it finds goes to me.expected.
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

// Each part has a multiplier of its own: parts that differ in a few bits do not
// make up for each other. (Two keys that are the same by chance are one in
// 2^64.)
inline std::uint64_t key_of(const thread_record& me,
                            order_graph::context_ref in, const void* lock,
                            object_kind kind, order_graph::taken by,
                            const call_site& site) noexcept {
  const std::uint64_t context = (std::uint64_t{in.version} << 32) | in.number;
  // Relaxed: whoever has got a new lock at this address has synchronized with
  // whoever has destroyed the old one.
  const std::uint64_t age = (std::uint64_t{me.time} << 32) |
                            generation_of(lock).load(memory_order_relaxed);
  const std::uint64_t how =
      (std::uint64_t{static_cast<std::uint8_t>(kind)} << 8) |
      static_cast<std::uint8_t>(by);
  const std::uint64_t key =
      key_of(lock) * 0x9e3779b97f4a7c15u + context * 0xbf58476d1ce4e5b9u +
      age * 0x94d049bb133111ebu + how * 0xd6e8feb86659fd93u +
      site.return_address * 0xa0761d6478bd642fu +
      reinterpret_cast<std::uintptr_t>(site.slot) * 0xe7037ed1a0b428dbu;
  return ((key ^ (key >> 32)) * 0x9e3779b97f4a7c15u) | 1;
}

inline known_context* find_known(thread_record& me,
                                 std::uint64_t key) noexcept {
  if (me.known == nullptr) return nullptr;
  known_context* const first = me.known + ((key >> (64 - me.known_log2)) & ~1u);
  if (first[0].key == key) return first;
  return first[1].key == key ? first + 1 : nullptr;
}

// The context in which the thread holds what it holds.
inline order_graph::context_ref current(thread_record& me,
                                        std::uint32_t held) noexcept {
  return held == 0 ? order_graph::context_ref{} : me.entry(held - 1).context;
}

// Whether me.expected is what enter() has found for this lock, with the locks
// held that are held now.
inline bool is_expected(thread_record& me, const void* lock,
                        object_kind kind) noexcept {
  return me.expected.object == lock && me.expected.kind == kind &&
         me.stale_from >= me.held() && me.expected.in == current(me, me.held());
}

// The fast part of enter(): false if it has to be called.
inline bool enter_known(thread_record& me, const void* lock, object_kind kind,
                        const call_site& site) noexcept {
  const std::uint32_t held = me.held();
  if (me.stale_from < held) return false;
  const order_graph::context_ref in = current(me, held);
  const known_context* const known = find_known(
      me, key_of(me, in, lock, kind, order_graph::taken::waited, site));
  if (known == nullptr) return false;
  me.expected = {lock, kind, in, known->context, known->where};
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
