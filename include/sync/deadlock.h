// SPDX-License-Identifier: Apache-2.0
//
// What the checker of locks can be told and asked at run time.
//
// In the hooked library (syncxx::hooks) the checker hears of every lock. It
// finds misuse (<sync/misuse.h>), and
//   - orders in which locks are taken that may end in a deadlock, whether or
//     not it has come to one (lock_order_inversion): circles of any length, of
//     locks of any kind, between threads that may run at the same time and that
//     no common lock (a gate) keeps apart. A try adds nothing to what a lock
//     waits for.
//   - deadlocks, when the last thread of the circle begins to wait (deadlock):
//     locks, semaphores used as locks, joins.
//   - other defects: see finding_kind in docs/design/deadlock.md.
// What follows is the misuse_action: off, report, abort (the default), or
// throw_exception. With the last a deadlock's victim, one thread of the circle
// (set_deadlock_victim()), gets std::system_error
// (resource_deadlock_would_occur) from its lock(), which does not own the lock
// then; its what() names the circle. An order that only may end in a deadlock
// is reported, and nothing is thrown.
//
// The environment, read when the program starts:
//   SYNCXX_DEADLOCK=off|report|abort|throw   what follows
//   SYNCXX_DEADLOCK_VICTIM=closes_circle|youngest|fewest_locks|lowest_priority
//                                            who gives up
//   SYNCXX_DEADLOCK_LOG=FILE                 reports go there, not to stderr
//   SYNCXX_DEADLOCK_JSON=FILE                findings, one a line
//   SYNCXX_DEADLOCK_DOT=FILE                 the circles, for Graphviz
//   SYNCXX_DEADLOCK_SUPPRESSIONS=FILE        what not to report: kind:pattern
//   SYNCXX_LONG_HOLD_MS=N                    a lock held longer is reported
//
// In the plain library everything here is there, and does nothing.
// Design: docs/design/deadlock.md. A program that does not know of this library
// is checked by `syncxx watch`.
#ifndef SYNCXX_DEADLOCK_H_
#define SYNCXX_DEADLOCK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <sync/detail/config.h>
#include <sync/misuse.h>

