// SPDX-License-Identifier: Apache-2.0
//
// Sets of locks that a thread has held at one time, each kept once.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_SETS_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_SETS_H_

#include <bit>
#include <cstdint>

#include <sync/detail/config.h>

#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

enum class hold : std::uint8_t { shared, upgrade, exclusive };

constexpr bool exclude_each_other(hold a, hold b) noexcept {
  return a == hold::exclusive || b == hold::exclusive ||
         (a == hold::upgrade && b == hold::upgrade);
}

// Of a hash over several numbers.
constexpr std::uint64_t mixed(std::uint64_t h, std::uint64_t next) noexcept {
  h = (std::rotl(h, 23) + next + 1) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 32);
}

class lock_sets {
 public:
  struct member {
    std::uint64_t serial;  // of the lock
    hold how;
  };

  constexpr lock_sets() noexcept = default;
  lock_sets(const lock_sets&) = delete;
  lock_sets& operator=(const lock_sets&) = delete;

  // One set is put together at a time: add() each, then intern(). False, 0:
  // there is no memory.
  bool add(const member& m) noexcept;
  std::uint32_t intern() noexcept;
  void use(std::uint32_t set) noexcept { ++sets_[set].uses; }
  void release(std::uint32_t set) noexcept;

  bool is_subset(std::uint32_t small, std::uint32_t large) const noexcept {
    return small == large || is_subset(sets_[small], sets_[large]);
  }
  // Whether two threads cannot hold the two at the same time.
  bool exclude_each_other(std::uint32_t a, std::uint32_t b) const noexcept;

 private:
  struct head {
    std::uint64_t hash;
    std::uint32_t first, size;  // in members_, by serial
    std::uint32_t uses;
  };

  bool is_subset(const head& small, const head& large) const noexcept;
  void drop_new() noexcept;

  numbered_pool<head> sets_;
  segments<member> members_;
  key_table by_hash_;
  std::uint32_t new_ = 0;  // members, at the end, of the set put together
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_SETS_H_
