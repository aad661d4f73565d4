// SPDX-License-Identifier: Apache-2.0
//
// wait_any: waits for any of several objects, and takes exactly one of them.
//
// Choose it where one thread serves several sources of work that differ in
// kind: a semaphore of items, an event that says "quit", a lock. Choose one
// semaphore or condition variable that all sources notify where you can: it
// costs one word, not n. Choose a stop_token for "quit" alone.
//
// Can be waited for (concept waitable): mutex (it is locked), shared_mutex (it
// is locked exclusively), counting_semaphore (a token is taken), event (stays
// set), auto_reset_event (is reset), latch, and what of these interprocess has.
//
// Promises
//   result    the index of the one object that was taken, in the order of the
//             arguments. Of several that are there the lowest index is taken:
//             put first what must not starve, or turn a span round by round
//   limit     128 objects; more: std::length_error. None: std::invalid_argument
//   cost      each object is looked at, a few times; then one syscall for all
//             of them (futex_waitv; where that is missing, a look every 50 us
//             to 1 ms), and one for each semaphore and auto_reset_event that
//             was slept on
//   progress  blocking. A thread here never claims a mutex, and keeps no reader
//             out: it may be overtaken without bound
//   ordering  as a wait for the object that was taken
//   lifetime  all objects must be there until the call returns
//   waits     can be bounded by any clock and by a stop_token; what is there is
//             taken even if the time has passed or a stop was requested. A time
//             that has passed costs no syscall
//   fork      as the objects
//   errors    hooked library: a mutex among them that the caller owns is misuse
//
// A mutex that was taken is owned: adopt it, std::unique_lock(m,
// std::adopt_lock). Clang's analysis cannot know that: say so where you adopt.
// Design: docs/design/wait_any.md. Stress: stress/wait_any_stress.cc.
#ifndef SYNCXX_WAIT_ANY_H_
#define SYNCXX_WAIT_ANY_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/thread.h>
#include <sync/detail/wait_any_access.h>

namespace syncxx::inline SYNCXX_ABI {

// A mutex, shared_mutex (exclusively), semaphore, event, auto_reset_event or
// latch of syncxx or syncxx::interprocess.
template <class W>
concept waitable = detail::has_any_protocol<W>;

// Any waitable, by its address.
class waitable_ref {
 public:
  template <waitable W>
  waitable_ref(W& object) noexcept
      : object_(std::addressof(object)), ops_(&detail::kWaitAnyOps<W>) {}

  const void* object() const noexcept { return object_; }
  // How to wait for it.
  const detail::wait_any_ops& ops() const noexcept { return *ops_; }

 private:
  const void* object_;
  const detail::wait_any_ops* ops_;
};

namespace detail {

inline constexpr std::size_t kMostWaitables = 128;

// `stop` may be null. nullopt: stopped or past the deadline.
SYNCXX_COLD std::optional<std::size_t> wait_any(
    std::span<const waitable_ref> objects, deadline until,
    const stop_token* stop = nullptr);

template <class Clock, class Duration>
std::optional<std::size_t> wait_any_until(
    std::span<const waitable_ref> objects,
    const std::chrono::time_point<Clock, Duration>& time,
    const stop_token& stop) {
  std::optional<std::size_t> taken;
  wait_until(
      time,
      [&](deadline until) {
        taken = wait_any(objects, until, &stop);
        return taken.has_value();
      },
      stop);
  return taken;
}

}  // namespace detail

// --- Of objects of known types -----------------------------------------------

template <waitable... W>
requires(sizeof...(W) > 0) std::size_t wait_any(W&... objects) {
  const waitable_ref all[] = {objects...};
  return *detail::wait_any(all, detail::deadline::never());
}
// Does not block.
template <waitable... W>
requires(sizeof...(W) >
         0) std::optional<std::size_t> try_wait_any(W&... objects) {
  const waitable_ref all[] = {objects...};
  return detail::wait_any(all, detail::deadline::past());
}
template <waitable... W>
requires(sizeof...(W) >
         0) std::optional<std::size_t> wait_any(const stop_token& stop,
                                                W&... objects) {
  const waitable_ref all[] = {objects...};
  return detail::wait_any(all, detail::deadline::never(), &stop);
}
template <class Rep, class Period, waitable... W>
requires(sizeof...(W) > 0) std::optional<std::size_t> wait_any_for(
    const std::chrono::duration<Rep, Period>& time, W&... objects) {
  const waitable_ref all[] = {objects...};
  return detail::wait_any(all, detail::deadline::after(time));
}
template <class Rep, class Period, waitable... W>
requires(sizeof...(W) > 0) std::optional<std::size_t> wait_any_for(
    const std::chrono::duration<Rep, Period>& time, const stop_token& stop,
    W&... objects) {
  const waitable_ref all[] = {objects...};
  return detail::wait_any(all, detail::deadline::after(time), &stop);
}
template <class Clock, class Duration, waitable... W>
requires(sizeof...(W) > 0) std::optional<std::size_t> wait_any_until(
    const std::chrono::time_point<Clock, Duration>& time, W&... objects) {
  const waitable_ref all[] = {objects...};
  return detail::wait_any_until(all, time, stop_token{});
}
template <class Clock, class Duration, waitable... W>
requires(sizeof...(W) > 0) std::optional<std::size_t> wait_any_until(
    const std::chrono::time_point<Clock, Duration>& time,
    const stop_token& stop, W&... objects) {
  const waitable_ref all[] = {objects...};
  return detail::wait_any_until(all, time, stop);
}

// --- Of objects whose number and types are known at run time -----------------

inline std::size_t wait_any(std::span<const waitable_ref> objects) {
  return *detail::wait_any(objects, detail::deadline::never());
}
inline std::optional<std::size_t> try_wait_any(
    std::span<const waitable_ref> objects) {
  return detail::wait_any(objects, detail::deadline::past());
}
inline std::optional<std::size_t> wait_any(
    const stop_token& stop, std::span<const waitable_ref> objects) {
  return detail::wait_any(objects, detail::deadline::never(), &stop);
}
template <class Rep, class Period>
std::optional<std::size_t> wait_any_for(
    const std::chrono::duration<Rep, Period>& time,
    std::span<const waitable_ref> objects) {
  return detail::wait_any(objects, detail::deadline::after(time));
}
template <class Rep, class Period>
std::optional<std::size_t> wait_any_for(
    const std::chrono::duration<Rep, Period>& time, const stop_token& stop,
    std::span<const waitable_ref> objects) {
  return detail::wait_any(objects, detail::deadline::after(time), &stop);
}
template <class Clock, class Duration>
std::optional<std::size_t> wait_any_until(
    const std::chrono::time_point<Clock, Duration>& time,
    std::span<const waitable_ref> objects) {
  return detail::wait_any_until(objects, time, stop_token{});
}
template <class Clock, class Duration>
std::optional<std::size_t> wait_any_until(
    const std::chrono::time_point<Clock, Duration>& time,
    const stop_token& stop, std::span<const waitable_ref> objects) {
  return detail::wait_any_until(objects, time, stop);
}

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_WAIT_ANY_H_
