// SPDX-License-Identifier: Apache-2.0
//
// Which levels of ordered mutexes a thread holds.
#ifndef SYNCXX_DETAIL_HELD_LEVELS_H_
#define SYNCXX_DETAIL_HELD_LEVELS_H_

#include <cstdint>
#include <limits>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// The levels that a thread holds, each once, with how many mutexes of it.
class held_levels {
 public:
  static constexpr unsigned kMost = 31;
  static constexpr std::int32_t kNone = std::numeric_limits<int>::min();

  // Before a wait for `level`. Throws unless all that is held is below it, and
  // one more can be held.
  void expect_below(std::int32_t level) const {
    if (held_[top_].level >= level || top_ == kMost) [[unlikely]]
      refuse(level);
  }
  // Before a wait of one that holds `level` already, once.
  void expect_highest(std::int32_t level) const {
    if (!is_highest(level)) [[unlikely]]
      refuse_upgrade(level);
  }
  // Before a try. Throws unless it can be added.
  void expect_room(std::int32_t level) const {
    if (top_ == kMost && !holds(level)) [[unlikely]]
      refuse_more(level);
  }
  // By one that is above all that is held, and there is room.
  void push(std::int32_t level) noexcept { held_[++top_] = {level, 1}; }
  SYNCXX_COLD void add(std::int32_t level) noexcept;

  // Whether the last mutex that is left of the highest level is of `level`.
  bool is_highest(std::int32_t level) const noexcept {
    const entry& highest = held_[top_];
    return highest.level == level && highest.count == 1;
  }
  void pop() noexcept { --top_; }
  // Before an unlock. Throws unless `level` is held.
  void expect(std::int32_t level) const {
    if (!holds(level)) [[unlikely]]
      refuse_unlock(level);
  }
  SYNCXX_COLD void remove(std::int32_t level) noexcept;

 private:
  struct entry {
    std::int32_t level;
    std::uint32_t count;
  };
  SYNCXX_COLD bool holds(std::int32_t level) const noexcept;
  [[noreturn]] SYNCXX_COLD void refuse(std::int32_t level) const;
  [[noreturn]] SYNCXX_COLD static void refuse_more(std::int32_t level);
  [[noreturn]] SYNCXX_COLD void refuse_upgrade(std::int32_t level) const;
  [[noreturn]] SYNCXX_COLD static void refuse_unlock(std::int32_t level);

  // held_[1..top_], in ascending order of their levels; [0] is below all.
  entry held_[kMost + 1] = {{kNone, 1}};
  std::uint32_t top_ = 0;
};

// The calling thread's. In the static TLS block: access never allocates.
extern thread_local constinit held_levels t_held_levels
    __attribute__((tls_model("initial-exec")));

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_HELD_LEVELS_H_
