// SPDX-License-Identifier: Apache-2.0
//
// No circle. Say that the threads T1 … Tn wait in one: Ti for a mutex that Ti+1
// holds, Tn for one of T1. Ti waits for a level above all that it holds
// (expect_below, expect_highest), and holds the one that Ti-1 waits for. So
// each level that is waited for is higher than the one before, all around the
// circle: a contradiction. It does not matter how what is held was taken, only
// that it is in the table: that is why what never blocks needs no order.
#include <sync/ordered_mutex.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

thread_local constinit held_levels t_held_levels
    __attribute__((tls_model("initial-exec")));

bool held_levels::holds(std::int32_t level) const noexcept {
  for (unsigned i = top_; i != 0; --i)
    if (held_[i].level == level) return true;
  return false;
}

void held_levels::add(std::int32_t level) noexcept {
  unsigned i = top_;
  while (held_[i].level > level) --i;  // ends at [0]
  if (held_[i].level == level) {
    ++held_[i].count;
    return;
  }
  for (unsigned k = top_++; k > i; --k) held_[k + 1] = held_[k];
  held_[i + 1] = {level, 1};
}

void held_levels::remove(std::int32_t level) noexcept {
  unsigned i = top_;
  while (i != 0 && held_[i].level != level) --i;
  if (i == 0 || --held_[i].count != 0) return;
  for (; i < top_; ++i) held_[i] = held_[i + 1];
  --top_;
}

void held_levels::refuse(std::int32_t level) const {
  const std::int32_t highest = held_[top_].level;
  if (highest < level) refuse_more(level);
  throw std::system_error(
      EDEADLK, std::generic_category(),
      "syncxx: lock of an ordered_mutex of level " + std::to_string(level) +
          " by a thread that holds one of level " + std::to_string(highest) +
          (highest == level
               ? ": take those of one level together, by lock_all"
               : ": lock the lower level first, or both by lock_all"));
}

void held_levels::refuse_more(std::int32_t level) {
  throw std::system_error(EAGAIN, std::generic_category(),
                          "syncxx: lock of an ordered_mutex of level " +
                              std::to_string(level) + ": the thread holds " +
                              std::to_string(kMost) +
                              " levels already, the most there can be");
}

void held_levels::refuse_upgrade(std::int32_t level) const {
  if (!holds(level)) refuse_unlock(level);
  throw std::system_error(
      EDEADLK, std::generic_category(),
      "syncxx: unlock_upgrade_and_lock, which waits for readers, of an "
      "ordered_mutex of level " +
          std::to_string(level) +
          " by a thread that holds another one of level " +
          std::to_string(held_[top_].level) + ": unlock that first");
}

void held_levels::refuse_unlock(std::int32_t level) {
  throw std::system_error(EPERM, std::generic_category(),
                          "syncxx: unlock of an ordered_mutex of level " +
                              std::to_string(level) +
                              " by a thread that holds none of that level");
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
