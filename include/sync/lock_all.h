// SPDX-License-Identifier: Apache-2.0
//
// lock_all: takes several locks of whatever kinds, all or none, in whatever
// order they are named, without deadlock.
//
// Choose it where the locks are known at one place: two accounts, the nodes
// around one in a graph. Choose std::scoped_lock for two or three plain locks
// without a time limit; ordered_mutex where each layer of a program locks its
// own; one coarser lock where the same ones are always taken together.
//
//   syncxx::all_lock guard(a, syncxx::shared_side(b), syncxx::one_token(s));
//
//   if (syncxx::lock_all_for(1ms, a, b)) {
//     syncxx::all_lock guard(std::adopt_lock, a, b);
//     ...
//   }
//
// Can be taken: what has lock(), try_lock() and unlock() (ours, std's, guards
// such as std::unique_lock that own nothing yet), and by their names here the
// shared and the upgrade side of a lock and one token of a semaphore; any of
// them through a lockable_ref, of which a span may have any number. Not a
// robust mutex (a static_assert says why).
//
// Promises
//   cost      free locks: each is locked, and one indirect call each; the
//             arguments are compared with each other first (beyond 32 sorted,
//             in allocated memory). No syscall unless a thread sleeps
//   progress  blocking. The caller waits for one of the locks only while it
//             holds none of the others: it adds nothing to a circle of waiting
//             threads (besides what it holds from before). The one that it
//             waits for is the one that was taken last time. Before that
//             it stays away for a random time (back_off, up to 0.1 ms). Some
//             thread gets on, all but surely; a given one may be overtaken
//             without a bound, the more the more locks it wants
//   waits     can be bounded by any clock and by a stop_token: false, and
//             nothing is held. What is free is taken even so. A lock that
//             cannot be waited for in that way (std::mutex, ticket_lock;
//             pi_mutex with a stop_token) is tried again after pauses of up to
//             0.1 ms. A stop request that comes during a pause is seen after
//             it
//   errors    the same lock twice, in whatever modes: std::system_error
//             (resource_deadlock_would_occur) that says which; tokens of one
//             semaphore may repeat (not more than it can have). Not found where
//             a guard is of a base of a lock that is named too. A null pointer
//             in a range:
//             std::invalid_argument. An ordered_mutex that is not above what
//             the thread holds: as its lock(). What a lock() or try_lock()
//             throws passes on. Nothing is held then
//   ordering, lifetime, fork: those of the locks
//
// Hooked library: there is no attempt at a lock while another one of them is
// held, so no order between them is seen.
// Design: docs/design/lock_all.md.
#ifndef SYNCXX_LOCK_ALL_H_
#define SYNCXX_LOCK_ALL_H_

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <mutex>
#include <new>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/lock_sides.h>
#include <sync/detail/lockable.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

// All of them; false, and none: stopped or past the deadline. `stop` may be
// null.
bool lock_all(std::span<const lockable_ref> locks, deadline until,
              const stop_token* stop = nullptr);
template <class Clock, class Duration>
bool lock_all_until(std::span<const lockable_ref> locks,
                    const std::chrono::time_point<Clock, Duration>& time,
                    const stop_token& stop) {
  return wait_until(
      time,
      [&](deadline until) { return detail::lock_all(locks, until, &stop); },
      stop);
}
// -1, or the index of the one that was taken.
int try_lock_all(std::span<const lockable_ref> locks);
// The last first. An unlock() that throws (the standard forbids it) ends the
// program.
void unlock_all(std::span<const lockable_ref> locks) noexcept;
[[noreturn]] SYNCXX_COLD void throw_null_lock(std::size_t index);

// A lock, a side of one, or a lockable_ref.
template <class L>
concept names_lock = std::constructible_from<lockable_ref, L>;

template <class P>
concept points_to_lock = requires(P pointer) {
  { *pointer } -> names_lock;
  static_cast<bool>(pointer);
};

