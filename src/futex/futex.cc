// SPDX-License-Identifier: Apache-2.0
//
// The public futex functions that do not fit in their header.
#include <sync/futex.h>

#include "syscall.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <sync/detail/clock.h>

namespace syncxx::inline SYNCXX_ABI {
namespace {

bool has_changed(const futex_wait_entry& entry) noexcept {
  // Relaxed: the caller looks at the word itself, with the order it needs.
  return entry.word->load(detail::memory_order_relaxed) != entry.expected;
}

std::optional<std::size_t> first_changed(
    std::span<const futex_wait_entry> entries) noexcept {
  const auto it = std::ranges::find_if(entries, has_changed);
  if (it == entries.end()) return std::nullopt;
  return static_cast<std::size_t>(it - entries.begin());
}

// Without futex_waitv: sleeps on the first word for a while, then looks at the
// others. A wake that changes no value is seen on the first word only, so one
// such sleep counts as a wake of it, as a spurious return may.
std::optional<std::size_t> look_in_turns(
    std::span<const futex_wait_entry> entries, detail::deadline until) {
  std::int64_t nap_ns = 50'000;
  constexpr std::int64_t kLongestNapNs = 1'000'000;
  const futex_wait_entry& front = entries.front();
  for (;;) {
    if (const auto index = first_changed(entries)) return index;
    if (until.has_passed()) return std::nullopt;
    const std::int64_t left = until.is_never()
                                  ? kLongestNapNs
                                  : until.ns() - detail::now_ns(until.clock());
    const auto nap = detail::deadline::after(
        std::chrono::nanoseconds(std::min(nap_ns, left)));
    if (detail::sys::futex_wait(front.word, front.expected, nap,
                                detail::kAnySleeper, front.scope) == 0) {
      return 0;
    }
    nap_ns = std::min(2 * nap_ns, kLongestNapNs);
  }
}

}  // namespace

futex_result detail::futex_wait(const futex_word& word, std::uint32_t expected,
                                deadline until, futex_scope scope) noexcept {
  if (word.load(memory_order_relaxed) != expected)
    return futex_result::value_changed;
  if (until.has_passed()) return futex_result::timed_out;
  switch (sys::futex_wait(&word, expected, until, kAnySleeper, scope)) {
    case -EAGAIN:
      return futex_result::value_changed;
    case -ETIMEDOUT:
      return futex_result::timed_out;
    default:
      return futex_result::woken;
  }
}

std::optional<std::size_t> detail::futex_wait_any(
    std::span<const futex_wait_entry> entries, deadline until) {
  if (entries.empty())
    throw std::invalid_argument("syncxx: futex_wait_any of no words");
  if (entries.size() > sys::kWaitvMax)
    throw std::length_error("syncxx: futex_wait_any of more than 128 words");
  sys::waitv_entry vector[sys::kWaitvMax];
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const futex_wait_entry& entry = entries[i];
    if (entry.word == nullptr)
      throw std::invalid_argument("syncxx: futex_wait_any of a null word");
    vector[i] = {entry.word, entry.expected, entry.scope};
  }
  for (;;) {
    if (const auto index = first_changed(entries)) return index;
    if (until.has_passed()) return std::nullopt;
    const int result =
        sys::futex_waitv(std::span(vector, entries.size()), until);
    if (result >= 0) return static_cast<std::size_t>(result);
    if (result == -ETIMEDOUT) return std::nullopt;
    if (result == -ENOSYS) return look_in_turns(entries, until);
  }
}

std::optional<int> futex_requeue(const detail::futex_word& from,
                                 std::uint32_t expected,
                                 const detail::futex_word& to, int wake,
                                 int move, futex_scope scope) {
  if (wake < 0 || move < 0)
    throw std::system_error(EINVAL, std::generic_category(),
                            "syncxx: futex_requeue of a negative number");
  const int moved =
      detail::sys::futex_requeue(&from, expected, wake, move, &to, scope);
  if (moved == -EAGAIN) return std::nullopt;
  return moved;
}

}  // namespace syncxx::inline SYNCXX_ABI
