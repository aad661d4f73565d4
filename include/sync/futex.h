// SPDX-License-Identifier: Apache-2.0
//
// futex_wait, futex_wake, futex_requeue, futex_wait_any: the kernel's wait
// queues, typed.
//
// Choose them to build a primitive of your own; choose the primitives of this
// library for anything else. A queue belongs to the address of a 32-bit word. A
// thread goes to sleep only if the word still has the value it names, compared
// and queued in one step: whoever changes the word and then wakes loses nobody.
//
// Promises
//   progress  waits block; they return for no reason too (signals, wakes on
//             reused memory): always loop
//   ordering  none: order by the atomic accesses to the word
//   lifetime  wakes name the word by its address and never touch it
//   errors    a syscall that the kernel or a sandbox refuses ends the process
//             with a message that names it; futex_waitv alone may be missing
//
// Source: futex(2); futex_waitv: Linux 5.16. Design: docs/design/futex.md.
// Stress: stress/futex_stress.cc.
#ifndef SYNCXX_FUTEX_H_
#define SYNCXX_FUTEX_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>

namespace syncxx::inline SYNCXX_ABI {

enum class futex_result : std::uint8_t {
  woken,          // by a wake, a signal or for no reason: look again
  value_changed,  // the word was not `expected`: it did not sleep
  timed_out,
};

// One word that futex_wait_any sleeps on.
struct futex_wait_entry {
  const detail::futex_word* word;
  std::uint32_t expected;
  futex_scope scope = futex_scope::process_private;
};

namespace detail {
SYNCXX_COLD futex_result futex_wait(const futex_word& word,
                                    std::uint32_t expected, deadline until,
                                    futex_scope scope) noexcept;
SYNCXX_COLD std::optional<std::size_t> futex_wait_any(
    std::span<const futex_wait_entry> entries, deadline until);
}  // namespace detail

// Sleeps while `word` is `expected`.
inline futex_result futex_wait(
    const detail::futex_word& word, std::uint32_t expected,
    futex_scope scope = futex_scope::process_private) noexcept {
  return detail::futex_wait(word, expected, detail::deadline::never(), scope);
}
// The same, until a time. A time that has passed makes no syscall. A Clock the
// kernel does not know is slept on in steady time: asked for the time left
// once.
template <class Rep, class Period>
futex_result futex_wait_for(const detail::futex_word& word,
                            std::uint32_t expected,
                            const std::chrono::duration<Rep, Period>& time,
                            futex_scope scope = futex_scope::process_private) {
  return detail::futex_wait(word, expected, detail::deadline::after(time),
                            scope);
}
template <class Clock, class Duration>
futex_result futex_wait_until(
    const detail::futex_word& word, std::uint32_t expected,
    const std::chrono::time_point<Clock, Duration>& time,
    futex_scope scope = futex_scope::process_private) {
  return detail::futex_wait(word, expected, detail::deadline::of(time), scope);
}

// Wakes up to `count` threads that sleep on `word`, longest first; returns how
// many. With count <= 0 it does nothing.
inline int futex_wake(
    const detail::futex_word& word, int count = 1,
    futex_scope scope = futex_scope::process_private) noexcept {
  return count <= 0 ? 0
                    : detail::unpark(&word, count, detail::kAnySleeper, scope);
}
inline int futex_wake_all(
    const detail::futex_word& word,
    futex_scope scope = futex_scope::process_private) noexcept {
  return futex_wake(word, detail::kAllSleepers, scope);
}

// If `from` is `expected`: wakes up to `wake` of its sleepers, moves up to
// `move` others to sleep on `to`, and returns how many that were. nullopt: the
// value differed, and nothing was done. Throws std::system_error (EINVAL) if a
// count is negative.
SYNCXX_COLD std::optional<int> futex_requeue(
    const detail::futex_word& from, std::uint32_t expected,
    const detail::futex_word& to, int wake, int move,
    futex_scope scope = futex_scope::process_private);

// Sleeps while every word has the value its entry names. Returns the index of
// one that was woken or had changed, chosen by no rule; nullopt: the time has
// passed. A wake on another of the words may have been consumed as well, and a
// wake says nothing of the value: look at all of them. Throws std::length_error
// for more than 128 entries, std::invalid_argument for none or a null word.
// Where futex_waitv is missing it looks at the words every 50 us to 1 ms.
inline std::optional<std::size_t> futex_wait_any(
    std::span<const futex_wait_entry> entries) {
  return detail::futex_wait_any(entries, detail::deadline::never());
}
template <class Rep, class Period>
std::optional<std::size_t> futex_wait_any_for(
    std::span<const futex_wait_entry> entries,
    const std::chrono::duration<Rep, Period>& time) {
  return detail::futex_wait_any(entries, detail::deadline::after(time));
}
template <class Clock, class Duration>
std::optional<std::size_t> futex_wait_any_until(
    std::span<const futex_wait_entry> entries,
    const std::chrono::time_point<Clock, Duration>& time) {
  return detail::futex_wait_any(entries, detail::deadline::of(time));
}

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_FUTEX_H_
