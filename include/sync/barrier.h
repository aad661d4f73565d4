// SPDX-License-Identifier: Apache-2.0
//
// barrier: threads meet again and again.
//
// Choose it for rounds: nobody begins the next one before all have ended this
// one. Choose latch where they meet once, event or a semaphore where some wait
// for others that do not wait for them.
//
// Promises
//   size      12 bytes and a completion function that is not empty; constinit;
//             trivially destructible (not in the hooked library) if that is
//   cost      an arrival 1 atomic RMW, the last one of a phase 1 more; a wait
//             after the phase 0; no syscall unless a thread waits
//   progress  blocking; arrive is lock-free but for threads that drop out, or
//             end a phase, at that moment
//   ordering  every arrival of a phase synchronizes with its completion, and
//             that with every wait that returns
//   lifetime  may be destroyed as soon as the last wait has returned, even if
//             the arrivals that made that possible have not
//   waits     wait(token) can be bounded by any clock and by a stop_token; the
//             token stays good after a wait that was given up
//   errors    see below; nothing is changed
//   fork      in the child the threads that would arrive are not there:
//             construct anew
//
// Meets [thread.barrier]. Nothing here is async-signal-safe.
// Design: docs/design/barrier.md. Stress: stress/barrier_stress.cc.
#ifndef SYNCXX_BARRIER_H_
#define SYNCXX_BARRIER_H_

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_barrier.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {
struct no_completion {
  constexpr void operator()() const noexcept {}
};

// barrier and interprocess::barrier.
//
// CompletionFunction is called without arguments, once a phase, by the thread
// that arrives last, before anybody gets through. If it throws, std::terminate
// is called. Meanwhile nobody may call anything but the waits.
template <class CompletionFunction, futex_scope Scope>
class basic_barrier {
  static_assert(std::is_invocable_v<CompletionFunction&>,
                "the completion function is called without arguments");
  static_assert(std::is_move_constructible_v<CompletionFunction> &&
                std::is_destructible_v<CompletionFunction>);

  using raw_barrier = basic_raw_barrier<Scope>;
  using phase = typename raw_barrier::phase;

 public:
  // In which phase an arrival was counted, for one wait in that phase or the
  // next. It can be moved, not copied.
  class arrival_token {
   public:
    arrival_token(arrival_token&& other) noexcept
        : of_(std::exchange(other.of_, nullptr)), in_(other.in_) {}
    // In place of the arrival that it stood for.
    arrival_token& operator=(arrival_token&& other) noexcept {
      in_ = other.in_;
      of_ = std::exchange(other.of_, nullptr);
      return *this;
    }
    ~arrival_token() = default;

   private:
    friend class basic_barrier;
    arrival_token(const basic_barrier* of, phase in) noexcept
        : of_(of), in_(in) {}

    const basic_barrier* of_;  // null: moved from
    phase in_;
  };

  static constexpr std::ptrdiff_t max() noexcept { return raw_barrier::kMax; }

  // Throws std::invalid_argument unless 0 <= expected <= max().
  constexpr explicit basic_barrier(
      std::ptrdiff_t expected,
      CompletionFunction completion = CompletionFunction())
      : raw_(checked(expected)), completion_(std::move(completion)) {}
  basic_barrier(const basic_barrier&) = delete;
  basic_barrier& operator=(const basic_barrier&) = delete;
#if SYNCXX_HOOKED
  ~basic_barrier() { detail::hook_destroyed(this, kKind); }
#endif

  // Throws std::system_error (EINVAL) unless 0 < update <= what this phase
  // still lacks.
  [[nodiscard]] SYNCXX_ALWAYS_INLINE arrival_token
  arrive(std::ptrdiff_t update = 1) {
    if (update <= 0 || update > max()) [[unlikely]]
      not_expected();
    phase in{};
    come(static_cast<std::uint32_t>(update), in);
    return arrival_token(this, in);
  }

  // Blocks until the phase of the token is complete. As all waits below, throws
  // std::system_error (EINVAL) if the token is another barrier's or was moved
  // from.
  void wait(arrival_token&& token) const {
    const phase in = checked(token);
    if (!raw_.is_over(in)) slow(in, detail::deadline::never());
  }
  // Whether it is complete.
  bool try_wait(const arrival_token& token) const {
    return raw_.is_over(checked(token));
  }

  // wait(arrive()).
  void arrive_and_wait() {
    phase in{};
    if (!come(1, in) && !raw_.is_over(in)) slow(in, detail::deadline::never());
  }
  // Arrives; this and all later phases have one arrival less to wait for.
  void arrive_and_drop() {
    detail::hook_releasing(this, kKind);
    phase in{};
    const arrival what = raw_.arrive_and_drop(kRenews, in);
    end(what, in);
  }

  // Block until the phase is complete (true), or the time has passed or a stop
  // was requested (false): then the arrival counts all the same, and the token
  // can be waited with again. True if it is complete even so. A time that has
  // passed costs no syscall.
  template <class Rep, class Period>
  bool wait_for(const arrival_token& token,
                const std::chrono::duration<Rep, Period>& time) const {
    const phase in = checked(token);
    return raw_.is_over(in) || slow(in, detail::deadline::after(time));
  }
  template <class Clock, class Duration>
  bool wait_until(const arrival_token& token,
                  const std::chrono::time_point<Clock, Duration>& time) const {
    const phase in = checked(token);
    return raw_.is_over(in) ||
           detail::wait_until(
               time, [&](detail::deadline until) { return slow(in, until); });
  }
  bool wait(const arrival_token& token, const stop_token& stop) const {
    const phase in = checked(token);
    return raw_.is_over(in) || slow(in, detail::deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool wait_for(const arrival_token& token,
                const std::chrono::duration<Rep, Period>& time,
                const stop_token& stop) const {
    const phase in = checked(token);
    return raw_.is_over(in) || slow(in, detail::deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool wait_until(const arrival_token& token,
                  const std::chrono::time_point<Clock, Duration>& time,
                  const stop_token& stop) const {
    const phase in = checked(token);
    return raw_.is_over(in) ||
           detail::wait_until(
               time,
               [&](detail::deadline until) { return slow(in, until, &stop); },
               stop);
  }

 private:
  using arrival = typename raw_barrier::arrival;
  static constexpr auto kKind = detail::object_kind::barrier;
  // With nothing to do in between, a phase ends and the next begins in one
  // step.
  static constexpr bool kRenews =
      std::is_same_v<CompletionFunction, detail::no_completion>;

  static constexpr std::uint32_t checked(std::ptrdiff_t expected) {
    if (expected < 0 || expected > max())
      throw std::invalid_argument("syncxx: a barrier expects 0 to max()");
    return static_cast<std::uint32_t>(expected);
  }
  phase checked(const arrival_token& token) const {
    if (token.of_ != this) [[unlikely]]
      detail::misused(this, kKind,
                      token.of_ == nullptr
                          ? "wait at a barrier with a token that was moved from"
                          : "wait at a barrier with the token of another",
                      EINVAL);
    return token.in_;
  }
  [[noreturn]] SYNCXX_COLD void not_expected() const {
    detail::misused(this, kKind,
                    "arrival at a barrier of none, or of more than it expects",
                    EINVAL);
  }
  // Whether that ended the phase.
  SYNCXX_ALWAYS_INLINE bool come(std::uint32_t n, phase& in) {
    detail::hook_releasing(this, kKind);
    const arrival what = raw_.template arrive<kRenews>(n, in);
    return end(what, in);
  }
  bool end(arrival what, phase in) {
    if (what == arrival::early) return false;
    if (what == arrival::refused) [[unlikely]]
      not_expected();
    complete(in);
    return true;
  }
  void complete(phase in) noexcept {
    if constexpr (!kRenews) {
      completion_();
      raw_.renew(in);
    }
    raw_.release(in);
  }
  bool slow(phase in, detail::deadline until,
            const stop_token* stop = nullptr) const noexcept {
    detail::hook_wait_begin(
        this, kKind,
        detail::how_long(until, stop, Scope, detail::waits::committed));
    const bool over = raw_.wait(in, until, stop);
    detail::hook_wait_end(this, kKind);
    return over;
  }

  raw_barrier raw_;
  [[no_unique_address]] CompletionFunction completion_;
};

}  // namespace detail

template <class CompletionFunction = detail::no_completion>
class barrier : public detail::basic_barrier<CompletionFunction,
                                             futex_scope::process_private> {
 public:
  // Throws std::invalid_argument unless 0 <= expected <= max().
  constexpr explicit barrier(
      std::ptrdiff_t expected,
      CompletionFunction completion = CompletionFunction())
      : barrier::basic_barrier(expected, std::move(completion)) {}
};

static_assert(SYNCXX_IN_RELACY || sizeof(barrier<>) == 12);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_BARRIER_H_