// A range of these, or of pointers to them.
template <class R>
concept lock_range = std::ranges::forward_range<R> && !names_lock<R> &&
                     (names_lock<std::ranges::range_reference_t<R>> ||
                      points_to_lock<std::ranges::range_reference_t<R>>);

template <class R>
concept ref_span = std::convertible_to<R, std::span<const lockable_ref>>;

// What the functions below take: locks, or one range of them.
template <class... L>
concept lock_arguments = sizeof...(L) > 0 &&
                         ((names_lock<L> && ...) ||
                          (sizeof...(L) == 1 && (lock_range<L> && ...)));

template <names_lock... L>
std::array<lockable_ref, sizeof...(L)> refs_of(L&&... locks) {
  return {lockable_ref(std::forward<L>(locks))...};
}
template <lock_range R>
std::vector<lockable_ref> refs_of(R&& locks) {
  std::vector<lockable_ref> refs;
  for (auto&& each : locks) {
    if constexpr (names_lock<decltype(each)>) {
      refs.emplace_back(each);
    } else {
      if (!static_cast<bool>(each)) throw_null_lock(refs.size());
      refs.emplace_back(*each);
    }
  }
  return refs;
}
template <lock_range R>
void unlock_each(R& locks) noexcept {
  for (auto&& each : locks) {
    if constexpr (names_lock<decltype(each)>)
      unlock_all(std::array{lockable_ref(each)});
    else
      unlock_all(std::array{lockable_ref(*each)});
  }
}
template <lock_range R>
requires(ref_span<R>) std::span<const lockable_ref> refs_of(R&& refs) {
  return refs;
}

}  // namespace detail

// Of locks that are named one by one (at least one), or of one range of locks
// or of pointers to locks. A range is copied into a vector of lockable_refs
// first (std::bad_alloc, with nothing held), unless it is a span or vector of
// those.
//
// The analysis does not see what these take: adopt it by an all_lock.

template <class... L>
requires detail::lock_arguments<L...>
void lock_all(L&&... locks) {
  detail::lock_all(detail::refs_of(locks...), detail::deadline::never());
}
// Does not block. -1, or which one was taken (the first is 0).
template <class... L>
requires detail::lock_arguments<L...>
[[nodiscard]] int try_lock_all(L&&... locks) {
  return detail::try_lock_all(detail::refs_of(locks...));
}
template <class... L>
requires detail::lock_arguments<L...>
[[nodiscard]] bool lock_all(const stop_token& stop, L&&... locks) {
  return detail::lock_all(detail::refs_of(locks...), detail::deadline::never(),
                          &stop);
}
template <class Rep, class Period, class... L>
requires detail::lock_arguments<L...>
[[nodiscard]] bool lock_all_for(const std::chrono::duration<Rep, Period>& time,
                                L&&... locks) {
  return detail::lock_all(detail::refs_of(locks...),
                          detail::deadline::after(time));
}
template <class Rep, class Period, class... L>
requires detail::lock_arguments<L...>
[[nodiscard]] bool lock_all_for(const std::chrono::duration<Rep, Period>& time,
                                const stop_token& stop, L&&... locks) {
  return detail::lock_all(detail::refs_of(locks...),
                          detail::deadline::after(time), &stop);
}
template <class Clock, class Duration, class... L>
requires detail::lock_arguments<L...>
[[nodiscard]] bool lock_all_until(
    const std::chrono::time_point<Clock, Duration>& time, L&&... locks) {
  return detail::lock_all_until(detail::refs_of(locks...), time, stop_token{});
}
template <class Clock, class Duration, class... L>
requires detail::lock_arguments<L...>
[[nodiscard]] bool lock_all_until(
    const std::chrono::time_point<Clock, Duration>& time,
    const stop_token& stop, L&&... locks) {
  return detail::lock_all_until(detail::refs_of(locks...), time, stop);
}
// Gives them back, those that are named one by one the last first. Never
// allocates.
template <class... L>
requires detail::lock_arguments<L...>
void unlock_all(L&&... locks) noexcept {
  if constexpr ((detail::names_lock<L> && ...) || (detail::ref_span<L> && ...))
    detail::unlock_all(detail::refs_of(locks...));
  else
    (detail::unlock_each(locks), ...);
}

