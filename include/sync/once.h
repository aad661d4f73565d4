// SPDX-License-Identifier: Apache-2.0
//
// once_flag, call_once: do something one time, whoever comes first.
//
// Choose it where threads must not go on before one of them has set something
// up, and that may fail and be tried again. A static local variable does the
// same for what is one object; choose event where it is known who does it.
//
// Promises
//   size      4 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      once it is done: a load, 0 atomic RMW; the one call that does it
//             2; no syscall unless a thread waits
//   progress  blocking: one thread calls, the others wait for it
//   ordering  the end of a call synchronizes with the beginning of the next one
//             (if it threw) and with every call_once that returns
//   lifetime  may be destroyed as soon as the call_once that did it, or one
//             that waited for that, has returned
//   waits     can be bounded by any clock and by a stop_token, or left out
//   errors    call_once of a flag from inside of its own call throws
//             std::system_error (resource_deadlock_would_occur)
//   fork      in the child: what was done stays done; a call that another
//             thread was in never ends, see reset_after_fork()
//
// Meets [thread.once]. Not async-signal-safe, but for is_done().
// Design: docs/design/once.md. Stress: stress/once_stress.cc.
#ifndef SYNCXX_ONCE_H_
#define SYNCXX_ONCE_H_

#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

class once_flag;

namespace detail {

struct once_access;

// A call that the thread is in: on its stack, in a list of the thread's own, by
// which it finds out that it would wait for itself.
class once_call {
 public:
  enum class turn : std::uint8_t {
    done,     // by somebody
    mine,     // the caller makes the call
    other,    // another thread is in it
    recurse,  // this thread is
    left,     // stopped or past the deadline
  };

  explicit once_call(const once_flag& flag) noexcept : flag_(&flag) {}
  once_call(const once_call&) = delete;
  once_call& operator=(const once_call&) = delete;
  // Without succeeded(): it has thrown, and the next thread makes the call.
  ~once_call() {
    if (mine_) [[unlikely]]
      end(kFree);
  }

  SYNCXX_COLD turn begin() noexcept;
  // After turn::other.
  SYNCXX_COLD turn wait(deadline until, const stop_token* stop) noexcept;
  void succeeded() noexcept { end(kDone); }

  SYNCXX_COLD static void reset_after_fork(const once_flag& flag) noexcept;

  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kDone = 1;
  static constexpr std::uint32_t kCalling = 2;
  static constexpr std::uint32_t kParked = 4;

 private:
  SYNCXX_COLD void end(std::uint32_t how) noexcept;
  static bool is_in(const once_flag* flag) noexcept;

  const once_flag* const flag_;
  const once_call* outer_ = nullptr;  // the call that this one is in
  bool mine_ = false;
};

}  // namespace detail

class once_flag {
 public:
  constexpr once_flag() noexcept = default;
  once_flag(const once_flag&) = delete;
  once_flag& operator=(const once_flag&) = delete;
#if SYNCXX_HOOKED
  ~once_flag() { detail::hook_destroyed(this, kKind); }
#endif

  // Whether a call has returned; what it did is seen then.
  bool is_done() const noexcept {
    // [ON1] acquire; pairs with [ON3].
    return word_.load(detail::memory_order_acquire) == detail::once_call::kDone;
  }

  // In the child of a fork, while it has one thread: a call that another thread
  // of the parent was in has not happened. One that the calling thread is in
  // goes on.
  void reset_after_fork() noexcept {
    detail::once_call::reset_after_fork(*this);
  }

 private:
  friend class detail::once_call;
  friend struct detail::once_access;
  static constexpr auto kKind = detail::object_kind::once_flag;

  // Calls f unless that was done; false if the time has passed or a stop was
  // requested while another thread was in its call. `wait` null: does not wait.
  template <class F>
  bool call(const detail::deadline* until, const stop_token* stop, F&& f) {
    using turn = detail::once_call::turn;
    detail::once_call mine(*this);
    turn t = mine.begin();
    if (t == turn::other) {
      if (until == nullptr) return false;
      detail::hook_wait_begin(
          this, kKind,
          detail::how_long(*until, stop, futex_scope::process_private,
                           detail::waits::committed));
      t = mine.wait(*until, stop);
      detail::hook_wait_end(this, kKind);
    }
    if (t == turn::recurse) [[unlikely]]
      detail::misused(this, kKind,
                      "call_once of a once_flag from inside of its own call",
                      EDEADLK);
    if (t != turn::mine) return t == turn::done;
    std::forward<F>(f)();
    mine.succeeded();
    return true;
  }

