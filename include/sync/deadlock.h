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
// throw_exception. With the last a deadlock's victim, the thread that would
// close the circle, gets std::system_error (resource_deadlock_would_occur) from
// its lock(), which does not own the lock then; its what() names the circle. An
// order that only may end in a deadlock is reported, and nothing is thrown.
//
// The environment, read when the program starts:
//   SYNCXX_DEADLOCK=off|report|abort|throw   what follows
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
#include <memory>
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

namespace detail {
#if SYNCXX_HOOKED
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