// Owns locks for its scope: a number that is known, or std::dynamic_extent for
// those of a range. With adopt_lock: those that the thread holds already. The
// analysis follows one to three plain locks; of others, sides among them, it
// knows nothing.
template <std::size_t N>
class SYNCXX_SCOPED_CAPABILITY all_lock {
 public:
  template <detail::lockable A>
  [[nodiscard]] explicit all_lock(A& first) SYNCXX_ACQUIRE(first)
      : refs_{first} {
    take();
  }
  template <detail::lockable A, detail::lockable B>
  [[nodiscard]] all_lock(A& first, B& second) SYNCXX_ACQUIRE(first, second)
      : refs_{first, second} {
    take();
  }
  template <detail::lockable A, detail::lockable B, detail::lockable C>
  [[nodiscard]] all_lock(A& first, B& second, C& third)
      SYNCXX_ACQUIRE(first, second, third)
      : refs_{first, second, third} {
    take();
  }
  template <detail::names_lock... L>
  requires(sizeof...(L) == N) [[nodiscard]] explicit all_lock(L&&... locks)
      : refs_(detail::refs_of(locks...)) {
    take();
  }
  template <detail::lockable A>
  [[nodiscard]] all_lock(std::adopt_lock_t, A& first) SYNCXX_REQUIRES(first)
      : refs_{first} {}
  template <detail::lockable A, detail::lockable B>
  [[nodiscard]] all_lock(std::adopt_lock_t, A& first, B& second)
      SYNCXX_REQUIRES(first, second)
      : refs_{first, second} {}
  template <detail::names_lock... L>
  requires(sizeof...(L) == N)
      [[nodiscard]] explicit all_lock(std::adopt_lock_t, L&&... locks)
      : refs_(detail::refs_of(locks...)) {}
  all_lock(const all_lock&) = delete;
  all_lock& operator=(const all_lock&) = delete;
  ~all_lock() SYNCXX_RELEASE_GENERIC() { detail::unlock_all(refs_); }

 private:
  void take() { detail::lock_all(refs_, detail::deadline::never()); }

  std::array<lockable_ref, N> refs_;
};

template <>
class all_lock<std::dynamic_extent> {
 public:
  template <detail::lock_range R>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): it is no range.
  [[nodiscard]] explicit all_lock(R&& locks) : refs_(copy_of(locks)) {
    detail::lock_all(refs_, detail::deadline::never());
  }
  template <detail::lock_range R>
  [[nodiscard]] all_lock(std::adopt_lock_t, R&& locks)
      : refs_(adopted(locks)) {}
  all_lock(const all_lock&) = delete;
  all_lock& operator=(const all_lock&) = delete;
  ~all_lock() { detail::unlock_all(refs_); }

 private:
  template <class R>
  static std::vector<lockable_ref> copy_of(R& locks) {
    const auto refs = detail::refs_of(locks);
    return {refs.begin(), refs.end()};
  }

  // Without memory nothing is held afterwards, as with the others.
  template <class R>
  static std::vector<lockable_ref> adopted(R& locks) {
    try {
      return copy_of(locks);
    } catch (const std::bad_alloc&) {
      unlock_all(locks);
      throw;
    }
  }

  std::vector<lockable_ref> refs_;
};

template <detail::names_lock... L>
all_lock(L&&...) -> all_lock<sizeof...(L)>;
template <detail::names_lock... L>
all_lock(std::adopt_lock_t, L&&...) -> all_lock<sizeof...(L)>;
template <detail::lock_range R>
all_lock(R&&) -> all_lock<std::dynamic_extent>;
template <detail::lock_range R>
all_lock(std::adopt_lock_t, R&&) -> all_lock<std::dynamic_extent>;

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_LOCK_ALL_H_