  //  word_             | meaning                        | left by
  //  kFree             | no call yet, or it has thrown  | begin() -> kCalling
  //  kCalling          | a thread is in the call        | end() -> kDone, kFree
  //  kCalling kParked  | ... and threads may sleep here | end() -> kDone, kFree
  //  kDone             | a call has returned            | -
  //
  // I1: a thread sleeps only while kParked is set, or a wake of all is under
  //     way. kParked may be set spuriously, never missing.
  mutable detail::futex_word word_{detail::once_call::kFree};
};

static_assert(SYNCXX_IN_RELACY || sizeof(once_flag) == 4);

namespace detail {

// What is to be called, and not an argument of ours before it.
template <class F, class... Args>
concept once_callable = std::invocable<F, Args...> &&
    !std::same_as<std::remove_cvref_t<F>, stop_token>;

struct once_access {
  template <class F, class... Args>
  static bool call(once_flag& flag, const deadline* until,
                   const stop_token* stop, F&& f, Args&&... args) {
    return flag.call(until, stop, [&] {
      std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
    });
  }
};

}  // namespace detail

// Calls f(args...) if no call with this flag has returned before, and returns
// when one has. What f throws comes out of here; then the next one calls.
// Throws std::system_error (resource_deadlock_would_occur) if f, or what it
// calls, calls this with the same flag.
template <class F, class... Args>
requires detail::once_callable<F, Args...>
inline void call_once(once_flag& flag, F&& f, Args&&... args) {
  if (flag.is_done()) [[likely]]
    return;
  constexpr detail::deadline never = detail::deadline::never();
  detail::once_access::call(flag, &never, nullptr, std::forward<F>(f),
                            std::forward<Args>(args)...);
}

// The same, but while another thread is in its call: returns false at once, or
// when the time has passed or a stop was requested. True: a call has returned.
// Where no thread is in a call f is called even so.
template <class F, class... Args>
requires detail::once_callable<F, Args...>
bool try_call_once(once_flag& flag, F&& f, Args&&... args) {
  return flag.is_done() ||
         detail::once_access::call(flag, nullptr, nullptr, std::forward<F>(f),
                                   std::forward<Args>(args)...);
}
template <class F, class... Args>
requires detail::once_callable<F, Args...>
bool call_once(once_flag& flag, const stop_token& stop, F&& f, Args&&... args) {
  constexpr detail::deadline never = detail::deadline::never();
  return flag.is_done() ||
         detail::once_access::call(flag, &never, &stop, std::forward<F>(f),
                                   std::forward<Args>(args)...);
}
template <class Rep, class Period, class F, class... Args>
requires detail::once_callable<F, Args...>
bool try_call_once_for(once_flag& flag,
                       const std::chrono::duration<Rep, Period>& time,
                       const stop_token& stop, F&& f, Args&&... args) {
  if (flag.is_done()) return true;
  const detail::deadline until = detail::deadline::after(time);
  return detail::once_access::call(flag, &until, &stop, std::forward<F>(f),
                                   std::forward<Args>(args)...);
}
template <class Rep, class Period, class F, class... Args>
requires detail::once_callable<F, Args...>
bool try_call_once_for(once_flag& flag,
                       const std::chrono::duration<Rep, Period>& time, F&& f,
                       Args&&... args) {
  return try_call_once_for(flag, time, stop_token{}, std::forward<F>(f),
                           std::forward<Args>(args)...);
}
template <class Clock, class Duration, class F, class... Args>
requires detail::once_callable<F, Args...>
bool try_call_once_until(once_flag& flag,
                         const std::chrono::time_point<Clock, Duration>& time,
                         const stop_token& stop, F&& f, Args&&... args) {
  // Called at most once: a wait that is begun again has not called.
  return flag.is_done() || detail::wait_until(
                               time,
                               [&](detail::deadline until) {
                                 return detail::once_access::call(
                                     flag, &until, &stop, std::forward<F>(f),
                                     std::forward<Args>(args)...);
                               },
                               stop);
}
template <class Clock, class Duration, class F, class... Args>
requires detail::once_callable<F, Args...>
bool try_call_once_until(once_flag& flag,
                         const std::chrono::time_point<Clock, Duration>& time,
                         F&& f, Args&&... args) {
  return try_call_once_until(flag, time, stop_token{}, std::forward<F>(f),
                             std::forward<Args>(args)...);
}

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_ONCE_H_