namespace syncxx::inline SYNCXX_ABI {

// A finding, as a callback hears of it. Good until it returns.
struct deadlock_finding {
  std::string_view kind;  // "lock_order_inversion", "deadlock", …
  std::string_view what;  // one line
  std::string_view text;  // the whole report
};
using finding_listener = void (*)(const deadlock_finding& found, void* context);

// Who gives up where threads wait for each other and the misuse_action is
// throw_exception; among equals who began to wait last.
enum class deadlock_victim : std::uint8_t {
  closes_circle,    // the thread whose wait closes the circle: it need not be
                    // woken, and waits cost nothing more
  youngest,         // the oldest always gets through
  fewest_locks,     // that has the least to do again, likely
  lowest_priority,  // of set_deadlock_priority()
};

// A thread of a deadlock: it waits for the next one, and the last for the
// first.
struct deadlock_thread {
  std::uint64_t serial = 0;  // the greater, the younger; never another's
  int tid = 0;               // the kernel's number
  std::string_view name;     // as the kernel has it
  int priority = 0;
  std::size_t locks_held = 0;
  std::chrono::nanoseconds waiting{};  // for how long
  bool closes_circle = false;
  bool can_give_up = false;  // its wait can be called off
};
// The index of the one that is to give up. If that one can't, or there is no
// such index, it is as with closes_circle.
using victim_chooser = std::size_t (*)(std::span<const deadlock_thread> circle,
                                       void* context);

namespace detail {
#if SYNCXX_HOOKED
void choose_victims(deadlock_victim policy) noexcept;
void choose_victims(victim_chooser chooser, void* context) noexcept;
void give_priority(int priority) noexcept;
void name_lock(const void* lock, std::string_view name) noexcept;
void name_lock_class(const void* lock, std::string_view name) noexcept;
void declare_order(const void* first, const void* second) noexcept;
void declare_class_order(std::string_view first,
                         std::string_view second) noexcept;
void suppress(std::string_view kind, std::string_view pattern);
void listen(finding_listener listener, void* context) noexcept;
void report_threads() noexcept;
void report_impossible(bool all) noexcept;
void limit_holds(std::chrono::nanoseconds limit) noexcept;
#else
inline void choose_victims(deadlock_victim) noexcept {}
inline void choose_victims(victim_chooser, void*) noexcept {}
inline void give_priority(int) noexcept {}
inline void name_lock(const void*, std::string_view) noexcept {}
inline void name_lock_class(const void*, std::string_view) noexcept {}
inline void declare_order(const void*, const void*) noexcept {}
inline void declare_class_order(std::string_view, std::string_view) noexcept {}
inline void suppress(std::string_view, std::string_view) {}
inline void listen(finding_listener, void*) noexcept {}
inline void report_threads() noexcept {}
inline void report_impossible(bool) noexcept {}
inline void limit_holds(std::chrono::nanoseconds) noexcept {}
#endif
}  // namespace detail

// --- Names -------------------------------------------------------------------

// How reports call this lock, until it is destroyed. 63 characters at most are
// kept. An empty name: as before.
template <class Lock>
void set_lock_name(const Lock& lock, std::string_view name) noexcept {
  detail::name_lock(std::addressof(lock), name);
}

// Locks of one class (all accounts, all nodes) are taken in one order with
// regard to those of another: what was seen of two of them holds for all. The
// order among locks of the same class stays that of the locks themselves. To be
// called before the lock is used.
template <class Lock>
void set_lock_class(const Lock& lock, std::string_view name) noexcept {
  detail::name_lock_class(std::addressof(lock), name);
}

// --- Orders ------------------------------------------------------------------

// Where several of these are held together, they are to be taken in the order
// in which they stand here. The first acquisition that is not, and that could
// deadlock with one that is, is reported as a lock_order_inversion.
template <class First, class Second, class... More>
void acquire_order(const First& first, const Second& second,
                   const More&... more) noexcept {
  detail::declare_order(std::addressof(first), std::addressof(second));
  if constexpr (sizeof...(More) > 0) acquire_order(second, more...);
}
// The same for classes.
inline void acquire_order_of_classes(std::string_view first,
                                     std::string_view second) noexcept {
  detail::declare_class_order(first, second);
}

// Circles that can't end in a deadlock are reported as well: those that a gate
// or the order of threads keeps apart, those of one thread. (To see the whole
// order.) Off at first; for circles found afterwards.
inline void report_all_inversions(bool all) noexcept {
  detail::report_impossible(all);
}

// --- Recovery ----------------------------------------------------------------
//
// With any but closes_circle a thread that sleeps may be the victim: it is
// woken, and its lock() throws. That can be so for waits that begin afterwards,
// in lock(), lock_shared(), lock_upgrade() and acquire() of the private mutex,
// recursive_mutex, byte_mutex, shared_mutex, biased_shared_mutex, robust_mutex
// and counting_semaphore; they sleep as they do with a stop_token. The first
// such wait of a thread allocates, as does the first after it was a victim.
// Where no other thread can, the one that closes the circle gives up; and where
// that can't either, the deadlock is reported and stays.

inline void set_deadlock_victim(deadlock_victim policy) noexcept {
  detail::choose_victims(policy);
}
// `choose` is called for each deadlock, in the thread that closes the circle;
// from two threads at once for two deadlocks. It must not throw, nor wait for
// a lock that a thread of the circle holds. Null: closes_circle.
inline void set_deadlock_victim(victim_chooser choose,
                                void* context = nullptr) noexcept {
  detail::choose_victims(choose, context);
}
// The calling thread's; 0 at first. The lower gives up for the higher.
inline void set_deadlock_priority(int priority) noexcept {
  detail::give_priority(priority);
}

// --- Findings ----------------------------------------------------------------

// Findings of this kind ("*": of any) are not told of any more if the pattern,
// in which * stands for any characters, matches the name of a function, a
// source file, a loaded file or a lock in them. Throws std::invalid_argument
// if there is no such kind.
inline void suppress_findings(std::string_view kind, std::string_view pattern) {
  detail::suppress(kind, pattern);
}

// `listener` is called for each finding, in the thread that has found it and
// after it was written; not for what it does itself. Null: nobody listens.
inline void on_finding(finding_listener listener,
                       void* context = nullptr) noexcept {
  detail::listen(listener, context);
}

// A lock that is held longer than this is reported (long_hold) when it is given
// back. Zero: none is. Overrides SYNCXX_LONG_HOLD_MS.
inline void set_long_hold_limit(std::chrono::nanoseconds limit) noexcept {
  detail::limit_holds(limit);
}

// Writes to where reports go which locks each thread holds, and what it waits
// for, since when; and threads that wait for a notification that came before
// (lost_notify). Not for signal handlers.
inline void report_now() noexcept { detail::report_threads(); }

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DEADLOCK_H_
